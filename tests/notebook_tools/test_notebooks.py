"""The notebooks keep to their anatomy, were saved by a clean run, and what they state about themselves is true.

nbval executes the notebooks themselves (`testpaths` in pyproject.toml); test_exercises.py and test_series.py hold the rest.
"""

from __future__ import annotations

import ast
import json
import re
import statistics
from pathlib import Path

import nbformat
import pytest
from nbval.plugin import get_sanitize_patterns

import gcr_tutorial as gcr
from gcr_tutorial.notebook_tools import runner as notebook_runner
from gcr_tutorial.notebook_tools.badges import SERIES

ROOT = Path(__file__).resolve().parents[2]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WIDGETS = ("search_box", "cluster_browser", "beam_stepper", "ambiguity_slider")
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
    assert len(prose(notebook).split()) <= 4000
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
    for heading in (
        "What you will be able to do",
        "Set up",
        "Recap",
        "Quiz",
        "What the miniature leaves out",
        "Further reading",
        "Troubleshooting",
    ):
        assert re.search(rf"^## {heading}", text, flags=re.M), heading
    assert 3 <= len(re.findall(r"^- \*\*", text.split("## Set up")[0], flags=re.M)) <= 5  # objectives
    assert len(re.findall(r"^- ", text.split("## Recap")[1].split("## Quiz")[0], flags=re.M)) <= 5
    assert text.split("## Quiz")[1].split("\n## ")[0].count("<summary>Answer</summary>") == 3
    assert text.count("*Predict first") >= 2 and text.count("<details>") == text.count("</details>")


def names_in(notebook) -> list[str]:
    """Every name and attribute that the code uses, as often as it does."""
    nodes = [node for cell in code_cells(notebook) for node in ast.walk(ast.parse(cell.source))]
    return [
        node.id if isinstance(node, ast.Name) else node.attr for node in nodes if isinstance(node, (ast.Name, ast.Attribute))
    ]


def test_at_most_one_widget_a_notebook_over_a_plain_function(notebook):
    assert [cell for cell in code_cells(notebook) if "ipywidgets" in cell.source] == []
    assert sum(name in WIDGETS for name in names_in(notebook)) <= 1


def test_the_running_example_is_there(notebook):
    names = set(names_in(notebook))
    assert "PICTURES" in names and (names & {"QUERIES", "AMBIGUOUS"} or {"CLEAR", "RELATION"} <= names)
    assert any("gcr.example." in cell.source for cell in code_cells(notebook))


def test_the_fact_table_is_true(notebook):
    facts, text = notebook.metadata["gcr_tutorial"], prose(notebook)
    number, unit = re.search(r"laptop CPU, 2 cores: about (\d+) (minute|second)s?", text).groups()
    stated = int(number) * (60 if unit == "minute" else 1)
    memory = float(re.search(r"^\| memory \| about ([\d.]+) GB", text, flags=re.M).group(1))
    measured = facts["measured"]  # by `make notebooks`
    assert measured["seconds"] / 2 <= stated <= 2 * measured["seconds"]
    assert measured["seconds"] / 2 <= facts["seconds"] <= 2 * measured["seconds"]
    assert facts["seconds"] <= facts["seconds_rebuild"]
    assert measured["memory_gb"] / 1.5 <= memory <= 2 * measured["memory_gb"] and measured["memory_gb"] < 4


@pytest.mark.skipif(len(PATHS) < 7, reason="the series is not complete")
def test_the_series_keeps_its_promises_of_time():
    facts = [nbformat.read(path, as_version=4).metadata["gcr_tutorial"] for path in PATHS]
    assert sum(fact["measured"]["seconds"] for fact in facts) <= 90 * len(facts)
    assert sum(fact["seconds_rebuild"] for fact in facts) <= 20 * 60  # `make tutorial`


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
    text = json.dumps(
        [
            {**output, "data": {k: v for k, v in output.get("data", {}).items() if "image" not in k}}
            for output in outputs(notebook)
        ]
    )
    assert notebook_runner.ABSOLUTE_PATH.search(text) is None
    assert not re.search(r"Warning|Traceback|deprecated", text)


def test_cells_are_compared_where_nothing_is_trained(notebook):
    checked = [cell for cell in code_cells(notebook) if cell.source.startswith(CHECKED)]
    assert len(checked) >= 5
    for cell in checked:
        assert cell.outputs and "display_id" not in cell.source and "fine_tune" not in cell.source, cell.source
        text = "".join(output.get("text", "") for output in cell.outputs)
        assert not re.search(r"\d\.\d{2,}", text), f"more digits than machines agree on: {text}"


