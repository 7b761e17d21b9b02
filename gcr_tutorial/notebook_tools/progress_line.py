"""One progress line a notebook: which cell runs, for how long, how long is left, and the last thing that cell printed."""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
from nbformat import NotebookNode

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class ProgressLine:
    """One line that tells how far a notebook is: rewritten each second on a terminal, else a new one now and then."""

    def __init__(self, name: str, cells: int, usual: float | None) -> None:
        self.name, self.cells, self.usual = name, cells, usual
        self.index, self.number, self.last = 0, 0, ""
        # When it has ended: wall time, the kernel's processor time, and the most memory that the kernel held.
        self.seconds, self.cpu_seconds, self.memory_gb = 0.0, 0.0, 0.0
        self.kernel: Callable[[], int | None] = lambda: None  # the kernel's process
        self.live = sys.stdout.isatty()
        self._stop = threading.Event()
        self._began = time.monotonic()

    def cell(self, cell: NotebookNode, cell_index: int) -> None:
        """A code cell starts."""
        self.index, self.number, self.last = cell_index, self.number + 1, ""

    def said(self, text: str) -> None:
        """Something was printed."""
        lines = [line.strip() for line in re.split(r"[\r\n]", ANSI.sub("", text)) if line.strip()]
        self.last = lines[-1] if lines else self.last

    def text(self) -> str:
        """The line as of now."""
        elapsed = time.monotonic() - self._began
        if not self.usual:
            left = "time left unknown"
        elif elapsed < self.usual:
            left = f"about {clock(self.usual - elapsed)} left"
        else:
            left = "longer than usual"
        place = f"{self.name}: cell {self.number} of {self.cells}, {clock(elapsed)}, {left}"
        return f"{place} | {self.last}" if self.last else place

    def __enter__(self) -> ProgressLine:
        usual = f" (usually {clock(self.usual)})" if self.usual else ""
        print(f"{self.name}: {self.cells} code cells{usual}", flush=True)
        self._began = time.monotonic()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._ticker.start()
        return self

    def _tick(self) -> None:
        for second in itertools.count(1):
            if self._stop.wait(1.0):
                return
            self._look_at_kernel()
            if self.live or second % 10 == 0:
                self._print(self.text())

    def _look_at_kernel(self) -> None:
        pid = self.kernel()
        with contextlib.suppress(psutil.Error):  # the kernel may end at any moment
            if pid is not None:
                process = psutil.Process(pid)
                self.memory_gb = max(self.memory_gb, process.memory_info().rss / 1e9)
                self.cpu_seconds = sum(process.cpu_times()[:2])

    def _print(self, text: str) -> None:
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            print("\r\x1b[K" + text[:width], end="", flush=True)
        else:
            print(text, flush=True)

    def __exit__(self, kind: Any, *error: Any) -> None:
        self._stop.set()
        self._ticker.join()
        self.seconds = time.monotonic() - self._began
        if kind is None:
            memory = f", {self.memory_gb:.1f} GB of memory" if self.memory_gb else ""
            self._print(f"{self.name}: all {self.cells} code cells in {clock(self.seconds)}{memory}")
        if self.live:
            print(flush=True)


def clock(seconds: float) -> str:
    """Seconds as a reader wants them."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
