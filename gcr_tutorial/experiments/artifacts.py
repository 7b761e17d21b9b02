"""What the notebooks share: retrievers made once, shipped small in `data/artifacts`, trained anew when asked.

`load_artifact("atomic")` loads the shipped one, or trains it now where it is missing or GCR_REBUILD=1 is set. What is
trained here goes to `build/artifacts` (GCR_BUILD chooses another folder), never into `data/`; `ship` puts it there.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import torch

from gcr_tutorial.config import get_preset
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.experiments.pipeline import run
from gcr_tutorial.files import write_text
from gcr_tutorial.paths import build_dir, data_dir
from gcr_tutorial.retrieval.retriever import GenerativeRetriever

SHIPPED_KINDS = ("atomic", "structured")


def rebuild_asked() -> bool:
    """Whether GCR_REBUILD asks for training now instead of loading what is shipped."""
    return os.environ.get("GCR_REBUILD", "0") not in ("", "0")


def load_artifact(kind: str = "atomic", progress: Callable[[str], None] = print) -> tuple[GenerativeRetriever, dict[str, Any]]:
    """The retriever of an identifier kind over the tutorial's 1,300 images, and its results (as in results.json).

    The results' "source" says where it came from: "shipped", "trained now", or "built before" where build_dir() already
    held it. Raises ValueError for an unknown kind.
    """
    if kind not in SHIPPED_KINDS:
        raise ValueError(f"no artifact for identifier {kind!r}: choose one of {', '.join(SHIPPED_KINDS)}")
    folder = data_dir() / "artifacts" / kind
    if not rebuild_asked() and (folder / "results.json").is_file():
        progress(f"found: the {kind} retriever shipped in data/artifacts/{kind}")
        return _load(folder, "shipped")
    folder = build_dir() / kind
    built_before = (folder / "results.json").is_file()
    if not built_before:
        progress(f"training the {kind} retriever now (minutes; preset {get_preset().name})")
        preset = get_preset()
        corpus = ImageCaptionCorpus.from_picturebook(preset.n_train, preset.n_val, preset.n_test)
        run(corpus, preset, identifier=kind, out=folder, progress=progress, about={"source": "picturebook"}, resume=True)
    return _load(folder, "built before" if built_before else "trained now")


def _load(folder: Path, source: str) -> tuple[GenerativeRetriever, dict[str, Any]]:
    results = json.loads((folder / "results.json").read_text())
    return GenerativeRetriever.from_pretrained(folder / "retriever"), {**results, "source": source}


def ship(kind: str, folder: Path | None = None) -> Path:
    """Put the trained retriever in `folder` (default: where `load_artifact` trains it) into data/artifacts, in half
    precision, with its results and where they come from. Returns the folder it is in now; raises FileNotFoundError where
    there is nothing to ship."""
    source, target = folder or build_dir() / kind, data_dir() / "artifacts" / kind
    if not (source / "results.json").is_file():
        raise FileNotFoundError(f"no finished run in {source} (no results.json): train one first")
    trained, results = _load(source, "shipped")
    trained.backbone.model.to(torch.float16)
    target.mkdir(parents=True, exist_ok=True)
    (target / "results.json").unlink(missing_ok=True)  # an earlier one's: it comes last, when all is there
    trained.save_pretrained(target / "retriever")
    results["provenance"] = {
        "made": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, CPU",
        "command": f"python -m gcr_tutorial run --preset tiny --identifier {kind}",
        "weights": "float16, loaded as float32",
    }
    results.pop("source")
    write_text(target / "results.json", json.dumps(results, indent=1))
    return target
