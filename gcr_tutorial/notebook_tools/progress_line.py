"""Progress of a notebook that is executed: which cell runs, for how long, the time left, and what the cell printed last."""

from __future__ import annotations

import contextlib
import itertools
import re
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
from nbformat import NotebookNode
from tqdm import tqdm

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class ProgressLine:
    """One line that tells how far a notebook is: on a terminal tqdm's, rewritten each second; else a new line every 10 s.

    Use it in a `with` block around the execution. Afterwards it knows `seconds` (wall time), `cpu_seconds` (the kernel's
    processor time) and `memory_gb` (the most memory that the kernel held, in 1e9 bytes).

    Args:
        name: of the notebook.
        cells: how many code cells it has.
        usual: seconds that it usually takes, where known.
    """

    def __init__(self, name: str, cells: int, usual: float | None) -> None:
        self.name, self.cells, self.usual = name, cells, usual
        self.index, self.number, self.last = 0, 0, ""
        self.seconds, self.cpu_seconds, self.memory_gb = 0.0, 0.0, 0.0
        self.kernel: Callable[[], int | None] = lambda: None  # gives the id of the kernel's process
        self._stop = threading.Event()
        self._began = time.monotonic()

    def cell(self, cell: NotebookNode, cell_index: int) -> None:
        """Note that a code cell starts."""
        self.index, self.number, self.last = cell_index, self.number + 1, ""

    def said(self, text: str) -> None:
        """Note what the cell printed; the last line of it is shown."""
        lines = [line.strip() for line in re.split(r"[\r\n]", ANSI.sub("", text)) if line.strip()]
        self.last = lines[-1] if lines else self.last

    def text(self) -> str:
        """The line as it is now."""
        elapsed = time.monotonic() - self._began
        if not self.usual:
            left = "time left unknown"
        elif elapsed < self.usual:
            left = f"about {clock(self.usual - elapsed)} left"
        else:
            left = "longer than usual"
        line = f"{self.name}: cell {self.number} of {self.cells}, {clock(elapsed)}, {left}"
        return f"{line} | {self.last}" if self.last else line

    def __enter__(self) -> ProgressLine:
        usual = f" (usually {clock(self.usual)})" if self.usual else ""
        print(f"{self.name}: {self.cells} code cells{usual}", flush=True)
        self._began = time.monotonic()
        options = {"bar_format": "{desc} {bar}", "dynamic_ncols": True, "leave": False}
        self._bar = tqdm(total=self.cells, file=sys.stdout, disable=not sys.stdout.isatty(), **options)
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._ticker.start()
        return self

    def _tick(self) -> None:
        for second in itertools.count(1):
            if self._stop.wait(1.0):
                return
            self._look_at_kernel()
            if not self._bar.disable:
                self._bar.n = max(0, self.number - 1)
                self._bar.set_description_str(self.text())
            elif second % 10 == 0:
                print(self.text(), flush=True)

    def _look_at_kernel(self) -> None:
        pid = self.kernel()
        with contextlib.suppress(psutil.Error):  # the kernel may end at any moment
            if pid is not None:
                process = psutil.Process(pid)
                self.memory_gb = max(self.memory_gb, process.memory_info().rss / 1e9)
                self.cpu_seconds = sum(process.cpu_times()[:2])

    def __exit__(self, kind: Any, *error: Any) -> None:
        self._stop.set()
        self._ticker.join()
        self._bar.close()
        self.seconds = time.monotonic() - self._began
        if kind is None:
            memory = f", {self.memory_gb:.1f} GB of memory" if self.memory_gb else ""
            print(f"{self.name}: all {self.cells} code cells in {clock(self.seconds)}{memory}", flush=True)


def clock(seconds: float) -> str:
    """A duration in words: "12 s", "3.4 min"."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
