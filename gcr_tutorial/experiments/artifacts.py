"""The retrievers that the notebooks share: shipped small in `data/artifacts`, and trained anew where that is asked for.

`load_artifact("atomic")` loads the shipped one, or trains it now where it is missing or GCR_REBUILD=1 is set. What is
trained goes to `build/artifacts` (GCR_BUILD chooses another folder), never into `data/`; `ship` copies it there.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import torch

from gcr_tutorial.config import RunConfig, get_preset
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.errors import UserFileNotFoundError, UserValueError
from gcr_tutorial.experiments.pipeline import run
from gcr_tutorial.experiments.run_folder import RunFolder, write_results
from gcr_tutorial.experiments.settings import settings_of
from gcr_tutorial.experiments.signed_folders import sign_folder
from gcr_tutorial.paths import build_dir, data_dir
from gcr_tutorial.progress import Progress
from gcr_tutorial.retrieval.retriever import GenerativeRetriever

SHIPPED_KINDS = ("atomic", "structured")


def rebuild_asked() -> bool:
    """Whether GCR_REBUILD asks for training now instead of loading what is shipped."""
    return os.environ.get("GCR_REBUILD", "0") not in ("", "0")


def load_artifact(kind: str = "atomic", progress: Progress = print) -> tuple[GenerativeRetriever, dict[str, Any]]:
    """The retriever of an identifier kind over the tutorial's 1,300 images, and its results (as in results.json).

    The results' "source" says where it came from: "shipped", "trained now", or "built before" where `build_dir()` held one
    with the same preset and settings. Raises UserValueError for an unknown kind.
    """
    if kind not in SHIPPED_KINDS:
        raise UserValueError(f"no artifact for identifier {kind!r}: choose one of {', '.join(SHIPPED_KINDS)}")
    shipped = data_dir() / "artifacts" / kind
    if not rebuild_asked() and (shipped / "results.json").is_file():
        progress(f"found: the {kind} retriever shipped in data/artifacts/{kind}")
        return _load(shipped, "shipped")
    preset = get_preset()
    name = kind if preset.name == "tiny" else f"{kind}-{preset.name}"  # one preset does not replace what another made
    config = RunConfig(identifier=kind, out=build_dir() / name)
    corpus = ImageCaptionCorpus.from_picturebook(preset.n_train, preset.n_val, preset.n_test)
    folder = RunFolder(config.out, settings_of(corpus, preset, config))
    if folder.results() is not None:
        return _load(folder.out, "built before")
    progress(f"training the {kind} retriever now (minutes; preset {preset.name})")
    run(corpus, preset, replace(config, resume=folder.asked.is_file()), progress=progress)
    sign_folder(folder.out)  # so that `tutorial` may delete it
    return _load(folder.out, "trained now")


def _load(folder: Path, source: str) -> tuple[GenerativeRetriever, dict[str, Any]]:
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return GenerativeRetriever.from_pretrained(folder / "retriever"), {**results, "source": source}


def ship(kind: str, folder: Path | None = None) -> Path:
    """Put the trained retriever in `folder` (default: where `load_artifact` trains it) into data/artifacts, in half
    precision, with its results and where they come from. Returns the folder in data/artifacts; raises UserFileNotFoundError
    where there is nothing to ship."""
    source, target = folder or build_dir() / kind, data_dir() / "artifacts" / kind
    if not (source / "results.json").is_file():
        raise UserFileNotFoundError(f"no finished run in {source} (no results.json): train one first")
    trained, results = _load(source, "shipped")
    trained.backbone.model.to(torch.float16)
    results["provenance"] = {
        "made": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, CPU",
        "command": f"python -m gcr_tutorial run --preset {results['preset']} --identifier {kind}",
        "weights": "float16, loaded as float32",
    }
    results.pop("source")
    write_results(target, trained, results)
    return target
