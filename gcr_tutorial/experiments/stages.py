"""The stages of a run: timed, reported while they last, and kept for `run --resume` where they need not be done again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gcr_tutorial.experiments.unfinished import UnfinishedRun
from gcr_tutorial.progress import Progress


@dataclass
class Timer:
    """Wall-clock seconds of each stage, with a line when one ends. `unfinished` is where `keep` keeps."""

    progress: Progress
    unfinished: UnfinishedRun | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def __call__(self, stage: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = work()
        self.seconds[stage] = round(time.perf_counter() - started, 2)
        self.progress(f"[{sum(self.seconds.values()):6.1f} s] {stage}: {self.seconds[stage]:.1f} s")
        return result

    def keep(self, stage: str, work: Callable[[], Any]) -> Any:
        """The same, for work that an interrupted run need not do again: its result and seconds are kept."""
        if self.unfinished is None:
            return self(stage, work)
        made = self.unfinished.keep(stage, lambda: {"result": self(stage, work), "seconds": self.seconds[stage]})
        if stage not in self.seconds:
            self.progress(f"  {stage}: as before the interruption")
        self.seconds[stage] = made["seconds"]
        return made["result"]
