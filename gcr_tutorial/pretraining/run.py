"""`python -m gcr_tutorial pretrain`: make both shipped backbones from nothing, with their cards.

Both are trained on one scene bank. Every stage saves checkpoints; the same command continues a run that was killed.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.features import image_features
from gcr_tutorial.models.loading import load_backbone, save_backbone
from gcr_tutorial.picturebook import captions, parse, render, sample_scene, satisfies, scene_seed
from gcr_tutorial.pretraining.cards import machine, write_clip_card, write_vlm_card
from gcr_tutorial.pretraining.clip_training import pretrain_clip, recall_evaluator
from gcr_tutorial.pretraining.config import ClipPretrainingConfig, VlmPretrainingConfig, vlm_stages
from gcr_tutorial.pretraining.packing import ExamplePacker, image_tokens, packed_loss
from gcr_tutorial.pretraining.scene_bank import SceneBank
from gcr_tutorial.pretraining.vlm_training import new_backbone, pretrain_vlm
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
    """Write `out/tiny-vlm` and `out/tiny-clip` (or `only` one of them), each trained for `minutes`. Checkpoints are in
    `out/work`, the scene bank in `bank_dir`.

    `start_from` is a folder with both, made before; their training continues for `minutes` instead of starting from
    nothing. Raises UserValueError for the seed of the held-out scenes.
    """
    if seed == HELD_OUT_SEED:
        raise UserValueError(f"seed {HELD_OUT_SEED} is kept for the held-out scenes: take another")
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
    """Run the stages of `vlm_stages`, from nothing or from the backbone in `start_from`, and write the backbone with its card."""
    if start_from is None:
        backbone, earlier = new_backbone(bank, seed=seed), {"stages": [], "pflops": 0.0}
    else:
        backbone, earlier = load_backbone(start_from), json.loads((start_from / "provenance.json").read_text())
        backbone.model.requires_grad_(True)
    backbone.model.set_attn_implementation("eager")  # in bfloat16 on a CPU faster than the fused kernel
    stages, pflops = list(earlier["stages"]), earlier["pflops"]
    for name, config in vlm_stages(minutes, seed + len(stages), from_nothing=start_from is None).items():
        checkpoint = work / f"{len(stages)}_{name}"
        record = pretrain_vlm(backbone, bank, config, checkpoint, name=f"tiny-vlm, {name}", progress=progress, clock=clock)
        stages.append({"stage": name, **record})
        pflops += stage_pflops(backbone, bank, config, record["steps"])
    backbone.model.set_attn_implementation("sdpa")
    ship_tiny_vlm(backbone, out, {"stages": stages, "pflops": round(pflops, 6)}, progress=progress)


def ship_tiny_vlm(backbone: Backbone, out: Path, facts: dict[str, Any], progress: Progress = print) -> None:
    """Measure `backbone` on held-out scenes, and write it with provenance.json and card to `out`."""
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
    """Train tiny-clip contrastively on the same bank, and write the open_clip folder with its card."""
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
        ClipPretrainingConfig(minutes=minutes, lr=4e-3, seed=seed + (start_from is not None)),
        tokenizer_texts=texts,
        evaluate=evaluate,
        checkpoint=work / "tiny-clip",
        start_from=start_from,
        progress=progress,
        clock=clock,
    )
    write_clip_card(out)


@torch.no_grad()
def evaluate_captioner(backbone: Backbone, scenes: int = 300, seed: int = 0) -> dict[str, float]:
    """Measure captioning on scenes that were not trained on.

    Returns `caption_loss` (nats a token) and, of captions sampled as pseudo-queries are (temperature 1, nucleus 0.95),
    `readable_percent`, which the caption parser can read, and `true_percent`, which are true of their scene."""
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


def stage_pflops(backbone: Backbone, bank: SceneBank, config: VlmPretrainingConfig, steps: int) -> float:
    """The compute of `steps` steps of `pretrain_vlm`, in 10^15 floating-point operations. One batch is counted, and the
    head of the facts is left out."""
    batch = ExamplePacker(backbone, bank, config).batch(list(range(config.batch_size)), random.Random(0))
    backbone.model.requires_grad_(True)
    with FlopCounterMode(display=False) as counter:
        features = image_tokens(backbone, batch["pixels"])
        (packed_loss(backbone, batch, features) if config.trains_language else features.sum()).backward()
    backbone.model.zero_grad(set_to_none=True)
    return counter.get_total_flops() * steps / 1e15
