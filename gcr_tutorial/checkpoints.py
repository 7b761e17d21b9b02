"""Checkpoints that survive being killed: written aside, flushed, then renamed over the last good one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .files import new_file


def save_checkpoint(path: str | Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, lists and dicts of them) to `path` so that a kill at any moment leaves
    either the old file or the new one, never half of one."""
    with new_file(path) as aside:
        torch.save(state, aside)


def load_checkpoint(path: str | Path) -> dict[str, Any] | None:
    """The state saved at `path`, or None where there is none. Reads data only (`weights_only=True`), never code."""
    path = Path(path)
    if not path.exists():
        return None
    return torch.load(path, map_location="cpu", weights_only=True)
