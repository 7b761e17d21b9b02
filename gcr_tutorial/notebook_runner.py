"""Executes the notebooks: `run_tutorial` for whoever wants every number made anew, `save_notebooks` for the authors.

One progress line a notebook says which cell runs, for how long, how long is left, and the last thing that cell printed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from .artifacts import build_dir
from .files import write_text
from .presets import data_dir
from .reporting import results_table

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
CELL_TIMEOUT = 3600  # seconds; a cell may train for many minutes on a slow machine
MOST_BYTES = 1_500_000  # of one saved notebook
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# A path that only exists on the machine that wrote it.
ABSOLUTE_PATH = re.compile(r"(?<![\w./:~])/(?:home|root|tmp|work|Users|usr|opt|var|mnt|content)/[\w./-]+|\b[A-Z]:\\\w[\w\\.]*")


class NotebookFailed(Exception):
    """A notebook stopped; the message names notebook and cell and ends with the error's last lines."""


def notebook_paths(folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks in their order. Raises FileNotFoundError where there are none."""
    paths = sorted(folder.glob("*.ipynb"))
    if not paths:
        raise FileNotFoundError(f"no notebooks in {folder}: run this in a clone of the repository, installed with "
                                "`pip install -e .`")
    return paths


def run_tutorial(out: Path, folder: Path = NOTEBOOKS) -> int:
    """Execute every notebook with everything trained anew; executed copies and HTML pages go to `out`.

    What is trained lands in build_dir(), emptied first. Ends with the table of all its results; returns the exit status.
    """
    paths, build = notebook_paths(folder), build_dir().resolve()
    out.mkdir(parents=True, exist_ok=True)
    for stale in build.glob("*/results.json"):
        shutil.rmtree(stale.parent)
    environment = {"GCR_REBUILD": os.environ.get("GCR_REBUILD") or "1", "GCR_BUILD": str(build)}
    started = time.monotonic()
    for path in paths:
        copy = out / path.name
        try:
            notebook = execute(path, environment, "seconds_rebuild")
        except NotebookFailed as failure:
            print(failure, file=sys.stderr)
            return 1
        write_text(copy, nbformat.writes(notebook))
        write_text(copy.with_suffix(".html"), _as_html(notebook, path.parent))
        print(f"written: {copy} and {copy.with_suffix('.html').name}")
    runs = [json.loads(file.read_text()) for file in sorted(build.glob("*/results.json"))]
    print(f"\nall {len(paths)} notebooks executed in {_clock(time.monotonic() - started)}")
    print(results_table(runs, source="trained now") if runs else f"no notebook trained a retriever: {build} is empty")
    return 0


def save_notebooks(folder: Path = NOTEBOOKS) -> int:
    """Execute the notebooks in place with what is shipped in data/, and save their cleaned outputs.

    A notebook that fails, or that comes out too large, stays as it was. Returns the exit status.
    """
    code = 0
    for path in notebook_paths(folder):
        try:
            notebook = execute(path, {"GCR_REBUILD": "0"}, "seconds")
        except NotebookFailed as failure:
            print(failure, file=sys.stderr)
            code = 1
            continue
        for complaint in clean(notebook):
            print(f"[WARN] {path.name}, {complaint}")
        text = nbformat.writes(notebook)
        if len(text.encode()) > MOST_BYTES:
            print(f"{path.name} would be {len(text.encode()):,} bytes, more than {MOST_BYTES:,}: not saved", file=sys.stderr)
            code = 1
            continue
        write_text(path, text if text.endswith("\n") else text + "\n")
        print(f"saved: {path.name}, {len(text.encode()) / 1000:.0f} kB")
    return code


def execute(path: Path, environment: Mapping[str, str], fact: str = "seconds") -> NotebookNode:
    """The notebook `path` with the outputs of a fresh kernel that runs in its folder, its environment changed by
    `environment`. `fact` names the entry of the notebook's own metadata ("gcr_tutorial") with its usual seconds.

    Raises NotebookFailed.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    usual = notebook.metadata.get("gcr_tutorial", {}).get(fact)
    line = ProgressLine(path.name, sum(cell.cell_type == "code" for cell in notebook.cells), usual)
    # The package that runs this is the one the notebooks import, installed or not.
    python_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    client = _Client(notebook, timeout=CELL_TIMEOUT, kernel_name="python3", coalesce_streams=True,
                     store_widget_state=False,
                     record_timing=False, extra_arguments=["--log-level=ERROR"],
                     resources={"metadata": {"path": str(path.parent)}}, on_cell_execute=line.cell)
    client.say = line.said
    try:
        with line:
            client.execute(env={**os.environ, "GCR_PRESET": "tiny", "PYTHONPATH": python_path, **environment})
    except CellExecutionError as error:
        raise NotebookFailed(_where(path, notebook, line.index, f"{error.ename}: {error.evalue}", error.traceback)) from error
    except (DeadKernelError, AssertionError) as error:
        # On Ctrl-C nbclient shuts the kernel down itself, and then stumbles over its absence.
        if getattr(client, "_async_cleanup_kernel_future", None) is not None:
            raise KeyboardInterrupt from error
        reason = "the kernel died (out of memory? close other notebooks' kernels)"
        raise NotebookFailed(_where(path, notebook, line.index, reason, "")) from error
    except TimeoutError as error:
        reason = f"no end after {CELL_TIMEOUT} s"
        raise NotebookFailed(_where(path, notebook, line.index, reason, "")) from error
    return notebook


class _Client(NotebookClient):
    """Also tells `say` what a cell prints or updates while it runs."""

    say: Callable[[str], None] = staticmethod(lambda text: None)

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        content = msg["content"]
        text = content.get("text") or content.get("data", {}).get("text/plain", "")
        if msg["msg_type"] in ("stream", "update_display_data") and "image/png" not in content.get("data", {}):
            self.say(text)
        return super().process_message(msg, cell, cell_index)


class ProgressLine:
    """One line that tells how far a notebook is: rewritten each second on a terminal, else a new one now and then."""

    def __init__(self, name: str, cells: int, usual: float | None) -> None:
        self.name, self.cells, self.usual = name, cells, usual
        self.index, self.number, self.last = 0, 0, ""
        self.live = sys.stdout.isatty()
        self._stop = threading.Event()
        self._began = time.monotonic()

    def cell(self, cell: NotebookNode, cell_index: int) -> None:
        """A code cell starts."""
        self.index, self.number, self.last = cell_index, self.number + 1, ""

    def said(self, text: str) -> None:
        """Something was printed."""
        lines = [line.strip() for line in re.split(r"[\r\n]", ANSI.sub("", text)) if line.strip()]
        self.last = lines[-1] if lines else self.last

    def text(self) -> str:
        """The line as of now."""
        elapsed = time.monotonic() - self._began
        if not self.usual:
            left = "time left unknown"
        elif elapsed < self.usual:
            left = f"about {_clock(self.usual - elapsed)} left"
        else:
            left = "longer than usual"
        place = f"{self.name}: cell {self.number} of {self.cells}, {_clock(elapsed)}, {left}"
        return f"{place} | {self.last}" if self.last else place

    def __enter__(self) -> ProgressLine:
        usual = f" (usually {_clock(self.usual)})" if self.usual else ""
        print(f"{self.name}: {self.cells} code cells{usual}", flush=True)
        self._began = time.monotonic()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._ticker.start()
        return self

    def _tick(self) -> None:
        while not self._stop.wait(1.0 if self.live else 10.0):
            self._print(self.text())

    def _print(self, text: str) -> None:
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            print("\r\x1b[K" + text[:width], end="", flush=True)
        else:
            print(text, flush=True)

    def __exit__(self, kind: Any, *error: Any) -> None:
        self._stop.set()
        self._ticker.join()
        if kind is None:
            self._print(f"{self.name}: all {self.cells} code cells in {_clock(time.monotonic() - self._began)}")
        if self.live:
            print(flush=True)


def clean(notebook: NotebookNode) -> list[str]:
    """Make outputs fit to be committed, in place: no widget views, no paths of this machine, plain metadata.

    Returns what is still wrong (a warning of a library, another absolute path), naming the cell.
    """
    complaints = []
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
    for number, cell in enumerate(notebook.cells):
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        cell.outputs = [output for output in cell.outputs if WIDGET_VIEW not in output.get("data", {})]
        for output in cell.outputs:
            for holder, key in _texts(output):
                holder[key] = ANSI.sub("", holder[key].replace(f"{data_dir()}", "data").replace(f"{ROOT}{os.sep}", ""))
                found = ABSOLUTE_PATH.search(holder[key])
                if found:
                    complaints.append(f"cell {number}: an absolute path in the output: {found.group()}")
            if output.get("name") == "stderr":
                complaints.append(f"cell {number} wrote to stderr: {output['text'].strip()[:200]}")
    return complaints


def _texts(output: NotebookNode) -> list[tuple[Any, str]]:
    """(holder, key) of every text in an output."""
    data = output.get("data", {})
    return ([(output, "text")] if "text" in output else []) + [(data, kind) for kind in data if kind.startswith("text/")]


def _where(path: Path, notebook: NotebookNode, index: int, reason: str, traceback: str) -> str:
    source = notebook.cells[index].source.strip().splitlines()
    shown = [line for line in ANSI.sub("", traceback).splitlines() if line.strip()][-8:]
    what = f"FAILED: {path.name}, cell {index} (`{source[0] if source else ''}`): {reason}"
    return "\n".join([what, *(f"    {line}" for line in shown)])


def _as_html(notebook: NotebookNode, folder: Path) -> str:
    from nbconvert import HTMLExporter

    html, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook, resources={"metadata": {"path": str(folder)}})
    return html


def _clock(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
