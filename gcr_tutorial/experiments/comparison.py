"""All identifier kinds under one recipe (GRACE section 4.3's comparison of identifiers): what `compare` does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gcr_tutorial import processes
from gcr_tutorial.config import Preset
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.experiments.pipeline import run
from gcr_tutorial.experiments.reporting import comparison_markdown, comparison_rows
from gcr_tutorial.experiments.settings import settings_of
from gcr_tutorial.experiments.unfinished import can_resume, complete_run, differing, note_checkpoint_on_error
from gcr_tutorial.files import write_text
from gcr_tutorial.identifiers import IDENTIFIER_KINDS


def compare(
    corpus: ImageCaptionCorpus,
    preset: Preset,
    kinds: Sequence[str],
    out: str | Path,
    *,
    protocol: str = "karpathy",
    seed: int = 0,
    progress: Callable[[str], None] = print,
    about: dict | None = None,
    resume: bool = False,
    **saving: Any,
) -> list[dict[str, Any]]:
    """Run every kind of `kinds` as `run` does, into `out/KIND`; returns the results (as in results.json) in order.

    A kind that stands finished in `out` with the same settings is not run again; one that was interrupted goes on with
    `resume`, and `saving` says how often it is saved (see `run`). Pseudo-queries do not depend on the kind and are made
    once. After each kind `out/comparison.md` and `out/comparison.json` are written anew. Raises ValueError, before any
    work, for an unknown kind, and where `run` would for what `out` holds of one of them.
    """
    unknown = [kind for kind in kinds if kind not in IDENTIFIER_KINDS]
    if unknown or not kinds:
        raise ValueError(
            f"unknown identifier kind {next(iter(unknown), '')!r}: choose from {', '.join(IDENTIFIER_KINDS)}, or all"
        )
    kinds = list(dict.fromkeys(kinds))
    processes.start()
    progress = progress if processes.is_main() else lambda line: None
    out, runs, seconds = Path(out), [], []
    settings_by_kind = {kind: settings_of(corpus, preset, kind, protocol, seed) for kind in kinds}
    for kind, settings in settings_by_kind.items():
        if resume:
            complete_run(out / kind, settings)
        can_resume(out / kind, settings, resume)
    for number, (kind, settings) in enumerate(settings_by_kind.items(), 1):
        results = finished(out / kind, settings)
        if results is not None:
            progress(f"{kind} ({number} of {len(kinds)}): finished before, found in {out / kind}")
        else:
            left = f", about {sum(seconds) / len(seconds) * (len(kinds) - number + 1):.0f} s left" if seconds else ""
            progress(f"{kind} ({number} of {len(kinds)}): training now{left}")
            started = time.monotonic()
            with note_checkpoint_on_error(out / kind):
                results = run(
                    corpus,
                    preset,
                    identifier=kind,
                    protocol=protocol,
                    seed=seed,
                    out=out / kind,
                    about=about,
                    progress=progress,
                    pseudo_store=out / "pseudo_queries.json",
                    resume=resume,
                    **saving,
                )
            seconds.append(time.monotonic() - started)
        runs.append(results)
        if processes.is_main():
            write_text(out / "comparison.md", comparison_markdown(runs) + "\n")
            write_text(
                out / "comparison.json",
                json.dumps(
                    {
                        "rows": comparison_rows(runs),
                        "settings": {key: value for key, value in settings.items() if key != "identifier"},
                        "versions": results["versions"],
                    },
                    indent=1,
                ),
            )
    return runs


def finished(folder: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """The results in `folder` where a run with these settings was completed, else None."""
    try:
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        return None if differing(results.get("settings"), settings) else results
    except (OSError, ValueError, AttributeError):  # none there, or not what a run writes: run it
        return None
