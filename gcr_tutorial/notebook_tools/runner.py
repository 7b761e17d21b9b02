"""Execute the notebooks: `run_tutorial` with every number made anew, `save_notebooks` to save them with their outputs.

A notebook's metadata ("gcr_tutorial") say how long it usually takes: `seconds` with what is shipped in data/ and
`seconds_rebuild` with everything trained anew, as its author states them; and in `measured` what `save_notebooks` measured
last: the most memory of the kernel in GB (1e9 bytes), and the lesser of wall seconds and processor seconds, because wall
seconds are too many on a busy machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from gcr_tutorial.experiments.reporting import results_table
from gcr_tutorial.experiments.signed_folders import check_signature
from gcr_tutorial.files import write_text
from gcr_tutorial.notebook_tools.files import NOTEBOOKS, notebook_paths, notebook_text, without_widgets
from gcr_tutorial.notebook_tools.progress_line import ANSI, ProgressLine, clock
from gcr_tutorial.paths import ROOT, build_dir, data_dir

CELL_TIMEOUT = 3600  # seconds; a cell may train for many minutes on a slow machine
MOST_BYTES = 1_500_000  # of one saved notebook
DURATION = re.compile(r"(?<![\w.,])(\d[\d,]*(?:\.\d+)?) (s|min)\b")
# A path that only exists on the machine that wrote it.
ABSOLUTE_PATH = re.compile(r"(?<![\w./:~])/(?:home|root|tmp|work|Users|usr|opt|var|mnt|content)/[\w./-]+|\b[A-Z]:\\\w[\w\\.]*")


class NotebookFailed(Exception):
    """A notebook stopped; the message names notebook and cell and ends with the error's last lines."""


def run_tutorial(out: Path, folder: Path = NOTEBOOKS) -> int:
    """Execute every notebook with everything trained anew; executed copies and HTML pages go to `out`.

    What is trained goes to build_dir(), from which the runs of earlier notebooks are deleted first. At the end, print the
    table of all results; returns the exit status. Raises UserOSError, and deletes nothing, where build_dir() holds a run
    that no notebook made, or a file that somebody put beside one.
    """
    from gcr_tutorial.notebook_tools.html_page import as_html  # it takes a second

    paths, build, memory_gb = notebook_paths(folder), build_dir().resolve(), 0.0
    earlier = [results.parent for results in sorted(build.glob("*/results.json"))]
    for run in earlier:
        check_signature(run)
    for run in earlier:
        shutil.rmtree(run)
    out.mkdir(parents=True, exist_ok=True)
    environment = {"GCR_REBUILD": os.environ.get("GCR_REBUILD") or "1", "GCR_BUILD": str(build)}
    started = time.monotonic()
    for path in paths:
        copy = out / path.name
        try:
            notebook, line = execute(path, environment, "seconds_rebuild")
        except NotebookFailed as failure:
            print(failure, file=sys.stderr)
            return 1
        write_text(copy, notebook_text(notebook))
        memory_gb = max(memory_gb, line.memory_gb)
        write_text(copy.with_suffix(".html"), as_html(notebook))
        print(f"written: {copy} and {copy.with_suffix('.html').name}")
    runs = [json.loads(file.read_text()) for file in sorted(build.glob("*/results.json"))]
    print(f"\nall {len(paths)} notebooks executed in {clock(time.monotonic() - started)}, at most {memory_gb:.1f} GB of memory")
    print(results_table(runs, source="trained now") if runs else f"no notebook trained a retriever: {build} is empty")
    return 0


def save_notebooks(folder: Path = NOTEBOOKS) -> int:
    """Execute the notebooks in place with what is shipped in data/, and save their cleaned outputs.

    A notebook that fails, or that comes out too large, stays as it was. Returns the exit status.
    """
    code = 0
    for path in notebook_paths(folder):
        try:
            notebook, line = execute(path, {"GCR_REBUILD": "0"}, "seconds")
        except NotebookFailed as failure:
            print(failure, file=sys.stderr)
            code = 1
            continue
        for complaint in clean(notebook) + too_slow(notebook):
            print(f"[WARN] {path.name}, {complaint}")
        note_measured(notebook, min(line.seconds, line.cpu_seconds or line.seconds), line.memory_gb)
        text = notebook_text(notebook)
        if len(text.encode()) > MOST_BYTES:
            print(f"{path.name} would be {len(text.encode()):,} bytes, more than {MOST_BYTES:,}: not saved", file=sys.stderr)
            code = 1
            continue
        write_text(path, text)
        print(f"saved: {path.name}, {len(text.encode()) / 1000:.0f} kB")
    return code


def note_measured(notebook: NotebookNode, seconds: float, memory_gb: float) -> None:
    """Write what this run measured into the notebook's metadata, unless it is within a quarter of what is noted there, so
    that a run that measured the same leaves the file as it was."""
    facts = notebook.metadata.setdefault("gcr_tutorial", {})
    new = {"seconds": round(seconds), "memory_gb": round(memory_gb, 1)}
    old = facts.get("measured", {})
    if not all(abs(new[key] - old.get(key, 0)) <= 0.25 * old.get(key, 0) for key in new):
        facts["measured"] = new


