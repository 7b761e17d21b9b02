"""The cards (README.md) and the provenance of the shipped backbones: how they were made and how good they are."""

from __future__ import annotations

import json
import os
import platform
from datetime import date
from pathlib import Path
from typing import Any

import torch


def machine() -> dict[str, Any]:
    """Date, machine, version of PyTorch and command, for the provenance."""
    return {
        "made": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, CPU only",
        "torch": torch.__version__,
        "command": "python -m gcr_tutorial pretrain",
    }


def write_vlm_card(folder: Path, facts: dict[str, Any]) -> None:
    """Write `provenance.json` (with the content `facts`) and `README.md` of tiny-vlm."""
    (folder / "provenance.json").write_text(json.dumps(facts, indent=1) + "\n")
    measured = facts["held_out"]
    minutes = sum(stage["seconds"] for stage in facts["stages"]) / 60
    visits = ", then ".join(f'{stage["pictures"]:,} in the stage "{stage["stage"]}"' for stage in facts["stages"])
    (folder / "README.md").write_text(f"""# tiny-vlm

A {facts["parameters"] / 1e6:.2f}M-parameter `Idefics3ForConditionalGeneration` (the class SmolVLM-256M-Instruct loads as), pretrained
from nothing by this project on drawn Picturebook scenes. It has never seen a photograph. It exists to be fine-tuned in
the tutorial on a laptop CPU and is of no use for anything else.

- Trained on visits of 96 px scenes from a bank disjoint from the tutorial's scenes: {visits}.
  ("vision": what is in each part of the picture; "lessons": captions, inventories, questions, paraphrases; "captions":
  mostly captions.)
- For how long: {minutes:.0f} minutes of training on one core, {facts["pflops"]:.3g} PFLOP; {facts["made"]}, {facts["machine"]}.
- On {measured["scenes"]} held-out scenes: caption loss {measured["caption_loss"]} nats a token; of sampled captions
  {measured["readable_percent"]} % can be read by the grammar and {measured["true_percent"]} % are true of their scene.
- Made by `{facts["command"]}`; everything in `provenance.json`.
""")


def write_clip_card(folder: Path) -> None:
    """Write `README.md` of tiny-clip, from the provenance that `pretrain_clip` wrote."""
    facts = json.loads((folder / "provenance.json").read_text())
    data, training, compute = facts["data"], facts["training"], facts["compute"]
    measured = ", ".join(f"{name} {value:.1f}" for name, value in facts["measured"].items())
    (folder / "README.md").write_text(f"""# tiny-clip

A {facts["parameters"] / 1e6:.2f}M-parameter CLIP (an open_clip folder with its own tokenizer), trained contrastively from nothing by
this project on the bank of drawn Picturebook scenes that tiny-vlm learned from. It has never seen a photograph.

- Trained on: {data["image_visits"]:,} visits of {data["distinct_images_seen"]:,} images with {data["distinct_captions_seen"]:,} captions.
- For how long: {training["seconds"] / 60:.0f} minutes of training on one core, {compute["model_flops"] / 1e15:.3f} PFLOP; {facts["finished"]},
  {compute["machine"]}, {compute["cores"]} cores.
- Zero-shot on the tutorial's test gallery (300 images, 1,500 queries): {measured}.
- Made by `python -m gcr_tutorial pretrain`; everything in `provenance.json`.
""")
