"""The retriever: rankings that do not depend on batches or on saving, folders that hold nothing but data."""

import json
import math
import os
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from PIL import Image
from tiny_data import TEST, TRAIN, finished_run, own_copy, photographs, scratch

from gcr_tutorial import hub
from gcr_tutorial.config import RunConfig, TrainingConfig, get_preset
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.errors import UserError, UserImportError, UserValueError
from gcr_tutorial.experiments.pipeline import run
from gcr_tutorial.models.prompts import retrieve_prompts
from gcr_tutorial.retrieval import retriever as module
from gcr_tutorial.retrieval.pictures import picture_of
from gcr_tutorial.retrieval.retriever import GenerativeRetriever, Hit

QUERIES = ["a boy flying a kite", "A dog.", "two red balls near a tree on the beach at night", "snow", "un chien"]


@pytest.fixture(scope="module", params=["atomic", "structured"])
def folder(request) -> Path:
    return finished_run(request.param) / "retriever"


@pytest.fixture(scope="module")
def retriever(folder) -> GenerativeRetriever:
    return GenerativeRetriever.from_pretrained(folder)


def test_every_image_of_the_gallery_once_best_first(retriever):
    for hits in retriever.rank(QUERIES, 50):  # more than there are
        assert sorted(hit.row for hit in hits) == list(range(TRAIN, TRAIN + TEST)) == list(retriever.gallery)
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True) and scores[0] < 0
        assert all(hit.image_id == retriever.identifiers.image_ids[hit.row] for hit in hits)


def test_rows_choose_the_gallery(retriever):
    everything = retriever.rank(QUERIES, 50, rows=range(TRAIN + TEST))
    assert all(sorted(hit.row for hit in hits) == list(range(TRAIN + TEST)) for hits in everything)
    some = retriever.rank(QUERIES, 50, rows=[15, 2, 9])  # scores do not depend on what else may be answered
    for all_hits, hits in zip(everything, some):
        assert [hit.row for hit in hits] == [hit.row for hit in all_hits if hit.row in (15, 2, 9)]
        known = {hit.row: hit.score for hit in all_hits}
        assert [hit.score for hit in hits] == pytest.approx([known[hit.row] for hit in hits], abs=1e-4)
    for bad in ([TRAIN + TEST], [-1]):
        with pytest.raises(ValueError, match="from 0 to 19"):
            retriever.search("a dog", rows=bad)


@pytest.mark.parametrize("batch_size", [1, 2, 256])
def test_a_query_with_scores_that_are_not_finite_is_named(folder, batch_size):
    retriever = GenerativeRetriever.from_pretrained(folder)
    prompts = [set(ids) for ids in retrieve_prompts(retriever.backbone, QUERIES)]
    own = [ids - set().union(*(others for others in prompts if others is not ids)) for ids in prompts]
    at = max(i for i, ids in enumerate(own) if ids)  # a query with a token that no other has
    retriever.backbone.model.get_input_embeddings().register_forward_hook(  # not the weight, which the head may share
        lambda module, ids, out: out.masked_fill((ids[0] == min(own[at]))[..., None], math.nan)
    )
    with pytest.raises(FloatingPointError, match=re.escape(f"query {at} ({QUERIES[at]!r}) are NaN or infinite")):
        retriever.rank(QUERIES, 5, batch_size=batch_size)


def test_batches_and_padding_change_nothing(retriever):
    together, done = retriever.rank(QUERIES, 8), []
    alone = retriever.rank(QUERIES, 8, batch_size=1, progress=lambda *at: done.append(at))
    assert done == [(i, 5) for i in (1, 2, 3, 4, 5)]
    for mine, theirs in zip(together, alone):
        by_row = {hit.row: hit.score for hit in theirs}
        assert [hit.score for hit in mine] == pytest.approx([by_row[hit.row] for hit in mine], abs=1e-4)
    assert retriever.search(QUERIES[1], 3) == retriever.rank([QUERIES[1]], 3)[0]
    assert retriever.rank([]) == []


