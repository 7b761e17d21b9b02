"""Pretraining of tiny-vlm: packed examples have the loss of separate sequences, and a killed run continues."""

import dataclasses
import random
from functools import partial

import numpy as np
import pytest
import torch

from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.preprocessing import pixels
from gcr_tutorial.picturebook import captions, render, sample_scene, scene_seed
from gcr_tutorial.picturebook.questions import inventory, questions
from gcr_tutorial.pretraining import scene_facts
from gcr_tutorial.pretraining.config import VlmPretrainingConfig
from gcr_tutorial.pretraining.packing import ExamplePacker, image_tokens, packed_loss
from gcr_tutorial.pretraining.scene_bank import SceneBank
from gcr_tutorial.pretraining.tiny_vlm import build_tiny_vlm, train_tokenizer
from gcr_tutorial.pretraining.vlm_training import learning_rate_factor, pretrain_vlm, scene_order


@pytest.fixture(scope="module")
def bank() -> SceneBank:
    scenes = [sample_scene(scene_seed("pretraining", 1, i)) for i in range(12)]
    return SceneBank(
        np.stack([np.asarray(render(s, 24)) for s in scenes]),
        [[c.text for c in captions(s)] for s in scenes],
        [[inventory(s), *questions(s, 6, random.Random(0))] for s in scenes],
    )


@pytest.fixture
def backbone(bank: SceneBank) -> Backbone:
    tokenizer = train_tokenizer([t for said in bank.captions for t in said], vocab_size=600)
    return Backbone(
        *build_tiny_vlm(
            tokenizer, image_size=24, patch=6, hidden=32, vision_layers=1, text_layers=2, heads=2, vision_mlp=48, text_mlp=48
        )
    )


def test_packed_tree_has_the_loss_of_separate_sequences(backbone: Backbone, bank: SceneBank) -> None:
    config = VlmPretrainingConfig(captions=3, questions=3, paraphrase=1.0)
    packer = ExamplePacker(backbone, bank, config)
    batch = packer.batch([0, 1, 2], random.Random(3))
    packed = packed_loss(backbone, batch, image_tokens(backbone, batch["pixels"]))
    losses, rng = [], random.Random(3)
    for index in (0, 1, 2):
        tree = packer.pack(index, rng)
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
            image = pixels(backbone, bank.images[index : index + 1]) if 0 in lineage else None
            logits = backbone.model(input_ids=ids, pixel_values=image).logits[0]
            for before, token in mine:
                losses.append(-torch.log_softmax(logits[tokens.index(before)], -1)[token])
    assert len(losses) == len(batch["labels"])
    assert torch.stack(losses).mean().item() == pytest.approx(packed.item(), abs=2e-5)


