"""Where the notebooks are, and how they are written."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from gcr_tutorial.files import write_text
from gcr_tutorial.paths import ROOT

NOTEBOOKS = ROOT / "notebooks"


def notebook_paths(folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks in their order. Raises FileNotFoundError where there are none."""
    paths = sorted(folder.glob("*.ipynb"))
    if not paths:
        raise FileNotFoundError(
            f"no notebooks in {folder}: run this in a clone of the repository, installed with `pip install -e .`"
        )
    return paths


def write_notebook(path: Path, notebook: NotebookNode) -> None:
    """Write `notebook` to `path` in the one form that is committed."""
    write_text(path, notebook_text(notebook))


def notebook_text(notebook: NotebookNode) -> str:
    """The file's text, with a line's end at its end."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"
