"""The facts that the vision tower learns: which hold in which cell, in the order of the image tokens."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_backbone import tiny_backbone

from gcr_tutorial.picturebook import Entity, Scene, sample_scene, scene_seed
from gcr_tutorial.pretraining import scene_facts
from gcr_tutorial.pretraining.scene_facts import cell_targets, entity_facts, fact_names

SCENES = [sample_scene(scene_seed("pretraining", 0, i)) for i in range(16)]


def cells(targets: np.ndarray, index: dict[str, int], fact: str, side: int) -> set[tuple[int, int]]:
    """(row, column) of the cells where `fact` holds."""
    return {divmod(int(cell), side) for cell in targets[:, index[fact]].nonzero()[0]}


def targets_of(scene: Scene, side: int) -> tuple[np.ndarray, dict[str, int]]:
    facts = sorted({fact for _, facts in entity_facts(scene) for fact in facts})
    index = {fact: i for i, fact in enumerate(facts)}
    return cell_targets(scene, index, side), index


def test_left_things_are_in_left_cells_and_scene_facts_everywhere():
    scene = Scene(
        0,
        "beach",
        "day",
        "clear",
        (Entity("ball", 0.15, 0.95, 0.5, color="red"), Entity("dog", 0.8, 0.95, 0.3, pose="sitting")),
    )
    targets, index = targets_of(scene, 2)
    assert targets.shape == (4, len(index)) and set(np.unique(targets)) == {0.0, 1.0}
    for fact in ("beach", "time day", "weather clear"):
        assert cells(targets, index, fact, 2) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    for fact in ("ball", "1 ball", "red ball", "color red"):
        assert cells(targets, index, fact, 2) == {(1, 0)}
    for fact in ("dog", "dog sitting"):
        assert cells(targets, index, fact, 2) == {(1, 1)}


@pytest.mark.parametrize(
    "box, expected",
    [
        ((0.0, 0.5, 0.25, 1.0), {(2, 0), (3, 0)}),  # two whole cells
        ((0.19, 0.5, 0.5, 0.75), {(2, 0), (2, 1)}),  # 24 % of a cell is enough
        ((0.21, 0.5, 0.5, 0.75), {(2, 1)}),  # 16 % is not
        ((0.30, 0.30, 0.36, 0.36), {(1, 1)}),  # a small thing is in the cell of its middle all the same
        ((0.9, -0.3, 1.2, 0.1), {(0, 3)}),  # beyond the page's edge
        ((-0.5, 0.0, 1.5, 0.25), {(0, 0), (0, 1), (0, 2), (0, 3)}),
    ],
)
def test_cells_of_a_box_by_hand(monkeypatch, box, expected):
    monkeypatch.setattr(scene_facts, "core", lambda entity: box)
    targets, index = targets_of(Scene(0, "park", "day", "clear", (Entity("ball", 0.5, 0.5, 0.2, color="red"),)), 4)
    assert cells(targets, index, "red ball", 4) == expected


def test_facts_of_a_person():
    girl = Entity("girl", 0.5, 0.9, 0.4, pose="flying a kite", prop_color="red", hair="blond", wears=(("dress", "blue"),))
    scene = Scene(0, "park", "night", "snow", (girl,))
    (_, everywhere), (body, told), (reach, does) = entity_facts(scene)
    assert everywhere == ["park", "time night", "weather snow"]
    assert set(told) == {"girl", "1 girl", "girl flying a kite", "hair blond", "girl blue dress", "blue dress"}
    assert does == ["flying a kite", "flying a kite red"]
    assert reach[0] <= body[0] and reach[1] < body[1] and body[2] <= reach[2]  # the kite is up in the air


def test_unknown_facts_are_left_out():
    targets = cell_targets(SCENES[0], {"no such fact": 0}, 3)
    assert targets.shape == (9, 1) and not targets.any()


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_every_fact_of_a_scene_is_somewhere(number, side):
    targets, index = targets_of(sample_scene(scene_seed("pretraining", 3, number)), side)
    assert targets.any(0).all() and targets.shape == (side * side, len(index))


def test_names_are_those_that_occur_often():
    few, many = fact_names(0, scenes=60, at_least=4), fact_names(0, scenes=60, at_least=2)
    scenes = [sample_scene(scene_seed("pretraining", 0, i)) for i in range(60)]
    told = [{fact for _, facts in entity_facts(scene) for fact in facts} for scene in scenes]
    counts = {fact: sum(fact in facts for facts in told) for fact in many}
    assert {fact for fact in many if counts[fact] >= 4} <= set(few) < set(many) and min(counts.values()) > 0
    assert few == sorted(few) and many == sorted(many)


@torch.no_grad()
def test_image_tokens_are_ordered_as_the_cells():
    """What cell i learns must be what image token i sees: the pixel shuffle keeps rows and columns."""
    connector = tiny_backbone().model.model.connector
    patches = torch.arange(16.0).view(1, 16, 1).expand(1, 16, 4)  # 4 x 4 patches, numbered row by row
    tokens = connector.pixel_shuffle(patches.contiguous(), 2)[0]  # (4, 16)
    seen = [sorted({int(p) for p in token}) for token in tokens]
    assert seen == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]


def test_the_head_counts_what_it_tells(monkeypatch):
    """Loss and F1 against a count by hand, on a head that answers with what it is given."""
    monkeypatch.setattr(scene_facts, "fact_names", lambda seed: fact_names(seed, scenes=16, at_least=2))
    backbone = tiny_backbone()
    head = scene_facts.FactHead(backbone, bank_seed=0)
    cells = backbone.processor.image_seq_len
    targets = head.targets([0, 1, 2])
    assert targets.shape == (3, cells, len(head.index)) and head.side**2 == cells
    for row, scene in zip(targets, SCENES):
        assert torch.equal(row, torch.from_numpy(cell_targets(scene, head.index, head.side)))
    head.norm = torch.nn.Identity()
    head.read = torch.nn.Identity()
    known = 8 * targets - 4  # logits: sure of everything, and right
    loss, score = head(known, [0, 1, 2])
    assert score == 100 and loss.item() == pytest.approx(len(head.index) * np.log1p(np.exp(-4)), rel=1e-4)
    flipped = known.clone()
    flipped[targets > 0] = -4  # tells nothing
    assert head(flipped, [0, 1, 2])[1] == 0
    assert head(torch.full_like(known, 4.0), [0, 1, 2])[1] == pytest.approx(
        200 * targets.sum().item() / (targets.numel() + targets.sum().item())
    )
