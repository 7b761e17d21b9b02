"""Artifacts: shipped ones are loaded, missing ones trained once, data/ is written by `ship` alone."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from tiny_data import TEST, TRAIN, data_folder, own_copy

from gcr_tutorial.config import TrainingConfig, get_preset
from gcr_tutorial.experiments import artifacts
from gcr_tutorial.experiments.artifacts import load_artifact, rebuild_asked, ship
from gcr_tutorial.experiments.signed_folders import check_signature
from gcr_tutorial.paths import build_dir

QUERIES = ["a boy flying a kite", "A dog.", "a red car on a street"]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A data folder and a build folder of this test's own; the preset is small."""
    own_copy(data_folder(), tmp_path / "data")
    monkeypatch.setenv("GCR_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("GCR_BUILD", raising=False)
    monkeypatch.delenv("GCR_REBUILD", raising=False)
    small = replace(
        get_preset("tiny"),
        n_train=TRAIN,
        n_val=1,
        n_test=TEST,
        pseudo_queries=2,
        training=TrainingConfig(memorize_epochs=1, retrieve_epochs=1),
    )
    monkeypatch.setattr(artifacts, "get_preset", lambda: small)
    return tmp_path


def refuse(*arguments, **names):
    raise AssertionError("trained although it was there")


def test_trained_once_then_found_then_shipped(workplace, monkeypatch):
    said = []
    trained, results = load_artifact("atomic", said.append)
    assert results["source"] == "trained now" and "training the atomic retriever now" in said[0]
    assert (results["n_gallery"], results["n_queries"], results["identifier"]) == (TEST, 5 * TEST, "atomic")
    assert not (workplace / "data" / "artifacts").exists() and (workplace / "build" / "artifacts" / "atomic").is_dir()

    monkeypatch.setattr(artifacts, "run", refuse)
    again, results = load_artifact("atomic", said.append)
    assert results["source"] == "built before" and again.rank(QUERIES) == trained.rank(QUERIES)

    check_signature(workplace / "build" / "artifacts" / "atomic")  # so `tutorial` may delete it
    folder = ship("atomic")
    assert folder == workplace / "data" / "artifacts" / "atomic"
    shipped, results = load_artifact("atomic", said.append)
    assert results["source"] == "shipped" and "found" in said[-1]
    stored = json.loads((folder / "results.json").read_text())
    assert "source" not in stored and {"made", "machine", "command", "weights"} <= set(stored["provenance"])
    assert stored["recall"] == json.loads((workplace / "build/artifacts/atomic/results.json").read_text())["recall"]

    with safe_open(folder / "retriever" / "backbone" / "model.safetensors", "pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.float16}
    assert shipped.backbone.model.dtype == torch.float32
    for mine, theirs in zip(shipped.rank(QUERIES, 8), trained.rank(QUERIES, 8)):
        by_row = {hit.row: hit.score for hit in theirs}
        assert [hit.score for hit in mine] == pytest.approx([by_row[hit.row] for hit in mine], abs=0.05)
    ship("atomic")  # again, over itself
    assert sorted(path.name for path in folder.iterdir()) == ["results.json", "retriever"]


def test_a_rebuild_does_not_take_what_is_shipped(workplace, monkeypatch):
    load_artifact("atomic", lambda line: None)
    ship("atomic")
    monkeypatch.setenv("GCR_REBUILD", "1")
    monkeypatch.setenv("GCR_BUILD", str(workplace / "elsewhere"))
    before = (workplace / "data/artifacts/atomic/results.json").read_bytes()
    assert load_artifact("atomic", lambda line: None)[1]["source"] == "trained now"
    assert (workplace / "elsewhere" / "atomic" / "results.json").is_file()
    assert (workplace / "data/artifacts/atomic/results.json").read_bytes() == before


def test_what_another_preset_or_other_settings_made_is_not_taken(workplace, monkeypatch):
    quick = TrainingConfig(memorize_epochs=0, retrieve_epochs=0)
    small = replace(artifacts.get_preset(), training=quick, pseudo_queries=0)
    monkeypatch.setattr(artifacts, "get_preset", lambda: small)
    monkeypatch.setenv("GCR_REBUILD", "1")
    assert load_artifact("atomic", lambda line: None)[1]["source"] == "trained now"
    colab = replace(small, name="colab", num_beams=3)
    monkeypatch.setattr(artifacts, "get_preset", lambda: colab)
    retriever, results = load_artifact("atomic", lambda line: None)
    assert (results["source"], results["preset"], retriever.num_beams) == ("trained now", "colab", 3)
    changed = replace(small, num_beams=4)
    monkeypatch.setattr(artifacts, "get_preset", lambda: changed)
    retriever, results = load_artifact("atomic", lambda line: None)
    assert (results["source"], results["preset"], retriever.num_beams) == ("trained now", "tiny", 4)
    monkeypatch.setattr(artifacts, "run", refuse)
    for preset in (colab, changed):  # both are there still
        monkeypatch.setattr(artifacts, "get_preset", lambda preset=preset: preset)
        retriever, results = load_artifact("atomic", lambda line: None)
        assert (results["source"], retriever.num_beams) == ("built before", preset.num_beams)


def test_half_written_artifacts_are_not_taken(workplace, monkeypatch):
    for place in ("data/artifacts/structured/retriever", "build/artifacts/structured/retriever"):
        (workplace / place).mkdir(parents=True)
    assert load_artifact("structured", lambda line: None)[1]["source"] == "trained now"


def test_nothing_to_ship_and_unknown_kinds_are_refused(workplace):
    with pytest.raises(FileNotFoundError, match="no finished run"):
        ship("structured")
    assert not (workplace / "data" / "artifacts").exists()
    with pytest.raises(ValueError, match="'magic'.*atomic, structured"):
        load_artifact("magic")


@pytest.mark.parametrize("value, expected", [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)])
def test_when_a_rebuild_is_asked_for(monkeypatch, value, expected):
    monkeypatch.delenv("GCR_REBUILD", raising=False)
    if value is not None:
        monkeypatch.setenv("GCR_REBUILD", value)
    assert rebuild_asked() is expected


def test_where_builds_go(monkeypatch, tmp_path):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("GCR_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("GCR_BUILD", raising=False)
    assert build_dir() == tmp_path / "build" / "artifacts"
    monkeypatch.setenv("GCR_BUILD", str(tmp_path / "b"))
    assert build_dir() == tmp_path / "b"
