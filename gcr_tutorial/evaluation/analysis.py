"""Why answers are wrong, and how sure the numbers are: what a recall alone does not tell (beyond GRACE section 4).

Answers are items of a gallery, -1 standing for "nothing was answered"; an identifier is a sequence of tokens.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

import numpy as np

from gcr_tutorial.picturebook import parse

OUTCOMES = ("right", "equally good", "search error", "model error")


def level_accuracy(found: Sequence[Sequence[Hashable]], right: Sequence[Sequence[Hashable]]) -> list[tuple[int, float]]:
    """At which token answers leave the right path: for each level (answers whose tokens before it are all right, percent
    of these that have this token right too).

    Identifiers are given without the end token. One that ends where the other goes on is wrong at that level; where both
    end, there is no token to judge. Raises ValueError for different numbers of both.
    """
    if len(found) != len(right):
        raise ValueError(f"{len(found)} answers for {len(right)} right identifiers: need one each")
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
    """What became of a query, one of OUTCOMES.

    right: the answer is the target. equally good: it is not, but it is among the `relevant` ones, which satisfy the
    query. search error: it is wrong, while the model's likeliest item (as an exact search finds it) is relevant. model
    error: the likeliest item is wrong too.
    """
    if answer == target:
        return "right"
    if answer in relevant:
        return "equally good"
    return "search error" if likeliest in relevant else "model error"


def bootstrap_interval(
    correct: Sequence[Sequence[float]] | np.ndarray, draws: int = 2000, percent: float = 95, seed: int = 0
) -> tuple[float, float]:
    """An interval for the mean of `correct` (P pictures, C queries each), in percent: the middle `percent` of the means of
    `draws` samples of P pictures, drawn with replacement (Efron 1979).

    Pictures are drawn, not queries, because the queries of one picture succeed or fail together. For the difference of
    two methods give the difference of their arrays. Raises ValueError for another shape or an empty array.
    """
    correct = np.asarray(correct, dtype=np.float64)
    if correct.ndim != 2 or 0 in correct.shape:
        raise ValueError(f"expected (pictures, queries of each), not empty, got shape {correct.shape}")
    per_picture = correct.mean(1)
    chosen = np.random.default_rng(seed).integers(0, len(per_picture), (draws, len(per_picture)))
    low, high = np.percentile(100 * per_picture[chosen].mean(1), (50 - percent / 2, 50 + percent / 2))
    return float(low), float(high)


def risk_coverage(scores: Sequence[float], correct: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    """If only the surest answers were given, how many would be wrong? (coverage, risk), (Q,) percent each: entry i is for
    the i + 1 queries with the highest score (El-Yaniv and Wiener 2010); equal scores in the order given.

    Raises ValueError where there is not one score a query, or none at all.
    """
    if len(scores) != len(correct) or not len(scores):
        raise ValueError(f"{len(scores)} scores for {len(correct)} answers: need one each, and at least one")
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    wrong = 1 - np.asarray(correct, dtype=np.float64)[order]
    answered = np.arange(1, len(order) + 1)
    return 100 * answered / len(order), 100 * wrong.cumsum() / answered


def beginnings(caption: str) -> list[str]:
    """The beginnings of a caption that are captions themselves, the whole one first: each says less than the one before it,
    and is true of whatever that is true of. Empty where the caption is not in the Picturebook's language."""
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
