"""How a tiny-clip was made: the content of its `provenance.json`."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from pathlib import Path
from typing import Any

import open_clip
import torch
import transformers
from torch import Tensor

from gcr_tutorial.models.clip import Clip
from gcr_tutorial.pretraining.config import ClipPretrainingConfig
from gcr_tutorial.pretraining.scene_bank import SceneBank

PROVENANCE_FILE = "provenance.json"


def clip_provenance(
    bank: SceneBank,
    settings: dict[str, Any],
    config: ClipPretrainingConfig,
    record: dict[str, Any],
    seen: Tensor,
    bf16: bool,
    measured: dict[str, float],
    clip: Clip,
) -> dict[str, Any]:
    """The provenance of `clip` as JSON values.

    `settings` are those that decide the weights, `record` what `pretrain_clip` counted, `seen` (N, captions) bool which
    captions were visited, `measured` the measures at the end."""
    return {
        "model": "tiny-clip",
        "made_by": "gcr_tutorial.pretraining.clip_training.pretrain_clip",
        "parameters": sum(p.numel() for p in clip.model.parameters()),
        "data": {
            "images": len(bank),
            "captions": sum(map(len, bank.captions)),
            "distinct_images_seen": int(seen.any(1).sum()),
            "distinct_captions_seen": int(seen.sum()),
            "image_visits": record["step"] * settings["batch_size"],
            "caption_visits": record["captions"],
        },
        "training": {
            "minutes_planned": config.minutes,
            "seconds": round(record["seconds"], 1),
            "steps": record["step"],
            "final_loss": record["history"][-1]["loss"] if record["history"] else None,
            **settings,
        },
        "compute": {
            "model_flops": record["flops"],
            "threads": config.threads,
            "precision": "bfloat16" if bf16 else "float32",
            "machine": _cpu_name(),
            "cores": os.cpu_count(),
        },
        "measured": measured,
        "history": record["history"],
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "open_clip": open_clip.__version__,
            "transformers": transformers.__version__,
        },
        "finished": time.strftime("%Y-%m-%d"),
    }


def add_earlier(provenance: dict[str, Any], earlier: dict[str, Any]) -> None:
    """Add to `provenance` the visits, seconds and operations of the training before it, which is kept under `earlier`."""
    for part, names in (
        ("data", ("image_visits", "caption_visits")),
        ("training", ("seconds", "steps")),
        ("compute", ("model_flops",)),
    ):
        for name in names:
            provenance[part][name] += earlier[part][name]
    provenance["earlier"] = [*earlier.get("earlier", []), {k: v for k, v in earlier.items() if k != "earlier"}]


def fingerprint(path: Path) -> str:
    """The first 16 hexadecimal digits of the file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
