"""Every kind by one recipe: each runs, comes back from its folder, learns what it is told; `compare` makes the table."""

import json
import signal
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny_data import QUICK, TEST, TRAIN, command, data_folder, finished_run, own_copy, photographs, scratch

from gcr_tutorial import cli as cli
from gcr_tutorial.config import RunConfig, TrainingConfig, get_preset
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.task import make_task
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.experiments import comparison as comparison
from gcr_tutorial.experiments import pipeline, run_folder
from gcr_tutorial.experiments.comparison import compare
from gcr_tutorial.experiments.pipeline import run
from gcr_tutorial.experiments.queries import shared_pseudo_queries
from gcr_tutorial.experiments.reporting import comparison_markdown, comparison_rows, comparison_table
from gcr_tutorial.experiments.run_folder import RunFolder
from gcr_tutorial.experiments.settings import differing, settings_of, weights_crc32
from gcr_tutorial.experiments.stages import Stages
from gcr_tutorial.identifiers import IDENTIFIER_KINDS
from gcr_tutorial.retrieval.retriever import GenerativeRetriever
from gcr_tutorial.training.gradient import BatchGradient
from gcr_tutorial.training.resuming import Interrupted

QUERIES = ["a boy flying a kite", "A dog.", "two red balls near a tree on the beach at night"]


@pytest.fixture(autouse=True)
def tiny_data(monkeypatch):
    monkeypatch.setenv("GCR_DATA", str(data_folder()))


def quiet(line: str) -> None:
    pass


@cache
def small_run(kind: str) -> Path:
    """The folder of a run over six images, three of them the gallery: tests share it."""
    out = scratch() / "small" / kind
    status, _, err = command(
        "run", "--identifier", kind, "--train-images", "3", "--test-images", "3", *QUICK, "--out", str(out)
    )
    assert status == 0, err
    return out


@pytest.mark.parametrize("kind", IDENTIFIER_KINDS)
def test_each_kind_answers_with_images_of_the_gallery_and_nothing_else(kind, tmp_path):
    results = json.loads((small_run(kind) / "results.json").read_text())
    assert results["identifier"] == kind and results["valid_rate"] == 1.0 and results["n_queries"] == 5 * 3
    assert results["recall"]["R@5"] == results["hybrid"]["R@5"] == 100.0  # three images: five places hold them all
    assert set(results["losses"]) == ({"retrieve"} if kind == "classifier" else {"memorize", "retrieve"})
    retriever = GenerativeRetriever.from_pretrained(small_run(kind) / "retriever")
    assert (len(retriever.identifiers.new_tokens) > 0) == (kind in ("atomic", "structured", "residual"))
    assert results["n_new_tokens"] == len(retriever.identifiers.new_tokens)
    everything = retriever.rank(QUERIES, 50)
    for hits in everything:
        assert sorted(hit.row for hit in hits) == [3, 4, 5]
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True) and scores[0] < 0
    retriever.save_pretrained(tmp_path / "r")
    assert GenerativeRetriever.from_pretrained(tmp_path / "r").rank(QUERIES, 50) == everything  # to the last bit


@pytest.mark.parametrize("kind", IDENTIFIER_KINDS)
def test_each_kind_remembers_what_it_was_told(kind, monkeypatch, tmp_path):
    config = TrainingConfig(trainable="full", lr=5e-3, batch_size=10, memorize_epochs=8, retrieve_epochs=24)
    preset = replace(get_preset("tiny"), training=config, pseudo_queries=0, clusters=3, leaf_size=2)
    corpus, kept = ImageCaptionCorpus.from_picturebook(8, 0, 1), []
    monkeypatch.setattr(run_folder, "write_results", lambda out, retriever, results: kept.append(retriever))
    monkeypatch.setattr(pipeline.Method, "answer_queries", lambda *a: {})
    monkeypatch.setattr(pipeline, "evaluate_rankings", lambda *a: {})
    run(corpus, preset, RunConfig(identifier=kind, out=tmp_path), progress=quiet)
    told = [(text, row) for row in range(8) for text in corpus.records[row].captions[:3]]
    found = kept[0].rank([text for text, _ in told], 1, rows=range(8))
    hits = sum(hits[0].row == row for hits, (_, row) in zip(found, told))
    assert hits >= 0.75 * len(told), f"{hits} of {len(told)}"  # one in eight by chance


