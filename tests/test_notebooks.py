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


def exercises() -> list[tuple[str, str, str]]:
    """(check's name, stub, solution) of every exercise of every notebook."""
    found = []
    for path in PATHS:
        text = prose(nbformat.read(path, as_version=4))
        solutions = re.findall(r"<summary>Solution</summary>\s+```python\n(.*?)```", text, flags=re.S)
        for cell in code_cells(nbformat.read(path, as_version=4)):
            if check := re.search(r"^checks\.(check_\w+)\((\w+)\)$", cell.source, flags=re.M):
                [solution] = [text for text in solutions if f"def {check.group(2)}(" in text]
                found.append((check.group(1), cell.source, solution))
    return found


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


@pytest.mark.parametrize(("check", "stub", "solution"), exercises(), ids=lambda text: text if text.startswith("check_") else "")
def test_checks_accept_the_solution_and_are_polite_to_the_stub(check, stub, solution, capsys):
    run = getattr(checks, check)
    name = re.search(r"def (\w+)\(", solution).group(1)
    scope: dict = {}
    exec(solution, scope)
    run(scope[name])
    said = capsys.readouterr().out
    assert re.search(r"all \d checks passed", said) and "expected" not in said
    scope = {"checks": checks}
    exec(stub.replace("from gcr_tutorial import checks\n", ""), scope)  # runs its own check
    assert "not attempted yet" in capsys.readouterr().out


NEXT, RECALL = checks.check_next_tokens, checks.check_recall_at_k


@pytest.mark.parametrize(("check", "wrong", "said"), [
    (NEXT, lambda ids, p: sorted({i[len(p)] for i in ids if len(i) > len(p)}), "do not start with the prefix"),
    (NEXT, lambda ids, p: sorted(i[len(p)] for i in ids if i[:len(p)] == p and len(i) > len(p)), "came back twice"),
    (NEXT, lambda ids, p: {i[len(p)] for i in ids if i[:len(p)] == p and len(i) > len(p)}, "a set: return"),
    (NEXT, lambda ids, p: sorted({t for i in ids if i[:len(p)] == p for t in i[len(p):]}), "right after the prefix"),
    (NEXT, lambda ids, p: sorted({i[len(p)] for i in ids if i[:len(p)] == p and len(i) > len(p)} - {checks.END}), "is a next token too"),
    (NEXT, lambda ids, p: sorted({i[len(p)] for i in ids if i[:len(p)] == p}), "IndexError"),
    (NEXT, lambda ids, p: sorted({i[len(p)] for i in ids if set(p) <= set(i) and len(i) > len(p)}), "merely contain"),
    (NEXT, lambda ids, p: None, "is there a `return`"),
    (RECALL, lambda r, t, k: sum(x in f[:k] for f, x in zip(r, t)) / len(t), "multiply by 100"),
    (RECALL, lambda r, t, k: 100 * sum(x in f[:k] for f, x in zip(r, t) if f) / max(1, sum(map(bool, r))), "stay in the denominator"),
    (RECALL, lambda r, t, k: 100 * sum(x in f for f, x in zip(r, t)) / len(t), "only the first k places"),
    (RECALL, lambda r, t, k: 100 * sum(x in f[:k - 1] for f, x in zip(r, t)) / len(t), "which are k of them"),
    (RECALL, lambda r, t, k: 100 * sum(f.index(x) < k for f, x in zip(r, t)) / len(t), "ValueError"),
    (RECALL, lambda r, t, k: 100 * sum(x in f[:k] for f, x in zip(r, t)), "divide by the number of queries"),
    (RECALL, lambda r, t, k: "all of them", "expected 25.0"),
])
def test_checks_explain_what_is_wrong(check, wrong, said, capsys):
    check(wrong)
    printed = capsys.readouterr().out
    assert said in printed and "checks passed" not in printed and "hints" in printed


# The runner, with notebooks of a few lines.

def write(folder: Path, name: str, *sources: str) -> Path:
    folder.mkdir(exist_ok=True)
    notebook = new_notebook(cells=[new_markdown_cell("# Title"), *map(new_code_cell, sources)])
    nbformat.write(notebook, folder / name)
    return folder / name


