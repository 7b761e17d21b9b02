"""Where things are: the clone, shipped data, built artifacts and caches."""

from __future__ import annotations

import os
from pathlib import Path

from gcr_tutorial.errors import UserFileNotFoundError

ROOT = Path(__file__).resolve().parent.parent  # the clone, or the folder that this package is installed in


def data_dir() -> Path:
    """The folder with shipped backbones and artifacts: GCR_DATA, else `data/` beside the clone this package runs from.

    Raises FileNotFoundError, saying what to do, where there is none.
    """
    chosen = os.environ.get("GCR_DATA")
    path = Path(chosen).expanduser().resolve() if chosen else ROOT / "data"
    if not path.is_dir():
        where = f"GCR_DATA={chosen} is not a folder" if chosen else f"there is no {path}"
        raise UserFileNotFoundError(
            f"the tutorial's data folder was not found ({where}). Clone the repository and install it in place "
            "(`pip install -e .`), or set GCR_DATA to the clone's data/ folder"
        )
    return path


def located(name: str) -> str:
    """The folder of a shipped backbone ("backbones/NAME"); any other name as it is."""
    return str(data_dir() / name) if name.startswith("backbones/") else name


def cache_dir() -> Path | None:
    """Where caches go: GCR_CACHE, else `~/.cache/gcr_tutorial`; None where GCR_CACHE is empty (no caching)."""
    chosen = os.environ.get("GCR_CACHE", "~/.cache/gcr_tutorial")
    return Path(chosen).expanduser() if chosen else None


def build_dir() -> Path:
    """Where artifacts trained now go: GCR_BUILD, else `build/artifacts` beside `data/`."""
    return Path(os.environ.get("GCR_BUILD") or data_dir().parent / "build" / "artifacts")
