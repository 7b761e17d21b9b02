"""The whole method, end to end: corpus -> identifiers -> pseudo-queries -> memorize -> retrieve -> search -> recall.

What `python -m gcr_tutorial run` does, and what the notebooks do step by step.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from gcr_tutorial import processes
from gcr_tutorial.config import CheckpointConfig, Preset
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.loading import load_pictures
from gcr_tutorial.data.task import RetrievalTask, make_task
from gcr_tutorial.evaluation.evaluate import measure
from gcr_tutorial.experiments.settings import settings_of
from gcr_tutorial.experiments.stages import Timer
from gcr_tutorial.experiments.unfinished import UnfinishedRun, complete_run
from gcr_tutorial.files import write_text
from gcr_tutorial.identifiers import IDENTIFIER_KINDS, make_identifiers
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.clip import embed_images, embed_texts, load_clip
from gcr_tutorial.models.device import AUTOCAST, best_device, resolve_dtype
from gcr_tutorial.models.feature_cache import cached_features
from gcr_tutorial.models.loading import load_backbone
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.progress import Progress, every
from gcr_tutorial.retrieval.reranking import DenseGallery
from gcr_tutorial.retrieval.retriever import GenerativeRetriever
from gcr_tutorial.training.classifier import fine_tune_classifier
from gcr_tutorial.training.examples import target_ids
from gcr_tutorial.training.fine_tuning import fine_tune
from gcr_tutorial.training.pseudo_queries import filter_by_clip_score, fine_tune_captioner, generate_pseudo_queries

PACKAGES = ("torch", "transformers", "peft", "accelerate", "open_clip_torch", "numpy", "pillow")


def pictures(corpus: ImageCaptionCorpus, rows: tuple[int, ...], size: int):
    """The images `rows` of `corpus`, one at a time, at the model's size; many of them are made ahead, in other processes."""
    return load_pictures(corpus, rows, size)


def on_this_machine(preset: Preset) -> tuple[torch.device, torch.dtype, Preset]:
    """The device of a run, the type of the model's weights, and the preset with the precision of training made to fit."""
    device = best_device()
    dtype, config = resolve_dtype(preset.dtype, device), preset.training
    if config.mixed_precision == "no":
        preset = replace(preset, training=replace(config, mixed_precision=AUTOCAST[dtype]))
    # Weights that are themselves trained must be able to take small steps; with LoRA only the adapter must, and it is.
    return device, torch.float32 if config.trainable == "full" else dtype, preset


def training_queries(
    task: RetrievalTask, row_of: dict[int, int], pseudo: list[list[str]], pseudo_rows: list[int]
) -> list[tuple[str, int]]:
    """(text, row) of everything that trains retrieval: human captions where allowed, pseudo-queries elsewhere."""
    human = [(query.text, row_of[query.image]) for query in task.train_queries]
    return human + [(text, row) for row, texts in zip(pseudo_rows, pseudo, strict=True) for text in texts]


