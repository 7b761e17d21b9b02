"""Save and load checkpoints: nested Python values with tensors in them.

A checkpoint is a folder with one pair of files: the tensors in `N.safetensors`, everything else in `N.json`, where N
counts the times that it was saved. The JSON file is renamed into the folder after its tensors are on the disk, and only
then the pair before it is deleted. So a kill at any moment leaves at least one complete pair, and the one with the highest
number is loaded. Loading never executes anything that is in the files.
"""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.files import write_text


def save_checkpoint(folder: str | Path, state: Any) -> None:
    """Write `state` (tensors, numbers, strings, None, and lists, tuples and dicts of them) to the checkpoint `folder`.

    Raises OSError where the files cannot be written (a full disk, for example): what was saved before is still there.
    Raises ValueError for a value of another type.
    """
    folder = Path(folder)
    tensors: dict[str, torch.Tensor] = {}
    text = json.dumps(_to_json(state, tensors, ""))
    folder.mkdir(parents=True, exist_ok=True)
    before = _newest(folder)
    _delete_all_but(before, folder)  # what a killed process has left behind
    number = (before or 0) + 1
    try:
        file = folder / f"{number}.safetensors"
        save_file(tensors, file)
        with open(file, "rb") as written:
            os.fsync(written.fileno())
        write_text(folder / f"{number}.json", text)
    except (OSError, SafetensorError) as error:
        _delete_all_but(before, folder)  # half a file must not fill the disk
        raise error if isinstance(error, OSError) else _as_os_error(error, file) from error
    _delete_all_but(number, folder)


def load_checkpoint(folder: str | Path) -> Any:
    """The state saved in the checkpoint `folder`, with its tensors on the CPU; None where nothing was saved.

    Raises UserValueError where the files are damaged."""
    folder = Path(folder)
    try:
        number = _newest(folder)
        if number is None:
            return None
        tensors = load_file(folder / f"{number}.safetensors")
        return _from_json(json.loads((folder / f"{number}.json").read_text(encoding="utf-8")), tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UserValueError(f"the checkpoint {folder} cannot be read ({error}): delete it to start anew") from error


def differences(saved: Any, wanted: Any, name: str = "") -> list[str]:
    """Where two settings (JSON values) differ, one line for each option: "recipe.lr was 0.003 and is 0.001"."""
    if isinstance(saved, dict) and isinstance(wanted, dict):
        names = [*saved, *(key for key in wanted if key not in saved)]
        return [
            line for key in names for line in differences(saved.get(key), wanted.get(key), f"{name}.{key}".removeprefix("."))
        ]
    return [] if saved == wanted else [f"{name} was {saved!r} and is {wanted!r}"]


def _newest(folder: Path) -> int | None:
    """The number of the last complete pair of files, None where there is none."""
    if not folder.exists():
        return None
    return max((int(file.stem) for file in folder.iterdir() if re.fullmatch(r"\d+\.json", file.name)), default=None)


def _delete_all_but(number: int | None, folder: Path) -> None:
    """Delete every file of this module and every temporary file of safetensors, apart from the pair `number`."""
    for file in folder.iterdir():
        ours = re.fullmatch(r"(\d+)\.(safetensors|json|json\.writing)|\.tmp\w+", file.name)
        if ours and file.name not in (f"{number}.json", f"{number}.safetensors"):
            file.unlink()


def _as_os_error(error: SafetensorError, file: Path) -> OSError:
    """The error of the operating system that safetensors mentions in its text, "... (os error 28)"."""
    found = re.search(r"os error (\d+)", str(error))
    number = int(found[1]) if found else errno.EIO
    return OSError(number, os.strerror(number) if found else str(error), str(file))


def _to_json(value: Any, tensors: dict[str, torch.Tensor], name: str) -> Any:
    """`value` as JSON. Its tensors are put into `tensors` under a name that says where they were, such as
    "optimizer.state.0.exp_avg". What JSON does not have becomes a dict with one key that says what it was."""
    if isinstance(value, torch.Tensor):
        while name in tensors:
            name += "_"
        tensors[name] = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)  # tied weights share memory
        return {"tensor": name}
    if isinstance(value, dict):  # as pairs, because keys may be numbers
        return {"dict": [[key, _to_json(item, tensors, f"{name}.{key}".removeprefix("."))] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        items = [_to_json(item, tensors, f"{name}.{i}".removeprefix(".")) for i, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise UserValueError(f"a checkpoint cannot hold {type(value).__name__}: give it tensors, numbers, strings, lists and dicts")


def _from_json(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """The value that `_to_json` made `value` from."""
    if isinstance(value, list):
        return [_from_json(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _from_json(item, tensors) for key, item in content}
    return tuple(_from_json(item, tensors) for item in content)
