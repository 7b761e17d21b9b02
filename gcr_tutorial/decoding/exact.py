"""The true top-k by best-first branch and bound over the trie: no beam that could lose the right prefix.

The score of a prefix is an upper bound of the score of every identifier below it, because log-probabilities are never
positive. So the prefixes with the best scores are evaluated first, and once no open prefix scores above the k-th
finished identifier, the finished ones are the true top-k, however few of the prefixes were looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gcr_tutorial.decoding.beam_search import check_sizes, token_trees
from gcr_tutorial.decoding.scoring import ChildScorer
from gcr_tutorial.decoding.selection import best_first, nth_best
from gcr_tutorial.decoding.tree_attention import TokenTree, searching
from gcr_tutorial.trie import TrieIndex


@dataclass(frozen=True)
class ExactTopK:
    """What `exact_top_k` found, one entry a query.

    Attributes:
        results: (position, log-probability in nats), best first.
        evaluations: prefixes that went through the model, the empty one (the prompt) not counted.
        proven: the results are the true top-k. False only where `max_evaluations` ended the search.
    """

    results: list[list[tuple[int, float]]]
    evaluations: list[int]
    proven: list[bool]


def exact_top_k(
    model: Any,
    inputs: Mapping[str, torch.Tensor] | Sequence[Sequence[int]],
    trie: TrieIndex,
    k: int = 10,
    *,
    expand: int = 16,
    max_evaluations: int = 20_000,
    pad_id: int | None = None,
    normalize: str = "vocabulary",
    batch_size: int = 8,
) -> ExactTopK:
    """The k identifiers in `trie` with the highest log-probability after each prompt, proven.

    Cheap where the model is sure (few prefixes can beat the k-th answer), dear where it is not: a model that spreads its
    probability evenly makes it visit much of the trie, and beam search or `score_all_identifiers` is the better choice.

    Args:
        model, inputs, trie, pad_id, normalize, batch_size: as for `constrained_beam_search`.
        k: identifiers wanted a query; fewer come back only if the trie holds fewer.
        expand: prefixes of a query evaluated in one pass. More mean fewer passes and some evaluations in vain.
        max_evaluations: prefixes a query may cost (each keeps its keys and values in memory).

    Raises:
        ValueError: as `constrained_beam_search`.
    """
    check_sizes(k=k, expand=expand, max_evaluations=max_evaluations, batch_size=batch_size)
    found: dict[int, tuple[list[tuple[int, float]], int, bool]] = {}
    with searching(model) as model:
        scorer = ChildScorer(model, normalize)
        pad_id = trie.end_id if pad_id is None else pad_id
        for places, tree in token_trees(model, inputs, pad_id=pad_id, batch_size=batch_size):
            found.update(zip(places, _branch_and_bound(tree, trie, scorer, k, expand, max_evaluations)))
    ordered = [found[i] for i in range(len(found))]
    return ExactTopK(*(list(column) for column in zip(*ordered)))


def _branch_and_bound(tree: TokenTree, trie: TrieIndex, scorer: ChildScorer, k: int, expand: int, limit: int) -> list:
    """(results, evaluations, proven) of each prompt of `tree`."""
    queries = tree.rows
    row_of = np.arange(queries)  # row in the tree of each query that is still searched
    evaluations, proven = np.zeros(queries, dtype=np.int64), np.ones(queries, dtype=bool)
    done = [np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)]  # query, position, score

    def open_children(query, node, score, slot, hidden):
        """Score all children of the evaluated prefixes; finished ones go to `done`, the others come back."""
        nonlocal done
        owner, token, child = trie.children_of(node)
        total = score[owner] + scorer(hidden, owner, token)
        ends = token == trie.end_id
        done = [np.concatenate(pair) for pair in zip(done, (query[owner[ends]], trie.rows_at(child[ends]), total[ends]))]
        order, rank = best_first(done[0], done[2])
        done = [values[order[rank < k]] for values in done]
        owner, on = owner[~ends], ~ends
        return [query[owner], child[on], token[on], total[on], slot[owner]]

    start = np.arange(queries)
    front = open_children(start, 0 * start, np.zeros(queries), 0 * start - 1, tree.hidden)
    while True:
        bar = nth_best(done[0], done[2], k, queries)
        query, score = front[0], front[3]
        worth = score > bar[query]
        spent = worth & (evaluations[query] >= limit)
        proven[query[spent]] = False
        front = [values[worth & ~spent] for values in front]
        if not len(front[0]):
            break
        order, rank = best_first(front[0], front[3])
        front = [values[order] for values in front]
        now, later = rank < expand, rank >= expand
        query, node, token, score, parent = (values[now] for values in front)
        alive = np.unique(query)
        if 2 * len(alive) <= tree.rows:  # most rows are idle: drop them
            tree.keep_rows(row_of[alive])
            row_of[alive] = np.arange(len(alive))
        hidden, slot = tree.extend(row_of[query], token, parent)
        evaluations += np.bincount(query, minlength=queries)
        opened = open_children(query, node, score, slot, hidden)
        front = [np.concatenate([kept[later], new]) for kept, new in zip(front, opened)]

    order, _ = best_first(done[0], done[2])
    results = [[] for _ in range(queries)]
    for i in order:
        results[done[0][i]].append((int(done[1][i]), float(done[2][i])))
    return list(zip(results, map(int, evaluations), map(bool, proven)))
