"""Report how far a stage of work is and how long it will still take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

Progress = Callable[[str], None]


def every(seconds: float, progress: Progress) -> Callable[..., None]:
    """A callback (stage, step, total, loss where there is one) that says, at most every `seconds`, how far a stage is and
    how long it will take."""
    state: dict[str, Any] = {}

    def report(stage: str, step: int, total: int, loss: float | None = None) -> None:
        now = time.monotonic()
        if step == 1 or state.get("of") != (stage, total):
            state.update(start=now, first=step, said=now, of=(stage, total))
        elif now - state["said"] > seconds or step == total:
            left = (now - state["start"]) / max(1, step - state["first"]) * (total - step)
            state["said"] = now
            done = f"{step}/{total}" if loss is None else f"{step}/{total} steps, loss {loss:.3f}"
            progress(f"  {stage} {done}, {left:.0f} s left")

    return report
