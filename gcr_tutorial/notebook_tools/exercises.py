"""Write the exercises into the notebooks, each from one source file: `python -m gcr_tutorial exercises`.

A source is `notebooks/exercises/NN_name.py`, a Python file whose comments say the rest:

    # exercise: next_tokens
    # notebook: 00_start_here  number: 1
    # title: what may come next
    # difficulty: 2  importance: 4  minutes: 5 to 10
    # --- text
    # Markdown, each line behind "# ".
    # --- hint 1
    # ...
    # --- hint 2
    # ...
    # --- code
    def next_tokens(identifiers: tuple[...], prefix: tuple[...]) -> list[str]:
        \"\"\"Stays in the stub.\"\"\"
        # BEGIN SOLUTION
        return ...
        # END SOLUTION
    # --- after
    # Markdown under the solution.

It fills three cells of the notebook, found by their ids: `exercise-1` (title, text, hints), `exercise-1-stub` (what the
reader completes, and the call of the check `gcr_tutorial.checks.check_next_tokens`) and `exercise-1-solution` (collapsed).
So the stub and the solution always belong to the same text.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.notebook_tools.files import NOTEBOOKS, write_notebook

BEGIN, FINISH = "# BEGIN SOLUTION", "# END SOLUTION"
KEYS = ("exercise", "notebook", "number", "title", "difficulty", "importance", "minutes")
SECTIONS = ("text", "hint 1", "hint 2", "code", "after")
CELL_ID = re.compile(r"exercise-(\d+)(-stub|-solution)?")


@dataclass(frozen=True)
class Exercise:
    """One exercise. `code` is the whole source of the solution, with the markers around what the reader is to write."""

    name: str  # of the function; its check is gcr_tutorial.checks.check_NAME
    notebook: str  # the stem of the notebook's file
    number: int  # from 1 in each notebook
    title: str
    difficulty: int  # 1 to 5
    importance: int  # 1 to 5
    minutes: str  # "5" or "5 to 10"
    text: str
    hints: tuple[str, str]
    code: str
    after: str

    def cells(self) -> dict[str, tuple[str, str]]:
        """Cell id -> (cell type, source) of its three cells."""
        name = f"exercise-{self.number}"
        dots = [f"{'●' * n}{'○' * (5 - n)}" for n in (self.difficulty, self.importance)]
        hints = "\n".join(_collapsed(f"Hint {i}", hint) for i, hint in enumerate(self.hints, 1))
        header = (
            f"### Exercise {self.number}: {self.title}\n\nDifficulty {dots[0]} · importance {dots[1]} · {self.minutes} minutes"
        )
        solution = _collapsed(
            "Solution",
            f"```python\n{_without_docstring(self.solution(), self.name)}\n```" + (f"\n\n{self.after}" if self.after else ""),
        )
        return {
            name: ("markdown", f"{header}\n\n{self.text}\n\n{hints}"),
            f"{name}-stub": ("code", self._checked(self.stub())),
            f"{name}-solution": ("markdown", solution),
        }

    def stub(self) -> str:
        """The code with `raise NotImplementedError` in place of the solution."""
        before, _, rest = self.code.partition(BEGIN)
        return f"{before}raise NotImplementedError{rest.partition(FINISH)[2]}"

    def solution(self) -> str:
        """The code with the solution in it."""
        return "\n".join(line for line in self.code.splitlines() if line.strip() not in (BEGIN, FINISH))

    def solved(self) -> str:
        """The stub's cell as a reader leaves it who has solved the exercise."""
        return self._checked(self.solution())

    def _checked(self, code: str) -> str:
        gap = "\n" if code.startswith(("import ", "from ")) else "\n\n"
        return f"from gcr_tutorial import checks{gap}{code}\n\nchecks.check_{self.name}({self.name})"


def read_exercise(path: Path) -> Exercise:
    """The exercise in the file `path`. Raises ValueError that names the file and says what is wrong with it."""
    try:
        return _parse(path.read_text(encoding="utf-8"), path.stem[:2])
    except (ValueError, SyntaxError) as error:
        raise UserValueError(f"{path.name}: {error}") from None


def read_exercises(folder: Path = NOTEBOOKS) -> list[Exercise]:
    """The exercises in `folder`/exercises, in the order of the series. Raises ValueError."""
    found = sorted(
        (read_exercise(path) for path in sorted((folder / "exercises").glob("*.py"))),
        key=lambda exercise: (exercise.notebook, exercise.number),
    )
    for notebook in {exercise.notebook for exercise in found}:
        numbers = [exercise.number for exercise in found if exercise.notebook == notebook]
        if numbers != list(range(1, len(numbers) + 1)):
            raise UserValueError(f"exercises of {notebook} have the numbers {numbers}: number them 1, 2, 3 ...")
    return found


def stamp_exercises(notebook: NotebookNode, exercises: list[Exercise]) -> list[str]:
    """Write these exercises into the cells of `notebook` that have their ids; returns the ids of those that changed.

    Outputs stay as they are: `make notebooks` makes them anew. Raises ValueError where a cell is missing, or where a
    cell is named like an exercise that has no source.
    """
    wanted = {cell_id: cell for exercise in exercises for cell_id, cell in exercise.cells().items()}
    there = {cell.id: cell for cell in notebook.cells if CELL_ID.fullmatch(cell.id)}
    if missing := sorted(wanted.keys() - there.keys()):
        raise UserValueError(
            f"no cell with the id {missing[0]}: put an empty {wanted[missing[0]][0]} cell of that id where the exercise belongs"
        )
    if orphans := sorted(there.keys() - wanted.keys()):
        raise UserValueError(f"the cell {orphans[0]} has no source in notebooks/exercises")
    changed = []
    for cell_id, (cell_type, source) in wanted.items():
        if there[cell_id].cell_type != cell_type:
            raise UserValueError(f"the cell {cell_id} is a {there[cell_id].cell_type} cell: make it a {cell_type} cell")
        if there[cell_id].source != source:
            there[cell_id].source = source
            changed.append(cell_id)
    return changed


