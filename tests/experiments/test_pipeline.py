"""The pipeline: what it counts, what it keeps apart, and that it learns. (`test_end_to_end.py` runs it by command.)"""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_data import TEST, TRAIN, data_folder

from gcr_tutorial.config import RunConfig, TrainingConfig, get_preset
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.task import make_task
from gcr_tutorial.errors import UserOSError, UserValueError
from gcr_tutorial.evaluation.evaluate import valid_rate
from gcr_tutorial.experiments import comparison, machine, pipeline, run_folder
from gcr_tutorial.experiments.comparison import compare
from gcr_tutorial.experiments.machine import peak_memory_gb
from gcr_tutorial.experiments.pipeline import run
from gcr_tutorial.experiments.queries import texts_by_row, training_queries
from gcr_tutorial.experiments.reporting import thin
from gcr_tutorial.experiments.run_folder import write_results
from gcr_tutorial.models.loading import load_backbone

QUICK = TrainingConfig(memorize_epochs=1, retrieve_epochs=1)


@pytest.fixture(autouse=True)
def tiny_data(monkeypatch):
    monkeypatch.setenv("GCR_DATA", str(data_folder()))


@pytest.fixture(scope="module")
def corpus() -> ImageCaptionCorpus:
    return ImageCaptionCorpus.from_picturebook(TRAIN, 2, TEST)


def preset(config: TrainingConfig = QUICK, **changes):
    return replace(get_preset("tiny"), training=config, pseudo_queries=2, pseudo_samples=3, **changes)


def quiet(line: str) -> None:
    pass


@given(st.lists(st.floats(0, 9), max_size=700), st.integers(1, 250))
def test_a_thinned_curve_is_short_and_starts_where_it_did(values, most):
    kept = thin(values, most)
    assert len(kept) <= most and (not values or kept[0] == round(values[0], 4))
    assert len(values) > most or kept == [round(value, 4) for value in values]


@pytest.mark.parametrize(
    "rankings, expected",
    [
        ([[1, 2], [2, 3]], 1.0),
        ([[1, 1], [2, 3]], 0.75),  # each image counts once
        ([[1, 9], [2, 3]], 0.75),  # 9 is not in the gallery
        ([[1], []], 0.25),  # places left empty count as invalid
        ([[1, 2, 3], [3, 2, 9]], 1.0),  # only the first k count
    ],
)
def test_valid_rate_by_hand(rankings, expected):
    assert valid_rate(rankings, {1, 2, 3}, 2) == expected


def test_training_queries_are_human_captions_and_pseudo_queries_by_row(corpus):
    task = make_task(corpus)
    pseudo = [["one", "two"], ["three"], *[[] for _ in task.uncaptioned[2:]]]
    queries = training_queries(task, pseudo)
    assert queries[-3:] == [("one", TRAIN), ("two", TRAIN), ("three", TRAIN + 1)]
    assert queries[:5] == [(text, 0) for text in corpus.records[0].captions] and len(queries) == 5 * TRAIN + 3
    assert texts_by_row(queries, TRAIN + TEST)[TRAIN - 1 :][:4] == [list(corpus.records[TRAIN - 1].captions), *pseudo[:3]]
    with pytest.raises(ValueError):
        training_queries(task, pseudo[:1])


def refuse(*arguments, **names):
    raise AssertionError("work was done before the mistake was reported")


@pytest.mark.parametrize("mistake", [{"identifier": "magic"}, {"protocol": "magic"}])
def test_mistakes_are_reported_before_any_work(corpus, monkeypatch, mistake):
    monkeypatch.setattr(pipeline, "load_backbone", refuse)
    with pytest.raises(ValueError, match="magic.*(choose|expected) one of"):
        run(corpus, preset(), RunConfig(**mistake), progress=quiet)


def test_a_missing_clip_or_an_impossible_folder_is_reported_before_any_work(corpus, monkeypatch, tmp_path):
    monkeypatch.setattr(pipeline, "cached_features", refuse)
    with pytest.raises(FileNotFoundError, match="tiny-clip"):
        run(corpus, preset(clip=str(tmp_path / "tiny-clip")), progress=quiet)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        run(corpus, preset(), RunConfig(out=tmp_path / "file"), progress=quiet)


