"""The exact score of every identifier of the gallery: what beam search approximates, so that its errors can be measured.

Identifiers share prefixes, so the trie is evaluated node by node, not identifier by identifier: in pre-order, cut into
chunks that fit a memory bound. A chunk is a run of the pre-order plus the ancestors of its first node, evaluated in one
pass of tree attention after the prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gcr_tutorial.decoding.beam_search import check_sizes, token_trees
from gcr_tutorial.decoding.scoring import ChildScorer
from gcr_tutorial.decoding.tree_attention import TokenTree, searching
from gcr_tutorial.trie import TrieIndex

LONGEST_CHUNK = 512  # nodes: attention within a chunk grows with its square


@dataclass(frozen=True)
class _PreOrder:
    """The inner nodes of a trie (prefixes that go on), every parent before its children; the root is number 0.

    `node`, `parent` (number of the parent, -1 at the root), `token` (that leads here), `depth`: (P,) each.
    """

    node: np.ndarray
    parent: np.ndarray
    token: np.ndarray
    depth: np.ndarray


def score_all_identifiers(
    model: Any,
    inputs: Mapping[str, torch.Tensor] | Sequence[Sequence[int]],
    trie: TrieIndex,
    *,
    memory_mb: float = 1024,
    pad_id: int | None = None,
    normalize: str = "vocabulary",
    batch_size: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The log-probability of every identifier in `trie` after each prompt: (B, N) float64, nats, column = build position
    (-inf where no identifier has that position).

    Costs one evaluation a prefix of the gallery and query, whatever the model thinks: minutes where beam search takes
    a second.

    Args:
        model, inputs, trie, pad_id, normalize, batch_size: as for `constrained_beam_search`.
        memory_mb: bound on what one pass needs beyond the model, the prompts and the result, roughly; at least one
            path of the trie is evaluated at a time.
        progress: called with (prefixes scored, prefixes in all) after each pass.

    Raises:
        ValueError: as `constrained_beam_search`.
    """
    check_sizes(batch_size=batch_size)
    if memory_mb <= 0:
        raise ValueError(f"memory_mb must be positive, got {memory_mb}")
    found: dict[int, np.ndarray] = {}
    order = _pre_order(trie)
    with searching(model) as model:
        scorer = ChildScorer(model, normalize)
        pad_id = trie.end_id if pad_id is None else pad_id
        for places, tree in token_trees(model, inputs, pad_id=pad_id, batch_size=batch_size):
            length = 1 + max(1, int(memory_mb * 2**20 / (_bytes_per_node(tree) * tree.rows)))
            length = min(LONGEST_CHUNK, length)
            scores = _score(tree, trie, scorer, order, length, lambda done: progress and progress(done, len(order.node)))
            found.update(zip(places, scores))
    return np.stack([found[i] for i in range(len(found))])


def _pre_order(trie: TrieIndex) -> _PreOrder:
    """All inner nodes in pre-order, found level by level."""
    node, parent, token, depth = [np.zeros(1, dtype=np.int64)], [np.full(1, -1)], [np.full(1, -1)], [np.zeros(1, np.int64)]
    first = 0  # number (by level) of the first node of the last level
    while len(node[-1]):
        owner, tokens, children = trie.children_of(node[-1])
        on = tokens != trie.end_id
        node.append(children[on])
        parent.append(first + owner[on])
        token.append(tokens[on])
        depth.append(np.full(int(on.sum()), len(depth)))
        first += len(node[-2])
    starts = np.cumsum([0] + [len(level) for level in node])
    size = np.ones(starts[-1], dtype=np.int64)  # inner nodes at and below each
    for level in range(len(node) - 1, 0, -1):
        np.add.at(size, parent[level], size[starts[level] : starts[level + 1]])
    place = np.zeros(starts[-1], dtype=np.int64)  # in pre-order
    for level in range(1, len(node)):
        mine = size[starts[level] : starts[level + 1]]
        if len(mine):  # children of one parent stand side by side: each after its elder siblings' subtrees
            before = np.cumsum(mine) - mine
            first_child = np.flatnonzero(np.diff(parent[level], prepend=-2))
            children = np.diff(first_child, append=len(mine))
            before -= np.repeat(before[first_child], children)
            place[starts[level] : starts[level + 1]] = place[parent[level]] + 1 + before
    node, parent, token, depth = (np.concatenate(values) for values in (node, parent, token, depth))
    order = np.argsort(place)
    return _PreOrder(node[order], np.where(parent < 0, -1, place[parent])[order], token[order], depth[order])


