"""The folder of a run: its retriever and results where it is complete, and its checkpoints until then.

`OUT/checkpoints` holds `settings.json` (see `settings_of`), one checkpoint for each product that is kept (CLIP
embeddings, pseudo-queries), and in `training/` one for each training stage. While `settings.json` is there the run is
unfinished; it is the first file to be deleted when the run is complete.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from gcr_tutorial import processes
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.experiments.settings import check_same_settings, differing
from gcr_tutorial.files import check_writable, write_text
from gcr_tutorial.retrieval.retriever import GenerativeRetriever
from gcr_tutorial.training.checkpoints import load_checkpoint, save_checkpoint


class RunFolder:
    """The folder `out` of one run with `settings` (JSON values: all that the result depends on)."""

    def __init__(self, out: str | Path, settings: dict[str, Any]) -> None:
        self.out, self.settings = Path(out), settings
        self.results_file, self.checkpoints = self.out / "results.json", self.out / "checkpoints"
        self.training = self.checkpoints / "training"
        self.asked = self.checkpoints / "settings.json"

    def results(self) -> dict[str, Any] | None:
        """What results.json holds where a run with these settings is complete, else None."""
        if self.asked.is_file():
            return None
        try:
            results = json.loads(self.results_file.read_text(encoding="utf-8"))
            if differing(results.get("settings"), self.settings):
                return None
        except (OSError, ValueError, AttributeError):  # there is none, or it is not what a run writes
            return None
        if processes.is_main():
            shutil.rmtree(self.checkpoints, ignore_errors=True)  # what is left where deleting them was interrupted
        return results

    def check(self, resume: bool) -> bool:
        """Whether a run into this folder goes on with an unfinished one.

        Raises UserValueError where the folder holds training that would be lost (without `resume`), or a run with other
        settings (with it).
        """
        if self.asked.is_file():
            if resume:
                check_same_settings(self.checkpoints, json.loads(self.asked.read_text(encoding="utf-8")), self.settings)
            elif any(self.training.glob("*/*.json")):
                raise UserValueError(
                    f"{self.checkpoints} holds an unfinished run: add --resume to go on with it, or delete that folder to "
                    "start anew"
                )
            return resume
        if resume and self.results_file.is_file():
            results = json.loads(self.results_file.read_text(encoding="utf-8"))
            if "settings" in results:  # the first version kept none
                check_same_settings(self.results_file, results["settings"], self.settings)
        return False

    def begin(self, resume: bool, needed: int = 0) -> None:
        """Make the checkpoints' folder, or with `resume` take the one that is there. Raises as `check` does, and UserOSError
        where the disk lacks the `needed` bytes."""
        goes_on = self.check(resume)
        if processes.is_main():
            check_writable(self.out, needed)
        processes.wait()  # until every process has looked: the main one writes now
        if processes.is_main() and not goes_on:
            shutil.rmtree(self.checkpoints, ignore_errors=True)
            write_text(self.asked, json.dumps(self.settings, indent=1))
        processes.wait()

    def keep(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` returns (values that `save_checkpoint` takes), or what it returned before the run was interrupted.
        With several processes the main one makes it, and all read it."""
        folder = self.checkpoints / name.replace(" ", "_")
        if processes.is_main() and load_checkpoint(folder) is None:
            save_checkpoint(folder, make())
        processes.wait()
        return load_checkpoint(folder)

    def rehearse(self, retriever: GenerativeRetriever) -> None:
        """Try on a small scale whether all that is written at the end can be written, before the hours of training: the
        retriever's files without its weights. The main process, which will write them, tries it. Raises UserValueError where
        it cannot."""
        if not processes.is_main():
            return
        trial = self.checkpoints / "trial"
        try:
            retriever.save_pretrained(trial, weights=False)
        except (ValueError, TypeError) as error:
            raise UserValueError(
                f"what training makes could not be saved, so nothing was trained: {error}. Mend this first"
            ) from error
        finally:
            for folder in (trial, trial.with_name("trial.writing")):
                shutil.rmtree(folder, ignore_errors=True)

    def complete(self, retriever: GenerativeRetriever, results: dict[str, Any]) -> None:
        """Write the retriever and, when it is whole, results.json; then delete the checkpoints. The main process does it,
        and the others wait."""
        if processes.is_main():
            write_results(self.out, retriever, results)
            self.asked.unlink(missing_ok=True)
            shutil.rmtree(self.checkpoints, ignore_errors=True)
        processes.wait()

    @contextmanager
    def hint_at_resume(self) -> Iterator[None]:
        """Adds to an error raised inside that the run can go on, where there is something to go on from."""
        try:
            yield
        except (OSError, MemoryError, RuntimeError, SafetensorError, KeyboardInterrupt) as error:
            if self.asked.is_file():
                error.add_note(f"what is done is kept in {self.checkpoints}: go on with the same command and --resume")
            raise


def write_results(out: Path, retriever: GenerativeRetriever, results: dict[str, Any]) -> None:
    """Write `out/retriever/` and then `out/results.json`: where the latter is there, the run is complete."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").unlink(missing_ok=True)  # of an earlier run
    retriever.save_pretrained(out / "retriever")
    write_text(out / "results.json", json.dumps(results, indent=1))
