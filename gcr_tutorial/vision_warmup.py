"""The vision tower's own lesson before it meets words: for each part of the picture, what is there.

A language model that reads a random vision tower learns to ignore it. Real backbones start from a pretrained tower
(SmolVLM from SigLIP); ours has the scenes' exact contents to learn from: each image token predicts the facts about the
things in its cell of the picture ("boy", "boy wears red shirt", "beach" ...). The prediction head is then thrown away.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .backbone import Backbone, pixels
from .checkpoints import load_checkpoint, save_checkpoint
from .picturebook import Scene, sample_scene, scene_seed
from .picturebook.sampling import bounds, core

MIN_OVERLAP = 0.2  # of a cell's area


def entity_facts(scene: Scene) -> Iterator[tuple[tuple[float, float, float, float], list[str]]]:
    """(box in page units, facts) pairs; the facts of the whole scene come with the whole page."""
    yield (0.0, 0.0, 1.0, 1.0), [scene.setting, f"time {scene.time}", f"weather {scene.weather}"]
    for e in scene.entities:
        facts = [e.kind, f"{e.count} {e.kind}"]
        facts += [f"{e.color} {e.kind}", f"color {e.color}"] if e.color else []
        facts += [f"{e.size} {e.kind}"] if e.size else []
        if e.is_person:
            facts += [f"{e.kind} {e.pose}", f"hair {e.hair}"]
            facts += [f for garment, color in e.wears for f in (f"{e.kind} {color} {garment}", f"{color} {garment}")]
        else:
            facts.append(f"{e.kind} {e.pose}")
        yield core(e), facts
        if e.is_person:
            yield bounds(e), [e.pose] + ([f"{e.pose} {e.prop_color}"] if e.prop_color else [])


def fact_names(seed: int, scenes: int = 6000, at_least: int = 6) -> list[str]:
    """The facts that occur in at least so many of the first scenes of the pretraining world, in a fixed order."""
    counts = Counter(fact for i in range(scenes)
                     for _, facts in entity_facts(sample_scene(scene_seed("pretraining", seed, i))) for fact in set(facts))
    return sorted(fact for fact, count in counts.items() if count >= at_least)


def cell_targets(scene: Scene, index: dict[str, int], side: int) -> np.ndarray:
    """(side * side, F) of 0/1: which facts hold in each cell, row by row as the image tokens are ordered."""
    targets = np.zeros((side, side, len(index)), np.float32)
    for (left, top, right, bottom), facts in entity_facts(scene):
        known = [index[fact] for fact in facts if fact in index]
        across = _overlap(left, right, side)
        down = _overlap(top, bottom, side)
        cells = np.outer(down, across) >= MIN_OVERLAP
        cells[min(side - 1, max(0, int((top + bottom) / 2 * side))), min(side - 1, max(0, int((left + right) / 2 * side)))] = True
        rows, columns = np.nonzero(cells)
        targets[rows[:, None], columns[:, None], known] = 1.0
    return targets.reshape(side * side, -1)


def _overlap(low: float, high: float, side: int) -> np.ndarray:
    """Share of each of `side` equal parts of [0, 1] that [low, high] covers."""
    edges = np.arange(side + 1) / side
    return np.clip(np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]), 0, None) * side


def warm_up_vision(backbone: Backbone, images: np.ndarray, *, bank_seed: int, minutes: float, checkpoint: str | Path,
                   batch_size: int = 32, lr: float = 0.01, adam_lr: float = 2e-3, bf16: bool = True, seed: int = 0,
                   progress: Callable[[str], None] = print) -> dict:
    """Train vision tower and connector for `minutes` on `images` (N, S, S, 3), scene i being number i of the bank.

    Goes on from `checkpoint` where it exists. Returns pictures, seconds, and the F1 of the facts at the end (training
    batches, threshold 0.5, percent).
    """
    model, checkpoint = backbone.model, Path(checkpoint)
    index = {fact: i for i, fact in enumerate(fact_names(bank_seed))}
    side = round(backbone.processor.image_seq_len**0.5)
    width = model.config.text_config.hidden_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(index)))
    nn.init.constant_(head[1].bias, -4.0)  # most facts do not hold
    learner = nn.ModuleDict({"vision": model.model.vision_model, "connector": model.model.connector, "head": head})
    matrices = [p for n, p in learner.named_parameters() if p.ndim == 2 and "embed" not in n and not n.startswith("head")]
    chosen = {id(p) for p in matrices}
    tuned = [torch.optim.Muon(matrices, lr=lr, weight_decay=0.01, momentum=0.95, adjust_lr_fn="original"),
             torch.optim.AdamW([p for p in learner.parameters() if id(p) not in chosen], lr=adam_lr, betas=(0.9, 0.98))]
    rates = [lr, adam_lr]
    done = {"pictures": 0, "seconds": 0.0, "F1": 0.0}
    saved = load_checkpoint(checkpoint)
    if saved is not None:
        learner.load_state_dict(saved["learner"])
        for optimizer, state in zip(tuned, saved["optimizers"]):
            optimizer.load_state_dict(state)
        done = saved["done"]
    total, said, last_saved = minutes * 60, done["seconds"], done["seconds"]
    learner.train()
    while done["seconds"] < total:
        started, share = time.perf_counter(), done["seconds"] / total
        for optimizer, rate in zip(tuned, rates):
            optimizer.param_groups[0]["lr"] = rate * min(1.0, share / 0.02 + 0.01, max(0.05, (1 - share) / 0.6))
        rng = random.Random(seed * 1_000_003 + done["pictures"])
        chosen_rows = [rng.randrange(len(images)) for _ in range(batch_size)]
        targets = torch.from_numpy(np.stack([
            cell_targets(sample_scene(scene_seed("pretraining", bank_seed, i)), index, side) for i in chosen_rows]))  # (B, C, F)
        values = pixels(backbone, np.stack([images[i] for i in chosen_rows]))
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            features = model.model.get_image_features(values).pooler_output  # B of (C, H)
            logits = head(torch.stack(tuple(features))).float()  # (B, C, F)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / targets.shape[:2].numel()
        loss.backward()
        nn.utils.clip_grad_norm_(learner.parameters(), 5.0)
        for optimizer in tuned:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        done["pictures"] += batch_size
        done["seconds"] += time.perf_counter() - started
        if done["seconds"] - said > 15 or done["seconds"] >= total:
            said, guessed = done["seconds"], logits > 0
            right = (guessed & (targets > 0)).sum().item()
            done["F1"] = round(200 * right / max(1, guessed.sum().item() + int(targets.sum().item())), 1)
            progress(f"vision warm-up: {done['pictures']} pictures, loss {loss.item():.2f}, F1 {done['F1']:.1f}, "
                     f"{done['pictures'] / done['seconds']:.0f} pictures/s, {(total - done['seconds']) / 60:.1f} min left")
        if done["seconds"] - last_saved > 120 or done["seconds"] >= total:
            last_saved = done["seconds"]
            save_checkpoint(checkpoint, {"learner": learner.state_dict(), "done": done,
                                         "optimizers": [o.state_dict() for o in tuned]})
    learner.eval()
    return {**done, "facts": len(index)}
