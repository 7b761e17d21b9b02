"""Evaluate: from the rankings of a retriever and of the baselines to all recalls of a result (GRACE section 4).

Nothing is searched here; see `metrics` for each figure alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gcr_tutorial.evaluation.metrics import KS, chance_recall, map_at_r, oracle_recall, r_precision, recall_at_k

Rankings = Sequence[Sequence[int]]


def evaluate_rankings(
    rankings: Mapping[str, Rankings],
    targets: Sequence[int],
    gallery: Collection[int],
    relevant: Sequence[Collection[int]] | None = None,
) -> dict[str, Any]:
    """The measured part of results.json: recall over all queries, beside the hybrid, the baselines and the oracle.

    Args:
        rankings: for each way of searching one ranking a query (rows, best first). "test gallery": the retriever among the
            images of `gallery`; "full gallery": among all that are memorized; "hybrid": the first, re-ranked by CLIP;
            "bm25" and "clip_zero_shot": the baselines among `gallery`.
        targets: for each query the row of its image.
        gallery: rows of the test gallery.
        relevant: for each query the rows of `gallery` that its caption is true of, where that is known.

    Returns:
        Percentages, each over all queries; with `relevant` also "oracle" and "ambiguity_aware". Without any query
        everything is None and there are no baselines.
    """
    if not targets:
        return {"recall": None, "recall_full_gallery": None, "valid_rate": None, "hybrid": None, "baselines": {}}
    recall = {name: recall_at_k(found, targets, KS) for name, found in rankings.items()}
    found, clip = rankings["test gallery"], rankings["clip_zero_shot"]
    result: dict[str, Any] = {
        "recall": recall["test gallery"],
        "recall_full_gallery": recall["full gallery"],
        "valid_rate": valid_rate(found, set(gallery), min(max(KS), len(gallery))),
        "hybrid": recall["hybrid"],
        "baselines": {
            "chance": chance_recall(len(gallery), KS),
            "bm25": recall["bm25"],
            "clip_zero_shot": recall["clip_zero_shot"],
        },
    }
    if relevant is not None:
        result["oracle"] = oracle_recall([len(rows) for rows in relevant], KS)
        result["ambiguity_aware"] = {
            "mAP@R": map_at_r(found, relevant),
            "R-Precision": r_precision(found, relevant),
            "clip_zero_shot_mAP@R": map_at_r(clip, relevant),
            "clip_zero_shot_R-Precision": r_precision(clip, relevant),
        }
    return result


def valid_rate(rankings: Rankings, gallery: set[int], k: int) -> float:
    """Share of the first `k` ranks of each ranking that hold an image of the gallery, each image counted once."""
    return sum(len(set(ranking[:k]) & gallery) for ranking in rankings) / (k * len(rankings))