def test_saving_executes_cleans_and_replaces(tmp_path, capsys):
    source = "import os, sys\nprint('from', os.getcwd(), os.environ['GCR_REBUILD'], os.environ['GCR_PRESET'])"
    path = write(tmp_path / "books", "a.ipynb", "x = 1", source)
    assert notebook_runner.save_notebooks(path.parent) == 0
    saved = nbformat.read(path, as_version=4)
    assert [cell.execution_count for cell in code_cells(saved)] == [1, 2]
    assert saved.cells[2].outputs[0].text.endswith(" 0 tiny\n") and str(path.parent) in saved.cells[2].outputs[0].text
    printed = capsys.readouterr().out
    assert "all 2 code cells" in printed and "saved: a.ipynb" in printed
    assert "[WARN] a.ipynb, cell 2: an absolute path" in printed  # the folder above is not the repository's
    assert [file.name for file in path.parent.iterdir()] == ["a.ipynb"]


def test_a_failing_notebook_is_named_with_its_cell_and_stays_as_it_was(tmp_path, capsys):
    path = write(tmp_path / "books", "b.ipynb", "x = 1", "print('so far')", "# the divisor\nx / 0")
    before = path.read_bytes()
    assert notebook_runner.save_notebooks(path.parent) == 1
    said = capsys.readouterr().err
    assert "FAILED: b.ipynb, cell 3 (`# the divisor`): ZeroDivisionError: division by zero" in said and "\x1b" not in said
    assert path.read_bytes() == before and [file.name for file in path.parent.iterdir()] == ["b.ipynb"]


def test_tutorial_trains_anew_leaves_copies_and_ends_with_the_table(tmp_path, monkeypatch, capsys):
    results = {"identifier": "atomic", "n_gallery": 3, "n_memorized": 3, "recall": {"R@1": 33.3, "R@5": 100.0, "R@10": 100.0},
               "baselines": {"chance": {"R@1": 33.3, "R@5": 100.0, "R@10": 100.0}}, "seconds": {"memorize": 41.0, "retrieve": 1.0}}
    build = tmp_path / "build"
    (build / "stale").mkdir(parents=True)
    (build / "stale" / "results.json").write_text("{}")
    (build / "notes").mkdir()
    monkeypatch.setenv("GCR_BUILD", str(build))
    monkeypatch.delenv("GCR_REBUILD", raising=False)
    path = write(tmp_path / "books", "a.ipynb", "import json, os, pathlib\nassert os.environ['GCR_REBUILD'] == '1'",
                 "folder = pathlib.Path(os.environ['GCR_BUILD'], 'atomic')\nfolder.mkdir()\n"
                 f"(folder / 'results.json').write_text(json.dumps({results!r}));")
    before = path.read_bytes()
    assert notebook_runner.run_tutorial(tmp_path / "out", path.parent) == 0
    printed = capsys.readouterr().out
    assert re.search(r"GRACE atomic, 3 images +33\.3 +100\.0 +100\.0 +trained now +42", printed)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a.html", "a.ipynb"]
    assert "Title" in (tmp_path / "out" / "a.html").read_text(encoding="utf-8")
    assert path.read_bytes() == before
    assert sorted(folder.name for folder in build.iterdir()) == ["atomic", "notes"]  # only earlier results were removed


def test_tutorial_stops_at_the_first_failure_with_a_non_zero_status(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GCR_BUILD", str(tmp_path / "build"))
    write(tmp_path / "books", "a.ipynb", "raise ValueError('no such picture')")
    write(tmp_path / "books", "b.ipynb", "print('never')")
    assert notebook_runner.run_tutorial(tmp_path / "out", tmp_path / "books") == 1
    assert "FAILED: a.ipynb, cell 1" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_a_kernel_that_dies_is_reported(tmp_path, capsys):
    path = write(tmp_path / "books", "d.ipynb", "import os\nos._exit(9)")
    assert notebook_runner.save_notebooks(path.parent) == 1
    assert "FAILED: d.ipynb, cell 1 (`import os`): the kernel died" in capsys.readouterr().err


def test_no_notebooks_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="clone of the repository"):
        notebook_runner.save_notebooks(tmp_path)


