"""Exercises: every source is sound, notebook and source agree, and every check is fair to whatever a reader writes."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from gcr_tutorial import checks
from gcr_tutorial.checks.cases import Case, run_cases, same
from gcr_tutorial.notebook_tools import exercises
from gcr_tutorial.notebook_tools.files import NOTEBOOKS

ALL = exercises.read_exercises()
PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
SOURCE = NOTEBOOKS / "exercises" / "00_next_tokens.py"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook_and_sources_have_not_drifted_apart(path):
    mine = [exercise for exercise in ALL if exercise.notebook == path.stem]
    assert 2 <= len(mine) <= 3
    changed = exercises.stamp_exercises(nbformat.read(path, as_version=4), mine)
    assert changed == [], "run `python -m gcr_tutorial exercises`"


@pytest.mark.skipif(len(PATHS) < 7, reason="the series is not complete")
def test_the_series_has_at_least_fifteen_exercises():
    assert len(ALL) >= 15


@pytest.mark.parametrize("stem", sorted({exercise.notebook for exercise in ALL}))
def test_with_all_solutions_filled_in_all_checks_say_passed(stem, capsys):
    mine, scope = [exercise for exercise in ALL if exercise.notebook == stem], {}
    for exercise in mine:
        exec(exercise.solved(), scope)
    said = capsys.readouterr().out
    assert len(re.findall(r": all \d+ checks passed\.$", said, flags=re.M)) == len(mine), said
    assert "expected" not in said and "Stuck" not in said


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.name)
def test_the_solution_alone_passes(exercise, capsys):
    exec(exercise.solved(), {})
    said = capsys.readouterr().out
    assert "checks passed" in said and "expected" not in said


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.name)
def test_the_stub_alone_is_told_politely_that_it_is_not_attempted(exercise, capsys):
    exec(exercise.cells()[f"exercise-{exercise.number}-stub"][1], {})
    said = capsys.readouterr().out
    assert said.startswith(f"{exercise.name}: not attempted yet.") and said.count("\n") == 1


class Nonsense:
    """An answer that defies every look at it."""

    def __eq__(self, other):
        raise RuntimeError("incomparable")

    def __repr__(self):
        raise RuntimeError("unspeakable")

    __hash__ = None


def raising(error):
    def function(*arguments):
        raise error

    return function


def emptying(*arguments):
    """Changes what it was given."""
    for argument in arguments:
        if hasattr(argument, "clear"):
            argument.clear()
    return arguments


NONSENSE = [
    lambda *a: None,
    lambda *a: Nonsense(),
    lambda *a: [Nonsense()],
    lambda *a: "",
    lambda *a: b"x",
    lambda *a: 10**400,
    lambda *a: float("nan"),
    lambda *a: float("inf"),
    lambda *a: [],
    lambda *a: (),
    lambda *a: {},
    lambda *a: set(),
    lambda *a: [[None]],
    lambda *a: {1: 2},
    lambda *a: object,
    lambda *a: iter(()),
    lambda *a: a,
    lambda: 1,
    emptying,
    raising(KeyError("a")),
    raising(SystemExit(3)),
    raising(RecursionError()),
    7,
    None,
    "no function",
]


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.name)
def test_no_check_raises_or_accepts_nonsense(exercise, capsys):
    for function in NONSENSE:
        getattr(checks, f"check_{exercise.name}")(function)
        said = capsys.readouterr().out
        assert said.strip() and "checks passed" not in said and "not attempted" not in said


ANSWERS = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(st.text(max_size=1), inner),
    max_leaves=5,
)


@settings(max_examples=50)
@given(ANSWERS, ANSWERS)
def test_a_case_accepts_exactly_its_answer(expected, other):
    assert same(expected, expected) or "nan" in repr(expected)
    if same(other, expected):
        assert type(other) is type(expected) or isinstance(expected, (int, float)) and not isinstance(other, (bool, str))
        assert not isinstance(expected, str) or other == expected
    run_cases(lambda: other, [Case("something", (), expected, (([1], "one"), (0, "zero")))])


def test_cases_compare_arrays_tensors_and_numbers_in_them_within_the_tolerance(capsys):
    import numpy as np
    import torch

    assert same(torch.ones(2, requires_grad=True), np.ones(2)) and same([1, 1], torch.ones(2))
    assert not same(torch.ones(3), torch.ones(2)) and not same(torch.ones(2) + 1e-3, torch.ones(2))
    assert same({"a": (1.0, np.float32(2))}, {"a": (1, 2)}) and not same({"a": 1}, {"b": 1})
    assert not same(True, 1) and not same("1", 1) and same(float("-inf"), float("-inf")) and not same(1.0, True)
    run_cases(lambda: torch.ones(3), [Case("sizes", (), torch.ones(2))])
    assert "The shape should be (2,), yours is (3,)." in capsys.readouterr().out
    run_cases(lambda: [2, 1], [Case("order", (), [1, 2])])
    assert "in another order: return them sorted." in capsys.readouterr().out
    run_cases(lambda: [1, 2], [Case("ranking", (), [2, 1], (([1, 2], "You sorted the wrong way round."),))])
    assert "the wrong way round" in capsys.readouterr().out
    run_cases(lambda: (2, 1), [Case("ranking", (), [2, 1])])
    assert "The right items, but a tuple: return a list." in capsys.readouterr().out


def test_a_function_that_changes_its_arguments_spoils_no_later_case(capsys):
    given_list = [3, 1]
    run_cases(lambda items: items.sort() or items, [Case("once", (given_list,), [1, 3]), Case("again", (given_list,), [1, 3])])
    assert "all 2 checks passed" in capsys.readouterr().out and given_list == [3, 1]


# Sources


def changed(tmp_path: Path, before: str, after: str) -> Path:
    text = SOURCE.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path = tmp_path / SOURCE.name
    path.write_text(text.replace(before, after), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("# exercise: next_tokens\n", "", "no `# exercise: ...`"),
        ("# title: what may come next", "# title:", "no `# title: ...`"),
        ("difficulty: 2", "difficulty: hard", "difficulty is 'hard', not a number from 1 to 5"),
        ("importance: 4", "importance: 6", "importance is '6'"),
        ("00_start_here", "03_learning_to_memorize", "should begin with 03"),
        ("# --- hint 2", "# --- clue", "`# --- clue`: each of the sections"),
        ("# --- hint 2", "# --- hint 1", "`# --- hint 1`: each of the sections"),
        ("# --- hint 1\n", "", "no section `# --- hint 1`"),
        ("# Write the trie's", "Write the trie's", 'each line begins with "# "'),
        ("    # BEGIN SOLUTION\n", "", "one `# BEGIN SOLUTION`"),
        ("    # END SOLUTION\n", "    # END SOLUTION\n    return []\n", "one function next_tokens that ends with the solution"),
        ("def next_tokens", "def next_token", "one function next_tokens"),
        ("    n = len(prefix)", "    n = len(prefix", "was never closed"),
        (
            '    """The tokens that may follow `prefix` in one of `identifiers`, sorted, each once."""\n',
            "",
            "needs a docstring",
        ),
    ],
)
def test_a_malformed_source_is_an_error_that_names_file_and_mistake(tmp_path, before, after, said):
    with pytest.raises(ValueError, match=f"^{SOURCE.name}: .*{re.escape(said)}"):
        exercises.read_exercise(changed(tmp_path, before, after))


def test_a_header_may_be_laid_out_in_any_way_and_sections_may_say_what_they_are(tmp_path):
    path = changed(
        tmp_path, "# difficulty: 2  importance: 4  minutes: 5 to 10", "# minutes: 5 to 10\n# difficulty: 2 importance: 4"
    )
    assert exercises.read_exercise(path) == exercises.read_exercise(SOURCE)
    path = changed(tmp_path, "# --- hint 1\n", "# --- hint 1 (markdown)\n")
    assert exercises.read_exercise(path) == exercises.read_exercise(SOURCE)


def test_numbers_follow_each_other(tmp_path):
    folder = tmp_path / "exercises"
    folder.mkdir()
    changed(folder, "number: 1", "number: 2")
    with pytest.raises(ValueError, match=r"00_start_here have the numbers \[2\]"):
        exercises.read_exercises(tmp_path)


LINES = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=20)


@settings(max_examples=50)
@given(text=st.lists(LINES, max_size=4), difficulty=st.integers(1, 5), minutes=st.sampled_from(["5", "10 to 15"]))
def test_what_is_written_in_a_source_arrives_in_the_cells(tmp_path_factory, text, difficulty, minutes):
    path = tmp_path_factory.mktemp("sources") / "02_twice.py"
    commented = "\n".join(f"# {line}".rstrip() for line in text)
    path.write_text(
        f"# exercise: twice\n# notebook: 02_identifiers  number: 3\n# title: a: b\n# difficulty: {difficulty}  importance: 1"
        f"  minutes: {minutes}\n# --- text\n{commented}\n# --- hint 1\n# one\n# --- hint 2\n# two\n# --- code\nimport math\n"
        '\ndef twice(x: float) -> float:\n    """Two of it."""\n    # BEGIN SOLUTION\n    return 2 * x\n    # END SOLUTION\n'
    )
    if any(line.startswith("--- ") for line in text):
        return
    cells = exercises.read_exercise(path).cells()
    assert list(cells) == ["exercise-3", "exercise-3-stub", "exercise-3-solution"]
    header = f"### Exercise 3: a: b\n\nDifficulty {'●' * difficulty}{'○' * (5 - difficulty)} · importance ●○○○○ · {minutes} minutes\n"
    assert cells["exercise-3"][1].startswith(header)
    assert "\n".join(line.rstrip() for line in text).strip() in cells["exercise-3"][1]
    assert cells["exercise-3-stub"] == (
        "code",
        'from gcr_tutorial import checks\nimport math\n\ndef twice(x: float) -> float:\n    """Two '
        'of it."""\n    raise NotImplementedError\n\nchecks.check_twice(twice)',
    )
    assert "```python\nimport math\n\ndef twice(x: float) -> float:\n    return 2 * x\n```" in cells["exercise-3-solution"][1]


