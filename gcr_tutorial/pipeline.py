"""The whole method, end to end: corpus -> identifiers -> pseudo-queries -> memorize -> retrieve -> search -> recall.

What `python -m gcr_tutorial run` does, and what the notebooks do step by step.
"""

from __future__ import annotations

import json
import os
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

from . import processes
from .backbone import Backbone, add_tokens, load_backbone
from .clip_baseline import embed_images, embed_texts, load_clip, zero_shot_rankings
from .corpus import ImageCaptionCorpus, RetrievalTask, make_task
from .evaluation import bm25_rankings, chance_recall, map_at_r, oracle_recall, r_precision, recall_at_k
from .features import image_features
from .identifiers import KINDS, make_identifiers
from .presets import Preset
from .provenance import settings_of
from .pseudo_queries import fine_tune_captioner, generate_pseudo_queries, keep_agreeing
from .retriever import GenerativeRetriever
from .training import fine_tune, target_ids
from .unfinished import UnfinishedRun, complete_run

KS = (1, 5, 10)
PACKAGES = ("torch", "transformers", "peft", "accelerate", "open_clip_torch", "numpy", "pillow")
Progress = Callable[[str], None]


@dataclass
class Timer:
    """Wall-clock seconds of each stage, with a line when one ends. `unfinished` is where `keep` keeps."""

    progress: Progress
    unfinished: UnfinishedRun | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def __call__(self, stage: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = work()
        self.seconds[stage] = round(time.perf_counter() - started, 2)
        self.progress(f"[{sum(self.seconds.values()):6.1f} s] {stage}: {self.seconds[stage]:.1f} s")
        return result

    def keep(self, stage: str, work: Callable[[], Any]) -> Any:
        """The same, for work that an interrupted run need not do again: its result and seconds are kept."""
        if self.unfinished is None:
            return self(stage, work)
        made = self.unfinished.keep(stage, lambda: {"result": self(stage, work), "seconds": self.seconds[stage]})
        if stage not in self.seconds:
            self.progress(f"  {stage}: as before the interruption")
        self.seconds[stage] = made["seconds"]
        return made["result"]


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
    """The images `rows` of `corpus`, one at a time, at the model's size."""
    return (corpus.image(i, size) for i in rows)


def training_queries(task: RetrievalTask, row_of: dict[int, int], pseudo: list[list[str]],
                     pseudo_rows: list[int]) -> list[tuple[str, int]]:
    """(text, row) of everything that trains retrieval: human captions where allowed, pseudo-queries elsewhere."""
    human = [(query.text, row_of[query.image]) for query in task.train_queries]
    return human + [(text, row) for row, texts in zip(pseudo_rows, pseudo, strict=True) for text in texts]


def run(corpus: ImageCaptionCorpus, preset: Preset, *, identifier: str = "atomic", protocol: str = "karpathy", seed: int = 0,
        out: str | Path | None = None, progress: Progress = print, about: dict | None = None, resume: bool = False,
        checkpoint_seconds: float | None = 60.0, checkpoint_steps: int | None = None) -> dict[str, Any]:
    """Memorize the corpus under identifiers of a kind and measure retrieval; returns what `results.json` holds.

    With `out`, writes `out/results.json` and `out/retriever/`, and until these are complete `out/checkpoints/`, as often as
    told: with `resume` an interrupted run goes on from there, on the same machine to the same weights, and a complete one
    is left as it is. The same seed on the same machine gives the same recalls. Started by `accelerate launch`, the work is
    shared by many processes; only the first one writes and reports.
    Raises ValueError or FileNotFoundError, before any work, for a kind, protocol, backbone or folder that cannot be used.
    """
    if identifier not in KINDS:
        raise ValueError(f"unknown identifier kind {identifier!r}: choose one of {', '.join(KINDS)}")
    torch.manual_seed(seed)
    processes.start()
    timer, task = Timer(progress if processes.is_main() else lambda line: None), make_task(corpus, protocol, seed)
    progress = timer.progress
    settings = settings_of(corpus, preset, identifier, protocol, seed)
    if out is not None and resume and (done := complete_run(out, settings)) is not None:
        progress(f"{out} holds this run already, complete")
        return done
    row_of = {image: row for row, image in enumerate(task.memorize)}
    backbone = timer("load backbone", lambda: load_backbone(preset.backbone_path))
    clip = timer("load CLIP", lambda: load_clip(preset.clip_path))
    if out is not None:
        timer.unfinished = UnfinishedRun(out, settings, resume)
    saving = {"checkpoint_seconds": checkpoint_seconds, "checkpoint_steps": checkpoint_steps,
              "checkpoint": timer.unfinished and timer.unfinished.training}
    size = preset.image_size
    features = timer.keep("vision features", lambda: image_features(
        backbone, pictures(corpus, task.memorize, size), preset.feature_batch))  # (N, S, H)
    pseudo_rows = [row_of[image] for image in task.uncaptioned]
    embeddings = timer.keep("CLIP embeddings", lambda: embed_images(clip, pictures(corpus, task.memorize, size)))  # (N, D)
    if preset.caption_epochs and preset.pseudo_queries and task.uncaptioned and task.train_queries:
        timer("captioning", lambda: fine_tune_captioner(
            backbone, [(query.text, row_of[query.image]) for query in task.train_queries], features=features,
            epochs=preset.caption_epochs, recipe=replace(preset.recipe, schedule="sequential"), seed=seed,
            progress=every(10, progress), **saving))
    pseudo = timer.keep("pseudo-queries", lambda: keep_agreeing(
        write_pseudo_queries(backbone, features, task, row_of, preset, seed, progress), embeddings[pseudo_rows],
        lambda texts: embed_texts(clip, texts), preset.pseudo_queries))
    identifiers = timer("identifiers", lambda: make_identifiers(
        identifier, [corpus.records[i].id for i in task.memorize], embeddings.numpy(), preset.clusters, preset.leaf_size, seed))
    add_tokens(backbone, identifiers.new_tokens, seed)
    queries = training_queries(task, row_of, pseudo, pseudo_rows)
    started = time.perf_counter()
    history = fine_tune(backbone, target_ids(backbone, identifiers.codes), queries, features=features, recipe=preset.recipe,
                        seed=seed, progress=every(10, progress), **saving)
    timer.seconds.update({stage: round(seconds, 2) for stage, seconds in history.seconds.items()})
    progress(f"[{sum(timer.seconds.values()):6.1f} s] fine-tuning: {time.perf_counter() - started:.1f} s")
    gallery = tuple(row_of[image] for image in task.gallery)
    retriever = GenerativeRetriever(backbone, identifiers, gallery, preset.num_beams, {
        **(about or {}), "preset": preset.name, "identifier": identifier, "protocol": protocol, "seed": seed})
    documents: list[list[str]] = [[] for _ in task.memorize]
    for text, row in queries:
        documents[row].append(text)
    measured = measure(retriever, corpus, task, row_of, embeddings, clip, documents, timer)
    results = {
        "preset": preset.name, "corpus": corpus.name, "identifier": identifier, "protocol": protocol,
        "schedule": preset.recipe.schedule, "seed": seed, "n_memorized": len(task.memorize), "n_gallery": len(gallery),
        "n_queries": len(task.eval_queries), "n_training_queries": len(queries),
        "n_pseudo_queries": sum(map(len, pseudo)), **measured,
        "seconds": timer.seconds, "peak_memory_gb": peak_memory_gb(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "settings": settings, "losses": {stage: thin(losses) for stage, losses in history.losses.items()},
    }
    if out is not None and processes.is_main():
        write_results(Path(out), retriever, results)
        timer.unfinished.complete()
    processes.wait()
    return results


def write_pseudo_queries(backbone: Backbone, features: torch.Tensor, task: RetrievalTask, row_of: dict[int, int],
                         preset: Preset, seed: int, progress: Progress) -> list[list[str]]:
    """`preset.pseudo_samples` captions that the model writes for each image without human ones; the pipeline keeps those
    that agree best with the image."""
    rows = [row_of[image] for image in task.uncaptioned]
    if not rows or not preset.pseudo_queries:
        return [[] for _ in rows]
    report = every(10, progress)
    return generate_pseudo_queries(backbone, features[rows], max(preset.pseudo_queries, preset.pseudo_samples), seed,
                                   progress=lambda done, total: report("pseudo-queries", done, total))


def measure(retriever: GenerativeRetriever, corpus: ImageCaptionCorpus, task: RetrievalTask, row_of: dict[int, int],
            embeddings: torch.Tensor, clip: Any, documents: list[list[str]], timer: Timer) -> dict[str, Any]:
    """Recall over all evaluation queries, on the test-only and on the full gallery, beside baselines and the oracle."""
    if not task.eval_queries:
        return {"recall": None, "recall_full_gallery": None, "valid_rate": None, "baselines": {}}
    texts = [query.text for query in task.eval_queries]
    targets = [row_of[query.image] for query in task.eval_queries]
    gallery, everything = list(retriever.gallery), list(range(len(task.memorize)))
    report = every(10, timer.progress)
    hits = timer("search", lambda: processes.share_out(texts, lambda share: retriever.rank(
        share, max(KS), rows=gallery, progress=partial(report, "search"))))
    rankings = [[hit.row for hit in found] for found in hits]
    result: dict[str, Any] = {"recall": recall_at_k(rankings, targets, KS)}
    full = hits if len(gallery) == len(everything) else timer("search the full gallery", lambda: processes.share_out(
        texts, lambda share: retriever.rank(share, max(KS), rows=everything,
                                            progress=partial(report, "search the full gallery"))))
    result["recall_full_gallery"] = recall_at_k([[hit.row for hit in found] for found in full], targets, KS)
    result["valid_rate"] = valid_rate(rankings, set(gallery), min(max(KS), len(gallery)))

    baselines: dict[str, Any] = {"chance": chance_recall(len(gallery), KS)}
    words = bm25_rankings([documents[row] for row in gallery], texts, max(KS))
    baselines["bm25"] = recall_at_k([[gallery[i] for i in found] for found in words], targets, KS)
    asked = timer("CLIP queries", lambda: embed_texts(clip, texts))
    dense = zero_shot_rankings(asked, embeddings[gallery], max(KS))
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
    aside = out / "results.json.writing"
    aside.write_text(json.dumps(results, indent=1))
    os.replace(aside, out / "results.json")
