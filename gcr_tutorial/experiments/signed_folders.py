"""Folders that a command made and may delete again, as long as nobody else put anything into them."""

from __future__ import annotations

import json
from pathlib import Path

from gcr_tutorial.errors import UserOSError
from gcr_tutorial.files import write_text

SIGNATURE = "made-by-gcr_tutorial.json"
MOVE_IT = "move it away, or choose another folder with GCR_BUILD"


def sign_folder(folder: str | Path) -> None:
    """List the files of `folder` in a file SIGNATURE of it, so that `check_signature` knows them again."""
    folder = Path(folder)
    write_text(folder / SIGNATURE, json.dumps(_listing(folder), indent=1))


def check_signature(folder: str | Path) -> None:
    """Do nothing if `folder` holds no file but those that `sign_folder` listed, unchanged: then it may be deleted.

    Raises UserOSError where the folder was not signed, or where a file in it is new or was changed.
    """
    folder = Path(folder)
    try:
        signed = json.loads((folder / SIGNATURE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserOSError(f"{folder} was not made by this command, so it is not deleted: {MOVE_IT}") from None
    found = _listing(folder)
    if mine := sorted(name for name in found if found[name] != signed.get(name)):
        raise UserOSError(f"{folder} holds files that this command did not make ({', '.join(mine[:3])}): {MOVE_IT}")


def _listing(folder: Path) -> dict[str, list[int]]:
    """Size in bytes and time of the last change in nanoseconds of each file below `folder`, except SIGNATURE."""
    files = [path for path in sorted(folder.rglob("*")) if not path.is_dir() and path.name != SIGNATURE]
    return {path.relative_to(folder).as_posix(): [path.lstat().st_size, path.lstat().st_mtime_ns] for path in files}