def test_no_evaluated_query_becomes_a_semantic_identifier(monkeypatch, tmp_path):
    corpus = ImageCaptionCorpus.from_picturebook(TRAIN, 0, TEST)
    asked = [query.text for query in make_task(corpus).eval_queries]
    monkeypatch.setattr(
        pipeline,
        "generate_pseudo_queries",
        lambda backbone, features, *a, **k: [[asked[0], asked[7].upper(), f"A thing {i}."] for i in range(len(features))],
    )  # the model says what will be asked
    kept = []
    monkeypatch.setattr(run_folder, "write_results", lambda out, retriever, results: kept.append(retriever))
    monkeypatch.setattr(pipeline.Method, "answer_queries", lambda *a: {})
    monkeypatch.setattr(pipeline, "evaluate_rankings", lambda *a: {})
    preset = replace(get_preset("tiny"), training=TrainingConfig(memorize_epochs=0, retrieve_epochs=0), pseudo_queries=3)
    preset = replace(preset, max_query_tokens=200, max_identifier_tokens=200)  # whole captions, for a tokenizer of few words
    run(corpus, preset, RunConfig(identifier="semantic", out=tmp_path), progress=quiet)
    tokenizer = kept[0].backbone.tokenizer
    said = [tokenizer.decode(ids[:-1]).strip() for ids in kept[0].identifiers.token_ids(tokenizer, kept[0].backbone.end_id)]
    assert said[TRAIN:] == [f"A thing {i}." for i in range(TEST)]
    asked_before = {text.lower().rstrip(".") for text in asked}
    assert all(
        text in record.captions
        for text, record in zip(said[:TRAIN], corpus.records)
        if record.captions[0].lower().rstrip(".") not in asked_before
    )


# compare


@pytest.fixture
def counted(monkeypatch) -> list[str]:
    """The kinds that `compare` ran: by a stand-in that leaves the results of a real one, and the settings asked for."""
    ran: list[str] = []
    example = json.loads((finished_run() / "results.json").read_text())

    def stand_in(corpus, preset, config, *, progress):
        ran.append(config.identifier)
        results = example | {
            "identifier": config.identifier,
            "settings": settings_of(corpus, preset, config),
            "tokens_per_identifier": len(ran),
        }
        run_folder.write_results(config.out, SimpleNamespace(save_pretrained=lambda folder: None), results)
        return results

    monkeypatch.setattr(comparison, "run", stand_in)
    return ran


def small(**changes):
    return replace(
        get_preset("tiny"),
        pseudo_queries=2,
        pseudo_samples=2,
        training=replace(TrainingConfig(memorize_epochs=1, retrieve_epochs=1), **changes),
    )


def corpus_of(train: int = 6, test: int = 4) -> ImageCaptionCorpus:
    return ImageCaptionCorpus.from_picturebook(train, 0, test)


def test_finished_kinds_are_not_run_again_unless_the_settings_differ(tmp_path, counted):
    said: list[str] = []
    first = compare(corpus_of(), small(), ["atomic", "numeric", "atomic"], RunConfig(out=tmp_path), progress=said.append)
    assert counted == ["atomic", "numeric"] and [results["identifier"] for results in first] == counted
    assert "atomic (1 of 2): training now" in said and any(
        line.startswith("numeric (2 of 2): training now, about") for line in said
    )
    again = compare(corpus_of(), small(), ["numeric", "classifier"], RunConfig(out=tmp_path), progress=said.append)
    assert counted == ["atomic", "numeric", "classifier"] and again[0] == first[1]
    compare(corpus_of(), small(lr=1e-4), ["numeric"], RunConfig(out=tmp_path), progress=quiet)
    compare(corpus_of(7), small(), ["numeric"], RunConfig(out=tmp_path), progress=quiet)
    compare(corpus_of(), small(), ["numeric"], RunConfig(out=tmp_path, seed=1), progress=quiet)
    assert counted[3:] == ["numeric"] * 3
    (tmp_path / "numeric" / "results.json").write_text("{")  # half of one
    compare(corpus_of(), small(), ["numeric"], RunConfig(out=tmp_path), progress=quiet)
    assert counted[6:] == ["numeric"]


def test_an_interrupted_comparison_goes_on(tmp_path, counted, monkeypatch):
    write = run_folder.write_results

    def killed(out, retriever, results):
        if results["identifier"] == "string":
            raise KeyboardInterrupt
        write(out, retriever, results)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(run_folder, "write_results", killed)
        compare(corpus_of(), small(), ["atomic", "string"], RunConfig(out=tmp_path), progress=quiet)
    assert [row["kind"] for row in json.loads((tmp_path / "comparison.json").read_text())["rows"]] == ["atomic"]
    compare(corpus_of(), small(), ["atomic", "string"], RunConfig(out=tmp_path), progress=quiet)
    assert counted == ["atomic", "string", "string"]
    assert [row["kind"] for row in json.loads((tmp_path / "comparison.json").read_text())["rows"]] == ["atomic", "string"]


