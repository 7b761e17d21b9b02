"""All identifier kinds under one configuration (GRACE section 4.3's comparison of identifiers)."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gcr_tutorial import processes
from gcr_tutorial.config import Preset, RunConfig
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.experiments.pipeline import run
from gcr_tutorial.experiments.reporting import comparison_markdown, comparison_rows
from gcr_tutorial.experiments.run_folder import RunFolder
from gcr_tutorial.experiments.settings import settings_of
from gcr_tutorial.files import write_text
from gcr_tutorial.identifiers import IDENTIFIER_KINDS
from gcr_tutorial.progress import Progress


def compare(
    corpus: ImageCaptionCorpus, preset: Preset, kinds: Sequence[str], config: RunConfig, *, progress: Progress = print
) -> list[dict[str, Any]]:
    """Run every kind of `kinds` as `run` does, into `config.out/KIND`; returns the results (as in results.json) in order.

    A kind that stands finished there with the same settings is not run again; an interrupted one goes on with
    `config.resume`. Pseudo-queries do not depend on the kind, so they are made once. After each kind
    `config.out/comparison.md` and `comparison.json` are written anew. Raises UserValueError, before any work, for an unknown
    kind, without `config.out`, and where `run` would for what the folder holds of one of the kinds.
    """
    unknown = [kind for kind in kinds if kind not in IDENTIFIER_KINDS]
    if unknown or not kinds:
        raise UserValueError(
            f"unknown identifier kind {next(iter(unknown), '')!r}: choose from {', '.join(IDENTIFIER_KINDS)}, or all"
        )
    if config.out is None:
        raise UserValueError("a comparison needs a folder for its results: give RunConfig(out=...)")
    if corpus.name.encode(errors="replace").decode() != corpus.name:  # the table names it, in UTF-8
        raise UserValueError(f"the name {ascii(corpus.name)} of the corpus is no UTF-8 text: rename its folder or file")
    processes.start()
    progress = progress if processes.is_main() else lambda line: None
    out, runs, seconds = Path(config.out), [], []
    configs = [
        replace(config, identifier=kind, out=out / kind, pseudo_queries_file=out / "pseudo_queries.json")
        for kind in dict.fromkeys(kinds)
    ]
    folders = [RunFolder(config.out, settings_of(corpus, preset, config)) for config in configs]
    for folder in folders:
        folder.check(config.resume)
    for number, (config, folder) in enumerate(zip(configs, folders), 1):
        name = f"{config.identifier} ({number} of {len(configs)})"
        results = folder.results()
        if results is not None:
            progress(f"{name}: finished before, found in {folder.out}")
        else:
            left = f", about {sum(seconds) / len(seconds) * (len(configs) - number + 1):.0f} s left" if seconds else ""
            progress(f"{name}: training now{left}")
            started = time.monotonic()
            results = run(corpus, preset, config, progress=progress)
            seconds.append(time.monotonic() - started)
        runs.append(results)
        if processes.is_main():
            settings = {name: value for name, value in folder.settings.items() if name != "identifier"}
            table = {"rows": comparison_rows(runs), "settings": settings, "versions": results["versions"]}
            write_text(out / "comparison.md", comparison_markdown(runs) + "\n")
            write_text(out / "comparison.json", json.dumps(table, indent=1))
    return runs
