"""The runner of the notebooks, with notebooks of a few lines: what it executes, saves, reports and cleans."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from gcr_tutorial.errors import UserOSError
from gcr_tutorial.experiments.signed_folders import sign_folder
from gcr_tutorial.notebook_tools import runner as notebook_runner
from gcr_tutorial.notebook_tools.files import WIDGET_VIEW
from gcr_tutorial.notebook_tools.progress_line import ProgressLine

ROOT = Path(__file__).resolve().parents[2]


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


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


def test_what_a_run_measured_is_noted_once_it_tells_something_new():
    notebook = new_notebook(metadata={"gcr_tutorial": {"seconds": 60}})
    notebook_runner.note_measured(notebook, 40.4, 1.234)
    assert notebook.metadata["gcr_tutorial"] == {"seconds": 60, "measured": {"seconds": 40, "memory_gb": 1.2}}
    notebook_runner.note_measured(notebook, 47.0, 1.0)
    assert notebook.metadata["gcr_tutorial"]["measured"] == {"seconds": 40, "memory_gb": 1.2}
    notebook_runner.note_measured(notebook, 47.0, 2.0)
    assert notebook.metadata["gcr_tutorial"]["measured"] == {"seconds": 47, "memory_gb": 2.0}


def test_a_failing_notebook_is_named_with_its_cell_and_stays_as_it_was(tmp_path, capsys):
    path = write(tmp_path / "books", "b.ipynb", "x = 1", "print('so far')", "# the divisor\nx / 0")
    before = path.read_bytes()
    assert notebook_runner.save_notebooks(path.parent) == 1
    said = capsys.readouterr().err
    assert "FAILED: b.ipynb, cell 3 (`# the divisor`): ZeroDivisionError: division by zero" in said and "\x1b" not in said
    assert path.read_bytes() == before and [file.name for file in path.parent.iterdir()] == ["b.ipynb"]


def test_tutorial_trains_anew_leaves_copies_and_ends_with_the_table(tmp_path, monkeypatch, capsys):
    results = {
        "identifier": "atomic",
        "n_gallery": 3,
        "n_memorized": 3,
        "recall": {"R@1": 33.3, "R@5": 100.0, "R@10": 100.0},
        "baselines": {"chance": {"R@1": 33.3, "R@5": 100.0, "R@10": 100.0}},
        "seconds": {"memorize": 41.0, "retrieve": 1.0},
    }
    build = tmp_path / "build"
    (build / "stale").mkdir(parents=True)
    (build / "stale" / "results.json").write_text("{}")
    sign_folder(build / "stale")
    (build / "notes").mkdir()
    monkeypatch.setenv("GCR_BUILD", str(build))
    monkeypatch.delenv("GCR_REBUILD", raising=False)
    path = write(
        tmp_path / "books",
        "a.ipynb",
        "import json, os, pathlib\nassert os.environ['GCR_REBUILD'] == '1'",
        "import time; time.sleep(1.5)",
        "folder = pathlib.Path(os.environ['GCR_BUILD'], 'atomic')\nfolder.mkdir()\n"
        f"(folder / 'results.json').write_text(json.dumps({results!r}));",
    )
    before = path.read_bytes()
    assert notebook_runner.run_tutorial(tmp_path / "out", path.parent) == 0
    printed = capsys.readouterr().out
    assert re.search(r"GRACE atomic, 3 images +33\.3 +100\.0 +100\.0 +trained now +42", printed)
    assert re.search(r"a\.ipynb: all 3 code cells in \d+ s, 0\.\d GB of memory\n", printed)
    assert re.search(r"all 1 notebooks executed in \d+ s, at most 0\.\d GB of memory\n", printed)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a.html", "a.ipynb"]
    assert "Title" in (tmp_path / "out" / "a.html").read_text(encoding="utf-8")
    assert path.read_bytes() == before
    assert sorted(folder.name for folder in build.iterdir()) == ["atomic", "notes"]  # only earlier results were removed


@pytest.fixture
def earlier(tmp_path, monkeypatch) -> Path:
    """A run that a notebook made before, in a folder that GCR_BUILD names; and a notebook to execute."""
    monkeypatch.setenv("GCR_BUILD", str(tmp_path / "build"))
    folder = tmp_path / "build" / "atomic"
    (folder / "retriever").mkdir(parents=True)
    (folder / "results.json").write_text("{}")
    (folder / "retriever" / "model.safetensors").write_bytes(b"weights")
    sign_folder(folder)
    write(tmp_path / "books", "a.ipynb", "x = 1")
    return folder


def refused(tmp_path: Path) -> str:
    """What `tutorial` says as it refuses; nothing may have changed then."""
    before = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "build").rglob("*"))
    with pytest.raises(UserOSError) as refusal:
        notebook_runner.run_tutorial(tmp_path / "out", tmp_path / "books")
    assert sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "build").rglob("*")) == before
    assert not (tmp_path / "out").exists()
    return str(refusal.value)


def test_tutorial_does_not_delete_a_run_that_no_notebook_made(tmp_path, earlier):
    mine = tmp_path / "build" / "mine"
    mine.mkdir()
    (mine / "results.json").write_text("{}")
    (mine / "notes.txt").write_text("what I found")
    said = refused(tmp_path)
    assert str(mine) in said and "GCR_BUILD" in said


def test_tutorial_does_not_delete_notes_beside_a_run_of_a_notebook(tmp_path, earlier):
    (earlier / "retriever" / "notes.txt").write_text("what I found")
    said = refused(tmp_path)
    assert str(earlier) in said and "retriever/notes.txt" in said


def test_tutorial_does_not_delete_a_run_that_was_made_over_one_of_a_notebook(tmp_path, earlier):
    (earlier / "results.json").write_text('{"mine": 1}')
    assert "results.json" in refused(tmp_path)


def test_tutorial_deletes_what_a_notebook_made(tmp_path, earlier):
    (tmp_path / "build" / "unfinished").mkdir()
    assert notebook_runner.run_tutorial(tmp_path / "out", tmp_path / "books") == 0
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["unfinished"]


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
    view = new_output("display_data", {WIDGET_VIEW: {"model_id": "1"}, "text/plain": "VBox()"})
    here = new_output("stream", name="stdout", text=f"wrote {ROOT}/runs/a\n")
    elsewhere = new_output("display_data", {"text/plain": "see /home/someone/data"})
    warned = new_output("stream", name="stderr", text="FutureWarning: soon\n")
    notebook = new_notebook(
        cells=[new_code_cell("x", outputs=[view, here, elsewhere, warned], execution_count=1)],
        metadata={"widgets": {}, "gcr_tutorial": {"seconds": 1}},
    )
    complaints = notebook_runner.clean(notebook)
    assert [output.output_type for output in notebook.cells[0].outputs] == ["stream", "display_data", "stream"]
    assert notebook.cells[0].outputs[0].text == "wrote runs/a\n"
    assert "widgets" not in notebook.metadata and notebook.metadata["gcr_tutorial"] == {"seconds": 1}
    assert len(complaints) == 2 and "/home/someone/data" in complaints[0] and "stderr: FutureWarning" in complaints[1]


def test_progress_line_tells_where_it_is_and_what_was_said_last():
    line = ProgressLine("a.ipynb", 9, usual=100.0)
    line.cell(None, 4)
    line.said("first\rstep 3 of 8, \x1b[1mloss 0.5\x1b[0m\n\n")
    assert re.fullmatch(r"a\.ipynb: cell 1 of 9, 0 s, about (100|1\.7) (s|min) left \| step 3 of 8, loss 0\.5", line.text())
    line.cell(None, 5)
    assert line.text().endswith("left")
    assert "time left unknown" in ProgressLine("a.ipynb", 9, None).text()


def test_saving_warns_of_times_that_contradict_the_stated_runtime(tmp_path, capsys):
    path = write(tmp_path / "books", "g.ipynb", "print('step 9 of 9, done; 304 s since the start')")
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["gcr_tutorial"] = {"seconds": 60}
    nbformat.write(notebook, path)
    assert notebook_runner.save_notebooks(path.parent) == 0
    assert "prints 304 s, more than the stated runtime of 60 s" in capsys.readouterr().out


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
