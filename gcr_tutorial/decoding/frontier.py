"""Many trie nodes at a time, as arrays: what the decoders ask of a `TrieIndex`."""

from __future__ import annotations

import numpy as np

from gcr_tutorial.trie import TrieIndex


def children_of(trie: TrieIndex, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The children of `nodes` (M,) in one list: (index into `nodes`, token id, child node), each (E,), in order."""
    first = trie.offsets[nodes].astype(np.int64)
    count = trie.offsets[np.asarray(nodes) + 1] - first
    owner = np.repeat(np.arange(len(nodes)), count)
    edge = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count) + first[owner]
    return owner, trie.alphabet[trie.codes[edge]], edge + 1


def sequences_at(trie: TrieIndex, nodes: np.ndarray) -> np.ndarray:
    """(M,) build position of the identifier that ends at each node, -1 where none does."""
    return trie.leaf_sequence[nodes].astype(np.int64)


def best_first(query: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(order, rank): `order` sorts by query, then best score first; rank[i] is the place of order[i] in its query."""
    order = np.lexsort((-score, query))
    query, place = query[order], np.arange(len(order))
    first = np.ones(len(order), dtype=bool)  # is it the best of its query?
    first[1:] = query[1:] != query[:-1]
    return order, place - np.maximum.accumulate(np.where(first, place, 0))


def nth_best(query: np.ndarray, score: np.ndarray, n: int, queries: int) -> np.ndarray:
    """(queries,) the n-th best score of each query (n from 1), -inf where it has fewer."""
    order, rank = best_first(query, score)
    at = order[rank == n - 1]
    best = np.full(queries, -np.inf)
    best[query[at]] = score[at]
    return best
