"""Facts about scenes, and the head that predicts them from image tokens, so that the vision tower learns to see.

A language model on a random vision tower learns to ignore the image. Real backbones start from a pretrained tower (SmolVLM
from SigLIP). tiny-vlm's tower is trained on the exact contents of the scenes instead: each image token predicts which facts
hold in its cell of the picture ("boy", "boy red shirt", "beach" ...). The head is thrown away after pretraining.
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

MIN_OVERLAP = 0.2  # a thing is in a cell if it covers at least this share of the cell's area


def entity_facts(scene: Scene) -> Iterator[tuple[tuple[float, float, float, float], list[str]]]:
    """Pairs of a box (left, top, right, bottom, in page units) and the facts that hold in it. The first pair has the facts
    of the whole scene."""
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
    """The facts that occur in at least `at_least` of the first `scenes` scenes of the pretraining world, sorted."""
    counts = Counter(
        fact
        for i in range(scenes)
        for _, facts in entity_facts(sample_scene(scene_seed("pretraining", seed, i)))
        for fact in set(facts)
    )
    return sorted(fact for fact, count in counts.items() if count >= at_least)


def cell_targets(scene: Scene, index: dict[str, int], side: int) -> np.ndarray:
    """(side * side, F) of 0 and 1: which of the F facts of `index` hold in each cell of a grid of `side` by `side`. The
    cells are in the order of the image tokens, row by row."""
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
    """(side,): the share of each of `side` equal parts of [0, 1] that the interval [low, high] covers."""
    edges = np.arange(side + 1) / side
    return np.clip(np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]), 0, None) * side


class FactHead(nn.Module):
    """Predicts from image tokens which facts hold in their cells, and computes the loss of these predictions.

    The scenes are those of the bank with the seed `bank_seed`; the facts are `fact_names(bank_seed)`.
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
        """(B, cells, facts) of 0 and 1 for the scenes with these indices in the bank."""
        return torch.from_numpy(
            np.stack(
                [
                    cell_targets(sample_scene(scene_seed("pretraining", self.bank_seed, i)), self.index, self.side)
                    for i in scenes
                ]
            )
        )

    def forward(self, features: torch.Tensor, scenes: Sequence[int]) -> tuple[torch.Tensor, float]:
        """The loss of image features (B, cells, H): binary cross-entropy summed over the facts, mean over the cells, in
        nats. And the F1 score, in percent, of the facts that are predicted with a probability above one half."""
        targets, logits = self.targets(scenes).to(features.device), self.read(self.norm(features)).float()
        loss = nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / targets.shape[:2].numel()
        predicted = logits > 0
        right = (predicted & (targets > 0)).sum().item()
        return loss, 200 * right / max(1, predicted.sum().item() + int(targets.sum().item()))
