"""The exact score of every identifier of the gallery. Beam search approximates the best of these, so they show its errors.

Identifiers share prefixes, so the trie is evaluated node by node, not identifier by identifier. The nodes are put in
pre-order and cut into chunks that fit a memory bound. A chunk is a part of the pre-order, and the ancestors of its first
node; it is evaluated in one pass of tree attention after the prompt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gcr_tutorial.decoding.inputs import Prompts, check_sizes, searching, token_trees
from gcr_tutorial.decoding.scoring import ChildScorer
from gcr_tutorial.decoding.tree_attention import TokenTree
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.trie import TrieIndex

LONGEST_CHUNK = 512  # nodes; the cost of attention within a chunk grows with the square of its length


@dataclass(frozen=True)
class _PreOrder:
    """The prefixes of a trie in pre-order: every parent before its children, a subtree in one piece; the root is number 0."""

    node: np.ndarray  # (P,) in the trie
    parent: np.ndarray  # (P,) number of the parent in this order, -1 at the root
    token: np.ndarray  # (P,) that leads to it, -1 at the root
    depth: np.ndarray  # (P,) tokens of the prefix


def score_all_identifiers(
    model: Any,
    inputs: Prompts,
    trie: TrieIndex,
    *,
    memory_mb: float = 1024,
    pad_id: int | None = None,
    normalize: str = "vocabulary",
    batch_size: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The log-probability of every identifier in `trie` after each prompt, in nats.

    Costs one evaluation of each prefix of the gallery for each query, whatever the model predicts: minutes where beam search
    takes a second.

    Args:
        model, inputs, trie, pad_id, normalize, batch_size: as for `constrained_beam_search`.
        memory_mb: approximate bound on what one pass needs beyond the model, the prompts and the result; at least one
            path of the trie is evaluated at a time.
        progress: called with (prefixes scored, prefixes in all) after each pass.

    Returns:
        (B, trie.next_row) float64: column i is the identifier of row i in what the trie was built from, so (B, N) after
        `TrieIndex.build`. Where no identifier has row i (after `TrieIndex.without`), the column is -inf.

    Raises:
        ValueError, FloatingPointError: as `constrained_beam_search`.
    """
    check_sizes(batch_size=batch_size)
    if memory_mb <= 0:
        raise UserValueError(f"memory_mb must be positive, got {memory_mb}")
    found: dict[int, np.ndarray] = {}
    order = _pre_order(trie)
    with searching(model) as model:
        scorer = ChildScorer(model, normalize)
        pad_id = trie.end_id if pad_id is None else pad_id
        for tree in token_trees(model, inputs, pad_id=pad_id, batch_size=batch_size):
            length = 1 + max(1, int(memory_mb * 2**20 / (_bytes_per_node(tree) * tree.n_prompts)))
            length = min(LONGEST_CHUNK, length)
            scores = _score(tree, trie, scorer, order, length, lambda done: progress and progress(done, len(order.node)))
            found.update(zip(tree.queries.tolist(), scores))
    return np.stack([found[i] for i in range(len(found))])


def _pre_order(trie: TrieIndex) -> _PreOrder:
    """All prefixes of `trie` in pre-order."""
    # 1. Find them level by level (breadth first), each with the breadth-first number of its parent.
    node, parent, token, depth = [np.zeros(1, dtype=np.int64)], [np.full(1, -1)], [np.full(1, -1)], [np.zeros(1, np.int64)]
    first = 0  # breadth-first number of the first node of the last level
    while len(node[-1]):
        owner, tokens, children = trie.children_of(node[-1])
        on = tokens != trie.end_id
        node.append(children[on])
        parent.append(first + owner[on])
        token.append(tokens[on])
        depth.append(np.full(int(on.sum()), len(depth)))
        first += len(node[-2])
    starts = np.cumsum([0] + [len(level) for level in node])
    # 2. Sizes of the subtrees, from the deepest level up.
    size = np.ones(starts[-1], dtype=np.int64)
    for level in range(len(node) - 1, 0, -1):
        np.add.at(size, parent[level], size[starts[level] : starts[level + 1]])
    # 3. Pre-order numbers, from the root down: a child comes after its parent and the subtrees of its earlier siblings.
    number = np.zeros(starts[-1], dtype=np.int64)
    for level in range(1, len(node)):
        sizes = size[starts[level] : starts[level + 1]]
        if len(sizes):
            before = np.cumsum(sizes) - sizes
            first_child = np.flatnonzero(np.diff(parent[level], prepend=-2))
            before -= np.repeat(before[first_child], np.diff(first_child, append=len(sizes)))
            number[starts[level] : starts[level + 1]] = number[parent[level]] + 1 + before
    # 4. Sort by them.
    node, parent, token, depth = (np.concatenate(values) for values in (node, parent, token, depth))
    order = np.argsort(number)
    return _PreOrder(node[order], np.where(parent < 0, -1, number[parent])[order], token[order], depth[order])


