"""Show how far a stage of work is and how long it will still take: a tqdm bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tqdm import tqdm

Progress = Callable[[str], None]  # is called with each line for the reader; `print` is one
SECONDS_BETWEEN_LINES = 10.0


class _LineFile:
    """The file that tqdm writes to where no terminal is: each state of the bar becomes a line of its own, so that a log
    stays readable."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def write(self, text: str) -> None:
        if text.strip():
            self.progress(f"  {text.strip()}")

    def flush(self) -> None:
        """There is nothing to flush."""


class StageProgress:
    """A callback (stage, done, total, loss or nothing) that shows the stage at hand; a new stage replaces the last one.

    Where `progress` is `print` and the terminal can rewrite a line, a bar moves there. Otherwise `progress` is called with
    a line at most every ten seconds, so a short stage shows nothing.
    """

    def __init__(self, progress: Progress = print) -> None:
        self.bar: tqdm | None = None
        self.options: dict = {"mininterval": 0.5}
        if progress is not print or not sys.stderr.isatty():
            self.options = {
                "file": _LineFile(progress),
                "mininterval": SECONDS_BETWEEN_LINES,
                "delay": SECONDS_BETWEEN_LINES,
                "bar_format": "{desc} {n_fmt}/{total_fmt}{postfix}, {remaining} left",
            }

    def __call__(self, stage: str, done: int, total: int, loss: float | None = None) -> None:
        if self.bar is None or self.bar.desc != stage or done < self.bar.n:
            self.close()
            self.bar = tqdm(desc=stage, initial=done, total=total, miniters=1, smoothing=0, position=0, **self.options)
            return
        self.bar.total = total
        if loss is not None:
            self.bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        """The stage has ended."""
        if self.bar is not None:
            self.bar.close()
        self.bar = None
