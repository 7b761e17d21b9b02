"""Check the notebooks' style and what they state about themselves: `python -m gcr_tutorial lint-notebooks`.

A rule is a function that takes a `ParsedNotebook` and yields one sentence for each thing that is wrong; all rules are in RULES.
"""

from __future__ import annotations

import ast
import json
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import nbformat

import gcr_tutorial as gcr
from gcr_tutorial.notebook_tools.badges import SERIES
from gcr_tutorial.notebook_tools.files import NOTEBOOKS, WIDGET_VIEW, notebook_paths
from gcr_tutorial.notebook_tools.parsed_notebook import ParsedNotebook, syntax_error
from gcr_tutorial.notebook_tools.runner import ABSOLUTE_PATH, MOST_BYTES, too_slow
from gcr_tutorial.paths import ROOT

MOST_WORDS, MEDIAN_LINES, MOST_LINES, WIDTH = 4000, 8, 40, 112  # of prose; of code cells; as wide as JupyterLab shows
MOST_ROOMS = 5  # rooms of the package that a notebook imports from
WIDGETS = ("search_box", "cluster_browser", "beam_stepper", "ambiguity_slider")
HOSTS = ("colab.research.google.com", "aclanthology.org", "arxiv.org", "github.com")  # links to these are likely to last
CHECKED = "# NBVAL_CHECK_OUTPUT"  # nbval compares the output of a cell that starts with this
FACTS = ("reading time", "runtime", "memory", "needs", "produces", "paper")
HEADINGS = ("What you will be able to do", "Set up", "Recap", "Quiz", "What the miniature leaves out", "Further reading")


def lint_notebooks(folder: Path = NOTEBOOKS) -> int:
    """Print what is wrong with the notebooks in `folder`; returns the exit status, 1 where anything is."""
    paths = notebook_paths(folder)
    found = [f"{path.name}: {complaint}" for path in paths for complaint in complaints(path)]
    found += over_budget([nbformat.read(path, as_version=4).metadata.get("gcr_tutorial", {}) for path in paths])
    print("\n".join(found) or f"{len(paths)} notebooks keep to the rules")
    return int(bool(found))


def complaints(path: Path) -> list[str]:
    """What is wrong with the notebook in the file `path`, a sentence each."""
    book = ParsedNotebook.read(path)
    return [complaint for rule in RULES for complaint in rule(book)]


def over_budget(facts: list[dict]) -> list[str]:
    """What is wrong with the times of all notebooks together; `facts` are their metadata ("gcr_tutorial")."""
    seconds = [fact.get("measured", {}).get("seconds", 0) for fact in facts]
    rebuild = sum(fact.get("seconds_rebuild", 0) for fact in facts)
    found = []
    if sum(seconds) > 90 * len(seconds):
        found.append(f"the notebooks take {sum(seconds)} s together, more than 90 s each")
    if rebuild > 20 * 60:
        found.append(f"`make tutorial` takes {rebuild} s as the notebooks state it, more than 20 minutes")
    return found


def valid(book: ParsedNotebook) -> Iterator[str]:
    """The file is a valid notebook, and each cell has an id of its own."""
    try:
        nbformat.validate(book.notebook)
    except nbformat.ValidationError as error:
        yield f"it is no valid notebook: {error.message}"
    ids = [cell.get("id") for cell in json.loads(book.path.read_text(encoding="utf-8"))["cells"]]  # nbformat changes equal ids
    if len(set(ids)) < len(ids):
        yield "two cells have the same id"
    if "widgets" in book.notebook.metadata:
        yield "its metadata hold widgets, which GitHub refuses to show"


def plain_python(book: ParsedNotebook) -> Iterator[str]:
    """No cell has a line for the shell ("!ls") or for IPython ("%magic"): nbval passes an unknown one in silence."""
    for cell in book.code:
        if error := syntax_error(cell.source):
            yield f"the cell {cell.id} is not plain Python: {error}"
        if found := ABSOLUTE_PATH.search(cell.source):
            yield f"the cell {cell.id} names a path of one machine: {found.group()}"


def size(book: ParsedNotebook) -> Iterator[str]:
    """Cells, prose and file are no longer than a reader can take in."""
    lengths = [len(cell.source.splitlines()) for cell in book.code] or [0]
    if statistics.median(lengths) > MEDIAN_LINES:
        yield f"half of its code cells have more than {MEDIAN_LINES} lines"
    for cell in book.code:
        if len(cell.source.splitlines()) > MOST_LINES:
            yield f"the cell {cell.id} has more than {MOST_LINES} lines"
        if max(map(len, cell.source.splitlines()), default=0) > WIDTH:
            yield f"the cell {cell.id} has a line of more than {WIDTH} characters"
    if len(book.prose.split()) > MOST_WORDS:
        yield f"it has {len(book.prose.split()):,} words, more than {MOST_WORDS:,}"
    if book.path.stat().st_size >= MOST_BYTES:
        yield f"the file has {MOST_BYTES:,} bytes or more"


