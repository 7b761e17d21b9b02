"""Checkpoints that survive being killed: written aside, flushed, then renamed over the last good one.

A checkpoint is one safetensors file; what is not a tensor stands as JSON in its header. Nothing in it is ever executed.
It is written here, byte by byte, and not by the library, whose own temporary files a killed run would leave behind and
whose errors do not say that the disk is full.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from gcr_tutorial.files import new_file

DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def save_checkpoint(path: str | Path, state: Any) -> None:
    """Write `state` (tensors, numbers, strings, None, and lists, tuples and dicts of them) to `path` so that a kill at any
    moment leaves either the old file or the new one, never half of one. Raises OSError for a full disk, which leaves the
    old file too, and ValueError for a value of another type."""
    tensors: list[torch.Tensor] = []
    header: dict[str, Any] = {"__metadata__": {"state": json.dumps(_to_json(state, tensors))}}
    start = 0
    for number, tensor in enumerate(tensors):
        end = start + tensor.numel() * tensor.element_size()
        header[str(number)] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
        start = end
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)  # tensors start at a multiple of eight
    with new_file(path) as aside:
        try:
            with open(aside, "wb") as file:
                file.write(struct.pack("<Q", len(head)) + head)
                for tensor in tensors:
                    file.write(memoryview(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()))
        except OSError:
            aside.unlink(missing_ok=True)  # a full disk is not made fuller by half a file
            raise


def load_checkpoint(path: str | Path) -> Any:
    """The state saved at `path`, tensors on the CPU, or None where there is none. Raises ValueError for a damaged file."""
    path = Path(path)
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            return _from_json(json.loads(file.metadata()["state"]), file)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the checkpoint {path} cannot be read ({error}): delete it to start anew") from error


def differences(saved: Any, wanted: Any, name: str = "") -> list[str]:
    """Where two settings (JSON values) differ, one line for each option: "recipe.lr was 0.003 and is 0.001"."""
    if isinstance(saved, dict) and isinstance(wanted, dict):
        names = [*saved, *(key for key in wanted if key not in saved)]
        return [
            line for key in names for line in differences(saved.get(key), wanted.get(key), f"{name}.{key}".removeprefix("."))
        ]
    return [] if saved == wanted else [f"{name} was {saved!r} and is {wanted!r}"]


def _to_json(value: Any, tensors: list[torch.Tensor]) -> Any:
    """`value` as JSON, its tensors appended to the list `tensors`. What JSON lacks becomes a dict with one key that says
    what it was."""
    if isinstance(value, torch.Tensor):
        tensors.append(value)
        return {"tensor": len(tensors) - 1}
    if isinstance(value, dict):  # as pairs: keys may be numbers
        return {"dict": [[_to_json(key, tensors), _to_json(item, tensors)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_to_json(item, tensors) for item in value]}
    if isinstance(value, list):
        return [_to_json(item, tensors) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError(f"a checkpoint cannot hold {type(value).__name__}: give it tensors, numbers, strings, lists and dicts")


def _from_json(value: Any, file: Any) -> Any:
    if isinstance(value, list):
        return [_from_json(item, file) for item in value]
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    if kind == "tensor":
        return file.get_tensor(str(content))
    if kind == "dict":
        return {_from_json(key, file): _from_json(item, file) for key, item in content}
    return tuple(_from_json(item, file) for item in content)