def execute(path: Path, environment: Mapping[str, str], fact: str = "seconds") -> tuple[NotebookNode, ProgressLine]:
    """Execute the notebook `path` in a new kernel that runs in its folder.

    Args:
        path: of the notebook, which stays as it is.
        environment: variables of the kernel's environment that are set or changed.
        fact: the key of the notebook's metadata that has its usual seconds.

    Returns the notebook with its outputs, and the progress line, which knows how long it took. Raises NotebookFailed.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    usual = notebook.metadata.get("gcr_tutorial", {}).get(fact)
    line = ProgressLine(path.name, sum(cell.cell_type == "code" for cell in notebook.cells), usual)
    # The notebooks import the package that runs this, whether it is installed or not.
    python_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    client = _Client(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        coalesce_streams=True,
        store_widget_state=False,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=line.cell,
    )
    client.say = line.said
    line.kernel = lambda: getattr(getattr(client.km, "provisioner", None), "pid", None)
    try:
        with line:
            client.execute(env={**os.environ, "GCR_PRESET": "tiny", "PYTHONPATH": python_path, **environment})
    except CellExecutionError as error:
        raise NotebookFailed(_where(path, notebook, line.index, f"{error.ename}: {error.evalue}", error.traceback)) from error
    except (DeadKernelError, AssertionError) as error:
        # On Ctrl-C nbclient ends the kernel itself, and then raises one of these errors because it is gone.
        if getattr(client, "_async_cleanup_kernel_future", None) is not None:
            raise KeyboardInterrupt from error
        reason = "the kernel died (out of memory? close other notebooks' kernels)"
        raise NotebookFailed(_where(path, notebook, line.index, reason, "")) from error
    except TimeoutError as error:
        reason = f"no end after {CELL_TIMEOUT} s"
        raise NotebookFailed(_where(path, notebook, line.index, reason, "")) from error
    return notebook, line


class _Client(NotebookClient):
    """An nbclient that also calls `say` with what a cell prints or updates while it runs."""

    say: Callable[[str], None] = staticmethod(lambda text: None)

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        content = msg["content"]
        text = content.get("text") or content.get("data", {}).get("text/plain", "")
        if msg["msg_type"] in ("stream", "update_display_data") and "image/png" not in content.get("data", {}):
            self.say(text)
        return super().process_message(msg, cell, cell_index)


def clean(notebook: NotebookNode) -> list[str]:
    """Remove widget views, paths of this machine and metadata of the run from a notebook that is to be committed.

    Changes the notebook in place. Returns what is still wrong (a warning of a library, another absolute path), a sentence
    for each, with the number of the cell.
    """
    complaints = []
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
    for number, cell in enumerate(notebook.cells):
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        cell.outputs = without_widgets(cell.outputs)
        for output in cell.outputs:
            for holder, key in _texts(output):
                holder[key] = ANSI.sub("", holder[key].replace(f"{data_dir()}", "data").replace(f"{ROOT}{os.sep}", ""))
                found = ABSOLUTE_PATH.search(holder[key])
                if found:
                    complaints.append(f"cell {number}: an absolute path in the output: {found.group()}")
            if output.get("name") == "stderr":
                complaints.append(f"cell {number} wrote to stderr: {output['text'].strip()[:200]}")
    return complaints


def too_slow(notebook: NotebookNode) -> list[str]:
    """Times in the outputs that are longer than the notebook's stated runtime, a sentence for each.

    Such outputs were made on a busy machine and contradict what the reader was told.
    """
    stated = notebook.metadata.get("gcr_tutorial", {}).get("seconds")
    found = []
    for cell in notebook.cells if stated else []:
        for holder, key in (text for output in cell.get("outputs", []) for text in _texts(output)):
            for number, unit in DURATION.findall(holder[key]):
                if float(number.replace(",", "")) * (60 if unit == "min" else 1) > stated:
                    found.append(
                        f"the cell {cell.id} prints {number} {unit}, more than the stated runtime of {stated} s: save the "
                        "notebook on an idle machine"
                    )
    return found


def _texts(output: NotebookNode) -> list[tuple[Any, str]]:
    """(holder, key) of every text in an output."""
    data = output.get("data", {})
    return ([(output, "text")] if "text" in output else []) + [(data, kind) for kind in data if kind.startswith("text/")]


def _where(path: Path, notebook: NotebookNode, index: int, reason: str, traceback: str) -> str:
    source = notebook.cells[index].source.strip().splitlines()
    shown = [line for line in ANSI.sub("", traceback).splitlines() if line.strip()][-8:]
    what = f"FAILED: {path.name}, cell {index} (`{source[0] if source else ''}`): {reason}"
    return "\n".join([what, *(f"    {line}" for line in shown)])