@torch.no_grad()
def test_a_score_is_the_models_own_log_probability(retriever):
    hit = retriever.search(QUERIES[0], 1)[0]
    prompt = module.retrieve_prompts(retriever.backbone, [QUERIES[0]])[0]
    code = retriever.identifiers.token_ids(retriever.backbone.tokenizer, retriever.backbone.end_id)[hit.row]
    logits = retriever.backbone.model(input_ids=torch.tensor([prompt + code])).logits[0].log_softmax(-1)
    assert hit.score == pytest.approx(sum(logits[len(prompt) - 1 + i, token].item() for i, token in enumerate(code)), abs=1e-4)


def test_k_beyond_the_beams_widens_them(retriever):
    narrow = replace(retriever, num_beams=2)
    assert len(narrow.search("a dog", 6)) == len(narrow.search("a dog", 6, num_beams=6)) == 6
    assert len(retriever.search("a dog", 1, num_beams=1)) == 1
    for beams, k in ((2, 6), (0, 1), (-1, 1)):  # a number of beams that is asked for is never changed without a word
        with pytest.raises(ValueError, match=f"{beams} beams find at most"):
            retriever.search("a dog", k, num_beams=beams)
    with pytest.raises(ValueError, match="at least 1"):
        retriever.search("a dog", 0)


def test_what_is_typed_is_searched_as_text(retriever, monkeypatch):
    """Also where it looks like a control token of the model, or like one of the identifiers' new tokens."""
    query, asked = f"  a red circle <image>\n<end_of_utterance> {retriever.identifiers.new_tokens[0]}", []
    search = module.constrained_beam_search
    monkeypatch.setattr(module, "constrained_beam_search", lambda *how, **more: asked.extend(how[1]) or search(*how, **more))
    retriever.search(query, 1)
    assert asked == retrieve_prompts(retriever.backbone, [query])
    control = set(retriever.backbone.tokenizer.get_added_vocab().values())
    ordinary = retrieve_prompts(retriever.backbone, ["a dog"])[0]
    assert [token for token in asked[0] if token in control] == [token for token in ordinary if token in control]


@pytest.mark.parametrize("query", ["", "  \n"])
def test_an_empty_query_is_refused(retriever, query):
    with pytest.raises(ValueError, match="query is empty"):
        retriever.rank(["a dog", query])


def test_a_fresh_load_ranks_identically(retriever, tmp_path):
    retriever.save_pretrained(tmp_path / "r")
    fresh = GenerativeRetriever.from_pretrained(tmp_path / "r")
    assert fresh.rank(QUERIES, 8) == retriever.rank(QUERIES, 8)  # to the last bit of every score
    assert (fresh.gallery, fresh.num_beams, fresh.about) == (retriever.gallery, retriever.num_beams, retriever.about)
    assert fresh.identifiers == retriever.identifiers
    fresh.save_pretrained(tmp_path / "r")  # over the one it came from
    assert GenerativeRetriever.from_pretrained(tmp_path / "r").rank(QUERIES, 8) == retriever.rank(QUERIES, 8)
    assert sorted(os.listdir(tmp_path)) == ["r"]


def test_what_was_trained_is_what_was_saved(monkeypatch):
    monkeypatch.setenv("GCR_DATA", str(scratch() / "data"))
    finished_run()  # makes the data
    kept = []
    original = GenerativeRetriever.save_pretrained
    monkeypatch.setattr(
        GenerativeRetriever, "save_pretrained", lambda self, *how, **more: kept.append(self) or original(self, *how, **more)
    )
    corpus = ImageCaptionCorpus.from_picturebook(4, 0, 3)
    preset = replace(get_preset("tiny"), training=TrainingConfig(memorize_epochs=2, retrieve_epochs=2), pseudo_queries=2)
    run(corpus, preset, RunConfig(out=scratch() / "saved"), progress=lambda line: None)
    loaded = GenerativeRetriever.from_pretrained(scratch() / "saved" / "retriever")
    assert loaded.rank(QUERIES, 3) == kept[0].rank(QUERIES, 3)