def _bytes_per_node(tree: TokenTree) -> int:
    """Roughly: a node's keys and values in all layers, its hidden states in one layer, and its line of the attention mask."""
    config, size = tree.decoder.config, tree.hidden.element_size()
    heads = config.num_attention_heads
    kept = 2 * sum(keys.shape[1] * keys.shape[3] for keys in tree._keys)
    passing = 4 * config.intermediate_size + 12 * config.hidden_size + 2 * heads * (tree.used + LONGEST_CHUNK)
    return size * (kept + passing)


def _score(
    tree: TokenTree, trie: TrieIndex, scorer: ChildScorer, order: _PreOrder, length: int, report: Callable[[int], Any]
) -> np.ndarray:
    """(n_prompts, trie.next_row) scores of all identifiers after the prompts of `tree`; chunks of about `length` nodes."""
    n = tree.n_prompts
    score = np.zeros((n, len(order.node)))  # of each prefix: until step 3, of its last token alone
    parents, rows, endings = [], [], []  # of the identifiers: prefix before the end token, row, log-probability of this token
    number = np.full(trie.num_nodes, -1, dtype=np.int64)  # node of the trie -> number in `order`
    number[order.node] = np.arange(len(order.node))

    def score_children(prefixes: np.ndarray, hidden: torch.Tensor) -> None:
        """Score the children of prefixes (numbers in `order`) from their hidden states (n * len(prefixes), H)."""
        owner, token, child = trie.children_of(order.node[prefixes])
        ends = token == trie.end_id
        owners = np.tile(owner, n) + np.repeat(np.arange(n) * len(prefixes), len(owner))
        queries = np.repeat(tree.queries, len(prefixes))
        log_prob = scorer(hidden, owners, np.tile(token, n), queries).reshape(n, -1)
        score[:, number[child[~ends]]] = log_prob[:, ~ends]
        parents.append(prefixes[owner[ends]])
        rows.append(trie.rows_at(child[ends]))
        endings.append(log_prob[:, ends])

    # 1. The children of the root follow the prompt, which is evaluated already.
    score_children(np.zeros(1, dtype=np.int64), tree.hidden)
    # 2. Evaluate the other prefixes chunk by chunk, each chunk with the ancestors of its first prefix.
    start = 1
    while start < len(order.node):
        above, at = [], int(order.parent[start])
        while at > 0:
            above.append(at)
            at = int(order.parent[at])
        stop = min(len(order.node), start + max(1, length - len(above)))
        chunk = np.array(above[::-1] + list(range(start, stop)))  # ascends: ancestors come before `start`
        parent = np.searchsorted(chunk, order.parent[chunk])
        parent = np.where(order.parent[chunk] == 0, -1, tree.used + parent)
        hidden, _ = tree.extend(np.repeat(np.arange(n), len(chunk)), np.tile(order.token[chunk], n), np.tile(parent, n))
        hidden = hidden.view(n, len(chunk), -1)[:, len(above) :]
        score_children(chunk[len(above) :], hidden.flatten(0, 1))
        tree.rewind()
        start = stop
        report(start)
    # 3. Add up along the paths, level by level.
    for depth in range(1, int(order.depth.max()) + 1):
        level = np.flatnonzero(order.depth == depth)
        score[:, level] += score[:, order.parent[level]]
    result = np.full((n, trie.next_row), -np.inf)
    result[:, np.concatenate(rows)] = score[:, np.concatenate(parents)] + np.concatenate(endings, axis=1)
    return result