def _bytes_per_node(tree: TokenTree) -> int:
    """A node's keys and values in all layers, hidden states of one layer, and row of the attention mask, about."""
    config, size = tree.decoder.config, tree.hidden.element_size()
    heads = config.num_attention_heads
    kept = 2 * sum(keys.shape[1] * keys.shape[3] for keys in tree._keys)
    passing = 4 * config.intermediate_size + 12 * config.hidden_size + 2 * heads * (tree.used + LONGEST_CHUNK)
    return size * (kept + passing)


def _score(
    tree: TokenTree, trie: TrieIndex, scorer: ChildScorer, order: _PreOrder, length: int, report: Callable[[int], Any]
) -> np.ndarray:
    """(rows, N) scores of all identifiers after the prompts of `tree`; chunks of at most about `length` nodes."""
    rows = tree.rows
    score = np.zeros((rows, len(order.node)))  # of each inner node: first of its last token alone
    enders, positions, endings = [], [], []  # inner nodes that the end token may follow, which identifiers that makes,
    # and the end token's log-probability there
    place = np.full(trie.num_nodes, -1, dtype=np.int64)  # number in `order` of each inner node of the trie
    place[order.node] = np.arange(len(order.node))

    def score_children(numbers: np.ndarray, hidden: torch.Tensor) -> None:
        """Children of inner nodes `numbers`, from their hidden states (rows * len(numbers), H)."""
        owner, token, child = trie.children_of(order.node[numbers])
        ends = token == trie.end_id
        many = np.tile(owner, rows) + np.repeat(np.arange(rows) * len(numbers), len(owner))
        log_prob = scorer(hidden, many, np.tile(token, rows)).reshape(rows, -1)
        score[:, place[child[~ends]]] = log_prob[:, ~ends]
        enders.append(numbers[owner[ends]])
        positions.append(trie.rows_at(child[ends]))
        endings.append(log_prob[:, ends])

    score_children(np.zeros(1, dtype=np.int64), tree.hidden)
    start = 1
    while start < len(order.node):
        above, at = [], int(order.parent[start])
        while at > 0:
            above.append(at)
            at = int(order.parent[at])
        stop = min(len(order.node), start + max(1, length - len(above)))
        numbers = np.array(above[::-1] + list(range(start, stop)))
        parent = np.searchsorted(numbers, order.parent[numbers])  # they ascend: ancestors come before `start`
        parent = np.where(order.parent[numbers] == 0, -1, tree.used + parent)
        hidden, _ = tree.extend(
            np.repeat(np.arange(rows), len(numbers)), np.tile(order.token[numbers], rows), np.tile(parent, rows)
        )
        hidden = hidden.view(rows, len(numbers), -1)[:, len(above) :]
        score_children(numbers[len(above) :], hidden.flatten(0, 1))
        tree.rewind()
        start = stop
        report(start)
    for depth in range(1, int(order.depth.max()) + 1):
        level = np.flatnonzero(order.depth == depth)
        score[:, level] += score[:, order.parent[level]]
    position = np.concatenate(positions)
    result = np.full((rows, int(position.max()) + 1), -np.inf)
    result[:, position] = score[:, np.concatenate(enders)] + np.concatenate(endings, axis=1)
    return result
