"""The whole method, end to end: corpus -> identifiers -> pseudo-queries -> memorize -> retrieve -> search -> recall.

What `python -m gcr_tutorial run` does, and what the notebooks do step by step.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from .backbone import Backbone, add_tokens, load_backbone
from .classifier import fine_tune_classifier
from .clip_baseline import embed_images, embed_texts, load_clip, zero_shot_rankings
from .corpus import ImageCaptionCorpus, RetrievalTask, make_task
from .evaluation import bm25_rankings, chance_recall, map_at_r, oracle_recall, r_precision, recall_at_k
from .features import image_features
from .files import write_text
from .identifiers import KINDS, make_identifiers
from .picture_loader import load_pictures
from .presets import Preset
from .provenance import settings_of
from .pseudo_queries import fine_tune_captioner, generate_pseudo_queries, keep_agreeing
from .reranking import DenseGallery
from .retriever import GenerativeRetriever
from .training import fine_tune, target_ids

KS = (1, 5, 10)
PACKAGES = ("torch", "transformers", "peft", "accelerate", "open_clip_torch", "numpy", "pillow")
Progress = Callable[[str], None]


@dataclass
class Timer:
    """Wall-clock seconds of each stage, with a line when one ends."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    def __call__(self, stage: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = work()
        self.seconds[stage] = round(time.perf_counter() - started, 2)
        self.progress(f"[{sum(self.seconds.values()):6.1f} s] {stage}: {self.seconds[stage]:.1f} s")
        return result


def every(seconds: float, progress: Progress) -> Callable[..., None]:
    """A callback (stage, step, total, loss where there is one) that says, at most every `seconds`, how far a stage is and
    how long it will take."""
    state: dict[str, Any] = {}

    def report(stage: str, step: int, total: int, loss: float | None = None) -> None:
        now = time.monotonic()
        if step == 1 or state.get("of") != (stage, total):
            state.update(start=now, first=step, said=now, of=(stage, total))
        elif now - state["said"] > seconds or step == total:
            left = (now - state["start"]) / max(1, step - state["first"]) * (total - step)
            state["said"] = now
            done = f"{step}/{total}" if loss is None else f"{step}/{total} steps, loss {loss:.3f}"
            progress(f"  {stage} {done}, {left:.0f} s left")

    return report


def pictures(corpus: ImageCaptionCorpus, rows: tuple[int, ...], size: int):
    """The images `rows` of `corpus`, one at a time, at the model's size; many of them are made ahead, in other processes."""
    return load_pictures(corpus, rows, size)


def training_queries(task: RetrievalTask, row_of: dict[int, int], pseudo: list[list[str]],
                     pseudo_rows: list[int]) -> list[tuple[str, int]]:
    """(text, row) of everything that trains retrieval: human captions where allowed, pseudo-queries elsewhere."""
    human = [(query.text, row_of[query.image]) for query in task.train_queries]
    return human + [(text, row) for row, texts in zip(pseudo_rows, pseudo, strict=True) for text in texts]


