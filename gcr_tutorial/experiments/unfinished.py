"""What a run has done so far, in OUT/checkpoints, until it is complete: so that `run --resume` can go on with it.

The folder holds `settings.json` (what the run was asked for), one checkpoint for each product that is kept (CLIP embeddings,
pseudo-queries ...) and, in `training/`, one for each training stage. While `settings.json` is there the run is
unfinished; it goes first when the run is complete.
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
from gcr_tutorial.files import write_text
from gcr_tutorial.training.checkpoints import differences, load_checkpoint, save_checkpoint

FREE = ("preset.recipe.accumulation",)  # options that change how a result is computed, not what it is


class UnfinishedRun:
    """The unfinished run in the folder `out`: a new one, or with `resume` the one that is there.

    `settings` are JSON values, all that the result depends on. Raises ValueError, without touching anything, where `out`
    holds training that would be lost (without `resume`), or was made with other settings (with it).
    """

    def __init__(self, out: str | Path, settings: dict[str, Any], resume: bool = False) -> None:
        self.folder = Path(out) / "checkpoints"
        self.training = self.folder / "training"
        begun = can_resume(out, settings, resume)
        processes.wait()  # every process has looked before one writes
        if processes.is_main() and not begun:
            shutil.rmtree(self.folder, ignore_errors=True)
            write_text(self.folder / "settings.json", json.dumps(settings, indent=1))
        processes.wait()

    def keep(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` returns (see `save_checkpoint`), or what it returned before the run was interrupted. With many
        processes the main one makes it, and all read the same."""
        folder = self.folder / name.replace(" ", "_")
        if processes.is_main() and load_checkpoint(folder) is None:
            save_checkpoint(folder, make())
        processes.wait()
        return load_checkpoint(folder)

    def complete(self) -> None:
        """Remove the folder: the results are written."""
        (self.folder / "settings.json").unlink()
        shutil.rmtree(self.folder)


def can_resume(out: str | Path, settings: dict[str, Any], resume: bool) -> bool:
    """Whether a run into `out` goes on with an unfinished one. Raises ValueError as `UnfinishedRun` does."""
    folder = Path(out) / "checkpoints"
    asked = folder / "settings.json"
    if not asked.is_file():
        return False
    if resume:
        check_same_settings(folder, json.loads(asked.read_text(encoding="utf-8")), settings)
    elif any(folder.glob("training/*/*.json")):
        raise ValueError(
            f"{folder} holds an unfinished run: add --resume to go on with it, or delete that folder to start anew"
        )
    return resume


def complete_run(out: str | Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """The results of the run in `out` where it is complete, None where it is unfinished, was not begun, or is of a version
    that kept no settings. Raises ValueError where it was made with other settings."""
    file = Path(out) / "results.json"
    if (Path(out) / "checkpoints" / "settings.json").is_file() or not file.is_file():
        return None
    results = json.loads(file.read_text(encoding="utf-8"))
    if "settings" not in results:
        return None
    check_same_settings(file, results["settings"], settings)
    if processes.is_main():
        shutil.rmtree(Path(out) / "checkpoints", ignore_errors=True)  # where `complete` was killed half-way
    return results


def differing(saved: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Each setting that differs and that a result depends on, a line for each (see `differences`)."""
    return [line for line in differences(saved, wanted) if not line.startswith(FREE)]


def check_same_settings(where: Path, saved: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raises ValueError, naming each option that differs, unless `saved` and `wanted` lead to the same result."""
    if told := differing(saved, wanted):
        raise ValueError(
            f"{where} is of a run with other settings: {'; '.join(told)}. Ask for the same, give another --out, or delete it"
        )


@contextmanager
def note_checkpoint_on_error(out: str | Path) -> Iterator[None]:
    """Adds to an error raised inside the word that the run in `out` can go on, where there is something to go on from."""
    try:
        yield
    except (OSError, MemoryError, RuntimeError, SafetensorError, KeyboardInterrupt) as error:
        if (Path(out) / "checkpoints" / "settings.json").is_file():
            error.add_note(f"what is done is kept in {Path(out) / 'checkpoints'}: go on with the same command and --resume")
        raise