def headings(book: ParsedNotebook) -> Iterator[str]:
    """There is one title, and no level of headings is skipped."""
    levels = [len(marks) for marks in re.findall(r"^(#+) ", book.prose_without_code, flags=re.M)]
    if levels[:1] != [1] or levels.count(1) != 1:
        yield "it does not begin with its only title"
    if any(deeper > level + 1 for level, deeper in zip(levels, levels[1:])):
        yield "a heading is more than one level below the heading before it"


def anatomy(book: ParsedNotebook) -> Iterator[str]:
    """It has the parts that every notebook has."""
    text = book.prose
    parts = [f"the row `{fact}` of its table of facts" for fact in FACTS if not re.search(rf"^\| {fact} \|", text, re.M)]
    parts += [f"the heading `{name}`" for name in (*HEADINGS, "Troubleshooting") if not re.search(rf"^## {name}", text, re.M)]
    for part in parts:
        yield f"{part} is missing"
    if not 3 <= len(re.findall(r"^- \*\*", text.split("## Set up")[0], flags=re.M)) <= 5:
        yield "it should have three to five objectives"
    if len(re.findall(r"^- ", text.partition("## Recap")[2].partition("## Quiz")[0], flags=re.M)) > 5:
        yield "its recap has more than five points"
    if text.partition("## Quiz")[2].partition("\n## ")[0].count("<summary>Answer</summary>") != 3:
        yield "its quiz should have three questions with answers"
    if text.count("*Predict first") < 2:
        yield "it should ask for a prediction (`*Predict first`) twice or more"
    if text.count("<details>") != text.count("</details>"):
        yield "a <details> is not closed"


def set_up(book: ParsedNotebook) -> Iterator[str]:
    """The first code cell is the short set-up cell (that it is the same everywhere is checked by `badges --check`)."""
    first = book.code[0]
    if first.id != "setup" or len(first.source.splitlines()) > 15 or "setup(seed=0)" not in first.source:
        yield "its first code cell should be `setup`, at most 15 lines with `setup(seed=0)`"


def interface(book: ParsedNotebook) -> Iterator[str]:
    """It takes the public names as `gcr.NAME`, and everything else from a few rooms, each imported once."""
    rooms = book.imports
    for room in sorted({room for room in rooms if rooms.count(room) > 1}):
        yield f"it imports {room} more than once: import it where it is first needed"
    for room in rooms:
        name = room.partition(".")[2]
        if name in gcr.__all__:
            yield f"it imports {name}: write gcr.{name}"
        elif "." in name:
            yield f"it imports {room}: import the room, not one of its modules"
    if len({*rooms, "gcr_tutorial.checks"}) > MOST_ROOMS:
        yield f"it imports more than {MOST_ROOMS} rooms: {', '.join(sorted(rooms))}"
    offered = re.findall(r"(?<![\w.])gcr\.(\w+)", "\n".join(cell.source for cell in book.code))
    for name in sorted(set(offered) - set(gcr.__all__)):
        yield f"gcr.{name} does not exist"


def widgets(book: ParsedNotebook) -> Iterator[str]:
    """It has one widget at most, made by a function of the package."""
    if sum(name in WIDGETS for name in book.names) > 1:
        yield "it has more than one widget"
    if any("ipywidgets" in cell.source for cell in book.code):
        yield "a cell uses ipywidgets itself"


def running_example(book: ParsedNotebook) -> Iterator[str]:
    """It uses the ten pictures and the queries of `gcr_tutorial.example`."""
    names = set(book.names)
    if "PICTURES" not in names or not (names & {"QUERIES", "AMBIGUOUS"} or {"CLEAR", "RELATION"} <= names):
        yield "it should use PICTURES and QUERIES of the running example"
    if not any("gcr.example." in cell.source for cell in book.code):
        yield "it should take the running example from gcr.example"


def facts(book: ParsedNotebook) -> Iterator[str]:
    """What it says of its runtime and memory agrees with what `python -m gcr_tutorial notebooks` measured."""
    known = book.notebook.metadata.get("gcr_tutorial", {})
    runtime = re.search(r"laptop CPU, 2 cores: about (\d+) (minute|second)s?", book.prose)
    memory = re.search(r"^\| memory \| about ([\d.]+) GB", book.prose, flags=re.M)
    if not runtime or not memory or not {"seconds", "seconds_rebuild", "measured"} <= known.keys():
        yield "it should state its runtime and memory, in its table of facts and in its metadata"
        return
    measured, used = known["measured"]["seconds"], known["measured"]["memory_gb"]
    for stated in (int(runtime[1]) * (60 if runtime[2] == "minute" else 1), known["seconds"]):
        if not measured / 2 <= stated <= 2 * measured:
            yield f"it states a runtime of {stated} s, and {measured} s were measured"
    if known["seconds"] > known["seconds_rebuild"]:
        yield "it states that training everything anew is faster than loading what is shipped"
    if not used / 1.5 <= float(memory[1]) <= 2 * used:
        yield f"it states a memory of {memory[1]} GB, and {used} GB were measured"
    if used >= 4:
        yield f"it takes {used} GB of memory, and 4 is the most"
    yield from too_slow(book.notebook)


