"""What a trained retriever is worth: recall over all queries, beside baselines and the ceiling (GRACE section 4)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from gcr_tutorial import processes
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.task import RetrievalTask
from gcr_tutorial.evaluation.metrics import KS, chance_recall, map_at_r, oracle_recall, r_precision, recall_at_k
from gcr_tutorial.models.clip import embed_texts
from gcr_tutorial.progress import every
from gcr_tutorial.retrieval.bm25 import bm25_rankings
from gcr_tutorial.retrieval.dense import zero_shot_rankings
from gcr_tutorial.retrieval.retriever import GenerativeRetriever


def measure(
    retriever: GenerativeRetriever,
    corpus: ImageCaptionCorpus,
    task: RetrievalTask,
    row_of: dict[int, int],
    embeddings: torch.Tensor,
    clip: Any,
    documents: list[list[str]],
    timer: Any,
) -> dict[str, Any]:
    """Recall over all evaluation queries, on the test-only and on the full gallery, beside the hybrid, baselines and the
    oracle. The queries are shared out over the processes of the run; the answer is the same on all of them."""
    if not task.eval_queries:
        return {"recall": None, "recall_full_gallery": None, "valid_rate": None, "hybrid": None, "baselines": {}}
    texts = [query.text for query in task.eval_queries]
    targets = [row_of[query.image] for query in task.eval_queries]
    gallery, everything = list(retriever.gallery), list(range(len(task.memorize)))
    report = every(10, timer.progress)
    most = max(KS)
    beams = timer(
        "search",
        lambda: processes.map_sharded(
            texts,
            lambda share: retriever.rank(
                share, max(most, retriever.num_beams), rows=gallery, progress=partial(report, "search")
            ),
        ),
    )
    hits = [found[:most] for found in beams]
    rankings = [[hit.row for hit in found] for found in hits]
    result: dict[str, Any] = {"recall": recall_at_k(rankings, targets, KS)}
    full = (
        hits
        if len(gallery) == len(everything)
        else timer(
            "search the full gallery",
            lambda: processes.map_sharded(
                texts,
                lambda share: retriever.rank(share, most, rows=everything, progress=partial(report, "search the full gallery")),
            ),
        )
    )
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
            "mAP@R": map_at_r(rankings, rows),
            "R-Precision": r_precision(rankings, rows),
            "clip_zero_shot_mAP@R": map_at_r(dense, rows),
            "clip_zero_shot_R-Precision": r_precision(dense, rows),
        }
    return result


def valid_rate(rankings: list[list[int]], gallery: set[int], k: int) -> float:
    """Share of the `k` places of each ranking that hold an image of the gallery, each image counted once."""
    return sum(len(set(ranking[:k]) & gallery) for ranking in rankings) / (k * len(rankings))
