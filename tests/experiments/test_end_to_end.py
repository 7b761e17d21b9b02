"""Whole runs by command: on random tiny backbones always, on the shipped ones and on real photographs where they are."""

import json
import os
import subprocess
from pathlib import Path

import open_clip
import pytest
import torch
from PIL import Image
from tiny_data import QUICK, SIZES, TEST, TRAIN, command, finished_run, karpathy_set, photographs
from transformers import AutoModelForImageTextToText, AutoProcessor

from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.task import make_task
from gcr_tutorial.evaluation.metrics import recall_at_k
from gcr_tutorial.experiments.artifacts import load_artifact as artifact
from gcr_tutorial.models.clip import embed_images, embed_texts, load_clip
from gcr_tutorial.models.features import image_features
from gcr_tutorial.models.loading import load_backbone
from gcr_tutorial.picturebook import parse, sample_scene, satisfies
from gcr_tutorial.retrieval.dense import zero_shot_rankings
from gcr_tutorial.retrieval.retriever import GenerativeRetriever
from gcr_tutorial.training.pseudo_queries import sample_captions

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GCR_DATA") or ROOT / "data")
PHOTOS = ROOT.parent / "shared" / "flickr8k-sample"
MB = 10**6
RESULT_KEYS = {
    "preset",
    "identifier",
    "schedule",
    "seed",
    "n_gallery",
    "n_queries",
    "recall",
    "recall_full_gallery",
    "valid_rate",
    "seconds",
    "versions",
}  # design section 9