@pytest.mark.parametrize("name", ["file", "file/below", "/proc/x"])
def test_a_folder_that_cannot_be_written_is_found_out_before_any_work(corpus, monkeypatch, tmp_path, name):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr(pipeline, "load_backbone", refuse)
    for work in (run, lambda *a, **k: compare(a[0], a[1], ["atomic"], a[2], **k)):
        with pytest.raises(UserOSError, match="cannot write into .*give another folder"):
            work(corpus, preset(), RunConfig(out=tmp_path / name), progress=quiet)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("trainable, least", [("lora", 1.0), ("full", 6.0)])
def test_too_little_disk_is_found_out_before_any_work(corpus, monkeypatch, tmp_path, trainable, least):
    """The retriever is as large as the model; a checkpoint holds the trained weights and two moments, and two lie on disk
    while one replaces the other."""
    monkeypatch.setattr(pipeline, "cached_features", refuse)
    size = sum(weight.nbytes for weight in load_backbone(preset().backbone_path).model.parameters())
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=int(least * size * 0.9)))
    config = replace(QUICK, trainable=trainable)
    with pytest.raises(UserOSError, match="will be written to .* are free on its disk"):
        run(corpus, preset(config), RunConfig(out=tmp_path / "out"), progress=quiet)
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=20 * size))
    with pytest.raises(AssertionError, match="work was done"):
        run(corpus, preset(config), RunConfig(out=tmp_path / "out"), progress=quiet)


def invalid_generation_config(monkeypatch, corpus) -> None:
    """A model that transformers loads and refuses to save."""

    def load(*arguments):
        backbone = load_backbone(*arguments)
        backbone.model.generation_config.update(do_sample=False, temperature=0.5)
        return backbone

    monkeypatch.setattr(pipeline, "load_backbone", load)


def a_value_that_json_lacks(monkeypatch, corpus) -> None:
    monkeypatch.setattr(corpus, "source", {"source": "files", "images_dir": Path("somewhere")})


@pytest.mark.parametrize("spoil", [invalid_generation_config, a_value_that_json_lacks])
@pytest.mark.parametrize("identifier", ["atomic", "classifier"])
def test_what_cannot_be_saved_is_found_out_before_training(corpus, monkeypatch, tmp_path, spoil, identifier):
    for name in ("fine_tune", "fine_tune_classifier"):
        monkeypatch.setattr(pipeline, name, refuse)
    spoil(monkeypatch, corpus)
    with pytest.raises(UserValueError, match="could not be saved.*nothing was trained"):
        run(corpus, preset(), RunConfig(identifier=identifier, out=tmp_path), progress=quiet)
    assert not list(tmp_path.rglob("retriever*")) and not (tmp_path / "checkpoints" / "trial").exists()


def test_the_other_processes_leave_the_trial_of_the_main_one_alone(monkeypatch, tmp_path):
    trial = tmp_path / "checkpoints" / "trial.writing"
    trial.mkdir(parents=True)
    monkeypatch.setattr(run_folder.processes, "is_main", lambda: False)
    run_folder.RunFolder(tmp_path, {}).rehearse(None)
    assert trial.is_dir()


def test_a_comparison_finds_out_that_its_table_cannot_be_written(corpus, monkeypatch, tmp_path):
    monkeypatch.setattr(corpus, "name", "caf\udce9")
    monkeypatch.setattr(comparison, "run", refuse)
    with pytest.raises(UserValueError, match="caf.*rename"):
        compare(corpus, preset(), ["atomic"], RunConfig(out=tmp_path), progress=quiet)


def test_an_unknown_version_is_no_reason_to_lose_a_run(monkeypatch):
    monkeypatch.setattr(machine, "PACKAGES", ("torch", "never-published-by-anyone"))
    assert machine.versions()["never-published-by-anyone"] == "unknown" and machine.versions()["torch"]