class Ticks:
    """A clock that advances one second each time it is read: a step takes one, whatever the machine."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def again(backbone: Backbone) -> Backbone:
    """Another backbone of the same shape with other weights."""
    return Backbone(
        *build_tiny_vlm(
            backbone.tokenizer,
            image_size=24,
            patch=6,
            hidden=32,
            vision_layers=1,
            text_layers=2,
            heads=2,
            vision_mlp=48,
            text_mlp=48,
            seed=9,
        )
    )


def equal(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(torch.equal(mine, theirs) for mine, theirs in zip(one.parameters(), other.parameters(), strict=True))


@pytest.fixture(autouse=True)
def few_facts(monkeypatch) -> None:
    monkeypatch.setattr(scene_facts, "fact_names", partial(scene_facts.fact_names, scenes=12, at_least=2))


SILENT = dict(captions=0, inventory=0.0, questions=0, paraphrase=0.0)


def test_interrupted_pretraining_goes_on_to_the_same_weights(backbone: Backbone, bank: SceneBank, tmp_path) -> None:
    config = VlmPretrainingConfig(minutes=1.0, batch_size=4, bf16=False, checkpoint_minutes=0.25)  # 60 steps, saved every 16
    start, whole = backbone.model.state_dict(), again(backbone)
    whole.model.load_state_dict(start)
    expected = pretrain_vlm(whole, bank, config, tmp_path / "whole", progress=lambda line: None, clock=Ticks())
    assert expected["steps"] == 60 and expected["pictures"] == 240 and len(expected["losses"]) == 4

    def killed(line: str) -> None:
        if "128 pictures" in line:  # the second report: after the save at step 16, with 16 more steps to lose
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain_vlm(backbone, bank, config, tmp_path / "c", progress=killed, clock=Ticks())
    resumed, said = again(backbone), []  # other weights: the checkpoint's must take their place
    assert pretrain_vlm(resumed, bank, config, tmp_path / "c", progress=said.append, clock=Ticks()) | {
        "losses": 0
    } == expected | {"losses": 0}
    assert "resuming after 0.3 minutes, 64 pictures" in said[0] and equal(resumed.model, whole.model)
    finished = []
    pretrain_vlm(resumed, bank, config, tmp_path / "c", progress=finished.append, clock=Ticks())
    assert len(finished) == 1 and equal(resumed.model, whole.model)  # nothing more to do
    with pytest.raises(ValueError, match="other settings: batch_size was 4 and is 5"):
        pretrain_vlm(resumed, bank, dataclasses.replace(config, batch_size=5), tmp_path / "c", progress=said.append)


def test_vision_alone_learns_facts_and_leaves_the_words(bank: SceneBank, backbone: Backbone, tmp_path) -> None:
    words = {name: weight.clone() for name, weight in backbone.model.model.text_model.named_parameters()}
    config, lines = VlmPretrainingConfig(minutes=4.0, batch_size=8, bf16=False, **SILENT), []
    done = pretrain_vlm(
        backbone, dataclasses.replace(bank, seed=1), config, tmp_path / "v", progress=lines.append, clock=Ticks()
    )
    scores = [float(line.split("F1 of facts ")[1].split(",")[0]) for line in lines]
    assert done["F1"] == scores[-1] > scores[0] + 20 and done["answer_tokens"] == 0 and not done["losses"]
    for name, weight in backbone.model.model.text_model.named_parameters():
        assert torch.equal(weight, words[name])


def test_a_step_teaches_words_and_facts_together(bank: SceneBank, backbone: Backbone, tmp_path) -> None:
    first = again(backbone)
    first.model.load_state_dict(backbone.model.state_dict())
    config = VlmPretrainingConfig(minutes=1 / 60, batch_size=4, bf16=False, warmup=0.0)
    pretrain_vlm(backbone, bank, config, tmp_path / "a", progress=lambda line: None, clock=Ticks())
    pretrain_vlm(
        first,
        bank,
        dataclasses.replace(config, facts=0.0),
        tmp_path / "b",
        progress=lambda line: None,
        clock=Ticks(),
    )
    assert not equal(backbone.model.model.vision_model, first.model.model.vision_model)


def test_a_loss_that_is_no_number_stops_it(bank: SceneBank, backbone: Backbone, tmp_path) -> None:
    with torch.no_grad():
        backbone.model.model.connector.modality_projection.proj.weight[0, 0] = float("nan")
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        pretrain_vlm(
            backbone,
            bank,
            VlmPretrainingConfig(minutes=1.0, batch_size=4),
            tmp_path / "c",
            progress=lambda line: None,
            clock=Ticks(),
        )


def test_schedule_and_order() -> None:
    config = VlmPretrainingConfig(warmup=0.1, decay=0.5)
    assert [round(learning_rate_factor(s, config), 2) for s in (0.0, 0.05, 0.3, 0.75, 1.0)] == [0.0, 0.5, 1.0, 0.5, 0.0]
    order = scene_order(5, 0, 0)
    seen = [next(order) for _ in range(12)]
    assert sorted(seen[:5]) == sorted(seen[5:10]) == list(range(5))
    later = scene_order(5, 0, 7)
    assert [next(later) for _ in range(5)] == seen[7:12]
