"""`python -m gcr_tutorial pretrain`: both shipped backbones from nothing, with their cards.

One scene bank serves both, so that tiny-clip sees the images and captions that tiny-vlm sees. Every stage resumes from
its checkpoint; the command started again goes on where it was killed.
"""

from __future__ import annotations

import json
import os
import platform
import random
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.features import image_features
from gcr_tutorial.models.loading import load_backbone, save_backbone
from gcr_tutorial.picturebook import captions, parse, render, sample_scene, satisfies, scene_seed
from gcr_tutorial.pretraining.clip_training import pretrain_clip, recall_evaluator
from gcr_tutorial.pretraining.lessons import Lessons, PretrainingConfig, image_tokens, tree_loss
from gcr_tutorial.pretraining.scene_bank import SceneBank
from gcr_tutorial.pretraining.vlm_training import new_backbone, pretrain
from gcr_tutorial.training.batches import collate
from gcr_tutorial.training.examples import caption_examples
from gcr_tutorial.training.loss import CompletionLoss
from gcr_tutorial.training.pseudo_queries import sample_captions

IMAGE_SIZE = 96
HELD_OUT_SEED = 77  # scenes of the pretraining world that no bank with another seed holds
Progress = Callable[[str], None]


def pretrain_backbones(
    out: Path,
    bank_dir: Path,
    *,
    minutes: float = 120.0,
    scenes: int = 240_000,
    seed: int = 0,
    only: str | None = None,
    start_from: Path | None = None,
    progress: Progress = print,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Write `out/tiny-vlm` and `out/tiny-clip` (or `only` one), each trained for `minutes`; checkpoints in `out/work`.

    `start_from`: a folder with both, made before, whose training goes on for `minutes` instead of starting from nothing.
    """
    if seed == HELD_OUT_SEED:
        raise ValueError(f"seed {HELD_OUT_SEED} is kept for the held-out scenes: take another")
    tutorial = frozenset(sample_scene(scene_seed("tutorial", 0, i)).content for i in range(1400))
    bank = SceneBank.build(
        bank_dir, scenes, IMAGE_SIZE, seed=seed, workers=os.cpu_count() or 1, avoid=tutorial, progress=progress
    )
    for name, train in (("tiny-vlm", pretrain_tiny_vlm), ("tiny-clip", pretrain_tiny_clip)):
        if only in (None, name):
            train(
                bank,
                out / name,
                out / "work",
                minutes=minutes,
                seed=seed,
                progress=progress,
                clock=clock,
                start_from=None if start_from is None else start_from / name,
            )


def pretrain_tiny_vlm(
    bank: SceneBank,
    out: Path,
    work: Path,
    *,
    minutes: float,
    seed: int,
    start_from: Path | None = None,
    progress: Progress = print,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Each stage in turn, from nothing or from the backbone in `start_from`; writes the backbone with its card."""
    if start_from is None:
        backbone, earlier = new_backbone(bank, seed=seed), {"stages": [], "pflops": 0.0}
    else:
        backbone, earlier = load_backbone(start_from), json.loads((start_from / "provenance.json").read_text())
        backbone.model.requires_grad_(True)
    backbone.model.set_attn_implementation("eager")  # in bfloat16 on a CPU faster than the fused kernel
    stages, pflops = list(earlier["stages"]), earlier["pflops"]
    for name, config in stage_recipes(minutes, seed + len(stages), from_nothing=start_from is None).items():
        done = pretrain(
            backbone, bank, config, work / f"{len(stages)}_{name}.pt", name=f"tiny-vlm, {name}", progress=progress, clock=clock
        )
        stages.append({"stage": name, **done})
        pflops += stage_pflops(backbone, bank, config, done)
    backbone.model.set_attn_implementation("sdpa")
    ship_tiny_vlm(backbone, out, {"stages": stages, "pflops": round(pflops, 6)}, progress=progress)


def stage_recipes(minutes: float, seed: int, from_nothing: bool) -> dict[str, PretrainingConfig]:
    """What is learned in which share of the time: vision alone, then everything, then captions above all (what the
    tutorial asks of the model). A backbone that speaks already skips the second."""
    vision, lessons = 0.35, 0.15 if from_nothing else 0.0
    silent = {"captions": 0, "inventory": 0.0, "questions": 0, "paraphrase": 0.0}
    recipes = {
        "vision": PretrainingConfig(minutes=vision * minutes, seed=seed, batch_size=32, **silent),
        "lessons": PretrainingConfig(minutes=lessons * minutes, seed=seed + 1),
        "captions": PretrainingConfig(
            minutes=(1 - vision - lessons) * minutes,
            seed=seed + 2,
            batch_size=32,
            captions=2,
            inventory=0.1,
            questions=1,
            paraphrase=0.1,
        ),
    }
    return {name: config for name, config in recipes.items() if config.minutes > 0}


def ship_tiny_vlm(backbone: Backbone, out: Path, facts: dict[str, Any], progress: Progress = print) -> None:
    """Measure on held-out scenes and write backbone, provenance.json and card to `out`."""
    progress("tiny-vlm: measuring on held-out scenes")
    measured = evaluate_captioner(backbone)
    save_backbone(backbone, out)
    parameters = sum(p.numel() for p in backbone.model.parameters())  # tied embeddings count once
    write_vlm_card(out, {"model": "tiny-vlm", "parameters": parameters, **facts, "held_out": measured, **machine()})
    progress(f"tiny-vlm: {out} written; {measured}")


def pretrain_tiny_clip(
    bank: SceneBank,
    out: Path,
    work: Path,
    *,
    minutes: float,
    seed: int,
    start_from: Path | None = None,
    progress: Progress = print,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Contrastive training on the same bank; writes the open_clip folder with its card."""
    corpus = ImageCaptionCorpus.from_picturebook(0, 0, 300)
    evaluate = recall_evaluator(
        [corpus.image(i, IMAGE_SIZE) for i in range(len(corpus))],
        [text for record in corpus.records for text in record.captions],
        [i for i, record in enumerate(corpus.records) for _ in record.captions],
    )
    texts = [text for said in bank.captions[:20_000] for text in said]
    pretrain_clip(
        bank,
        out,
        minutes=minutes,
        tokenizer_texts=texts,
        lr=4e-3,
        seed=seed + (start_from is not None),
        evaluate=evaluate,
        checkpoint=work / "tiny-clip.pt",
        start_from=start_from,
        progress=progress,
        clock=clock,
    )
    write_clip_card(out)


@torch.no_grad()
def evaluate_captioner(backbone: Backbone, scenes: int = 300, seed: int = 0) -> dict[str, float]:
    """On scenes never trained on: caption loss (nats a token) and, of sampled captions, the percentages that the
    grammar can read and that are true of their scene (temperature 1, nucleus 0.95: as pseudo-queries are made)."""
    held_out = [sample_scene(scene_seed("pretraining", HELD_OUT_SEED, i)) for i in range(scenes)]
    size = backbone.model.config.vision_config.image_size
    features = image_features(backbone, np.stack([np.asarray(render(scene, size)) for scene in held_out]))
    pairs = [(caption.text, row) for row, scene in enumerate(held_out) for caption in captions(scene)]
    examples, losses, weights = caption_examples(backbone, pairs), [], []
    loss = CompletionLoss(backbone)
    for start in range(0, len(examples), 100):
        part = examples[start : start + 100]
        batch = collate(part, backbone.pad_id, features, backbone.device)
        weights.append(sum(len(e.completion_ids) for e in part))
        losses.append(loss(**batch).item() * weights[-1])
    read = true = total = 0
    generator = torch.Generator().manual_seed(seed)
    for start in range(0, scenes, 50):
        said = sample_captions(backbone, features[start : start + 50], 5, generator)
        for scene, texts in zip(held_out[start:], said):
            for meaning in map(parse, texts):
                total += 1
                read += meaning is not None
                true += meaning is not None and satisfies(scene, meaning)
    return {
        "scenes": scenes,
        "caption_loss": round(sum(losses) / sum(weights), 4),
        "readable_percent": round(100 * read / total, 1),
        "true_percent": round(100 * true / total, 1),
    }


def stage_pflops(backbone: Backbone, bank: SceneBank, config: PretrainingConfig, done: dict[str, Any]) -> float:
    """Compute of `pretrain` in 10^15 floating-point operations, without the facts' head: counted for one batch, times
    the number of batches."""
    batch = Lessons(backbone, bank, config).batch(list(range(config.batch_size)), random.Random(0))
    backbone.model.requires_grad_(True)
    with FlopCounterMode(display=False) as counter:
        features = image_tokens(backbone, batch["pixels"])
        (tree_loss(backbone, batch, features) if config.speaks else features.sum()).backward()
    backbone.model.zero_grad(set_to_none=True)
    return counter.get_total_flops() * done["steps"] / 1e15


def machine() -> dict[str, Any]:
    """Where and when."""
    return {
        "made": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, CPU only",
        "torch": torch.__version__,
        "command": "python -m gcr_tutorial pretrain",
    }


def write_vlm_card(folder: Path, facts: dict[str, Any]) -> None:
    """`provenance.json` and `README.md` of tiny-vlm."""
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
    """`README.md` of tiny-clip, from the provenance that `pretrain_clip` wrote."""
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