def test_what_differs_from_run_to_run_is_not_compared():
    rules = get_sanitize_patterns((ROOT / "notebooks" / "sanitize.cfg").read_text(encoding="utf-8"))

    def sanitized(text: str) -> str:
        for regex, replacement in rules:
            text = re.sub(regex, replacement, text)
        return text

    assert sanitized("in 12.3 s, 1.5 GB, <a at 0x7f76fd99ee80>") == sanitized("in 4 s, 980.1 GB, <a at 0x7f0000000000>")
    for kept in ("R@1 79.9", "300 pictures", "(50, 16, 192)", "place 3 of 10", "2 sentences", "0x12"):
        assert sanitized(kept) == kept


def test_no_cell_runs_a_shell_line_or_names_a_place_on_one_machine(notebook):
    for cell in code_cells(notebook):
        ast.parse(cell.source)  # "!ls" and "%magic" are no Python
        assert notebook_runner.ABSOLUTE_PATH.search(cell.source) is None


def test_the_setup_cell_is_the_first_and_short(notebook):
    first = code_cells(notebook)[0]  # that it is the same everywhere is test_series.py's
    assert first.id == "setup" and len(first.source.splitlines()) <= 15 and "setup(seed=0)" in first.source


def imports_of_the_package(notebook) -> list[str]:
    """What the cells import from gcr_tutorial, as often as they do: "gcr_tutorial.ROOM", or "gcr_tutorial" and a name that
    its public interface has. Left out: the set-up cell, and the exercises' stubs, each of which imports its check."""
    found = []
    for cell in code_cells(notebook):
        if cell.id == "setup" or "raise NotImplementedError" in cell.source:
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names if alias.name.startswith("gcr_tutorial")]
            elif isinstance(node, ast.ImportFrom) and node.module == "gcr_tutorial":
                found += [f"gcr_tutorial.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gcr_tutorial."):
                found.append(node.module)
    return found


def test_it_uses_the_public_interface_and_at_most_five_rooms(notebook):
    rooms = imports_of_the_package(notebook)
    assert len(set(rooms)) == len(rooms), "a room is imported once, where it is first needed"
    assert not {room.partition(".")[2] for room in rooms} & set(gcr.__all__), "write gcr.NAME for a name of the interface"
    assert all(room.count(".") == 1 for room in rooms), f"import from a room, not from one of its modules: {rooms}"
    assert len({*rooms, "gcr_tutorial.checks"}) <= 5, rooms
    offered = set(re.findall(r"(?<![\w.])gcr\.(\w+)", "\n".join(cell.source for cell in code_cells(notebook))))
    assert offered <= set(gcr.__all__)


def test_the_public_interface_is_small():
    assert len(gcr.__all__) <= 30


def anchors(path: Path) -> set[str]:
    """What a link to a heading of the notebook may end in, after the "#"."""
    text = FENCE.sub("", prose(nbformat.read(path, as_version=4)))
    return {heading.strip().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, flags=re.M)}


def test_links_lead_somewhere(path, notebook):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(notebook)):
        file, _, anchor = target.partition("#")
        if target.startswith("https://"):
            assert target.split("/")[2] in HOSTS, target
            continue
        there = (path.parent / file).resolve() if file else path
        assert there.exists() and there.is_relative_to(ROOT), target
        assert not anchor or there.suffix != ".ipynb" or anchor in anchors(there), target


def test_repository_files_that_the_prose_names_are_there(notebook):
    for name in re.findall(r"`((?:data|notebooks|gcr_tutorial|benchmarks|tests)/[\w./-]+)`", prose(notebook)):
        assert (ROOT / name).exists(), name


def test_notebooks_that_the_prose_names_are_in_the_series(notebook):
    named = set(re.findall(r"\bnotebooks? (\d\d)\b", prose(notebook), flags=re.I))
    assert named <= {stem[:2] for stem in SERIES}


def test_exercises_have_a_typed_stub_two_hints_and_nothing_depends_on_them(notebook):
    code = [cell.source for cell in code_cells(notebook)]
    stubs = [i for i, source in enumerate(code) if "raise NotImplementedError" in source]
    assert 2 <= len(stubs) <= 3
    assert (
        prose(notebook).count("<summary>Hint 1</summary>") == prose(notebook).count("<summary>Hint 2</summary>") == len(stubs)
    )
    for i in stubs:
        [function] = [node for node in ast.parse(code[i]).body if isinstance(node, ast.FunctionDef)]
        assert function.returns is not None and all(argument.annotation for argument in function.args.args)
        assert ast.get_docstring(function) and isinstance(function.body[-1], ast.Raise)
        later = {node.id for source in code[i + 1 :] for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
        assert function.name not in later