def run(corpus: ImageCaptionCorpus, preset: Preset, *, identifier: str = "atomic", protocol: str = "karpathy", seed: int = 0,
        out: str | Path | None = None, progress: Progress = print, about: dict | None = None,
        pseudo_store: Path | None = None) -> dict[str, Any]:
    """Memorize the corpus under identifiers of a kind and measure retrieval; returns what `results.json` holds.

    With `out`, writes `out/results.json` and `out/retriever/`. The same seed on the same machine gives the same recalls.
    `pseudo_store` is a JSON file through which runs that differ in `identifier` alone share their pseudo-queries.
    Raises ValueError or FileNotFoundError, before any work, for a kind, protocol, backbone or folder that cannot be used.
    """
    if identifier not in KINDS:
        raise ValueError(f"unknown identifier kind {identifier!r}: choose one of {', '.join(KINDS)}")
    torch.manual_seed(seed)
    timer, task = Timer(progress), make_task(corpus, protocol, seed)
    row_of = {image: row for row, image in enumerate(task.memorize)}
    backbone = timer("load backbone", lambda: load_backbone(preset.backbone_path))
    clip = timer("load CLIP", lambda: load_clip(preset.clip_path))
    if out is not None:
        Path(out).mkdir(parents=True, exist_ok=True)
    size = preset.image_size
    features = timer("vision features", lambda: image_features(
        backbone, pictures(corpus, task.memorize, size), preset.feature_batch))  # (N, S, H)
    pseudo_rows = [row_of[image] for image in task.uncaptioned]
    embeddings = timer("CLIP embeddings", lambda: embed_images(clip, pictures(corpus, task.memorize, size)))  # (N, D)
    settings = settings_of(corpus, preset, identifier, protocol, seed)
    pseudo = stored_pseudo_queries(pseudo_store, preset, settings, timer, lambda: keep_agreeing(
        write_pseudo_queries(backbone, features, task, row_of, preset, seed, progress), embeddings[pseudo_rows],
        lambda texts: embed_texts(clip, texts), preset.pseudo_queries))
    queries = training_queries(task, row_of, pseudo, pseudo_rows)
    documents: list[list[str]] = [[] for _ in task.memorize]  # what each image may be known by
    for text, row in queries:
        documents[row].append(text)
    identifiers = timer("identifiers", lambda: make_identifiers(
        identifier, [corpus.records[i].id for i in task.memorize], embeddings.numpy(), preset.clusters, preset.leaf_size, seed,
        tokenizer=backbone.tokenizer, texts=documents, avoid=[query.text for query in task.eval_queries]))
    add_tokens(backbone, identifiers.new_tokens, seed)
    started, learning = time.perf_counter(), {"recipe": preset.recipe, "seed": seed, "progress": every(10, progress)}
    classifier = None
    if identifier == "classifier":
        progress("  classifier: no identifier is generated, and there is no memorize step; a linear map onto frozen CLIP "
                 "embeddings ranks all images by one matrix product")
        classifier, history = fine_tune_classifier(backbone, embeddings, queries, **learning)
    else:
        history = fine_tune(backbone, target_ids(backbone, identifiers.codes), queries, features=features, **learning)
    timer.seconds.update({stage: round(seconds, 2) for stage, seconds in history.seconds.items()})
    progress(f"[{sum(timer.seconds.values()):6.1f} s] fine-tuning: {time.perf_counter() - started:.1f} s")
    gallery = tuple(row_of[image] for image in task.gallery)
    retriever = GenerativeRetriever(backbone, identifiers, gallery, preset.num_beams, {
        **(about or {}), "preset": preset.name, "identifier": identifier, "protocol": protocol, "seed": seed},
        DenseGallery.of(clip, preset.clip, embeddings), classifier)
    measured = measure(retriever, corpus, task, row_of, embeddings, clip, documents, timer)
    results = {
        "preset": preset.name, "corpus": corpus.name, "identifier": identifier, "protocol": protocol,
        "schedule": preset.recipe.schedule, "seed": seed, "n_memorized": len(task.memorize), "n_gallery": len(gallery),
        "n_queries": len(task.eval_queries), "n_training_queries": len(queries),
        "n_pseudo_queries": sum(map(len, pseudo)), "tokens_per_identifier": round(identifiers.mean_tokens, 2),
        "n_new_tokens": len(identifiers.new_tokens), **measured,
        "seconds": timer.seconds, "peak_memory_gb": peak_memory_gb(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "settings": settings, "losses": {stage: thin(losses) for stage, losses in history.losses.items()},
    }
    if out is not None:
        write_results(Path(out), retriever, results)
    return results


def write_pseudo_queries(backbone: Backbone, features: torch.Tensor, task: RetrievalTask, row_of: dict[int, int],
                         preset: Preset, seed: int, progress: Progress) -> list[list[str]]:
    """`preset.pseudo_samples` captions that the model writes for each image without human ones, after a captioning step
    where the preset asks; the pipeline keeps those that agree best with the image."""
    rows = [row_of[image] for image in task.uncaptioned]
    if not rows or not preset.pseudo_queries:
        return [[] for _ in rows]
    if preset.caption_epochs and task.train_queries:
        captions = [(query.text, row_of[query.image]) for query in task.train_queries]
        fine_tune_captioner(backbone, captions, features=features, epochs=preset.caption_epochs, seed=seed,
                            recipe=replace(preset.recipe, schedule="sequential"), progress=every(10, progress))
    report = every(10, progress)
    return generate_pseudo_queries(backbone, features[rows], max(preset.pseudo_queries, preset.pseudo_samples), seed,
                                   progress=lambda done, total: report("pseudo-queries", done, total))


def stored_pseudo_queries(store: Path | None, preset: Preset, settings: dict[str, Any], timer: Timer,
                          write: Callable[[], list[list[str]]]) -> list[list[str]]:
    """What `write` returns, or what an earlier run with the same settings (identifiers apart) put into the file `store`.

    The stage's seconds are those that writing took, then or now. Where the preset fine-tunes the captioner nothing is
    shared: that step changes the model itself.
    """
    if store is None or preset.caption_epochs:
        return timer("pseudo-queries", write)
    key = {name: value for name, value in settings.items() if name != "identifier"}
    try:
        stored = json.loads(store.read_text(encoding="utf-8"))
        if stored["settings"] == key:
            timer.seconds["pseudo-queries"], texts = stored["seconds"], stored["texts"]
            timer.progress(f"  pseudo-queries: those of an earlier run, made in {stored['seconds']:.1f} s")
            return texts
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # none yet, or damaged: they are written now
        pass
    texts = timer("pseudo-queries", write)
    write_text(store, json.dumps({"settings": key, "seconds": timer.seconds["pseudo-queries"], "texts": texts}))
    return texts


def measure(retriever: GenerativeRetriever, corpus: ImageCaptionCorpus, task: RetrievalTask, row_of: dict[int, int],
            embeddings: torch.Tensor, clip: Any, documents: list[list[str]], timer: Timer) -> dict[str, Any]:
    """Recall over all evaluation queries, on the test-only and on the full gallery, beside the hybrid, baselines and the
    oracle."""
    if not task.eval_queries:
        return {"recall": None, "recall_full_gallery": None, "valid_rate": None, "hybrid": None, "baselines": {}}
    texts = [query.text for query in task.eval_queries]
    targets = [row_of[query.image] for query in task.eval_queries]
    gallery, everything = list(retriever.gallery), list(range(len(task.memorize)))
    report = every(10, timer.progress)
    most = max(KS)
    beams = timer("search", lambda: retriever.rank(texts, max(most, retriever.num_beams), rows=gallery,
                                                   progress=partial(report, "search")))
    hits = [found[:most] for found in beams]
    rankings = [[hit.row for hit in found] for found in hits]
    result: dict[str, Any] = {"recall": recall_at_k(rankings, targets, KS)}
    full = hits if len(gallery) == len(everything) else timer("search the full gallery", lambda: retriever.rank(
        texts, most, rows=everything, progress=partial(report, "search the full gallery")))
    result["recall_full_gallery"] = recall_at_k([[hit.row for hit in found] for found in full], targets, KS)
    result["valid_rate"] = valid_rate(rankings, set(gallery), min(most, len(gallery)))
    better = timer("re-ranking", lambda: retriever.dense_gallery().rerank(texts, beams, most))
    result["hybrid"] = recall_at_k([[hit.row for hit in found] for found in better], targets, KS)

    baselines: dict[str, Any] = {"chance": chance_recall(len(gallery), KS)}
    words = bm25_rankings([documents[row] for row in gallery], texts, most)
    baselines["bm25"] = recall_at_k([[gallery[i] for i in found] for found in words], targets, KS)
    asked = timer("CLIP queries", lambda: embed_texts(clip, texts))
    dense = zero_shot_rankings(asked, embeddings[gallery], most)
    dense = [[gallery[i] for i in found] for found in dense]
    baselines["clip_zero_shot"] = recall_at_k(dense, targets, KS)
    result["baselines"] = baselines
    if corpus.meaning(task.eval_queries[0].image, task.eval_queries[0].caption) is not None:
        meanings = [corpus.meaning(query.image, query.caption) for query in task.eval_queries]
        relevant = timer("relevance", lambda: corpus.relevant(meanings, task.gallery))
        rows = [[row_of[image] for image in images] for images in relevant]
        result["oracle"] = oracle_recall([len(images) for images in rows], KS)
        result["ambiguity_aware"] = {
            "mAP@R": map_at_r(rankings, rows), "R-Precision": r_precision(rankings, rows),
            "clip_zero_shot_mAP@R": map_at_r(dense, rows), "clip_zero_shot_R-Precision": r_precision(dense, rows)}
    return result


def valid_rate(rankings: list[list[int]], gallery: set[int], k: int) -> float:
    """Share of the `k` places of each ranking that hold an image of the gallery, each image counted once."""
    return sum(len(set(ranking[:k]) & gallery) for ranking in rankings) / (k * len(rankings))


def thin(values: list[float], most: int = 200) -> list[float]:
    """At most `most` of `values`, evenly spaced, rounded: enough for a curve."""
    step = max(1, -(-len(values) // most))
    return [round(value, 4) for value in values[::step]]


def peak_memory_gb() -> float | None:
    """The most memory this process has held so far, in GiB; None where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30, 2)


def write_results(out: Path, retriever: GenerativeRetriever, results: dict[str, Any]) -> None:
    """`out/retriever/` and, last, `out/results.json`: if the latter is there, the run is complete."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").unlink(missing_ok=True)  # an earlier run's
    retriever.save_pretrained(out / "retriever")
    write_text(out / "results.json", json.dumps(results, indent=1))