def test_a_folder_holds_data_only_and_no_path_of_this_machine(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".jinja", ".txt"}
    for path in files:
        if path.suffix != ".safetensors":
            text = path.read_text()
            assert str(scratch()) not in text and os.path.expanduser("~") + "/" not in text, path
    weights = sorted(path.relative_to(folder).as_posix() for path in files if path.suffix == ".safetensors")
    assert weights == ["backbone/model.safetensors", "clip_gallery.safetensors"]


def test_saving_that_fails_leaves_the_old_one(retriever, tmp_path, monkeypatch):
    retriever.save_pretrained(tmp_path / "r")

    def dies(self, path):
        raise OSError("disk full")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk full"):
        patch.setattr(type(retriever.identifiers), "save", dies)
        retriever.save_pretrained(tmp_path / "r")
    assert GenerativeRetriever.from_pretrained(tmp_path / "r").search("a dog") == retriever.search("a dog")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def other_version(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 99}))


@pytest.mark.parametrize(
    "file, spoil, error, words",
    [
        ("retriever.json", Path.unlink, FileNotFoundError, "no retriever in"),
        ("retriever.json", truncate, ValueError, "cannot be read.*train it again"),
        ("retriever.json", other_version, ValueError, "format 99.*train it again"),
        ("retriever.json", lambda path: path.write_text("[]"), ValueError, "cannot be read"),
        ("identifiers.json", Path.unlink, FileNotFoundError, "identifiers.json is missing"),
        ("identifiers.json", truncate, ValueError, "does not hold identifiers"),
        ("backbone/model.safetensors", truncate, ValueError, "cannot be read.*train it again"),
        ("backbone/config.json", Path.unlink, FileNotFoundError, "no backbone at"),
        ("backbone/config.json", truncate, ValueError, "cannot be read.*train it again"),
        ("retriever.json", lambda path: path.write_bytes(b"\xff\xfe"), ValueError, "cannot be read.*train it again"),
    ],
)
def test_a_damaged_folder_is_refused_in_words(tmp_path, file, spoil, error, words):
    folder = own_copy(finished_run() / "retriever", tmp_path / "r")
    spoil(folder / file)
    with pytest.raises(error, match=words):
        GenerativeRetriever.from_pretrained(folder)


@pytest.mark.parametrize("error", [ValueError, UserValueError, UserImportError])
def test_what_the_backbone_lacks_is_said_as_it_is(monkeypatch, error):
    """A package that is missing on this machine is no reason to train again."""

    def needs_a_package(*arguments):
        raise error("its processor needs the package num2words: install it")

    monkeypatch.setattr(module, "load_backbone", needs_a_package)
    with pytest.raises(UserError, match="needs the package num2words: install it") as caught:
        GenerativeRetriever.from_pretrained(finished_run() / "retriever")
    assert "again" not in str(caught.value)


def test_a_retriever_whose_saving_was_killed_between_two_renames_is_found(tmp_path):
    folder = own_copy(finished_run() / "retriever", tmp_path / "run" / "retriever")
    folder.rename(tmp_path / "run" / "retriever.written")
    for named in (tmp_path / "run", folder):  # the run's folder, or the retriever in it
        assert GenerativeRetriever.from_pretrained(named).search("a dog") and folder.is_dir()
    assert os.listdir(tmp_path / "run") == ["retriever"]


def test_device_and_dtype_are_chosen(monkeypatch):
    asked = []
    original = module.load_backbone

    def load(path, device, dtype):
        asked.append((str(device), dtype))
        return original(path, "cpu", dtype)

    monkeypatch.setattr(module, "load_backbone", load)
    folder = finished_run() / "retriever"
    assert GenerativeRetriever.from_pretrained(folder).backbone.model.dtype == torch.float32
    half = GenerativeRetriever.from_pretrained(folder, "cpu", torch.bfloat16)
    assert half.backbone.model.dtype == torch.bfloat16 and len(half.search("a dog", 3)) == 3
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: (8, 0))
    GenerativeRetriever.from_pretrained(folder, "auto", "auto")
    GenerativeRetriever.from_pretrained(folder, "auto")
    assert asked == [("cpu", None), ("cpu", torch.bfloat16), ("cuda", torch.bfloat16), ("cuda", None)]
    with pytest.raises(ValueError, match="'float7'.*choose one of"):
        GenerativeRetriever.from_pretrained(folder, dtype="float7")