def alt_texts(book: ParsedNotebook) -> Iterator[str]:
    """Every picture, in the prose and in the outputs, has alt text of five words or more."""
    if "<img" in book.prose or any(not alt.strip() for alt in re.findall(r"!\[([^\]]*)\]\([^)]*\)", book.prose)):
        yield "a picture in the prose has no alt text"
    shown = [output for output in book.outputs if "image/png" in output.get("data", {})]
    if not shown:
        yield "its outputs show no picture"
    for output in shown:
        alt = output.metadata.get("image/png", {}).get("alt", "")
        if len(alt.split()) < 5 or output.data.get("text/plain") != alt:
            yield f"a picture's alt text is {alt!r}: say in a sentence what it shows"


def clean_run(book: ParsedNotebook) -> Iterator[str]:
    """Its outputs are those of one run from top to bottom, without warnings, widgets or paths of a machine."""
    if [cell.execution_count for cell in book.code] != list(range(1, len(book.code) + 1)):
        yield "it was not saved after one run from top to bottom"
    for cell in book.code:
        kinds = {output.output_type for output in cell.outputs}
        if not kinds <= {"stream", "display_data", "execute_result"} or any(o.get("name") == "stderr" for o in cell.outputs):
            yield f"the cell {cell.id} wrote an error or to stderr"
        if any(WIDGET_VIEW in output.get("data", {}) for output in cell.outputs):
            yield f"the cell {cell.id} has a widget among its outputs"
        text = json.dumps(
            [[v for k, v in o.get("data", {}).items() if "image" not in k] + [o.get("text")] for o in cell.outputs]
        )
        if found := ABSOLUTE_PATH.search(text) or re.search(r"Warning|Traceback|deprecated", text):
            yield f"the output of the cell {cell.id} has {found.group()!r} in it"


def compared_cells(book: ParsedNotebook) -> Iterator[str]:
    """Five outputs or more are compared by nbval, only where nothing is trained and all machines print the same."""
    checked = [cell for cell in book.code if cell.source.startswith(CHECKED)]
    if len(checked) < 5:
        yield f"fewer than five cells begin with {CHECKED}"
    for cell in checked:
        if not cell.outputs or "display_id" in cell.source or "fine_tune" in cell.source:
            yield f"the cell {cell.id} has no output that can be compared"
        if found := re.search(r"\d\.\d{2,}", "".join(output.get("text", "") for output in cell.outputs)):
            yield f"the cell {cell.id} prints {found.group()}, more digits than machines agree on"


def links(book: ParsedNotebook) -> Iterator[str]:
    """Links, file names and numbers of notebooks in the prose lead to something that exists."""
    for target in re.findall(r"\]\(([^)\s]+)\)", book.prose):
        file, _, anchor = target.partition("#")
        if target.startswith("https://"):
            if target.split("/")[2] not in HOSTS:
                yield f"the link {target} leads to none of {', '.join(HOSTS)}"
            continue
        there = (book.path.parent / file).resolve() if file else book.path
        if not there.exists() or not there.is_relative_to(ROOT):
            yield f"the link {target} leads nowhere"
        elif anchor and there.suffix == ".ipynb" and anchor not in ParsedNotebook.read(there).anchors:
            yield f"the link {target} leads to a heading that does not exist"
    for name in re.findall(r"`((?:data|notebooks|gcr_tutorial|benchmarks|tests)/[\w./-]+)`", book.prose):
        if not (ROOT / name).exists():
            yield f"the prose names {name}, which does not exist"
    for number in set(re.findall(r"\bnotebooks? (\d\d)\b", book.prose, flags=re.I)) - {stem[:2] for stem in SERIES}:
        yield f"the prose names notebook {number}, which is not in the series"


def exercises(book: ParsedNotebook) -> Iterator[str]:
    """It has two or three exercises with a typed stub and two hints, and no later cell depends on them."""
    stubs = [i for i, (cell, _) in enumerate(book.trees) if "raise NotImplementedError" in cell.source]
    if not 2 <= len(stubs) <= 3 or any(book.prose.count(f"<summary>Hint {n}</summary>") != len(stubs) for n in (1, 2)):
        yield "it should have two or three exercises, each with two hints"
    for i in stubs:
        function = next((node for node in book.trees[i][1].body if isinstance(node, ast.FunctionDef)), None)
        if function is None:
            yield f"the exercise {book.trees[i][0].id} defines no function"
            continue
        typed = function.returns is not None and all(argument.annotation for argument in function.args.args)
        if not typed or not ast.get_docstring(function) or not isinstance(function.body[-1], ast.Raise):
            yield f"the stub {function.name} needs types, a docstring and `raise NotImplementedError` at its end"
        later = [node for _, tree in book.trees[i + 1 :] for node in ast.walk(tree)]
        if any(isinstance(node, ast.Name) and node.id == function.name for node in later):
            yield f"a later cell uses the exercise {function.name}"


RULES = (valid, plain_python, size, headings, anatomy, set_up, interface, widgets, running_example)
RULES += (facts, alt_texts, clean_run, compared_cells, links, exercises)
