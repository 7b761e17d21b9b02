"""Scenes: the same from the same seed, disjoint worlds, varied enough, and everything in sight."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcr_tutorial.picturebook import Entity, Scene, captions, render, sample_scene, scene_seed
from gcr_tutorial.picturebook.catalogue import ACTIVITIES, SETTINGS, THINGS
from gcr_tutorial.picturebook.colors import COLORS, HAIRS, SKINS
from gcr_tutorial.picturebook.meaning import related
from gcr_tutorial.picturebook.sampling import bounds, core, hidden_share
from gcr_tutorial.picturebook.scene import PEOPLE, WORLDS
from gcr_tutorial.picturebook.world import COUNTABLE, ONLY_IN, SETTING_THINGS, SIZABLE

PER_WORLD = 1500
BACKDROP_ONLY = {"bed", "stove"}  # drawable, but part of the bedroom and the kitchen already
TOPS, HATS = {"shirt", "sweater", "jacket", "coat", "dress"}, {"cap", "hat", "winter hat", "helmet"}
GARMENTS = TOPS | HATS | {"pants", "shorts", "skirt"}


@pytest.fixture(scope="module")
def worlds() -> dict[str, list[Scene]]:
    return {world: [sample_scene(scene_seed(world, 0, i)) for i in range(PER_WORLD)] for world in WORLDS}


@pytest.fixture(scope="module")
def scenes(worlds: dict[str, list[Scene]]) -> list[Scene]:
    return [scene for world in WORLDS for scene in worlds[world]]


# Seeds


def digest(indices) -> str:
    found = hashlib.sha256()
    for i in indices:
        scene = sample_scene(scene_seed("tutorial", 3, i))
        found.update(repr(scene).encode())
        found.update(render(scene, 48).tobytes())
        found.update(repr(captions(scene)).encode())
    return found.hexdigest()


def test_same_seed_same_bytes_in_another_process():
    code = "import sys; sys.path.insert(0, 'tests/picturebook')\nfrom test_scenes import digest\nprint(digest(range(25)))"
    root = Path(__file__).resolve().parents[2]
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert hashes == {digest(range(25))}


@given(st.integers(0, 2**60))
def test_a_seed_is_one_scene(seed):
    assert sample_scene(seed) == sample_scene(seed)
    assert sample_scene(seed).seed == seed and len(sample_scene(seed).entities) >= 2


def test_different_seeds_are_different_scenes(worlds):
    for made in worlds.values():
        assert len({scene.content for scene in made}) == PER_WORLD
    pictures = {render(scene, 32).tobytes() for scene in worlds["tutorial"][:150]}
    assert len(pictures) == 150
    others = [sample_scene(scene_seed("tutorial", 1, i)) for i in range(PER_WORLD)]
    assert {s.content for s in others}.isdisjoint(s.content for s in worlds["tutorial"])


def test_the_worlds_share_no_scene(worlds):
    tutorial, pretraining = (worlds[world] for world in WORLDS)
    assert {s.content for s in tutorial}.isdisjoint(s.content for s in pretraining)


@given(st.integers(0, 10**6), st.integers(0, 10**9), st.integers(0, 10**6), st.integers(0, 10**9))
def test_no_seed_belongs_to_both_worlds(seed, index, other_seed, other_index):
    assert scene_seed("tutorial", seed, index) != scene_seed("pretraining", other_seed, other_index)
    for i, world in enumerate(WORLDS):  # not by luck: the remainder names the world
        assert scene_seed(world, seed, index) % len(WORLDS) == i
    assert scene_seed("tutorial", seed, index) == scene_seed("tutorial", seed, index)
    if (seed, index) != (other_seed, other_index):
        assert scene_seed("tutorial", seed, index) != scene_seed("tutorial", other_seed, other_index)


@pytest.mark.parametrize("world", ["Tutorial", "test", ""])
def test_an_unknown_world_is_refused(world):
    with pytest.raises(ValueError, match="world must be one of"):
        scene_seed(world, 0, 0)


# Variety


def test_the_catalogue_is_large_enough():
    assert len(THINGS) + len(PEOPLE) >= 60
    assert len(SETTINGS) >= 10
    assert len(ACTIVITIES) >= 12


def test_every_kind_setting_and_activity_occurs(scenes):
    entities = [entity for scene in scenes for entity in scene.entities]
    people = [entity for entity in entities if entity.is_person]
    assert {entity.kind for entity in entities} == {*THINGS, *PEOPLE} - BACKDROP_ONLY
    assert {scene.setting for scene in scenes} == set(SETTINGS)
    assert {person.pose for person in people} == set(ACTIVITIES)
    assert {scene.time for scene in scenes} == {"day", "sunset", "night"}
    assert {scene.weather for scene in scenes} == {"clear", "rain", "snow"}
    assert {entity.size for entity in entities} == {"small", "big", None}
    assert {entity.count for entity in entities} == {1, 2, 3}
    assert {garment for person in people for garment, _ in person.wears} == GARMENTS
    assert {color for person in people for _, color in person.wears} == set(COLORS)
    assert {person.skin for person in people} == set(range(len(SKINS)))
    assert {person.hair for person in people} == {*HAIRS, None}
    assert min(Counter(scene.setting for scene in scenes).values()) > len(scenes) / len(SETTINGS) / 2


def test_things_are_where_they_belong(scenes):
    for scene in scenes:
        setting, rows = SETTINGS[scene.setting], SETTING_THINGS[scene.setting]
        assert scene.time in setting.times and scene.weather in setting.weathers
        for entity in scene.entities:
            if entity.is_person:
                activity = ACTIVITIES[entity.pose]
                assert entity.kind in activity.kinds
                assert scene.setting in ONLY_IN.get(entity.pose, (scene.setting,))
                assert (entity.prop_color in COLORS) == (activity.prop is not None)
                continue
            thing = THINGS[entity.kind]
            assert any(entity.kind in kinds for kinds in rows.values())
            assert entity.color in (thing.colors or (None,)) and entity.pose in thing.poses
            assert entity.count == 1 or entity.kind in COUNTABLE
            assert entity.size is None or entity.kind in SIZABLE
            assert not entity.wears and entity.prop_color is None and entity.hair is None


def test_clothes_go_together(scenes):
    for person in (e for s in scenes for e in s.entities if e.is_person):
        worn = [garment for garment, _ in person.wears]
        assert len(set(worn)) == len(worn) <= 3
        assert len(TOPS & set(worn)) == (person.pose != "swimming")
        assert len(HATS & set(worn)) <= 1
        if person.kind in ("man", "boy"):
            assert not {"dress", "skirt"} & set(worn)


# Places on the page


def test_everything_is_inside_the_page(scenes):
    for entity in (e for s in scenes for e in s.entities):
        left, top, right, bottom = bounds(entity)
        assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1, entity
        inner = core(entity)
        assert left <= inner[0] < inner[2] <= right and top <= inner[1] < inner[3] <= bottom, entity


def test_no_thing_hides_another_too_much(scenes):
    for scene in scenes:
        for behind, front in combinations(scene.entities, 2):  # drawn in this order
            assert hidden_share(core(behind), core(front)) <= 0.25
            assert hidden_share(bounds(behind), core(front)) <= 0.35
            assert hidden_share(core(behind), bounds(front)) <= 0.5


def test_nearer_things_are_drawn_later_and_the_sky_first(scenes):
    def in_sky(entity: Entity) -> bool:
        return not entity.is_person and THINGS[entity.kind].places == "sky"

    for scene in scenes:
        on_ground = [entity.y for entity in scene.entities if not in_sky(entity)]
        assert on_ground == sorted(on_ground)
        assert [in_sky(entity) for entity in scene.entities] == sorted(map(in_sky, scene.entities), reverse=True)


def test_bounds_follow_size_count_and_side():
    kite = Entity("man", 0.5, 0.9, 0.4, pose="flying a kite")
    left, top, right, bottom = bounds(kite)
    assert right - 0.5 > 2 * (0.5 - left) and bottom == 0.9 and top < 0.9 - 0.4
    mirrored = bounds(replace(kite, flip=True))
    assert (0.5 - mirrored[0], mirrored[2] - 0.5) == pytest.approx((right - 0.5, 0.5 - left))
    child = bounds(replace(kite, kind="girl"))
    assert child[2] - child[0] == pytest.approx(0.7 * (right - left))
    ducks = bounds(Entity("duck", 0.5, 0.7, 0.3, count=3))
    assert ducks[2] - ducks[0] > 3 * THINGS["duck"].width * 0.3


def test_hidden_share():
    assert hidden_share((0, 0, 1, 1), (0.5, 0.5, 2, 2)) == 0.25
    assert hidden_share((0, 0, 1, 1), (-1, -1, 2, 2)) == 1.0
    assert hidden_share((0, 0, 1, 1), (1, 0, 2, 1)) == 0.0


# Relations, as the viewer sees them

MAN = Entity("man", 0.5, 0.8, 0.4)


@pytest.mark.parametrize(
    "x, y, expected",
    [
        (0.2, 0.8, {"left of", "next to"}),
        (0.1, 0.8, {"left of"}),
        (0.8, 0.8, {"right of", "next to"}),
        (0.45, 0.8, {"next to"}),
        (0.5, 0.7, {"behind", "next to"}),
        (0.5, 0.9, {"in front of", "next to"}),
        (0.3, 0.9, {"left of", "in front of", "next to"}),
        (0.9, 0.7, {"right of"}),
    ],
)
def test_relations_of_a_dog_to_a_man(x, y, expected):
    dog = Entity("dog", x, y, 0.4)
    relations = ("left of", "right of", "behind", "in front of", "next to", "above")
    assert {r for r in relations if related(dog, r, MAN)} == expected
    opposite = {
        "left of": "right of",
        "right of": "left of",
        "behind": "in front of",
        "in front of": "behind",
        "next to": "next to",
    }
    assert {r for r in relations if related(MAN, r, dog)} == {opposite[r] for r in expected}


def test_what_flies_is_above_and_never_behind():
    bird, airplane = Entity("bird", 0.6, 0.25, 0.3), Entity("airplane", 0.5, 0.3, 0.3)
    assert related(bird, "above", MAN) and not related(MAN, "above", bird)
    assert not related(bird, "above", airplane) and not related(replace(bird, x=0.9), "above", MAN)
    for relation in ("next to", "behind", "in front of"):
        assert not related(bird, relation, MAN) and not related(MAN, relation, bird)
    assert related(replace(bird, x=0.9), "right of", MAN)


def test_an_unknown_relation_is_refused():
    with pytest.raises(ValueError, match="unknown relation 'under'"):
        related(MAN, "under", MAN)
