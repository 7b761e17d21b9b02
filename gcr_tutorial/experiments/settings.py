"""What a result depends on: written into results.json, and compared before a finished run is taken for another."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zlib import crc32

from gcr_tutorial.config import Preset
from gcr_tutorial.data.corpus import ImageCaptionCorpus


def settings_of(corpus: ImageCaptionCorpus, preset: Preset, identifier: str, protocol: str, seed: int) -> dict[str, Any]:
    """The settings of a run as JSON values: two runs with equal ones, on one machine and with the same code, give the same
    recalls. The corpus and shipped weights go in by checksum, files of photographs by name and captions only."""
    sizes = asdict(preset)
    sizes["recipe"] = sizes.pop("training")  # what the files of version 0.1.0 call it
    settings = {
        "identifier": identifier,
        "protocol": protocol,
        "seed": seed,
        "preset": sizes,
        "corpus": {"name": corpus.name, "images": len(corpus), "crc32": crc32(repr(corpus.records).encode())},
        "weights_crc32": {"backbone": weights_crc32(preset.backbone_path), "clip": weights_crc32(preset.clip_path)},
    }
    return json.loads(json.dumps(settings))  # tuples to lists, as they come back from a file


def weights_crc32(folder: str | Path) -> int | None:
    """A checksum of the safetensors files in `folder`; None where it is no folder (a name on the Hub)."""
    if not Path(folder).is_dir():
        return None
    checksum = 0
    for file in sorted(Path(folder).glob("*.safetensors")):
        with open(file, "rb") as opened:
            while part := opened.read(1 << 24):
                checksum = crc32(part, checksum)
    return checksum
