"""The stages of a run: the one place that times them, reports them, keeps their products and shares them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from gcr_tutorial import processes
from gcr_tutorial.config import CheckpointConfig, RunConfig
from gcr_tutorial.experiments.run_folder import RunFolder
from gcr_tutorial.files import check_writable
from gcr_tutorial.progress import Progress, StageProgress
from gcr_tutorial.retrieval.retriever import GenerativeRetriever

T = TypeVar("T")


class Stages:
    """Calls the work of each stage, measures it, and says when it has ended.

    Attributes:
        seconds: wall-clock seconds of each stage so far, those before an interruption included.
        progress: is called with each line for the reader, by the main process alone.
        report: callback (stage, done, total, loss or nothing) that shows how far the stage at hand is.
        checkpoint: where and how often training is saved; nowhere without `config.out`.
    """

    def __init__(self, config: RunConfig, settings: dict[str, Any], progress: Progress = print) -> None:
        self.resume, self.settings = config.resume, settings
        self.folder = None if config.out is None else RunFolder(config.out, settings)
        self.progress: Progress = progress if processes.is_main() else lambda line: None
        self.report = StageProgress(self.progress)
        self.seconds: dict[str, float] = {}
        self.checkpoint = CheckpointConfig(
            self.folder and self.folder.training, config.checkpoint_seconds, config.checkpoint_steps
        )

    def earlier_results(self) -> dict[str, Any] | None:
        """The results of the run where it is complete already and `resume` was asked for. Raises UserValueError where the
        folder holds another run (see `RunFolder.check`), and UserOSError where it cannot be written."""
        if self.folder is None:
            return None
        self.folder.check(self.resume)
        results = self.folder.results() if self.resume else None
        if results is not None:
            self.progress(f"{self.folder.out} holds this run already, complete")
        elif processes.is_main():
            check_writable(self.folder.out)
        return results

    def begin(self, needed: int) -> None:
        """From here on what is done is kept in the run's folder, if its disk has the `needed` bytes."""
        if self.folder is not None:
            self.folder.begin(self.resume, needed)

    def rehearse(self, retriever: GenerativeRetriever) -> None:
        """Find out before training whether the retriever can be saved after it (see `RunFolder.rehearse`)."""
        if self.folder is not None:
            self.folder.rehearse(retriever)

    def __call__(self, stage: str, work: Callable[[], T]) -> T:
        """What `work` returns; its seconds are noted, and a line says that the stage has ended."""
        started = time.perf_counter()
        result = work()
        self.report.close()
        self.seconds[stage] = round(time.perf_counter() - started, 2)
        self.progress(f"[{sum(self.seconds.values()):6.1f} s] {stage}: {self.seconds[stage]:.1f} s")
        return result

    def main_first(self, stage: str, work: Callable[[], T]) -> T:
        """The same; the main process works before the others do, so that they find what it put on disk."""
        return self(stage, lambda: processes.main_first(work))

    def keep(self, stage: str, work: Callable[[], T]) -> T:
        """The same, for work that a resumed run need not do again: its result and seconds are kept in the run's folder. The
        main process works, and the others read the result."""
        if self.folder is None:
            return self(stage, work)
        made = self.folder.keep(stage, lambda: {"result": self(stage, work), "seconds": self.seconds[stage]})
        if stage not in self.seconds:
            self.progress(f"  {stage}: as before the interruption")
        self.seconds[stage] = made["seconds"]
        return made["result"]

    def complete(self, retriever: GenerativeRetriever, results: dict[str, Any]) -> None:
        """Write the retriever and the results, and delete the checkpoints; nothing without a folder."""
        if self.folder is not None:
            self.folder.complete(retriever, results)

    def hint_at_resume(self) -> AbstractContextManager[None]:
        """Adds to an error raised inside that the run can go on, where there is something to go on from."""
        return nullcontext() if self.folder is None else self.folder.hint_at_resume()
