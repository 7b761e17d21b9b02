"""The notebooks as files: where they are, the form in which they are written, and outputs that can be saved."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from gcr_tutorial.errors import UserFileNotFoundError
from gcr_tutorial.files import write_text
from gcr_tutorial.paths import ROOT

NOTEBOOKS = ROOT / "notebooks"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"  # the type of a widget among a cell's outputs


def notebook_paths(folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks in their order. Raises FileNotFoundError where there are none."""
    paths = sorted(folder.glob("*.ipynb"))
    if not paths:
        raise UserFileNotFoundError(
            f"no notebooks in {folder}: run this in a clone of the repository, installed with `pip install -e .`"
        )
    return paths


def write_notebook(path: Path, notebook: NotebookNode) -> None:
    """Write `notebook` to `path` in the form that is committed; see `notebook_text`."""
    write_text(path, notebook_text(notebook))


def notebook_text(notebook: NotebookNode) -> str:
    """The text of the notebook's file, which ends with one line break."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def without_widgets(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The outputs of a cell without widgets, which work only beside a kernel. The picture below a widget stays."""
    return [output for output in outputs if WIDGET_VIEW not in output.get("data", {})]
