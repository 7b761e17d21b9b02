"""Metrics: one figure for a list of rankings, such as Recall@K, and the chance and oracle values (GRACE section 4.1).

A *ranking* is a list of items, best first; it may be shorter than K or empty, and its query counts all the same: recall
is over every query. All metrics are percentages.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from gcr_tutorial.errors import UserValueError

KS = (1, 5, 10)


def recall_at_k(rankings: Sequence[Sequence[int]], targets: Sequence[int], ks: Sequence[int] = KS) -> dict[str, float]:
    """Recall@K: share of queries whose one target image is among the first K, as {"R@1": percent, ...}.

    The usual text-to-image figure on the Karpathy splits (Karpathy & Fei-Fei 2015, Faghri et al. 2018): an equally good
    image that is not the annotated one counts as a miss. An item that occurs twice in a ranking takes two ranks.
    """
    _check(len(rankings), len(targets), ks)
    ranks = [_rank(ranking, target) for ranking, target in zip(rankings, targets)]
    return {f"R@{k}": 100.0 * sum(rank <= k for rank in ranks) / len(ranks) for k in ks}


def oracle_recall(relevant_counts: Sequence[int], ks: Sequence[int] = KS) -> dict[str, float]:
    """The ceiling that ambiguous captions impose on `recall_at_k`: mean over queries of min(K, r) / r.

    r is the number of gallery images that satisfy the caption, the target among them. Even a perfect reader of
    captions cannot tell these r images apart, so the target is among the first K with exactly this probability. Raises
    UserValueError for no queries, and for a count below 1.
    """
    counts = np.asarray(relevant_counts, dtype=np.float64)
    _check(len(counts), len(counts), ks)
    if (counts < 1).any():
        raise UserValueError(f"query {int((counts < 1).argmax())} has no relevant image: its own target always is one")
    return {f"R@{k}": float(100.0 * np.mean(np.minimum(k, counts) / counts)) for k in ks}


def chance_recall(n: int, ks: Sequence[int] = KS) -> dict[str, float]:
    """Expected `recall_at_k` of a random ranking of a gallery of n images: min(K, n) / n."""
    return oracle_recall([n], ks)


def map_at_r(rankings: Sequence[Sequence[int]], relevant: Sequence[Collection[int]]) -> float:
    """mAP@R: mean over queries of (1 / R) * sum over ranks i <= R of precision@i where rank i is relevant, else 0.

    R is the number of images relevant to the query. Musgrave et al. 2020 ("A Metric Learning Reality Check"), taken up
    for captions by ECCV Caption (Chun et al. 2022): it agrees with people's judgement better than Recall@1 does.
    """
    scores = []
    for flags, r in _relevance_flags(rankings, relevant):
        precision = np.cumsum(flags) / np.arange(1, len(flags) + 1)
        scores.append(float((precision * flags).sum()) / r)
    return 100.0 * float(np.mean(scores))


def r_precision(rankings: Sequence[Sequence[int]], relevant: Sequence[Collection[int]]) -> float:
    """R-Precision: mean over queries of the share of the R relevant images that stand among the first R.

    As in Musgrave et al. 2020 and ECCV Caption (Chun et al. 2022).
    """
    return 100.0 * float(np.mean([float(flags.sum()) / r for flags, r in _relevance_flags(rankings, relevant)]))


def _rank(ranking: Sequence[int], target: int) -> float:
    """The rank of `target` in `ranking`, from 1; infinite where it is not there."""
    return next((rank for rank, item in enumerate(ranking, 1) if item == target), float("inf"))


def _check(n_rankings: int, n_targets: int, ks: Sequence[int]) -> None:
    if n_rankings != n_targets:
        raise UserValueError(f"{n_rankings} rankings for {n_targets} queries: where nothing was found, give an empty one")
    if n_targets == 0:
        raise UserValueError("no queries to evaluate")
    if not ks or min(ks) < 1:
        raise UserValueError(f"every K must be at least 1, got {tuple(ks)}")


def _relevance_flags(rankings: Sequence[Sequence[int]], relevant: Sequence[Collection[int]]):
    """For each query (bool array over its first R ranks, padded with misses; R); a repeated item counts once."""
    _check(len(rankings), len(relevant), (1,))
    for i, (ranking, wanted) in enumerate(zip(rankings, relevant)):
        wanted = set(wanted)
        if not wanted:
            raise UserValueError(f"query {i} has no relevant image")
        flags = np.zeros(len(wanted), dtype=bool)
        for i, item in enumerate(ranking[: len(wanted)]):
            flags[i] = item in wanted
            wanted.discard(item)
        yield flags, len(flags)
