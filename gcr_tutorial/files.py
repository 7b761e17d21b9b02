"""Write files and folders so that they are never half there: aside first, then renamed. Find out early what cannot be written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gcr_tutorial.errors import UserOSError

GIB = 2**30


@contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """A path to write to; what was written there replaces the file `path` when the block ends without an error.

    A kill at any moment leaves either the old file or the new one. The folder is made where it is missing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".writing")
    yield aside
    with open(aside, "rb") as file:
        os.fsync(file.fileno())
    os.replace(aside, path)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`; see `new_file`."""
    with new_file(path) as aside:
        aside.write_text(text, encoding="utf-8")


@contextmanager
def new_folder(folder: str | Path) -> Iterator[Path]:
    """An empty folder to fill, which replaces `folder` when the block ends without an error.

    A kill at any moment leaves either the old folder or the new one, at `folder` or where `recover_folder` finds it.
    """
    folder = Path(folder)
    recover_folder(folder)
    aside = _beside(folder, ".writing")
    shutil.rmtree(aside, ignore_errors=True)  # left by a write that never ended, so it is not whole
    aside.mkdir(parents=True)
    yield aside
    replace_folder(aside, folder)


def replace_folder(new: Path, target: Path) -> None:
    """Replace the folder `target` by `new`, which is whole and on the same disk."""
    recover_folder(target)
    os.replace(new, _beside(target, ".written"))
    recover_folder(target)


def recover_folder(folder: str | Path) -> None:
    """Finish a replacement of `folder` that a kill has interrupted: call it before `folder` is read.

    A folder can be replaced only in steps: the new one is renamed to FOLDER.written when it is whole, the old one moves to
    FOLDER.replaced, the new one to FOLDER, and the old one is deleted. Each of these names is made here and nowhere else,
    and from each step the next ones follow.
    """
    folder = Path(folder)
    written, replaced = _beside(folder, ".written"), _beside(folder, ".replaced")
    if written.is_dir():
        if folder.exists():
            os.replace(folder, replaced)
        os.replace(written, folder)
    elif not folder.exists():
        old = _beside(folder, ".old")
        if replaced.is_dir():
            os.replace(replaced, folder)
        elif old.is_dir() and _beside(folder, ".writing").is_dir():  # the first version was killed between two renames
            os.replace(old, folder)
    if replaced.is_dir() and folder.exists():
        shutil.rmtree(replaced, ignore_errors=True)


def _beside(folder: Path, ending: str) -> Path:
    return folder.parent / (folder.name + ending)


def check_writable(folder: str | Path, needed: int = 0) -> None:
    """Try whether files can be written into `folder` (made where it is missing, and then removed again), and whether its disk
    has `needed` bytes left. Raises UserOSError, in one sentence, where not."""
    folder = Path(folder)
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        reason = "a file of that name is there" if folder.is_file() else str(error.strerror or error)
        raise UserOSError(f"cannot write into {folder}: {reason}; give another folder") from error
    finally:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
    if free < needed:
        raise UserOSError(
            f"about {needed / GIB:.1f} GiB will be written to {folder}, and only {free / GIB:.1f} GiB are free on its disk: "
            "free some, or give another folder"
        )
