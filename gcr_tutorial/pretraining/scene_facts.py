"""The vision tower's own lesson: for each part of the picture, what is there.

A language model that reads a random vision tower learns to ignore it. Real backbones start from a pretrained tower
(SmolVLM from SigLIP); ours has the scenes' exact contents to learn from: each image token predicts the facts about the
things in its cell of the picture ("boy", "boy red shirt", "beach" ...). The prediction head is thrown away in the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.picturebook import Scene, sample_scene, scene_seed
from gcr_tutorial.picturebook.sampling import bounds, core

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
    counts = Counter(
        fact
        for i in range(scenes)
        for _, facts in entity_facts(sample_scene(scene_seed("pretraining", seed, i)))
        for fact in set(facts)
    )
    return sorted(fact for fact, count in counts.items() if count >= at_least)


def cell_targets(scene: Scene, index: dict[str, int], side: int) -> np.ndarray:
    """(side * side, F) of 0/1: which facts hold in each cell, row by row as the image tokens are ordered."""
    targets = np.zeros((side, side, len(index)), np.float32)
    for (left, top, right, bottom), facts in entity_facts(scene):
        known = [index[fact] for fact in facts if fact in index]
        across = _overlap(left, right, side)
        down = _overlap(top, bottom, side)
        cells = np.outer(down, across) >= MIN_OVERLAP
        cells[min(side - 1, max(0, int((top + bottom) / 2 * side))), min(side - 1, max(0, int((left + right) / 2 * side)))] = (
            True
        )
        rows, columns = np.nonzero(cells)
        targets[rows[:, None], columns[:, None], known] = 1.0
    return targets.reshape(side * side, -1)


def _overlap(low: float, high: float, side: int) -> np.ndarray:
    """Share of each of `side` equal parts of [0, 1] that [low, high] covers."""
    edges = np.arange(side + 1) / side
    return np.clip(np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]), 0, None) * side


class FactLesson(nn.Module):
    """The head that reads facts off image tokens, and the scenes of a bank that say which facts hold.

    `bank_seed` names the scenes; the facts asked for are those of `fact_names(bank_seed)`.
    """

    def __init__(self, backbone: Backbone, bank_seed: int, seed: int = 0) -> None:
        super().__init__()
        self.bank_seed = bank_seed
        self.index = {fact: i for i, fact in enumerate(fact_names(bank_seed))}
        self.side = round(backbone.processor.image_seq_len**0.5)
        width = backbone.model.config.text_config.hidden_size
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.norm, self.read = nn.LayerNorm(width), nn.Linear(width, len(self.index))
        nn.init.constant_(self.read.bias, -4.0)  # most facts do not hold

    def targets(self, scenes: Sequence[int]) -> torch.Tensor:
        """(B, cells, facts) of 0/1 for the scenes with these numbers in the bank."""
        return torch.from_numpy(
            np.stack(
                [
                    cell_targets(sample_scene(scene_seed("pretraining", self.bank_seed, i)), self.index, self.side)
                    for i in scenes
                ]
            )
        )

    def forward(self, features: torch.Tensor, scenes: Sequence[int]) -> tuple[torch.Tensor, float]:
        """Cross-entropy, in nats a cell summed over the facts, of image features (B, cells, H), and the F1 of the facts
        told with probability over one half, in percent."""
        targets, logits = self.targets(scenes).to(features.device), self.read(self.norm(features)).float()
        loss = nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / targets.shape[:2].numel()
        told = logits > 0
        right = (told & (targets > 0)).sum().item()
        return loss, 200 * right / max(1, told.sum().item() + int(targets.sum().item()))