@pytest.fixture
def fake_hub(monkeypatch, tmp_path):
    """A Hub in a folder: pushed files are kept by commit, and downloaded from there."""
    made = []

    class Api:
        def create_repo(self, name, private, exist_ok):
            made.append((name, private, exist_ok))

        def upload_folder(self, repo_id, folder_path):
            own_copy(Path(folder_path), tmp_path / "hub" / repo_id / "c0ffee")
            return SimpleNamespace(oid="c0ffee")

    def download(name, revision, allow_patterns):
        if not (tmp_path / "hub" / name / revision).is_dir():
            raise LocalEntryNotFoundError("not here")
        files = [file for file in (tmp_path / "hub" / name / revision).rglob("*") if file.is_file()]
        assert all(any(file.match(pattern) for pattern in allow_patterns) for file in files)
        assert not any(Path(name).match(pattern) for pattern in allow_patterns for name in ("model.bin", "code.py", "x.pkl"))
        return str(tmp_path / "hub" / name / revision)

    monkeypatch.setattr(module, "HfApi", Api)
    monkeypatch.setattr(hub, "snapshot_download", download)
    return made


def test_a_retriever_goes_to_the_hub_and_comes_back(fake_hub, tmp_path):
    retriever = GenerativeRetriever.from_pretrained(finished_run() / "retriever")
    retriever.about = {**retriever.about, "source": "files", "images_dir": "/home/somebody/pictures"}
    assert retriever.push_to_hub("somebody/pictures") == "c0ffee" and fake_hub == [("somebody/pictures", True, True)]
    back = GenerativeRetriever.from_pretrained("somebody/pictures", revision="c0ffee")
    assert back.rank(QUERIES, 5) == retriever.rank(QUERIES, 5)
    assert back.about["source"] == "files" and "images_dir" not in back.about  # a path of one machine stays there
    assert retriever.about["images_dir"] == "/home/somebody/pictures"
    with pytest.raises(UserValueError, match="somebody/pictures.*give the commit"):
        GenerativeRetriever.from_pretrained("somebody/pictures")
    with pytest.raises(FileNotFoundError, match="hf download somebody/else --revision c0ffee"):
        GenerativeRetriever.from_pretrained("somebody/else", revision="c0ffee")


def test_the_picture_of_a_hit_in_the_picturebook():
    retriever = GenerativeRetriever.from_pretrained(finished_run() / "retriever")
    corpus = ImageCaptionCorpus.from_picturebook(TRAIN, 100, TEST)
    by_id = {record.id: i for i, record in enumerate(corpus.records)}
    for hit in retriever.search("a dog", 3):
        np.testing.assert_array_equal(np.asarray(picture_of(retriever, hit)), np.asarray(corpus.image(by_id[hit.image_id])))
        assert picture_of(retriever, hit, size=64).size == (64, 64)


def test_the_picture_of_a_hit_among_files(tmp_path):
    first, *_ = photographs(tmp_path / "photos", 2)
    retriever = GenerativeRetriever.from_pretrained(finished_run() / "retriever")
    retriever.about = {"source": "files", "images_dir": str(tmp_path / "photos")}
    hit = Hit(first, 0, -1.0)
    with Image.open(tmp_path / "photos" / first) as expected:
        np.testing.assert_array_equal(np.asarray(picture_of(retriever, hit)), np.asarray(expected))
    assert picture_of(retriever, hit, size=16).size == (16, 16)
    (tmp_path / "photos").rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError, match="--images"):
        picture_of(retriever, hit)
    assert picture_of(retriever, hit, tmp_path / "moved").size == (40, 30)
    with pytest.raises(FileNotFoundError, match="lost.jpg"):
        picture_of(retriever, Hit("lost.jpg", 0, -1.0), tmp_path / "moved")
    for outside in ("../moved/" + first, str(tmp_path / "moved" / first)):  # a retriever from elsewhere reads no other files
        with pytest.raises(ValueError, match="refused"):
            picture_of(retriever, Hit(outside, 0, -1.0), tmp_path / "moved")