def test_cleaning_drops_widget_views_and_paths_and_names_what_is_left():
    view = new_output("display_data", {notebook_runner.WIDGET_VIEW: {"model_id": "1"}, "text/plain": "VBox()"})
    here = new_output("stream", name="stdout", text=f"wrote {ROOT}/runs/a\n")
    elsewhere = new_output("display_data", {"text/plain": "see /home/someone/data"})
    warned = new_output("stream", name="stderr", text="FutureWarning: soon\n")
    notebook = new_notebook(cells=[new_code_cell("x", outputs=[view, here, elsewhere, warned], execution_count=1)],
                            metadata={"widgets": {}, "gcr_tutorial": {"seconds": 1}})
    complaints = notebook_runner.clean(notebook)
    assert [output.output_type for output in notebook.cells[0].outputs] == ["stream", "display_data", "stream"]
    assert notebook.cells[0].outputs[0].text == "wrote runs/a\n"
    assert "widgets" not in notebook.metadata and notebook.metadata["gcr_tutorial"] == {"seconds": 1}
    assert len(complaints) == 2 and "/home/someone/data" in complaints[0] and "stderr: FutureWarning" in complaints[1]


def test_progress_line_tells_where_it_is_and_what_was_said_last():
    line = notebook_runner.ProgressLine("a.ipynb", 9, usual=100.0)
    line.cell(None, 4)
    line.said("first\rstep 3 of 8, \x1b[1mloss 0.5\x1b[0m\n\n")
    assert re.fullmatch(r"a\.ipynb: cell 1 of 9, 0 s, about (100|1\.7) (s|min) left \| step 3 of 8, loss 0\.5", line.text())
    line.cell(None, 5)
    assert line.text().endswith("left")
    assert "time left unknown" in notebook_runner.ProgressLine("a.ipynb", 9, None).text()


@pytest.mark.soak
def test_ctrl_c_ends_it_and_leaves_the_notebook_as_it_was(tmp_path):
    path = write(tmp_path / "books", "e.ipynb", "import time\ntime.sleep(60)")
    before, started = path.read_bytes(), time.monotonic()
    threading.Timer(5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        notebook_runner.save_notebooks(path.parent)
    assert time.monotonic() - started < 30
    assert path.read_bytes() == before and [file.name for file in path.parent.iterdir()] == ["e.ipynb"]


def test_a_cell_without_end_is_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(notebook_runner, "CELL_TIMEOUT", 1)
    path = write(tmp_path / "books", "f.ipynb", "import time\ntime.sleep(60)")
    assert notebook_runner.save_notebooks(path.parent) == 1
    assert "FAILED: f.ipynb, cell 1 (`import time`): no end after 1 s" in capsys.readouterr().err


def test_no_notebooks_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="clone of the repository"):
        notebook_runner.save_notebooks(tmp_path)


def test_cleaning_drops_widget_views_and_paths_and_names_what_is_left():
    view = new_output("display_data", {notebook_runner.WIDGET_VIEW: {"model_id": "1"}, "text/plain": "VBox()"})
    here = new_output("stream", name="stdout", text=f"wrote {ROOT}/runs/a\n")
    elsewhere = new_output("display_data", {"text/plain": "see /home/someone/data"})
    warned = new_output("stream", name="stderr", text="FutureWarning: soon\n")
    notebook = new_notebook(cells=[new_code_cell("x", outputs=[view, here, elsewhere, warned], execution_count=1)],
                            metadata={"widgets": {}, "gcr_tutorial": {"seconds": 1}})
    complaints = notebook_runner.clean(notebook)
    assert [output.output_type for output in notebook.cells[0].outputs] == ["stream", "display_data", "stream"]
    assert notebook.cells[0].outputs[0].text == "wrote runs/a\n"
    assert "widgets" not in notebook.metadata and notebook.metadata["gcr_tutorial"] == {"seconds": 1}
    assert len(complaints) == 2 and "/home/someone/data" in complaints[0] and "stderr: FutureWarning" in complaints[1]


def test_progress_line_tells_where_it_is_and_what_was_said_last():
    line = notebook_runner.ProgressLine("a.ipynb", 9, usual=100.0)
    line.cell(None, 4)
    line.said("first\rstep 3 of 8, \x1b[1mloss 0.5\x1b[0m\n\n")
    assert re.fullmatch(r"a\.ipynb: cell 1 of 9, 0 s, about (100|1\.7) (s|min) left \| step 3 of 8, loss 0\.5", line.text())
    line.cell(None, 5)
    assert line.text().endswith("left")
    assert "time left unknown" in notebook_runner.ProgressLine("a.ipynb", 9, None).text()
