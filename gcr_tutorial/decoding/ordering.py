"""The best of several queries' candidates, which lie in flat arrays."""

from __future__ import annotations

import numpy as np


def best_first(query: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(order, rank): `order` sorts by query, then best score first; rank[i] is the rank of order[i] in its query, from 0."""
    order = np.lexsort((-score, query))
    query, index = query[order], np.arange(len(order))
    first = np.ones(len(order), dtype=bool)  # whether it is the best of its query
    first[1:] = query[1:] != query[:-1]
    return order, index - np.maximum.accumulate(np.where(first, index, 0))


def nth_best(query: np.ndarray, score: np.ndarray, n: int, queries: int) -> np.ndarray:
    """(queries,) the n-th best score of each query (n from 1), -inf where it has fewer."""
    order, rank = best_first(query, score)
    at = order[rank == n - 1]
    best = np.full(queries, -np.inf)
    best[query[at]] = score[at]
    return best
