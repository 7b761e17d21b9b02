"""What the result of a run depends on (its settings), and how two runs differ in it.

The settings stand in results.json. They are compared before a finished run is taken for the one that is asked for, and
before an interrupted run goes on.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zlib import crc32

from gcr_tutorial.config import Preset, RunConfig
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.training.checkpoints import differences

FREE = ("preset.recipe.accumulation",)  # options that change how a result is computed, but not what the result is

LATER = {"max_query_tokens": 64, "max_identifier_tokens": 40}  # settings that older files lack, as they were then


def settings_of(corpus: ImageCaptionCorpus, preset: Preset, config: RunConfig) -> dict[str, Any]:
    """The settings of a run as JSON values: two runs with equal settings, on one machine and with the same code, give the
    same recalls. Shipped weights go in by a checksum of the files, a corpus by a checksum of its names and captions (not of
    the pixels)."""
    sizes = asdict(preset)
    sizes["recipe"] = sizes.pop("training")  # the name that it has in the files of version 0.1.0
    settings = {
        "identifier": config.identifier,
        "protocol": config.protocol,
        "seed": config.seed,
        "preset": sizes,
        "corpus": {"name": corpus.name, "images": len(corpus), "crc32": crc32(repr(corpus.records).encode())},
        "weights_crc32": {"backbone": weights_crc32(preset.backbone_path), "clip": weights_crc32(preset.clip_path)},
    }
    return json.loads(json.dumps(settings))  # with lists instead of tuples, as they are read back from a file


def weights_crc32(folder: str | Path) -> int | None:
    """A checksum of the safetensors files in `folder`; None where it is no folder but a name on the Hub."""
    if not Path(folder).is_dir():
        return None
    checksum = 0
    for file in sorted(Path(folder).glob("*.safetensors")):
        with open(file, "rb") as opened:
            while part := opened.read(1 << 24):
                checksum = crc32(part, checksum)
    return checksum


def differing(saved: Any, wanted: dict[str, Any]) -> list[str]:
    """One line for each setting that differs and that the result depends on (see `differences`)."""
    if isinstance(saved, dict) and isinstance(saved.get("preset"), dict):
        saved = {**saved, "preset": {**LATER, **saved["preset"]}}
    return [line for line in differences(saved, wanted) if not line.startswith(FREE)]


def check_same_settings(file: Path, saved: Any, wanted: dict[str, Any]) -> None:
    """Raises UserValueError, naming `file` and each setting that differs, unless both lead to the same result."""
    if lines := differing(saved, wanted):
        raise UserValueError(
            f"{file} is of a run with other settings: {'; '.join(lines)}. Ask for the same, give another --out, or delete it"
        )
