"""The lint of the notebooks: the notebooks of this repository pass it, and each rule finds what it is there for."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbval.plugin import get_sanitize_patterns

import gcr_tutorial as gcr
from gcr_tutorial.notebook_tools import lint
from gcr_tutorial.notebook_tools.files import NOTEBOOKS, WIDGET_VIEW
from gcr_tutorial.notebook_tools.parsed_notebook import ParsedNotebook

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_notebooks_keep_to_the_rules(path):
    assert lint.complaints(path) == []


def test_there_is_a_notebook_to_start_with_and_all_together_keep_their_time():
    assert PATHS[0].name == "00_start_here.ipynb"
    facts = [nbformat.read(path, as_version=4).metadata["gcr_tutorial"] for path in PATHS]
    assert lint.over_budget(facts) == []
    slow = {"measured": {"seconds": 91}, "seconds_rebuild": 601}
    assert len(lint.over_budget([slow, slow])) == 2


def test_the_public_interface_is_small():
    assert len(gcr.__all__) <= 30


@pytest.fixture
def notebook(tmp_path):
    """Notebook 00, to be broken."""
    return nbformat.read(PATHS[0], as_version=4)


def complaints_about(notebook, folder: Path = NOTEBOOKS) -> list[str]:
    """What the rules say of a notebook that is not saved; the size of the file is that of notebook 00."""
    book = ParsedNotebook(folder / PATHS[0].name, notebook)
    return [complaint for rule in lint.RULES for complaint in rule(book)]


def code(notebook, number: int = 5):
    return [cell for cell in notebook.cells if cell.cell_type == "code"][number]


LONG_LINE = "x = 1  # " + "-" * 110
TEXT = [
    ("# A second title", "its only title"),
    ("#### Three levels down", "more than one level below"),
    ("word " * 4001, "words, more than 4,000"),
    ("<details>", "a <details> is not closed"),
    ("![](picture.png)", "no alt text"),
    ("[a page](https://example.com/a)", "leads to none of"),
    ("[a file](nowhere.md)", "nowhere.md leads nowhere"),
    ("[a part](01_data_and_backbone.ipynb#No-such-heading)", "a heading that does not exist"),
    ("see `data/no/such.json`", "data/no/such.json, which does not exist"),
    ("as in notebook 77", "notebook 77, which is not in the series"),
    ("<summary>Hint 1</summary>", "each with two hints"),
]
CODE = [
    ("%nosuchmagic", "'%nosuchmagic', line 1"),
    ("!ls", "'!ls', line 1"),
    ("%%bash\nls", "'%%bash', line 1"),
    ("files = !ls", "'files = !ls', line 1"),
    ("open('/home/me/data')", "a path of one machine: /home/me/data"),
    (LONG_LINE, "more than 112 characters"),
    ("x = 1\n" * 41, "more than 40 lines"),
    ("import ipywidgets", "uses ipywidgets itself"),
    ("viz.beam_stepper(), viz.search_box()", "more than one widget"),
    ("from gcr_tutorial import fine_tune", "write gcr.fine_tune"),
    ("from gcr_tutorial.viz.live import Picture", "not one of its modules"),
    ("from gcr_tutorial import viz", "gcr_tutorial.viz more than once"),
    ("gcr.no_such_name()", "gcr.no_such_name does not exist"),
    (
        "from gcr_tutorial import trie, decoding, retrieval, training, evaluation, data",
        "more than 5 rooms",
    ),
    ("# NBVAL_CHECK_OUTPUT\nx = 1", "no output that can be compared"),
]


@pytest.mark.parametrize(("text", "said"), TEXT, ids=[text[:20] for text, _ in TEXT])
def test_prose_that_breaks_a_rule(notebook, text, said):
    notebook.cells.insert(3, new_markdown_cell(text))
    assert any(said in complaint for complaint in complaints_about(notebook))


@pytest.mark.parametrize(("source", "said"), CODE, ids=[source[:30] for source, _ in CODE])
def test_code_that_breaks_a_rule(notebook, source, said):
    notebook.cells.insert(9, new_code_cell(source))
    assert any(said in complaint for complaint in complaints_about(notebook))


OUTPUTS = [
    (new_output("stream", name="stderr", text="oh"), "wrote an error or to stderr"),
    (new_output("stream", name="stdout", text="FutureWarning: soon"), "'Warning' in it"),
    (new_output("stream", name="stdout", text="in /tmp/me/x"), "'/tmp/me/x' in it"),
    (new_output("display_data", {WIDGET_VIEW: {}, "text/plain": "VBox()"}), "a widget among its outputs"),
    (new_output("display_data", {"image/png": "", "text/plain": "a b"}, metadata={"image/png": {"alt": "a b"}}), "alt text"),
    (new_output("stream", name="stdout", text="step 3 of 4, done; 304 s since the start"), "prints 304 s"),
    (new_output("display_data", {"text/plain": "trained in 3.5 min"}), "prints 3.5 min"),
]


@pytest.mark.parametrize(("output", "said"), OUTPUTS, ids=[said for _, said in OUTPUTS])
def test_output_that_breaks_a_rule(notebook, output, said):
    code(notebook).outputs.append(output)
    assert any(said in complaint for complaint in complaints_about(notebook))


def test_times_within_the_stated_runtime_and_numbers_of_other_things_pass(notebook):
    before = complaints_about(notebook)
    for text in ("done; 16 s since the start", "1,500 queries", "R@1 304", "1,024 sentences", "1.7 times as long", "9.5 s"):
        code(notebook).outputs.append(new_output("stream", name="stdout", text=text))
    assert complaints_about(notebook) == before


def test_parts_that_are_missing(notebook):
    for cell in notebook.cells:
        cell.source = cell.source.replace("## Quiz", "## Questions").replace("| memory |", "| size |")
    found = complaints_about(notebook)
    assert any("heading `Quiz` is missing" in complaint for complaint in found)
    assert any("row `memory`" in complaint for complaint in found)
    assert any("should state its runtime and memory" in complaint for complaint in found)


def test_facts_that_are_not_true(notebook):
    facts = notebook.metadata["gcr_tutorial"]
    facts["measured"] = {"seconds": 5 * facts["seconds"], "memory_gb": 5.0}
    facts["seconds_rebuild"] = 1
    found = "\n".join(complaints_about(notebook))
    for said in ("s were measured", "5.0 GB were measured", "4 is the most", "is faster than loading"):
        assert said in found


def test_cells_out_of_order_and_other_wrong_forms(notebook):
    code(notebook).execution_count = 99
    notebook.metadata["widgets"] = {}
    found = "\n".join(complaints_about(notebook))
    for said in ("one run from top to bottom", "its metadata hold widgets"):
        assert said in found


@pytest.mark.filterwarnings("ignore::nbformat.warnings.DuplicateCellId")
def test_two_cells_with_one_id(tmp_path):
    text = PATHS[0].read_text(encoding="utf-8")
    (tmp_path / PATHS[0].name).write_text(text.replace('"id": "load"', '"id": "ask"'), encoding="utf-8")
    assert "two cells have the same id" in lint.complaints(tmp_path / PATHS[0].name)


def test_an_exercise_that_later_cells_need(notebook):
    stub = next(cell for cell in notebook.cells if "raise NotImplementedError" in cell.source)
    name = re.search(r"def (\w+)", stub.source)[1]
    notebook.cells.append(new_code_cell(f"{name}()"))
    notebook.cells.append(new_code_cell("def untyped(x):\n    raise NotImplementedError"))
    found = "\n".join(complaints_about(notebook))
    assert f"a later cell uses the exercise {name}" in found and "the stub untyped needs types" in found


def test_the_command_names_the_notebook_and_fails(notebook, tmp_path, capsys, monkeypatch):
    notebook.cells.insert(9, new_code_cell("!ls"))
    nbformat.write(notebook, tmp_path / "00_start_here.ipynb")
    assert lint.lint_notebooks(tmp_path) == 1
    assert "00_start_here.ipynb: the cell" in capsys.readouterr().out
    monkeypatch.setattr(lint, "RULES", ())
    assert lint.lint_notebooks(tmp_path) == 0
    assert "1 notebooks keep to the rules" in capsys.readouterr().out


def test_what_differs_from_run_to_run_is_not_compared():
    rules = get_sanitize_patterns((NOTEBOOKS / "sanitize.cfg").read_text(encoding="utf-8"))

    def sanitized(text: str) -> str:
        for regex, replacement in rules:
            text = re.sub(regex, replacement, text)
        return text

    assert sanitized("in 12.3 s, 1.5 GB, <a at 0x7f76fd99ee80>") == sanitized("in 4 s, 980.1 GB, <a at 0x7f0000000000>")
    for kept in ("R@1 79.9", "300 pictures", "(50, 16, 192)", "place 3 of 10", "2 sentences", "0x12"):
        assert sanitized(kept) == kept