@pytest.mark.parametrize("caption_epochs", [0, 1])
def test_pseudo_queries_are_made_once_and_change_nothing(tmp_path, monkeypatch, caption_epochs):
    made = []
    original = pipeline.generate_pseudo_queries
    monkeypatch.setattr(pipeline, "generate_pseudo_queries", lambda *a, **k: made.append(1) or original(*a, **k))
    preset = replace(small(), caption_epochs=caption_epochs)  # a captioning step changes the model, for each kind alike
    together = compare(corpus_of(), preset, ["atomic", "residual"], RunConfig(out=tmp_path), progress=quiet)
    assert len(made) == 1 and (tmp_path / "pseudo_queries.json").is_file()
    assert together[0]["seconds"]["pseudo-queries"] == together[1]["seconds"]["pseudo-queries"]  # what it took to make them
    alone = run(corpus_of(), preset, RunConfig(identifier="residual"), progress=quiet)
    assert len(made) == 2
    for name in ("recall", "hybrid", "losses", "n_pseudo_queries", "baselines", "settings"):
        assert alone[name] == together[1][name], name


def test_stored_pseudo_queries_are_those_of_the_same_settings_or_written_anew(tmp_path):
    store, stages, wrote = tmp_path / "p.json", Stages(RunConfig(), {}, quiet), []

    def texts(settings) -> list[list[str]]:
        return shared_pseudo_queries(store, settings, stages, lambda: wrote.append(1) or [["a"], [str(len(wrote))]])

    assert texts({"identifier": "atomic", "seed": 0}) == texts({"identifier": "numeric", "seed": 0}) == [["a"], ["1"]]
    assert texts({"identifier": "atomic", "seed": 1}) == [["a"], ["2"]]
    for spoiled in ("{", "[]", "{}", json.dumps({"settings": {"seed": 1}})):
        store.write_text(spoiled)
        assert texts({"identifier": "atomic", "seed": 1}) == [["a"], [str(len(wrote))]]
    assert len(wrote) == 6 and json.loads(store.read_text())["texts"] == [["a"], ["6"]]


def test_the_command_writes_the_table_it_prints(tmp_path):
    arguments = [
        "compare",
        "--kinds",
        "atomic, classifier",
        "--train-images",
        "6",
        "--test-images",
        "4",
        "--pseudo-queries",
        "2",
        "--memorize-epochs",
        "1",
        "--retrieve-epochs",
        "1",
        "--out",
        str(tmp_path / "c"),
    ]
    status, out, err = command(*arguments)
    assert status == 0, err
    stored = json.loads((tmp_path / "c" / "comparison.json").read_text())
    assert [row["kind"] for row in stored["rows"]] == ["atomic", "classifier"] and stored["settings"]["seed"] == 0
    assert [row["valid rate"] for row in stored["rows"]] == [1.0, 1.0]
    table = [line.split()[0] for line in out.splitlines() if line.startswith(("atomic  ", "classifier  "))]
    assert table == ["atomic", "classifier"]
    written = (tmp_path / "c" / "comparison.md").read_text().splitlines()
    assert written[2].startswith("| kind | tokens | new tokens | R@1 |") and written[4].startswith("| atomic | 1.0 | 10 |")
    assert written[5].startswith("| classifier | 0.0 | 0 |") and len(written) == 6
    assert command(*arguments)[1].count("finished before") == 2
    status, _, err = command("compare", "--kinds", "atomic,magic", "--out", str(tmp_path / "d"))
    assert status == 2 and "unknown identifier kind 'magic'" in err and not (tmp_path / "d").exists()


def test_options_reach_the_comparison(monkeypatch):
    calls = []
    monkeypatch.setattr(comparison, "compare", lambda *a: calls.append(a) or (_ for _ in ()).throw(UserValueError("enough")))
    for kinds in ("all", "structured"):
        command(
            "compare",
            "--train-images",
            "3",
            "--test-images",
            "2",
            "--protocol",
            "heldout-caption",
            "--seed",
            "4",
            "--lr",
            "0.5",
            "--kinds",
            kinds,
            "--out",
            "x",
            "--resume",
            "--checkpoint-steps",
            "9",
        )
    (corpus, preset, kinds, config), (_, _, some, _) = calls
    assert (len(corpus.indices("train")), preset.training.lr, kinds, some) == (3, 0.5, IDENTIFIER_KINDS, ("structured",))
    wanted = RunConfig(protocol="heldout-caption", seed=4, out=Path("x"), resume=True, checkpoint_steps=9)
    assert asdict(config) == asdict(wanted)
    assert corpus.source == {"source": "picturebook"}


def test_the_help_names_every_kind(capsys):
    with pytest.raises(SystemExit):
        cli.main(["run", "--help"])
    said = capsys.readouterr().out
    assert all(kind in said for kind in IDENTIFIER_KINDS)