def test_no_caption_of_a_test_image_trains(corpus, monkeypatch):
    seen: list[Sequence] = []
    original = pipeline.fine_tune

    def spy(backbone, targets, queries, **settings):
        seen.extend(queries)
        return original(backbone, targets, queries, **settings)

    monkeypatch.setattr(pipeline, "fine_tune", spy)
    results = run(corpus, preset(), progress=quiet)
    task = make_task(corpus)
    asked = {query.text for query in task.eval_queries}
    rows_of_test = {task.memorize.index(image) for image in task.gallery}
    about_test = [text for text, row in seen if row in rows_of_test]
    assert about_test and not asked & set(about_test)  # what the model said of the pixels, not what the grammar said
    assert {row for _, row in seen} == set(range(TRAIN + TEST))
    assert len(seen) == results["n_training_queries"] == 5 * TRAIN + results["n_pseudo_queries"]
    assert len(about_test) == results["n_pseudo_queries"] <= 2 * TEST
    verdicts = [corpus.is_true(text, task.memorize[row]) for text, row in seen if row in rows_of_test]
    assert results["pseudo_true_share"] == round(sum(verdicts) / len(verdicts), 4)


def test_semantic_identifiers_start_as_answers_do_in_the_backbones_own_template(corpus, monkeypatch):
    """Not every template has a space before an answer."""
    targets = []

    def load(*arguments):
        backbone = load_backbone(*arguments)
        backbone.__dict__["answer_format"] = ("\n", backbone.end_id)
        return backbone

    def stop(backbone, ids, *rest, **how):
        targets.extend(backbone.tokenizer.decode(target) for target in ids)
        raise UserValueError("far enough")

    monkeypatch.setattr(pipeline, "load_backbone", load)
    monkeypatch.setattr(pipeline, "fine_tune", stop)
    sizes = replace(preset(max_query_tokens=200, max_identifier_tokens=200), pseudo_queries=0)
    with pytest.raises(UserValueError, match="far enough"):
        run(corpus, sizes, RunConfig(identifier="semantic"), progress=quiet)
    assert len(targets) == TRAIN + TEST and all(text.startswith("\n") for text in targets)


def test_same_seed_same_results_other_seed_others(corpus):
    first, again, other = (run(corpus, preset(), RunConfig(seed=seed), progress=quiet) for seed in (3, 3, 4))
    for name in ("recall", "recall_full_gallery", "valid_rate", "baselines", "losses", "n_pseudo_queries", "ambiguity_aware"):
        assert first[name] == again[name], name
    assert first["losses"] != other["losses"] and (first["seed"], other["seed"]) == (3, 4)


@pytest.mark.parametrize("schedule, identifier", [("sequential", "atomic"), ("joint", "structured")])
def test_what_it_was_told_it_remembers(corpus, monkeypatch, tmp_path, schedule, identifier):
    config = TrainingConfig(schedule=schedule, trainable="full", lr=5e-3, batch_size=16, memorize_epochs=10, retrieve_epochs=25)
    kept = []
    monkeypatch.setattr(run_folder, "write_results", lambda out, retriever, results: kept.append(retriever))
    results = run(corpus, preset(config), RunConfig(identifier=identifier, out=tmp_path), progress=quiet)
    assert results["schedule"] == schedule
    assert set(results["losses"]) == ({"joint"} if schedule == "joint" else {"memorize", "retrieve"})
    *_, last = results["losses"].values()
    assert last[-1] < last[0] / 2
    told = [(text, row) for row in range(TRAIN) for text in corpus.records[row].captions]
    found = kept[0].rank([text for text, _ in told], 1, rows=range(TRAIN + TEST))
    hits = sum(hits[0].row == row for hits, (_, row) in zip(found, told))
    assert hits >= 0.5 * len(told)  # ten times what chance would give


def test_an_unfinished_write_leaves_no_results(tmp_path):
    def dies(folder):
        raise KeyboardInterrupt

    (tmp_path / "results.json").write_text('{"of": "an earlier run"}')
    with pytest.raises(KeyboardInterrupt):
        write_results(tmp_path, SimpleNamespace(save_pretrained=dies), {"seed": 1})
    assert not (tmp_path / "results.json").exists()
    write_results(tmp_path, SimpleNamespace(save_pretrained=lambda folder: folder.mkdir()), {"seed": 1})
    assert json.loads((tmp_path / "results.json").read_text()) == {"seed": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.json", "retriever"]


def test_peak_memory_is_in_gib_on_linux_and_macos(monkeypatch):
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=3 * 2**20))
    monkeypatch.setattr(sys, "platform", "linux")
    assert peak_memory_gb() == 3.0
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=3 * 2**30))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert peak_memory_gb() == 3.0
