"""The whole method, end to end: corpus -> pseudo-queries -> identifiers -> memorize -> retrieve -> search -> recall.

This is what `python -m gcr_tutorial run` does, and what the notebooks do step by step (GRACE sections 3 and 4).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from gcr_tutorial import processes
from gcr_tutorial.config import Preset, RunConfig
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.loading import load_pictures
from gcr_tutorial.data.task import RetrievalTask, make_task
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.evaluation.evaluate import evaluate_rankings
from gcr_tutorial.evaluation.metrics import KS
from gcr_tutorial.experiments.machine import bytes_to_write, on_this_machine, peak_memory_gb, versions
from gcr_tutorial.experiments.queries import shared_pseudo_queries, texts_by_row, training_queries, true_share
from gcr_tutorial.experiments.reporting import thin
from gcr_tutorial.experiments.settings import settings_of
from gcr_tutorial.experiments.stages import Stages
from gcr_tutorial.identifiers import IDENTIFIER_KINDS, Identifiers, make_identifiers
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.clip import Clip, embed_images, embed_texts, load_clip
from gcr_tutorial.models.feature_cache import cached_features
from gcr_tutorial.models.loading import load_backbone
from gcr_tutorial.models.prompts import shorten_queries
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.progress import Progress
from gcr_tutorial.retrieval.bm25 import bm25_rankings
from gcr_tutorial.retrieval.dense import zero_shot_rankings
from gcr_tutorial.retrieval.reranking import DenseGallery
from gcr_tutorial.retrieval.retriever import GenerativeRetriever, Hit
from gcr_tutorial.training.classifier import ClipClassifier, fine_tune_classifier
from gcr_tutorial.training.examples import target_ids
from gcr_tutorial.training.fine_tuning import fine_tune
from gcr_tutorial.training.loop import History
from gcr_tutorial.training.pseudo_queries import filter_by_clip_score, fine_tune_captioner, generate_pseudo_queries


def run(
    corpus: ImageCaptionCorpus, preset: Preset, config: RunConfig = RunConfig(), *, progress: Progress = print
) -> dict[str, Any]:
    """Memorize the corpus under identifiers of a kind and measure retrieval; returns what `results.json` holds.

    With `config.out`, writes `results.json` and `retriever/` there, and `checkpoints/` until these are complete. With
    `config.resume` an interrupted run goes on from its checkpoints, on the same machine to the same weights, and a complete
    run is left as it is. The same seed on the same machine gives the same recalls. Started by `accelerate launch`, several
    processes share the work, and the first one alone writes and reports.

    Raises UserValueError or UserFileNotFoundError, before any work, for a kind, protocol, backbone or folder that cannot be
    used.
    """
    if config.identifier not in IDENTIFIER_KINDS:
        raise UserValueError(f"unknown identifier kind {config.identifier!r}: choose one of {', '.join(IDENTIFIER_KINDS)}")
    processes.start()
    torch.manual_seed(config.seed)
    stages = Stages(config, settings_of(corpus, preset, config), progress)
    with stages.hint_at_resume():
        return stages.earlier_results() or _memorize_and_measure(corpus, preset, config, stages)


def _memorize_and_measure(corpus: ImageCaptionCorpus, preset: Preset, config: RunConfig, stages: Stages) -> dict[str, Any]:
    """The method, stage by stage."""
    method = Method.load(corpus, make_task(corpus, config.protocol, config.seed), preset, config, stages)
    stages.begin(bytes_to_write(method.backbone.model, preset.training))
    features, embeddings = method.encode_images()
    pseudo = method.write_pseudo_queries(features, embeddings)
    queries = training_queries(method.task, pseudo)
    identifiers = method.make_identifiers(embeddings, queries)
    retriever = method.make_retriever(identifiers, embeddings)
    stages.rehearse(retriever)
    history = method.memorize_and_retrieve(retriever, features, queries)
    rankings = method.answer_queries(retriever, queries)
    results = method.results(retriever, pseudo, queries, rankings, history)
    stages.complete(retriever, results)
    return results


@dataclass
class Method:
    """The steps of the method, each one stage or several: methods that take what the steps before have made.

    `preset` is the one of the run with the precision of training made to fit the device.
    """

    corpus: ImageCaptionCorpus
    task: RetrievalTask
    preset: Preset
    config: RunConfig
    stages: Stages
    backbone: Backbone
    clip: Clip

    @classmethod
    def load(cls, corpus: ImageCaptionCorpus, task: RetrievalTask, preset: Preset, config: RunConfig, stages: Stages) -> Method:
        """The method with its two models: the backbone, and the CLIP that clusters, filters and competes."""
        device, dtype, preset = on_this_machine(preset)
        backbone = stages(
            "load backbone", lambda: load_backbone(preset.backbone_path, device, dtype, preset.revision, preset.image_size)
        )
        backbone.max_query_tokens = preset.max_query_tokens
        task = shorten_queries(backbone, task)
        clip = stages("load CLIP", lambda: load_clip(preset.clip_path, str(device)))
        return cls(corpus, task, preset, config, stages, backbone, clip)

    def encode_images(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Of all memorized images, by row: the backbone's vision features (N, S, H) and CLIP embeddings (N, D)."""
        pictures = partial(load_pictures, self.corpus, self.task.memorize, self.preset.image_size)
        features = self.stages.main_first(
            "vision features", lambda: cached_features(self.backbone, pictures(), self.preset.feature_batch)
        )
        return features, self.stages.keep("CLIP embeddings", lambda: embed_images(self.clip, pictures()))

    def write_pseudo_queries(self, features: torch.Tensor, embeddings: torch.Tensor) -> list[list[str]]:
        """For each image without a training caption, captions that the model writes and that agree best with the image by
        CLIP; before that, where the preset says so, the model learns to caption from the training captions."""
        task, preset, seed = self.task, self.preset, self.config.seed
        rows = [task.row_of[image] for image in task.uncaptioned]
        if preset.caption_epochs and preset.pseudo_queries and rows and task.train_queries:
            self.stages(
                "captioning",
                lambda: fine_tune_captioner(
                    self.backbone,
                    [(query.text, task.row_of[query.image]) for query in task.train_queries],
                    features=features,
                    epochs=preset.caption_epochs,
                    config=replace(preset.training, schedule="sequential"),
                    seed=seed,
                    progress=self.stages.report,
                    checkpoint=self.stages.checkpoint,
                ),
            )

        def write() -> list[list[str]]:
            if not rows or not preset.pseudo_queries:
                return [[] for _ in rows]
            candidates = generate_pseudo_queries(
                self.backbone,
                features[rows],
                max(preset.pseudo_queries, preset.pseudo_samples),
                seed,
                progress=partial(self.stages.report, "pseudo-queries"),
            )
            return filter_by_clip_score(candidates, embeddings[rows], partial(embed_texts, self.clip), preset.pseudo_queries)

        pseudo = shared_pseudo_queries(self.config.pseudo_queries_file, self.stages.settings, self.stages, write)
        share = true_share(self.corpus, task, pseudo)
        if share is not None:
            self.stages.progress(f"  pseudo-queries: {share:.0%} of {sum(map(len, pseudo))} are true of their picture")
        return pseudo

    def make_identifiers(self, embeddings: torch.Tensor, queries: list[tuple[str, int]]) -> Identifiers:
        """The identifier of each memorized image; its new tokens are added to the backbone."""
        identifiers = self.stages(
            "identifiers",
            lambda: make_identifiers(
                self.config.identifier,
                [self.corpus.records[image].id for image in self.task.memorize],
                embeddings.numpy(),
                self.preset.clusters,
                self.preset.leaf_size,
                self.config.seed,
                tokenizer=self.backbone.tokenizer,
                texts=texts_by_row(queries, len(self.task.memorize)),
                avoid=[query.text for query in self.task.eval_queries],
                answer_start=self.backbone.answer_format[0],
                max_tokens=self.preset.max_identifier_tokens,
            ),
        )
        add_tokens(self.backbone, identifiers.new_tokens, self.config.seed)
        return identifiers

    def make_retriever(self, identifiers: Identifiers, embeddings: torch.Tensor) -> GenerativeRetriever:
        """The retriever as it will be saved, with a backbone that has not learned the identifiers yet."""
        config, classifier = self.config, None
        if config.identifier == "classifier":
            hidden = self.backbone.model.config.get_text_config().hidden_size
            classifier = ClipClassifier(hidden, embeddings).to(self.backbone.device)
        made = {"preset": self.preset.name, "identifier": config.identifier, "protocol": config.protocol, "seed": config.seed}
        return GenerativeRetriever(
            self.backbone,
            identifiers,
            tuple(self.task.row_of[image] for image in self.task.gallery),
            self.preset.num_beams,
            {**self.corpus.source, **made},
            DenseGallery.of(self.clip, self.preset.clip, embeddings),
            classifier,
        )

    def memorize_and_retrieve(
        self, retriever: GenerativeRetriever, features: torch.Tensor, queries: list[tuple[str, int]]
    ) -> History:
        """Fine-tune the retriever: learning to memorize and learning to retrieve (of a classifier, the latter alone)."""
        stages, started = self.stages, time.perf_counter()
        how: dict[str, Any] = {
            "config": self.preset.training,
            "seed": self.config.seed,
            "progress": stages.report,
            "checkpoint": stages.checkpoint,
        }
        if retriever.classifier is not None:
            stages.progress(
                "  classifier: no identifier is generated, and there is no memorize step; a linear map onto frozen CLIP "
                "embeddings ranks all images by one matrix product"
            )
            embeddings = retriever.dense_gallery().embeddings
            retriever.classifier, history = fine_tune_classifier(self.backbone, embeddings, queries, **how)
        else:
            targets = target_ids(self.backbone, retriever.identifiers.codes)
            history = fine_tune(self.backbone, targets, queries, features=features, **how)
        stages.report.close()
        stages.seconds.update({stage: round(seconds, 2) for stage, seconds in history.seconds.items()})
        stages.progress(f"[{sum(stages.seconds.values()):6.1f} s] fine-tuning: {time.perf_counter() - started:.1f} s")
        return history

    def answer_queries(self, retriever: GenerativeRetriever, queries: list[tuple[str, int]]) -> dict[str, list[list[int]]]:
        """The rows that each way of searching finds for each evaluation query, best first: by the retriever in the "test
        gallery" and in the "full gallery", by the "hybrid", and by the baselines "bm25" and "clip_zero_shot" in the test
        gallery. The processes of a run share the queries; the answer is the same on all of them."""
        texts, k = [query.text for query in self.task.eval_queries], max(KS)
        gallery, everything = list(retriever.gallery), range(len(self.task.memorize))
        if not texts:
            return {}

        def search(stage: str, k: int, rows: list[int] | range) -> list[list[Hit]]:
            show = partial(self.stages.report, stage)
            rank = partial(retriever.rank, k=k, rows=rows, progress=show)
            return self.stages(stage, lambda: processes.map_sharded(texts, rank))

        def rows_of(hits: list[list[Hit]]) -> list[list[int]]:
            return [[hit.row for hit in found[:k]] for found in hits]

        beams = search("search", max(k, retriever.num_beams), gallery)
        full = beams if len(gallery) == len(everything) else search("search the full gallery", k, everything)
        hybrid = self.stages("re-ranking", lambda: retriever.dense_gallery().rerank(texts, beams, k))
        known = texts_by_row(queries, len(everything))
        asked = self.stages("CLIP queries", lambda: embed_texts(self.clip, texts))
        at_positions = {
            "bm25": bm25_rankings([known[row] for row in gallery], texts, k),
            "clip_zero_shot": zero_shot_rankings(asked, retriever.dense_gallery().embeddings[gallery], k),
        }
        baselines = {name: [[gallery[i] for i in found] for found in ranking] for name, ranking in at_positions.items()}
        return {"test gallery": rows_of(beams), "full gallery": rows_of(full), "hybrid": rows_of(hybrid), **baselines}

    def relevant_rows(self) -> list[list[int]] | None:
        """For each evaluation query the rows of the gallery that its caption is true of; None where that is not known."""
        corpus, task = self.corpus, self.task
        meanings = [corpus.meaning(query.image, query.caption) for query in task.eval_queries]
        if not meanings or meanings[0] is None:
            return None
        relevant = self.stages("relevance", lambda: corpus.relevant(meanings, task.gallery))
        return [[task.row_of[image] for image in images] for images in relevant]

    def results(
        self,
        retriever: GenerativeRetriever,
        pseudo: list[list[str]],
        queries: list[tuple[str, int]],
        rankings: dict[str, list[list[int]]],
        history: History,
    ) -> dict[str, Any]:
        """What results.json holds: what was run, recalls in percent, seconds, and the settings."""
        targets = [self.task.row_of[query.image] for query in self.task.eval_queries]
        measured = evaluate_rankings(rankings, targets, retriever.gallery, self.relevant_rows())
        return {
            "preset": self.preset.name,
            "corpus": self.corpus.name,
            "identifier": self.config.identifier,
            "protocol": self.config.protocol,
            "schedule": self.preset.training.schedule,
            "seed": self.config.seed,
            "device": self.backbone.device.type,
            "dtype": str(self.backbone.model.dtype).removeprefix("torch."),
            "n_memorized": len(self.task.memorize),
            "n_gallery": len(retriever.gallery),
            "n_queries": len(targets),
            "n_training_queries": len(queries),
            "n_pseudo_queries": sum(map(len, pseudo)),
            "pseudo_true_share": true_share(self.corpus, self.task, pseudo),
            "tokens_per_identifier": round(retriever.identifiers.mean_tokens, 2),
            "n_new_tokens": len(retriever.identifiers.new_tokens),
            **measured,
            "seconds": self.stages.seconds,
            "peak_memory_gb": peak_memory_gb(),
            "versions": versions(),
            "settings": self.stages.settings,
            "losses": {stage: thin(losses) for stage, losses in history.losses.items()},
        }
