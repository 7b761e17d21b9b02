import dataclasses

import pytest

from gcr_tutorial import config as presets
from gcr_tutorial import paths


def test_argument_beats_environment_beats_tiny(monkeypatch):
    monkeypatch.delenv("GCR_PRESET", raising=False)
    assert presets.get_preset().name == "tiny"
    monkeypatch.setenv("GCR_PRESET", "paper")
    assert presets.get_preset().name == "paper"
    assert presets.get_preset("colab").name == "colab"


def test_unknown_preset_lists_the_known_ones(monkeypatch):
    monkeypatch.setenv("GCR_PRESET", "huge")
    with pytest.raises(ValueError, match="tiny, colab, paper"):
        presets.get_preset()


def test_presets_are_frozen_and_true_to_the_design():
    tiny = presets.get_preset("tiny")
    assert (tiny.n_train, tiny.n_test, tiny.clusters, tiny.leaf_size, tiny.image_size) == (1000, 300, 8, 8, 96)
    with pytest.raises(dataclasses.FrozenInstanceError):
        tiny.n_train = 3
    assert "SmolVLM-256M" in presets.get_preset("colab").backbone_path
    assert presets.get_preset("colab").dtype != "bfloat16"  # T4
    assert presets.get_preset("paper").training.mixed_precision == "no"


def test_data_dir(monkeypatch, tmp_path):
    monkeypatch.setenv("GCR_DATA", str(tmp_path))
    assert paths.data_dir() == tmp_path
    assert presets.get_preset("tiny").backbone_path == str(tmp_path / "backbones/tiny-vlm")
    monkeypatch.setenv("GCR_DATA", str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError, match="GCR_DATA"):
        paths.data_dir()
    monkeypatch.delenv("GCR_DATA")
    monkeypatch.setattr(paths, "ROOT", tmp_path / "site-packages")
    with pytest.raises(FileNotFoundError, match="clone"):
        paths.data_dir()
