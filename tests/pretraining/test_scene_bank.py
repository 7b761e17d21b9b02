"""The scene bank holds the scenes it says, and is never taken for complete when it is not."""

import json

import numpy as np
import pytest

from gcr_tutorial.picturebook import captions, render, sample_scene, scene_seed
from gcr_tutorial.picturebook.questions import inventory
from gcr_tutorial.pretraining import scene_bank
from gcr_tutorial.pretraining.scene_bank import SceneBank

SIZE = 24


def build(folder, n=5, **settings) -> SceneBank:
    return SceneBank.build(folder, n, **{"size": SIZE, "seed": 4, "workers": 1, "progress": lambda line: None} | settings)


def must_not_render(job):
    raise AssertionError("rendered again")


@pytest.fixture(autouse=True)
def chunks_of_three(monkeypatch):
    monkeypatch.setattr(scene_bank, "CHUNK", 3)


def test_holds_the_pretraining_scenes_in_order(tmp_path):
    said = []
    bank = build(tmp_path / "bank", n=7, workers=2, progress=said.append)
    assert len(bank) == 7 and bank.images.shape == (7, SIZE, SIZE, 3) and bank.images.dtype == np.uint8
    for i in range(7):
        scene = sample_scene(scene_seed("pretraining", 4, i))
        np.testing.assert_array_equal(bank.images[i], np.asarray(render(scene, SIZE)))
        assert bank.captions[i] == [caption.text for caption in captions(scene)]
        assert tuple(bank.questions[i][0]) == inventory(scene)
    assert [line.split(",")[0] for line in said] == [f"scene bank: {done}/7 scenes" for done in (3, 6, 7)]
    assert "0 s left" in said[-1]


def test_opens_what_is_there_and_builds_anew_for_other_settings(tmp_path, monkeypatch):
    first = build(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(scene_bank, "ProcessPoolExecutor", must_not_render)
        again = build(tmp_path)
    np.testing.assert_array_equal(first.images, again.images)
    assert first.captions == again.captions and isinstance(again.images, np.memmap)
    other = build(tmp_path, seed=5)
    assert other.captions != first.captions and SceneBank.open(tmp_path).captions == other.captions
    assert build(tmp_path, n=2, seed=5).captions == other.captions[:2]
    assert build(tmp_path, n=2, seed=5, size=12).images.shape == (2, 12, 12, 3)


def test_other_drawing_rules_make_it_anew(tmp_path, monkeypatch):
    first = build(tmp_path)
    monkeypatch.setattr(scene_bank, "QUESTIONS", 1)
    other = build(tmp_path)
    assert other.captions == first.captions and max(map(len, other.questions)) == 2 < max(map(len, first.questions))


def test_no_bank_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="SceneBank.build"):
        SceneBank.open(tmp_path)


@pytest.mark.parametrize("index", [0, 4])
def test_refuses_a_scene_to_be_avoided(tmp_path, index):
    avoided = sample_scene(scene_seed("pretraining", 4, index)).content
    with pytest.raises(ValueError, match="tutorial.*another seed"):
        build(tmp_path, avoid=frozenset({avoided}))
    with pytest.raises(FileNotFoundError):
        SceneBank.open(tmp_path)
    other_world = frozenset(sample_scene(scene_seed("tutorial", 0, i)).content for i in range(50))
    assert len(build(tmp_path, avoid=other_world)) == 5


def test_an_interrupted_build_is_not_taken_for_complete(tmp_path):
    def stop(line):
        raise KeyboardInterrupt

    complete = build(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, n=6, progress=stop)  # over the complete one
    with pytest.raises(FileNotFoundError):
        SceneBank.open(tmp_path)
    again = build(tmp_path)
    np.testing.assert_array_equal(again.images, complete.images)
    assert again.captions == complete.captions
    assert json.loads((tmp_path / "bank.json").read_text()).items() >= {"n": 5, "size": SIZE, "seed": 4}.items()