def test_an_interrupted_kind_goes_on_and_another_recipes_is_refused_before_any_work(tmp_path, monkeypatch):
    kinds, straight = (
        ["numeric", "classifier"],
        compare(corpus_of(), small(), ["classifier"], RunConfig(out=tmp_path / "straight"), progress=quiet),
    )
    original, calls = BatchGradient.__call__, []

    def stopped(self, batch):
        calls.append(1)
        if len(calls) == 3:  # numeric has a memorize and a retrieve step of 10 and 38 examples, the classifier the latter
            signal.raise_signal(signal.SIGTERM)
        return original(self, batch)

    with monkeypatch.context() as patch, pytest.raises(Interrupted) as end:
        patch.setattr(BatchGradient, "__call__", stopped)
        compare(corpus_of(), small(), kinds, RunConfig(out=tmp_path), progress=quiet)
    assert (
        "--resume" in end.value.__notes__[0]
        and (tmp_path / "classifier" / "checkpoints" / "training" / "0_classifier").is_dir()
    )
    said: list[str] = []
    for wrong, words in (({"resume": False}, "add --resume"), ({"resume": True, "seed": 1}, "seed was 0 and is 1")):
        with pytest.raises(ValueError, match=words):
            compare(corpus_of(), small(), kinds, RunConfig(out=tmp_path, **wrong), progress=said.append)
    assert not said
    runs = compare(corpus_of(), small(), kinds, RunConfig(out=tmp_path, resume=True), progress=quiet)
    assert len(calls) == 3 and runs[1]["losses"] == straight[0]["losses"] and runs[1]["recall"] == straight[0]["recall"]
    assert not list(tmp_path.glob("*/checkpoints"))


def test_pictures_without_captions_give_dashes(tmp_path):
    photographs(tmp_path / "photos", 3)
    [results] = compare(
        ImageCaptionCorpus.from_folder(tmp_path / "photos"),
        small(),
        ["string"],
        RunConfig(out=tmp_path / "out"),
        progress=quiet,
    )
    [row] = comparison_rows([results])
    assert row["R@1"] is row["R@1 all"] is row["R@1 hybrid"] is row["valid rate"] is row["search s"] is None
    assert comparison_table([results]).splitlines()[-1].split().count("-") == 7
    assert "| string |" in comparison_markdown([results])


# What makes two runs the same


def test_settings_tell_runs_apart(tmp_path, monkeypatch):
    def settings(corpus=None, preset=None, **config):
        return settings_of(corpus or corpus_of(), preset or small(), RunConfig(**config))

    first = settings()
    assert first == settings() == json.loads(json.dumps(first))
    others = [
        settings(corpus_of(5)),
        settings(preset=small(lr=1.0)),
        settings(preset=replace(small(), clusters=9)),
        settings(identifier="numeric"),
        settings(protocol="heldout-caption"),
        settings(seed=1),
        settings(ImageCaptionCorpus.from_picturebook(6, 0, 4, seed=1)),
    ]
    own_copy(data_folder(), tmp_path / "data")
    monkeypatch.setenv("GCR_DATA", str(tmp_path / "data"))
    assert settings() == first  # the same weights elsewhere
    weights = tmp_path / "data" / "backbones" / "tiny-clip" / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    others.append(settings())
    assert all(other != first for other in others)
    assert weights_crc32("org/name") is None and weights_crc32(tmp_path / "data" / "backbones" / "tiny-vlm") > 0


def test_settings_from_before_texts_were_cut_are_those_of_the_first_maxima():
    """A run of version 0.1.0 is found finished, unless another maximum is asked for."""
    preset = replace(small(), max_query_tokens=64, max_identifier_tokens=40)
    wanted = settings_of(corpus_of(), preset, RunConfig())
    old = {key: value for key, value in wanted["preset"].items() if key not in ("max_query_tokens", "max_identifier_tokens")}
    assert len(old) == len(wanted["preset"]) - 2 and differing({**wanted, "preset": old}, wanted) == []
    other = settings_of(corpus_of(), replace(preset, max_query_tokens=25), RunConfig())
    assert len(differing({**wanted, "preset": old}, other)) == 1


def test_nothing_finished_is_found_where_there_is_nothing(tmp_path):
    def finished(folder, settings):
        return RunFolder(folder, settings).results()

    assert finished(tmp_path, {}) is None
    for text in ("{", "[]", "{}", '{"settings": {"seed": 1}}'):
        Path(tmp_path / "results.json").write_text(text)
        assert finished(tmp_path, {"seed": 0}) is None
    assert finished(tmp_path, {"seed": 1}) == {"settings": {"seed": 1}}
