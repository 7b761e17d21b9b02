"""Analysis: why answers are wrong, and how certain the figures are (beyond GRACE section 4).

An answer is a row of a gallery, or -1 where nothing was answered; an identifier is a sequence of tokens.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

import numpy as np

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.picturebook import parse

OUTCOMES = ("right", "equally good", "search error", "model error")


def level_accuracy(found: Sequence[Sequence[Hashable]], right: Sequence[Sequence[Hashable]]) -> list[tuple[int, float]]:
    """At which token answers leave the right path.

    For each level: (how many answers have all tokens before this level right, percent of these that have this token right
    too). Identifiers are given without the end token. An identifier that ends where the other goes on is wrong at that
    level; where both end, there is no token to judge. Raises UserValueError for different numbers of both.
    """
    if len(found) != len(right):
        raise UserValueError(f"{len(found)} answers for {len(right)} right identifiers: need one each")
    levels = []
    for depth in range(max(map(len, right), default=0)):
        here = [
            (tuple(a[depth : depth + 1]), tuple(b[depth : depth + 1]))
            for a, b in zip(found, right)
            if tuple(a[:depth]) == tuple(b[:depth])
        ]
        here = [(a, b) for a, b in here if a or b]
        if not here:
            break
        levels.append((len(here), 100.0 * sum(a == b for a, b in here) / len(here)))
    return levels


def shared_tokens(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """How many tokens two identifiers begin with in common."""
    return next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


def miss_kind(answer: int, target: int, relevant: Collection[int], likeliest: int) -> str:
    """The outcome of a query, one of OUTCOMES.

    "right": the answer is the target. "equally good": it is another image that satisfies the query (one of `relevant`).
    "search error": it is wrong, but the image that the model finds likeliest (by exact search) is relevant. "model error":
    the likeliest image is wrong too.
    """
    if answer == target:
        return "right"
    if answer in relevant:
        return "equally good"
    return "search error" if likeliest in relevant else "model error"


def bootstrap_interval(
    correct: Sequence[Sequence[float]] | np.ndarray, draws: int = 2000, percent: float = 95, seed: int = 0
) -> tuple[float, float]:
    """A confidence interval for the mean of `correct` (P pictures, C queries each), in percent: the middle `percent` of the
    means of `draws` samples of P pictures, drawn with replacement (Efron 1979).

    Pictures are drawn, not queries, because the queries of one picture succeed or fail together. For the difference of
    two methods give the difference of their arrays. Raises UserValueError for another shape or an empty array.
    """
    correct = np.asarray(correct, dtype=np.float64)
    if correct.ndim != 2 or 0 in correct.shape:
        raise UserValueError(f"expected (pictures, queries of each), not empty, got shape {correct.shape}")
    per_picture = correct.mean(1)
    chosen = np.random.default_rng(seed).integers(0, len(per_picture), (draws, len(per_picture)))
    low, high = np.percentile(100 * per_picture[chosen].mean(1), (50 - percent / 2, 50 + percent / 2))
    return float(low), float(high)


def risk_coverage(scores: Sequence[float], correct: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    """How many answers are wrong if only those with the highest scores are given (El-Yaniv and Wiener 2010).

    Returns (coverage, risk), (Q,) percent each: entry i is for the i + 1 queries with the highest scores; equal scores
    stay in the order given. Raises UserValueError where there is not one score for each query, or no query at all.
    """
    if len(scores) != len(correct) or not len(scores):
        raise UserValueError(f"{len(scores)} scores for {len(correct)} answers: need one each, and at least one")
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    wrong = 1 - np.asarray(correct, dtype=np.float64)[order]
    answered = np.arange(1, len(order) + 1)
    return 100 * answered / len(order), 100 * wrong.cumsum() / answered


def beginnings(caption: str) -> list[str]:
    """The beginnings of a caption that are captions themselves, the whole caption first. Each says less than the one before
    it, so it is true of every image that the longer one is true of. Empty where the caption is not in the Picturebook's
    language."""
    words, whole = caption.rstrip(".").split(), parse(caption)
    if whole is None:
        return []
    found = []
    for n in range(len(words), 0, -1):
        meaning = parse(" ".join(words[:n]))
        # "a bus" is no shorter "a bus stop": what is left must be of the same things
        if meaning is not None and all(a.kinds == b.kinds for a, b in zip(meaning.mentions, whole.mentions)):
            found.append(" ".join(words[:n]))
    return found