def run(
    corpus: ImageCaptionCorpus,
    preset: Preset,
    *,
    identifier: str = "atomic",
    protocol: str = "karpathy",
    seed: int = 0,
    out: str | Path | None = None,
    progress: Progress = print,
    about: dict | None = None,
    pseudo_store: Path | None = None,
    resume: bool = False,
    checkpoint_seconds: float | None = 60.0,
    checkpoint_steps: int | None = None,
) -> dict[str, Any]:
    """Memorize the corpus under identifiers of a kind and measure retrieval; returns what `results.json` holds.

    With `out`, writes `out/results.json` and `out/retriever/`, and until these are complete `out/checkpoints/`, as often as
    told: with `resume` an interrupted run goes on from there, on the same machine to the same weights, and a complete one
    is left as it is. The same seed on the same machine gives the same recalls. Started by `accelerate launch`, the work is
    shared by many processes; only the first one writes and reports.
    `pseudo_store` is a JSON file through which runs that differ in `identifier` alone share their pseudo-queries.
    Raises ValueError or FileNotFoundError, before any work, for a kind, protocol, backbone or folder that cannot be used.
    """
    if identifier not in IDENTIFIER_KINDS:
        raise ValueError(f"unknown identifier kind {identifier!r}: choose one of {', '.join(IDENTIFIER_KINDS)}")
    torch.manual_seed(seed)
    processes.start()
    timer, task = Timer(progress if processes.is_main() else lambda line: None), make_task(corpus, protocol, seed)
    progress = timer.progress
    settings = settings_of(corpus, preset, identifier, protocol, seed)
    if out is not None and resume and (done := complete_run(out, settings)) is not None:
        progress(f"{out} holds this run already, complete")
        return done
    row_of = {image: row for row, image in enumerate(task.memorize)}
    device, dtype, preset = on_this_machine(preset)
    backbone = timer(
        "load backbone", lambda: load_backbone(preset.backbone_path, device, dtype, preset.revision, preset.image_size)
    )
    clip = timer("load CLIP", lambda: load_clip(preset.clip_path, str(device)))
    if out is not None:
        timer.unfinished = UnfinishedRun(out, settings, resume)
    checkpoint = CheckpointConfig(timer.unfinished and timer.unfinished.training, checkpoint_seconds, checkpoint_steps)
    size = preset.image_size
    features = timer(
        "vision features",
        lambda: processes.main_first(
            lambda: cached_features(backbone, pictures(corpus, task.memorize, size), preset.feature_batch)
        ),
    )  # (N, S, H)
    pseudo_rows = [row_of[image] for image in task.uncaptioned]
    embeddings = timer.keep("CLIP embeddings", lambda: embed_images(clip, pictures(corpus, task.memorize, size)))  # (N, D)
    if preset.caption_epochs and preset.pseudo_queries and pseudo_rows and task.train_queries:
        timer(
            "captioning",
            lambda: fine_tune_captioner(
                backbone,
                [(query.text, row_of[query.image]) for query in task.train_queries],
                features=features,
                epochs=preset.caption_epochs,
                config=replace(preset.training, schedule="sequential"),
                seed=seed,
                progress=every(10, progress),
                checkpoint=checkpoint,
            ),
        )
    pseudo = stored_pseudo_queries(
        pseudo_store,
        settings,
        timer,
        lambda: filter_by_clip_score(
            write_pseudo_queries(backbone, features, task, row_of, preset, seed, progress),
            embeddings[pseudo_rows],
            lambda texts: embed_texts(clip, texts),
            preset.pseudo_queries,
        ),
    )
    share = true_share(corpus, task, pseudo)
    if share is not None:
        progress(f"  pseudo-queries: {share:.0%} of {sum(map(len, pseudo))} are true of their picture")
    queries = training_queries(task, row_of, pseudo, pseudo_rows)
    documents: list[list[str]] = [[] for _ in task.memorize]  # what each image may be known by
    for text, row in queries:
        documents[row].append(text)
    identifiers = timer(
        "identifiers",
        lambda: make_identifiers(
            identifier,
            [corpus.records[i].id for i in task.memorize],
            embeddings.numpy(),
            preset.clusters,
            preset.leaf_size,
            seed,
            tokenizer=backbone.tokenizer,
            texts=documents,
            avoid=[query.text for query in task.eval_queries],
        ),
    )
    add_tokens(backbone, identifiers.new_tokens, seed)
    started, learning = (
        time.perf_counter(),
        {"config": preset.training, "seed": seed, "progress": every(10, progress), "checkpoint": checkpoint},
    )
    classifier = None
    if identifier == "classifier":
        progress(
            "  classifier: no identifier is generated, and there is no memorize step; a linear map onto frozen CLIP "
            "embeddings ranks all images by one matrix product"
        )
        classifier, history = fine_tune_classifier(backbone, embeddings, queries, **learning)
    else:
        history = fine_tune(backbone, target_ids(backbone, identifiers.codes), queries, features=features, **learning)
    timer.seconds.update({stage: round(seconds, 2) for stage, seconds in history.seconds.items()})
    progress(f"[{sum(timer.seconds.values()):6.1f} s] fine-tuning: {time.perf_counter() - started:.1f} s")
    gallery = tuple(row_of[image] for image in task.gallery)
    retriever = GenerativeRetriever(
        backbone,
        identifiers,
        gallery,
        preset.num_beams,
        {**(about or {}), "preset": preset.name, "identifier": identifier, "protocol": protocol, "seed": seed},
        DenseGallery.of(clip, preset.clip, embeddings),
        classifier,
    )
    measured = measure(retriever, corpus, task, row_of, embeddings, clip, documents, timer)
    results = {
        "preset": preset.name,
        "corpus": corpus.name,
        "identifier": identifier,
        "protocol": protocol,
        "schedule": preset.training.schedule,
        "seed": seed,
        "device": device.type,
        "dtype": str(dtype).removeprefix("torch."),
        "n_memorized": len(task.memorize),
        "n_gallery": len(gallery),
        "n_queries": len(task.eval_queries),
        "n_training_queries": len(queries),
        "n_pseudo_queries": sum(map(len, pseudo)),
        "pseudo_true_share": share,
        "tokens_per_identifier": round(identifiers.mean_tokens, 2),
        "n_new_tokens": len(identifiers.new_tokens),
        **measured,
        "seconds": timer.seconds,
        "peak_memory_gb": peak_memory_gb(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "settings": settings,
        "losses": {stage: thin(losses) for stage, losses in history.losses.items()},
    }
    if out is not None and processes.is_main():
        write_results(Path(out), retriever, results)
        timer.unfinished.complete()
    processes.wait()
    return results


def write_pseudo_queries(
    backbone: Backbone,
    features: torch.Tensor,
    task: RetrievalTask,
    row_of: dict[int, int],
    preset: Preset,
    seed: int,
    progress: Progress,
) -> list[list[str]]:
    """`preset.pseudo_samples` captions that the model writes for each image without human ones; the pipeline keeps those
    that agree best with the image."""
    rows = [row_of[image] for image in task.uncaptioned]
    if not rows or not preset.pseudo_queries:
        return [[] for _ in rows]
    report = every(10, progress)
    return generate_pseudo_queries(
        backbone,
        features[rows],
        max(preset.pseudo_queries, preset.pseudo_samples),
        seed,
        progress=lambda done, total: report("pseudo-queries", done, total),
    )


def true_share(corpus: ImageCaptionCorpus, task: RetrievalTask, pseudo: list[list[str]]) -> float | None:
    """Share of the pseudo-queries that is true of its image; None where nobody knows, or where there are none."""
    said = [corpus.is_true(text, image) for image, texts in zip(task.uncaptioned, pseudo, strict=True) for text in texts]
    return None if not said or said[0] is None else round(sum(said) / len(said), 4)


def stored_pseudo_queries(
    store: Path | None, settings: dict[str, Any], timer: Timer, write: Callable[[], list[list[str]]]
) -> list[list[str]]:
    """What `write` returns, or what an earlier run with the same settings (identifiers apart) put into the file `store`.
    The stage's seconds are those that writing took, then or now."""
    if store is None:
        return timer.keep("pseudo-queries", write)
    key = {name: value for name, value in settings.items() if name != "identifier"}
    stored = None
    try:
        read = json.loads(store.read_text(encoding="utf-8"))
        stored = (read["texts"], read["seconds"]) if read["settings"] == key else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # none yet, or damaged: they are written now
        pass
    stored = processes.gather(stored)[0]  # all do what the main process found
    if stored is not None:
        texts, timer.seconds["pseudo-queries"] = stored
        timer.progress(f"  pseudo-queries: those of an earlier run, made in {stored[1]:.1f} s")
        return texts
    texts = timer.keep("pseudo-queries", write)
    if processes.is_main():
        write_text(store, json.dumps({"settings": key, "seconds": timer.seconds["pseudo-queries"], "texts": texts}))
    return texts


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
