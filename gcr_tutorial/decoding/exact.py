"""The true top-k by best-first branch and bound over the trie, without a beam that could lose the right prefix.

The score of a prefix is an upper bound of the score of every identifier below it, because log-probabilities are never
positive. So the prefixes with the best scores are evaluated first. Once no open prefix scores above the k-th finished
identifier, the finished identifiers are the true top-k, although few of the prefixes may have been evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gcr_tutorial.decoding.inputs import Prompts, check_sizes, searching, token_trees
from gcr_tutorial.decoding.ordering import best_first, nth_best
from gcr_tutorial.decoding.scoring import ChildScorer
from gcr_tutorial.decoding.tree_attention import TokenTree
from gcr_tutorial.trie import TrieIndex


@dataclass(frozen=True)
class ExactTopK:
    """What `exact_top_k` found; each list has one entry for each query.

    Attributes:
        results: (row of the identifier, log-probability in nats), best first.
        evaluations: how many prefixes went through the model, without the empty one (the prompt).
        proven: whether the results are the true top-k; False only where `max_evaluations` ended the search.
    """

    results: list[list[tuple[int, float]]]
    evaluations: list[int]
    proven: list[bool]


def exact_top_k(
    model: Any,
    inputs: Prompts,
    trie: TrieIndex,
    k: int = 10,
    *,
    expand: int = 16,
    max_evaluations: int = 20_000,
    pad_id: int | None = None,
    normalize: str = "vocabulary",
    batch_size: int = 8,
) -> ExactTopK:
    """The k identifiers in `trie` with the highest log-probability after each prompt, with the proof that no other is better.

    The cost grows with the entropy of the model's predictions. A model that is sure leaves few prefixes that could still beat
    the k-th result; one that spreads its probability evenly makes the search visit much of the trie, and then beam search or
    `score_all_identifiers` is the better choice.

    Args:
        model, inputs, trie, pad_id, normalize, batch_size: as for `constrained_beam_search`.
        k: identifiers wanted for each query; fewer are returned only if the trie holds fewer.
        expand: prefixes of a query evaluated in one pass. More of them mean fewer passes, and some needless evaluations.
        max_evaluations: prefixes that may be evaluated for a query (each keeps its keys and values in memory).

    Raises:
        ValueError, FloatingPointError: as `constrained_beam_search`.
    """
    check_sizes(k=k, expand=expand, max_evaluations=max_evaluations, batch_size=batch_size)
    found: dict[int, tuple[list[tuple[int, float]], int, bool]] = {}
    with searching(model) as model:
        scorer = ChildScorer(model, normalize)
        pad_id = trie.end_id if pad_id is None else pad_id
        for tree in token_trees(model, inputs, pad_id=pad_id, batch_size=batch_size):
            queries = tree.queries.tolist()  # before the search drops prompts from the tree
            found.update(zip(queries, _branch_and_bound(tree, trie, scorer, k, expand, max_evaluations)))
    ordered = [found[i] for i in range(len(found))]
    return ExactTopK(*(list(column) for column in zip(*ordered)))


def _branch_and_bound(tree: TokenTree, trie: TrieIndex, scorer: ChildScorer, k: int, expand: int, limit: int) -> list:
    """(results, evaluations, proven) of each prompt of `tree`."""
    queries, numbers = tree.n_prompts, tree.queries
    prompt_of = np.arange(queries)  # number of each query's prompt in the tree, which drops queries that are done
    evaluations, proven = np.zeros(queries, dtype=np.int64), np.ones(queries, dtype=bool)
    done = [np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)]  # query, row, score

    def open_children(query, node, score, slot, hidden):
        """Score all children of evaluated prefixes. Those that end go to `done`, the others are returned."""
        nonlocal done
        owner, token, child = trie.children_of(node)
        total = score[owner] + scorer(hidden, owner, token, numbers[query])
        ends = token == trie.end_id
        done = [np.concatenate(pair) for pair in zip(done, (query[owner[ends]], trie.rows_at(child[ends]), total[ends]))]
        order, rank = best_first(done[0], done[2])
        done = [values[order[rank < k]] for values in done]
        owner, on = owner[~ends], ~ends
        return [query[owner], child[on], token[on], total[on], slot[owner]]

    start = np.arange(queries)
    front = open_children(start, 0 * start, np.zeros(queries), 0 * start - 1, tree.hidden)  # open prefixes
    while True:
        # 1. Bound: drop prefixes that cannot beat the k-th finished identifier, and those of queries that cost too much.
        bar = nth_best(done[0], done[2], k, queries)
        query, score = front[0], front[3]
        can_win = score > bar[query]
        spent = can_win & (evaluations[query] >= limit)
        proven[query[spent]] = False
        front = [values[can_win & ~spent] for values in front]
        if not len(front[0]):
            break
        # 2. Take the best open prefixes of each query.
        order, rank = best_first(front[0], front[3])
        front = [values[order] for values in front]
        now, later = rank < expand, rank >= expand
        query, node, token, score, parent = (values[now] for values in front)
        # 3. Drop the prompts of finished queries from the tree, once they are half of it.
        alive = np.unique(query)
        if 2 * len(alive) <= tree.n_prompts:
            tree.keep_prompts(prompt_of[alive])
            prompt_of[alive] = np.arange(len(alive))
        # 4. Branch: evaluate the chosen prefixes; their children are open now.
        hidden, slot = tree.extend(prompt_of[query], token, parent)
        evaluations += np.bincount(query, minlength=queries)
        opened = open_children(query, node, score, slot, hidden)
        front = [np.concatenate([kept[later], new]) for kept, new in zip(front, opened)]

    order, _ = best_first(done[0], done[2])
    results = [[] for _ in range(queries)]
    for i in order:
        results[done[0][i]].append((int(done[1][i]), float(done[2][i])))
    return list(zip(results, map(int, evaluations), map(bool, proven)))