def stamp_all(folder: Path = NOTEBOOKS, check: bool = False) -> int:
    """Write the exercises into every notebook of `folder`; with `check`, only say which cells would change.

    Returns the exit status: 1 where `check` found a difference. Raises ValueError for a wrong source or notebook.
    """
    exercises, differences = read_exercises(folder), 0
    paths = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    for stem in sorted({exercise.notebook for exercise in exercises} - paths.keys()):
        raise UserValueError(f"there is no notebook {stem}.ipynb in {folder}, but it has exercises")
    for stem, path in paths.items():
        notebook = nbformat.read(path, as_version=4)
        mine = [exercise for exercise in exercises if exercise.notebook == stem]
        try:
            changed = stamp_exercises(notebook, mine)
        except ValueError as error:
            raise UserValueError(f"{path.name}: {error}") from None
        differences += len(changed)
        if changed and not check:
            write_notebook(path, notebook)
        state = "the same" if not changed else f"{'differs' if check else 'stamped'}: {', '.join(changed)}"
        print(f"{path.name}: {len(mine)} exercises, {state}")
    if check and differences:
        print("run `python -m gcr_tutorial exercises` to write the sources into the notebooks")
    return int(check and differences > 0)


def _parse(text: str, number: str) -> Exercise:
    head, *parts = re.split(r"^# --- ", text, flags=re.M)
    sections = {}
    for part in parts:
        title, _, body = part.partition("\n")
        name = re.sub(r"\s*\(.*", "", title).strip()
        if name not in SECTIONS or name in sections:
            raise UserValueError(f"`# --- {title}`: each of the sections {', '.join(SECTIONS)} is wanted once")
        sections[name] = body.strip("\n") if name == "code" else _uncommented(body, name)
    if missing := [name for name in SECTIONS if name not in sections and name != "after"]:
        raise UserValueError(f"no section `# --- {missing[0]}`")
    facts = _header(head)
    code = sections["code"].rstrip()
    exercise = Exercise(
        facts["exercise"],
        facts["notebook"],
        _digit(facts, "number"),
        facts["title"],
        _digit(facts, "difficulty"),
        _digit(facts, "importance"),
        facts["minutes"],
        sections["text"],
        (sections["hint 1"], sections["hint 2"]),
        code,
        sections.get("after", ""),
    )
    if not exercise.notebook.startswith(number):
        raise UserValueError(
            f"it is of notebook {exercise.notebook}, so the file's name should begin with {exercise.notebook[:2]}"
        )
    _demand_one_solution(exercise)
    return exercise


def _header(text: str) -> dict[str, str]:
    facts = {}
    for line in _uncommented(text, "the header").splitlines():
        pieces = re.split(rf"(?:^|\s+)({'|'.join(KEYS)}): *", line)
        for key, value in zip(pieces[1::2], pieces[2::2]):
            facts[key] = value.strip()
    if missing := [key for key in KEYS if not facts.get(key)]:
        raise UserValueError(f"the header has no `# {missing[0]}: ...`")
    return facts


def _digit(facts: dict[str, str], key: str) -> int:
    if not re.fullmatch(r"[1-5]", facts[key]):
        raise UserValueError(f"{key} is {facts[key]!r}, not a number from 1 to 5")
    return int(facts[key])


def _uncommented(body: str, where: str) -> str:
    lines = body.strip().splitlines()
    for line in lines:
        if line.strip() and not re.match(r"#( |$)", line):
            raise UserValueError(f'in {where}: each line begins with "# ", unlike {line!r}')
    return "\n".join(line[2:].rstrip() for line in lines).strip()


def _demand_one_solution(exercise: Exercise) -> None:
    """The code parses with and without the solution, and the solution ends the function. Raises ValueError, SyntaxError."""
    lines = [line.strip() for line in exercise.code.splitlines()]
    if lines.count(BEGIN) != 1 or lines.count(FINISH) != 1 or lines.index(BEGIN) > lines.index(FINISH):
        raise UserValueError(f"the code needs one `{BEGIN}` and, after it, one `{FINISH}`")
    ast.parse(exercise.solution())
    functions = [
        node for node in ast.parse(exercise.stub()).body if isinstance(node, ast.FunctionDef) and node.name == exercise.name
    ]
    if len(functions) != 1 or not isinstance(functions[0].body[-1], ast.Raise):
        raise UserValueError(f"the code must define one function {exercise.name} that ends with the solution")
    if not ast.get_docstring(functions[0]):
        raise UserValueError(f"{exercise.name} needs a docstring: it is all that the reader's stub says")


def _without_docstring(code: str, name: str) -> str:
    """The docstring is in the stub right above: the solution is shown without it."""
    [function] = [node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef) and node.name == name]
    lines, docstring = code.splitlines(), function.body[0]
    return "\n".join(lines[: docstring.lineno - 1] + lines[docstring.end_lineno :])


def _collapsed(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"