vlm_shipped = pytest.mark.skipif(
    not (DATA / "backbones/tiny-vlm/model.safetensors").is_file(), reason="data/backbones/tiny-vlm is not shipped"
)
clip_shipped = pytest.mark.skipif(
    not (DATA / "backbones/tiny-clip/open_clip_model.safetensors").is_file(), reason="data/backbones/tiny-clip is not shipped"
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Default output folders are below the working directory."""
    monkeypatch.chdir(tmp_path)


def results_of(folder: Path) -> dict:
    return json.loads((folder / "results.json").read_text())


# Random tiny backbones


@pytest.mark.parametrize("kind", ["atomic", "structured"])
def test_a_run_measures_every_query(kind):
    results = results_of(finished_run(kind))
    assert RESULT_KEYS <= set(results)
    assert (results["identifier"], results["n_gallery"], results["n_memorized"]) == (kind, TEST, TRAIN + TEST)
    assert results["n_queries"] == 5 * TEST  # all five captions of every test image
    assert results["valid_rate"] == 1.0
    for recall in (results["recall"], results["recall_full_gallery"], results["oracle"], *results["baselines"].values()):
        assert list(recall) == ["R@1", "R@5", "R@10"]
        assert 0 <= recall["R@1"] <= recall["R@5"] <= recall["R@10"] <= 100
    assert results["recall"]["R@1"] % (100 / (5 * TEST)) == 0  # so many of forty: none was dropped
    assert results["recall"]["R@10"] == 100.0  # eight images: ten places hold them all
    assert results["recall_full_gallery"]["R@1"] <= results["recall"]["R@1"]
    assert set(results["baselines"]) == {"chance", "bm25", "clip_zero_shot"}
    assert results["baselines"]["chance"]["R@1"] == pytest.approx(100 / TEST)
    assert {"vision features", "pseudo-queries", "memorize", "retrieve", "search"} <= set(results["seconds"])
    assert {"python", "torch", "transformers", "peft"} <= set(results["versions"])
    assert results["peak_memory_gb"] > 0 and all(len(losses) >= 2 for losses in results["losses"].values())


def test_the_same_seed_gives_the_same_recalls(tmp_path):
    status, out, err = command("run", *SIZES, *QUICK, "--out", "again")
    assert status == 0, err
    first, again = results_of(finished_run()), results_of(tmp_path / "again")
    for name in ("recall", "recall_full_gallery", "oracle", "baselines", "losses", "ambiguity_aware"):
        assert first[name] == again[name], name
    assert "GRACE atomic, 8 images" in out and "trained now" in out and "again/results.json" in out


def test_search_prints_a_ranking_and_draws_it(tmp_path):
    status, out, err = command("search", str(finished_run()), "a boy flying a kite", "-k", "3", "--png", "found/r.png")
    assert status == 0, err
    lines = out.splitlines()
    hits = GenerativeRetriever.from_pretrained(finished_run() / "retriever").search("a boy flying a kite", 3)
    assert lines[:3] == [f"  {i}. {hit.image_id}  log p = {hit.score:.2f}" for i, hit in enumerate(hits, 1)]
    with Image.open(tmp_path / "found" / "r.png") as picture:
        picture.load()
        assert picture.format == "PNG" and picture.width > 500


def test_a_folder_of_pictures_alone(tmp_path):
    names = photographs(tmp_path / "photos", 5)
    status, out, err = command("run", "--images", "photos", *QUICK, "--out", "mine")
    assert status == 0, err
    results = results_of(tmp_path / "mine")
    assert (results["n_queries"], results["recall"], results["valid_rate"], results["baselines"]) == (0, None, None, {})
    assert results["n_memorized"] == 5 and results["n_training_queries"] == results["n_pseudo_queries"] > 5
    status, out, err = command("search", "mine", "a dog", "-k", "5")
    assert status == 0 and all(name in out for name in names), err


def test_a_photo_collection_with_notes(tmp_path):
    split, images = karpathy_set(tmp_path / "set", 6)
    status, out, err = command(
        "run", "--karpathy", str(split), "--images", str(images), "--protocol", "heldout-caption", *QUICK, "--out", "mine"
    )
    assert status == 0, err
    results = results_of(tmp_path / "mine")
    assert (results["n_memorized"], results["n_gallery"], results["n_queries"]) == (6, 6, 6)  # one caption held out of each
    assert (results["n_training_queries"], results["n_pseudo_queries"], results["valid_rate"]) == (12, 0, 1.0)
    assert results["recall"] == results["recall_full_gallery"] and "oracle" not in results
    assert results["baselines"]["bm25"]["R@1"] == 100.0  # each note has its number, and words find it
    assert results["corpus"] == "mini" and "BM25" in out


def test_the_papers_protocol_on_a_photo_set(tmp_path):
    split, images = karpathy_set(tmp_path / "set", 6, test=2)
    status, _, err = command("run", "--karpathy", str(split), "--images", str(images), *QUICK, "--out", "mine")
    assert status == 0, err
    results = results_of(tmp_path / "mine")
    assert (results["n_memorized"], results["n_gallery"], results["n_queries"]) == (6, 2, 6)
    assert results["n_training_queries"] == 4 * 3 + results["n_pseudo_queries"] and results["valid_rate"] == 1.0


# The shipped backbones


@vlm_shipped
def test_the_shipped_captioner_is_plain_transformers():
    folder = DATA / "backbones" / "tiny-vlm"
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= 16 * MB
    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder)
    assert type(model).__name__ == "Idefics3ForConditionalGeneration" and processor.tokenizer.padding_side == "left"
    chat = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Describe the picture."}]}]
    prompt = processor.apply_chat_template(chat, add_generation_prompt=True)
    picture = ImageCaptionCorpus.from_picturebook(0, 0, 1).image(0, 96)
    inputs = processor(text=[prompt], images=[[picture]], return_tensors="pt", add_special_tokens=False)
    assert (inputs["input_ids"] == model.config.image_token_id).sum() == processor.image_seq_len
    written = model.generate(**inputs, max_new_tokens=32, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    assert written[-1] == model.generation_config.eos_token_id  # it ends its sentence
    assert len(processor.decode(written, skip_special_tokens=True).split()) >= 4


@vlm_shipped
def test_the_shipped_captioner_is_as_true_as_its_card_says():
    backbone = load_backbone(DATA / "backbones" / "tiny-vlm")
    claimed = json.loads((DATA / "backbones/tiny-vlm/provenance.json").read_text())["held_out"]["true_percent"]
    corpus = ImageCaptionCorpus.from_picturebook(0, 0, 60)
    features = image_features(backbone, (corpus.image(i, 96) for i in range(60)))
    said = sample_captions(backbone, features, 5, torch.Generator().manual_seed(0))
    meanings = [[parse(text) for text in texts] for texts in said]
    scenes = [sample_scene(record.source) for record in corpus.records]

    def true_percent(pairs) -> float:
        judged = [meaning is not None and satisfies(scene, meaning) for scene, five in pairs for meaning in five]
        return 100 * sum(judged) / len(judged)

    measured = true_percent(zip(scenes, meanings))
    assert abs(measured - claimed) <= 12, f"{measured:.1f} % of 300 sampled captions are true, the card says {claimed} %"
    assert measured > 3 * true_percent(zip(scenes[1:] + scenes[:1], meanings))  # it looked: of other scenes they are false


@clip_shipped
def test_the_shipped_clip_is_plain_open_clip_and_finds_pictures():
    folder = DATA / "backbones" / "tiny-clip"
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= 16 * MB
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    corpus = ImageCaptionCorpus.from_picturebook(0, 0, 100)
    task, clip = make_task(corpus), load_clip(folder)
    texts = [query.text for query in task.eval_queries]
    images, queries = embed_images(clip, (corpus.image(i, 96) for i in task.gallery)), embed_texts(clip, texts)
    with torch.no_grad():  # the plain call gives what ours gives
        plain = model.eval().encode_image(preprocess(corpus.image(task.gallery[0], 96))[None], normalize=True)
        torch.testing.assert_close(plain[0], images[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(model.encode_text(tokenizer(texts[:3]), normalize=True), queries[:3], atol=1e-4, rtol=1e-4)
    rankings = zero_shot_rankings(queries, images, 10)
    recall = recall_at_k(rankings, [task.gallery.index(query.image) for query in task.eval_queries])
    assert recall["R@10"] >= 80, recall


@clip_shipped
@torch.no_grad()
def test_tokens_after_the_end_do_not_change_a_shipped_clip_embedding():
    clip = load_clip(DATA / "backbones" / "tiny-clip")
    tokens = clip.tokenizer(["A boy flying a red kite.", "Snow."])
    config = json.loads((DATA / "backbones/tiny-clip/open_clip_config.json").read_text())["model_cfg"]["text_cfg"]
    spoiled = tokens.clone()
    for row in spoiled:
        end = row.tolist().index(config["eos_id"])
        assert end + 3 < len(row)
        row[end + 1 :] = torch.arange(len(row) - end - 1) % (config["vocab_size"] - 10) + 5  # any tokens
        row[-1] = config["vocab_size"] - 1  # the largest id, at which CLIP's own pooling would look
    assert not torch.equal(tokens, spoiled)
    torch.testing.assert_close(clip.model.encode_text(tokens), clip.model.encode_text(spoiled))


def test_committed_weights_are_safetensors_only():
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git clone: cannot tell which files are committed")
    files = [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]
    weights = {
        ".bin",
        ".pt",
        ".pth",
        ".ckpt",
        ".pkl",
        ".pickle",
        ".joblib",
        ".h5",
        ".onnx",
        ".gguf",
        ".npy",
        ".npz",
        ".msgpack",
    }
    assert [str(file) for file in files if file.suffix.lower() in weights] == []
    binaries = [file for file in files if b"\0" in file.read_bytes()[:4096]]
    assert {file.suffix for file in binaries} <= {".safetensors", ".png", ".jpg", ".ico", ".webp", ".gif"}
    assert sum(file.stat().st_size for file in binaries) <= 60 * MB


@vlm_shipped
@pytest.mark.skipif(not (DATA / "artifacts/atomic/results.json").is_file(), reason="data/artifacts/atomic is not shipped")
def test_the_shipped_retriever_is_as_good_as_its_results_say(monkeypatch):
    monkeypatch.setenv("GCR_DATA", str(DATA))
    monkeypatch.delenv("GCR_REBUILD", raising=False)
    retriever, results = artifact("atomic", progress=lambda line: None)
    corpus = ImageCaptionCorpus.from_picturebook(1000, 100, 300)
    task = make_task(corpus)
    assert retriever.identifiers.image_ids == tuple(corpus.records[i].id for i in task.memorize)
    queries = task.eval_queries[::24][:60]  # 60 that are spread over the images and over their captions
    hits = retriever.rank([query.text for query in queries], 1)
    right = sum(found[0].image_id == corpus.records[query.image].id for found, query in zip(hits, queries))
    assert results["source"] == "shipped" and results["n_queries"] == 1500
    assert abs(100 * right / 60 - results["recall"]["R@1"]) <= 15


# Real photographs


@pytest.mark.skipif(not (PHOTOS / "dataset_flickr8k.json").is_file(), reason="../shared/flickr8k-sample is absent")
def test_forty_photographs_with_human_captions(tmp_path, monkeypatch):
    dataset = json.loads((PHOTOS / "dataset_flickr8k.json").read_text())
    dataset["images"] = dataset["images"][:40]
    (tmp_path / "forty.json").write_text(json.dumps(dataset))
    arguments = [
        "run",
        "--karpathy",
        "forty.json",
        "--images",
        str(PHOTOS / "images"),
        "--protocol",
        "heldout-caption",
        "--memorize-epochs",
        "2",
        "--retrieve-epochs",
        "2",
        "--out",
        "mine",
    ]
    shipped = all((DATA / f"backbones/{name}").is_dir() for name in ("tiny-vlm", "tiny-clip"))
    status, _, err = command(*arguments, data=DATA if shipped else None)
    assert status == 0, err
    results = results_of(tmp_path / "mine")
    assert (results["n_gallery"], results["n_queries"], results["valid_rate"]) == (40, 40, 1.0)
    assert results["n_training_queries"] <= 160 and results["n_pseudo_queries"] == 0
    assert results["recall"]["R@10"] > results["baselines"]["chance"]["R@10"] / 4  # it ran to the end; two epochs teach little
    assert results["baselines"]["bm25"]["R@10"] > results["baselines"]["chance"]["R@10"]
    status, out, err = command("search", "mine", "a dog runs", "-k", "3")
    assert status == 0 and out.count(".jpg") == 3, err