# Stamping


def book(folder: Path, *cells) -> Path:
    (folder / "exercises").mkdir(parents=True)
    (folder / "exercises" / SOURCE.name).write_text(SOURCE.read_text(encoding="utf-8"), encoding="utf-8")
    path = folder / "00_start_here.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Title", id="title"), *cells]), path)
    return path


CELLS = (
    new_markdown_cell(id="exercise-1"),
    new_code_cell("pass", id="exercise-1-stub"),
    new_markdown_cell(id="exercise-1-solution"),
)


def test_stamping_writes_the_three_cells_once_and_check_only_tells(tmp_path, capsys):
    path = book(tmp_path, *CELLS)
    before = path.read_bytes()
    assert exercises.stamp_all(tmp_path, check=True) == 1 and path.read_bytes() == before
    assert "differs: exercise-1, exercise-1-stub, exercise-1-solution" in capsys.readouterr().out
    assert exercises.stamp_all(tmp_path) == 0
    stamped = nbformat.read(path, as_version=4)
    assert {cell.id: cell.source for cell in stamped.cells[1:]} == {name: cell[1] for name, cell in ALL[0].cells().items()}
    before = path.read_bytes()
    assert exercises.stamp_all(tmp_path, check=True) == exercises.stamp_all(tmp_path) == 0 and path.read_bytes() == before


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (CELLS[:2], "no cell with the id exercise-1-solution: put an empty markdown cell"),
        ((*CELLS, new_code_cell(id="exercise-2-stub")), "the cell exercise-2-stub has no source"),
        (
            (CELLS[0], new_markdown_cell(id="exercise-1-stub"), CELLS[2]),
            "exercise-1-stub is a markdown cell: make it a code cell",
        ),
    ],
)
def test_a_notebook_without_the_right_cells_is_an_error_that_says_what_to_do(tmp_path, cells, said):
    path = book(tmp_path, *cells)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"00_start_here.ipynb: .*{said}"):
        exercises.stamp_all(tmp_path)
    assert path.read_bytes() == before


def test_exercises_of_a_notebook_that_is_not_there_are_an_error(tmp_path):
    book(tmp_path, *CELLS).unlink()
    with pytest.raises(ValueError, match="there is no notebook 00_start_here.ipynb"):
        exercises.stamp_all(tmp_path)
