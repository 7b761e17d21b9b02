"""The notebooks keep to their anatomy, were saved by a clean run, and their exercises' checks help; the runner reports.

nbval executes the notebooks themselves (`testpaths` in pyproject.toml).
"""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import statistics
import threading
import time
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from gcr_tutorial import checks, notebook_runner

ROOT = Path(__file__).resolve().parent.parent
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SETTING = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["gcr_tutorial"]
COLAB = f"https://colab.research.google.com/github/{SETTING['repository']}/blob/{SETTING['revision']}/notebooks/"
HOSTS = ("colab.research.google.com", "aclanthology.org", "arxiv.org", "github.com")  # links that last
CHECKED = "# NBVAL_CHECK_OUTPUT"
FENCE = re.compile(r"```.*?```", re.S)


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request) -> Path:
    """Each notebook's path."""
    return request.param


@pytest.fixture
def notebook(path):
    """Each notebook."""
    return nbformat.read(path, as_version=4)


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def outputs(notebook) -> list:
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def test_there_is_a_notebook_to_start_with():
    assert PATHS and PATHS[0].name == "00_start_here.ipynb"


def test_it_is_a_valid_notebook_with_lasting_cell_names(notebook):
    nbformat.validate(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert "widgets" not in notebook.metadata  # without `state` GitHub calls the notebook invalid


def test_size_is_what_a_reader_can_take_in(path, notebook):
    code = code_cells(notebook)
    lengths = [len(cell.source.splitlines()) for cell in code]
    assert 40 <= len(notebook.cells) <= 70
    assert 18 <= len(code) <= 28
    assert statistics.median(lengths) <= 8 and max(lengths) <= 40
    assert len(prose(notebook).split()) <= 3500
    assert max(len(line) for cell in code for line in cell.source.splitlines()) <= 112  # as wide as JupyterLab shows
    assert path.stat().st_size < notebook_runner.MOST_BYTES


def test_one_title_and_headings_in_order(notebook):
    levels = [len(marks) for marks in re.findall(r"^(#+) ", FENCE.sub("", prose(notebook)), flags=re.M)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(deeper <= level + 1 for level, deeper in zip(levels, levels[1:]))


def test_it_has_the_parts_of_the_anatomy(notebook):
    text = prose(notebook)
    for part in ("reading time", "runtime", "memory", "needs", "produces", "paper"):
        assert re.search(rf"^\| {part} \|", text, flags=re.M), part
    for heading in ("What you will be able to do", "Set up", "Recap", "Quiz", "What the miniature leaves out", "Further reading",
                    "Troubleshooting"):
        assert re.search(rf"^## {heading}", text, flags=re.M), heading
    assert 3 <= len(re.findall(r"^- \*\*", text.split("## Set up")[0], flags=re.M)) <= 5  # objectives
    assert len(re.findall(r"^- ", text.split("## Recap")[1].split("## Quiz")[0], flags=re.M)) <= 5
    assert text.split("## Quiz")[1].split("\n## ")[0].count("<summary>Answer</summary>") == 3
    assert text.count("*Predict first") >= 2 and text.count("<details>") == text.count("</details>")
    assert [cell for cell in code_cells(notebook) if "ipywidgets" in cell.source] == []
    assert sum("search_box(" in cell.source for cell in code_cells(notebook)) <= 1


def test_stated_minutes_are_the_ones_the_runner_expects(notebook):
    facts = notebook.metadata["gcr_tutorial"]
    minutes = int(re.search(r"laptop CPU, 2 cores: about (\d+) minutes?", prose(notebook)).group(1))
    assert abs(60 * minutes - facts["seconds"]) <= 60
    assert facts["seconds"] < facts["seconds_rebuild"]


def test_every_picture_has_alt_text(notebook):
    assert [alt for alt, _ in re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", prose(notebook)) if not alt.strip()] == []
    assert "<img" not in prose(notebook)
    shown = [output for output in outputs(notebook) if "image/png" in output.get("data", {})]
    assert shown
    for output in shown:
        assert len(output.metadata["image/png"]["alt"].split()) >= 5
        assert output.data["text/plain"] == output.metadata["image/png"]["alt"]


def test_it_was_saved_by_one_clean_run(notebook):
    assert [cell.execution_count for cell in code_cells(notebook)] == list(range(1, len(code_cells(notebook)) + 1))
    assert {output.output_type for output in outputs(notebook)} <= {"stream", "display_data", "execute_result"}
    assert [output.text for output in outputs(notebook) if output.get("name") == "stderr"] == []
    assert not [output for output in outputs(notebook) if notebook_runner.WIDGET_VIEW in output.get("data", {})]
    text = json.dumps([{**output, "data": {k: v for k, v in output.get("data", {}).items() if "image" not in k}}
                       for output in outputs(notebook)])
    assert notebook_runner.ABSOLUTE_PATH.search(text) is None
    assert not re.search(r"Warning|Traceback|deprecated", text)


def test_cells_are_compared_where_nothing_is_trained(notebook):
    checked = [cell for cell in code_cells(notebook) if cell.source.startswith(CHECKED)]
    assert len(checked) >= 5
    for cell in checked:
        assert cell.outputs and "display_id" not in cell.source and "fine_tune" not in cell.source, cell.source
        text = "".join(output.get("text", "") for output in cell.outputs)
        assert not re.search(r"\d\.\d{2,}", text), f"more digits than machines agree on: {text}"


def test_no_cell_runs_a_shell_line_or_names_a_place_on_one_machine(notebook):
    for cell in code_cells(notebook):
        ast.parse(cell.source)  # "!ls" and "%magic" are no Python
        assert notebook_runner.ABSOLUTE_PATH.search(cell.source) is None


def test_badge_and_setup_cell_name_this_repository(path, notebook):
    badges = re.findall(r"https://colab\.research\.google\.com/(?!assets/)[^\s)\"]+", prose(notebook))
    assert badges == [COLAB + path.name]
    setup = code_cells(notebook)[0].source
    assert len(setup.splitlines()) <= 15 and "setup(seed=0)" in setup
    assert f'"https://github.com/{SETTING["repository"]}"' in setup
    assert f'"--branch", "{SETTING["revision"]}"' in setup


def test_links_lead_somewhere(path, notebook):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(notebook)):
        if target.startswith("https://"):
            assert target.split("/")[2] in HOSTS, target
        else:
            assert (path.parent / target.partition("#")[0]).exists(), target


def test_exercises_have_a_typed_stub_two_hints_and_nothing_depends_on_them(notebook):
    code = [cell.source for cell in code_cells(notebook)]
    stubs = [i for i, source in enumerate(code) if "raise NotImplementedError" in source]
    assert 2 <= len(stubs) <= 3
    assert prose(notebook).count("<summary>Hint 1</summary>") == prose(notebook).count("<summary>Hint 2</summary>") == len(stubs)
    for i in stubs:
        [function] = [node for node in ast.parse(code[i]).body if isinstance(node, ast.FunctionDef)]
        assert function.returns is not None and all(argument.annotation for argument in function.args.args)
        assert ast.get_docstring(function) and isinstance(function.body[-1], ast.Raise)
        later = {node.id for source in code[i + 1:] for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
        assert function.name not in later
