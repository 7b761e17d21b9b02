"""Pretraining: the packed tree must teach exactly what separate sentences would, and survive a restart."""

import dataclasses
import random

import numpy as np
import pytest
import torch

from gcr_tutorial.backbone import Backbone, build_tiny_vlm, pixels, train_tokenizer
from gcr_tutorial.picturebook import captions, render, sample_scene, scene_seed
from gcr_tutorial.picturebook.questions import inventory, questions
from gcr_tutorial.pretraining import Lessons, Recipe, pretrain, speed, tree_loss, visits
from gcr_tutorial.scene_bank import SceneBank


@pytest.fixture(scope="module")
def bank() -> SceneBank:
    scenes = [sample_scene(scene_seed("pretraining", 1, i)) for i in range(12)]
    return SceneBank(np.stack([np.asarray(render(s, 24)) for s in scenes]), [[c.text for c in captions(s)] for s in scenes],
                     [[inventory(s), *questions(s, 6, random.Random(0))] for s in scenes])


@pytest.fixture
def backbone(bank: SceneBank) -> Backbone:
    tokenizer = train_tokenizer([t for said in bank.captions for t in said], vocab_size=600)
    return Backbone(*build_tiny_vlm(tokenizer, image_size=24, patch=6, hidden=32, vision_layers=1, text_layers=2, heads=2,
                                    vision_mlp=48, text_mlp=48))


def test_packed_tree_has_the_loss_of_separate_sequences(backbone: Backbone, bank: SceneBank) -> None:
    recipe = Recipe(captions=3, questions=3, paraphrase=1.0)
    lessons = Lessons(backbone, bank, recipe)
    packed = tree_loss(backbone, lessons.batch([0, 1, 2], random.Random(3)))
    losses, rng = [], random.Random(3)
    for index in (0, 1, 2):
        tree = lessons.tree(index, rng)
        for segment in range(len(tree.parents)):
            lineage, at = set(), segment
            while at >= 0:
                lineage.add(at)
                at = tree.parents[at]
            tokens = [i for i, s in enumerate(tree.segments) if s in lineage]
            mine = [(before, tree.ids[after]) for before, after in tree.targets if tree.segments[after] == segment]
            if not mine:
                continue
            ids = torch.tensor([[tree.ids[i] for i in tokens]])
            image = pixels(backbone, bank.images[index: index + 1]) if 0 in lineage else None
            logits = backbone.model(input_ids=ids, pixel_values=image).logits[0]
            for before, token in mine:
                losses.append(-torch.log_softmax(logits[tokens.index(before)], -1)[token])
    assert len(losses) == len(lessons.batch([0, 1, 2], random.Random(3))["labels"])
    assert torch.stack(losses).mean().item() == pytest.approx(packed.item(), abs=2e-5)


def test_interrupted_pretraining_goes_on(backbone: Backbone, bank: SceneBank, tmp_path) -> None:
    recipe = Recipe(minutes=0.02, batch_size=4, bf16=False, checkpoint_minutes=0.0)
    first = pretrain(backbone, bank, recipe, tmp_path / "c.pt", progress=lambda line: None)
    again = Backbone(*build_tiny_vlm(backbone.tokenizer, image_size=24, patch=6, hidden=32, vision_layers=1, text_layers=2,
                                     heads=2, vision_mlp=48, text_mlp=48, seed=9))
    said = []
    second = pretrain(again, bank, recipe, tmp_path / "c.pt", progress=said.append)
    assert said[0].startswith("resuming") and second["steps"] == first["steps"] > 0
    for mine, theirs in zip(again.model.parameters(), backbone.model.parameters()):
        assert torch.equal(mine, theirs)
    with pytest.raises(ValueError, match="another recipe.*batch_size"):
        pretrain(again, bank, dataclasses.replace(recipe, batch_size=5), tmp_path / "c.pt", progress=said.append)


def test_schedule_and_order() -> None:
    recipe = Recipe(warmup=0.1, decay=0.5)
    assert [round(speed(s, recipe), 2) for s in (0.0, 0.05, 0.3, 0.75, 1.0)] == [0.0, 0.5, 1.0, 0.5, 0.0]
    order = visits(5, 0, 0)
    seen = [next(order) for _ in range(12)]
    assert sorted(seen[:5]) == sorted(seen[5:10]) == list(range(5))
    later = visits(5, 0, 7)
    assert [next(later) for _ in range(5)] == seen[7:12]
