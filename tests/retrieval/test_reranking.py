"""The hybrid: the beam's images in CLIP's order, from what is saved with the retriever; refused in words where it is not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_data import TEST, TRAIN, command, data_folder, finished_run, own_copy
from torch.nn.functional import normalize

from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.task import make_task
from gcr_tutorial.evaluation.metrics import recall_at_k
from gcr_tutorial.models.clip import embed_images, embed_texts, load_clip
from gcr_tutorial.retrieval import retriever as module
from gcr_tutorial.retrieval.reranking import DenseGallery
from gcr_tutorial.retrieval.retriever import GenerativeRetriever, Hit

QUERIES = ["a boy flying a kite", "A dog.", "two red balls near a tree"]
FILE = "clip_gallery.safetensors"


@pytest.fixture(autouse=True)
def tiny_data(monkeypatch):
    monkeypatch.setenv("GCR_DATA", str(data_folder()))


def loaded(kind: str = "atomic") -> GenerativeRetriever:
    return GenerativeRetriever.from_pretrained(finished_run(kind) / "retriever")


@pytest.fixture(scope="module")
def by_hand() -> dict[str, torch.Tensor]:
    """Cosine of each query with each memorized image, by the plain CLIP calls."""
    clip, corpus = load_clip(data_folder() / "backbones" / "tiny-clip"), ImageCaptionCorpus.from_picturebook(TRAIN, 100, TEST)
    images = embed_images(clip, (corpus.image(i, 96) for i in make_task(corpus).memorize))
    return dict(zip(QUERIES, embed_texts(clip, QUERIES) @ images.T))


@pytest.mark.parametrize("kind", ["atomic", "classifier"])
def test_the_beam_is_put_in_clips_order(kind, by_hand):
    retriever = loaded(kind)
    for query, hits, beam in zip(
        QUERIES, retriever.rank(QUERIES, 3, num_beams=5, rerank="clip"), retriever.rank(QUERIES, 5, num_beams=5)
    ):
        cosines = {hit.row: float(by_hand[query][hit.row]) for hit in beam}
        best = sorted(cosines, key=cosines.get, reverse=True)[:3]
        assert [hit.row for hit in hits] == best  # of the five that the beam found, not of the whole gallery
        assert [hit.score for hit in hits] == pytest.approx([cosines[row] for row in best], abs=1e-4)
        assert all(hit.image_id == retriever.identifiers.image_ids[hit.row] for hit in hits)


def test_it_looks_at_all_that_the_beam_found_and_at_k_if_that_is_more():
    retriever = loaded()
    retriever.num_beams = 4
    wide = {hit.row for hit in retriever.search("a dog", 4)}
    assert {hit.row for hit in retriever.search("a dog", 1, rerank="clip")} <= wide
    assert len(retriever.search("a dog", 2, rerank="clip")) == 2 and len(retriever.search("a dog", 7, rerank="clip")) == 7
    everything = retriever.search("a dog", 50, rerank="clip", rows=[3, 1, 19])
    assert sorted(hit.row for hit in everything) == [1, 3, 19]
    with pytest.raises(ValueError, match="at least 1"):
        retriever.search("a dog", 0, rerank="clip")
    with pytest.raises(ValueError, match="rerank='bm25'.*'clip'"):
        retriever.search("a dog", rerank="bm25")
    assert retriever.rank([], rerank="clip") == []


def test_equally_similar_images_keep_the_beams_order():
    dense = DenseGallery(normalize(torch.ones(4, 2), dim=1), "none", torch.ones(2))
    dense.embed = lambda queries: torch.ones(len(queries), 2)
    hits = [Hit(str(row), row, -1.0) for row in (2, 0, 3)]
    assert [hit.row for hit in dense.rerank(["x"], [hits])[0]] == [2, 0, 3]
    assert dense.rerank(["x", "y"], [[], hits[:1]], k=1)[0] == []


def test_a_run_measures_the_hybrid():
    results = json.loads((finished_run() / "results.json").read_text())
    corpus = ImageCaptionCorpus.from_picturebook(TRAIN, 100, TEST)
    task = make_task(corpus)
    row_of = {image: row for row, image in enumerate(task.memorize)}
    found = loaded().rank([query.text for query in task.eval_queries], 10, rerank="clip")
    recall = recall_at_k([[hit.row for hit in hits] for hits in found], [row_of[query.image] for query in task.eval_queries])
    assert results["hybrid"] == recall
    assert recall == results["baselines"]["clip_zero_shot"]  # twenty beams hold all eight images: CLIP alone decides


def test_clip_and_embeddings_are_read_when_first_asked_for(monkeypatch):
    calls = []
    monkeypatch.setattr("gcr_tutorial.retrieval.reranking.load_clip", lambda name: calls.append(name) or load_clip(name))
    retriever = loaded()
    retriever.search("a dog")
    assert isinstance(retriever.dense, Path) and not calls
    retriever.search("a dog", rerank="clip")
    retriever.search("a cat", rerank="clip")
    assert isinstance(retriever.dense, DenseGallery) and calls == [str(data_folder() / "backbones" / "tiny-clip")]


def test_saving_keeps_the_embeddings_read_or_not(tmp_path):
    retriever = loaded()
    retriever.save_pretrained(tmp_path / "a")  # not read yet
    again = GenerativeRetriever.from_pretrained(tmp_path / "a")
    assert again.rank(QUERIES, 3, rerank="clip") == retriever.rank(QUERIES, 3, rerank="clip")
    again.save_pretrained(tmp_path / "a")  # over the file they were read from
    assert GenerativeRetriever.from_pretrained(tmp_path / "a").rank(QUERIES, 3, rerank="clip") == retriever.rank(
        QUERIES, 3, rerank="clip"
    )


def test_a_retriever_saved_without_embeddings_says_so_before_any_search(tmp_path, monkeypatch):
    folder = own_copy(finished_run() / "retriever", tmp_path / "r")
    (folder / FILE).unlink()
    retriever = GenerativeRetriever.from_pretrained(folder)
    expected = retriever.search("a dog")
    monkeypatch.setattr(module, "constrained_beam_search", None)
    with pytest.raises(FileNotFoundError, match="no CLIP embeddings.*run"):
        retriever.search("a dog", rerank="clip")
    monkeypatch.undo()
    retriever.save_pretrained(tmp_path / "again")  # still without
    assert not (tmp_path / "again" / FILE).exists()
    assert GenerativeRetriever.from_pretrained(tmp_path / "again").search("a dog") == expected
    status, _, err = command("search", str(folder), "a dog", "--rerank", "clip")
    assert status == 2 and "no CLIP embeddings" in err


def test_another_clip_than_the_one_that_embedded_the_images_is_refused(monkeypatch, tmp_path):
    clip = load_clip(data_folder() / "backbones" / "tiny-clip")
    with torch.no_grad():
        for weight in clip.model.parameters():
            weight.copy_(weight.flip(0))
    monkeypatch.setattr("gcr_tutorial.retrieval.reranking.load_clip", lambda name: clip)
    with pytest.raises(ValueError, match="is not the CLIP that embedded this gallery"):
        loaded().search("a dog", rerank="clip")
    monkeypatch.undo()
    monkeypatch.setenv("GCR_DATA", str(tmp_path))  # a data folder without any
    with pytest.raises(FileNotFoundError, match="tiny-clip"):
        loaded().search("a dog", rerank="clip")


def spoil(change):
    def rewrite(path: Path) -> None:
        tensors = load_file(path)
        save_file(change(tensors), path, metadata={"clip": "backbones/tiny-clip"})

    return rewrite


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda path: path.write_bytes(path.read_bytes()[:60]), "cannot be read"),
        (spoil(lambda tensors: {"probe": tensors["probe"]}), "cannot be read"),
        (lambda path: save_file(load_file(path), path), "cannot be read"),  # without the CLIP's name
        (spoil(lambda tensors: tensors | {"probe": torch.ones(3)}), "wrong shape"),
        (spoil(lambda tensors: tensors | {"embeddings": tensors["embeddings"][1:].clone()}), "19 CLIP embeddings for 20"),
    ],
)
def test_damaged_embeddings_are_refused_in_words(tmp_path, change, words):
    folder = own_copy(finished_run() / "retriever", tmp_path / "r")
    change(folder / FILE)
    retriever = GenerativeRetriever.from_pretrained(folder)
    with pytest.raises(ValueError, match=words):
        retriever.search("a dog", rerank="clip")


def test_the_search_command_says_what_its_figures_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = command("search", str(finished_run()), "a dog", "-k", "2", "--rerank", "clip")
    hits = loaded().search("a dog", 2, rerank="clip")
    assert status == 0, err
    assert out.splitlines()[:2] == [f"  {i}. {hit.image_id}  cosine = {hit.score:.2f}" for i, hit in enumerate(hits, 1)]


def test_hits_are_new_ones():
    dense = loaded().dense_gallery()
    hits = [Hit("x", 0, -3.0)]
    [[found]] = dense.rerank(["a dog"], [hits])
    assert hits == [Hit("x", 0, -3.0)] and found == replace(hits[0], score=found.score) and -1 <= found.score <= 1
