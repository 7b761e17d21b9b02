"""Constrained beam search that evaluates only what can matter (GRACE section 3.4): the results of `trie_search`, faster.

`generate` evaluates the prompt once for every beam, keeps dead beams alive and masks the whole vocabulary. Here each prompt
is evaluated once, the start that all prompts share once for all of them, and only the children of live prefixes are scored.
Prefixes that cannot matter any more are not evaluated either: the score of a prefix only falls as it grows, so one that
scores below the worst of the next beams, or below the k-th finished identifier, can be left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcr_tutorial.decoding.inputs import Prompts, check_sizes, searching, token_trees
from gcr_tutorial.decoding.ordering import best_first, nth_best
from gcr_tutorial.decoding.scoring import ChildScorer
from gcr_tutorial.decoding.tree_attention import TokenTree
from gcr_tutorial.models.device import min_efficient_tokens
from gcr_tutorial.trie import TrieIndex


@dataclass
class Prefixes:
    """M live prefixes of equal length t, of several queries: sorted by query, then best first."""

    query: np.ndarray  # (M,) number of the prompt in the token tree
    tokens: np.ndarray  # (M, t)
    node: np.ndarray  # (M,) in the trie
    score: np.ndarray  # (M,) log-probability, nats
    slot: np.ndarray  # (M,) of the parent's key and value in the token tree, -1 at the root and its children

    @classmethod
    def roots(cls, queries: int) -> Prefixes:
        """The empty prefix of each query."""
        zero = np.zeros(queries, dtype=np.int64)
        return cls(np.arange(queries), np.zeros((queries, 0), dtype=np.int64), zero, np.zeros(queries), zero - 1)


@dataclass
class Finished:
    """Identifiers found so far, sorted by query, then best first."""

    query: np.ndarray
    row: np.ndarray  # of the identifier in the trie
    score: np.ndarray
    tokens: list[tuple[int, ...]]


@dataclass
class Level:
    """One level of a search: the live prefixes and all their children, for a function that watches (see `beam_trace`)."""

    prefixes: Prefixes
    owner: np.ndarray  # (E,) index into `prefixes`
    token: np.ndarray  # (E,)
    node: np.ndarray  # (E,)
    log_prob: np.ndarray  # (E,) of the token after its prefix; -inf where the prefix was not evaluated
    kept: np.ndarray  # (E,) bool: lives on, or is among the finished identifiers
    finished: Finished


def constrained_beam_search(
    model: Any,
    inputs: Prompts,
    trie: TrieIndex,
    num_beams: int = 10,
    *,
    k: int | None = None,
    pad_id: int | None = None,
    normalize: str = "vocabulary",
    batch_size: int | None = None,
    lazy: bool = True,
) -> list[list[tuple[int, float]]]:
    """The identifiers in `trie` that the model finds likeliest after each prompt: what `trie_search` finds, to rounding.

    Args:
        model: a causal or image-text-to-text model with a language-model head, peft-wrapped or not; its device is used.
        inputs: B prompts, either lists of token ids or what `trie_search` takes (padded on the left; `input_ids`
            (B, L) and/or `inputs_embeds` (B, L, H), `attention_mask` (B, L) unless nothing is padded, pictures).
        trie: identifiers ending in `trie.end_id`.
        num_beams: live prefixes of a query at each level, at most. As many as identifiers make the result exact.
        k: results of a query at most (default: `num_beams`). More than `num_beams` does not widen the beam: the results are
            then the best k identifiers that end below its prefixes, and these may be fewer than k.
        pad_id: the padding token, only to notice that a mask is missing (default: the end token).
        normalize: "vocabulary" or "trie", see `ChildScorer`.
        batch_size: text prompts searched together (default: as many as suit the device), see `token_trees`.
        lazy: evaluate a level's prefixes best first and stop when the rest cannot matter. Off, all are evaluated.

    Returns:
        For each query a list of (row of the identifier in what the trie was built from, its log-probability in nats, end
        token included), best first, each identifier at most once.

    Raises:
        ValueError: as `trie_search`, and for a model whose attention or head this decoder does not know.
        FloatingPointError: where the model's scores after a prompt are NaN or infinite; it names the query.
    """
    found = beam_search_tokens(
        model, inputs, trie, num_beams, k=k, pad_id=pad_id, normalize=normalize, batch_size=batch_size, lazy=lazy
    )
    return [[(row, score) for row, score, _ in hits] for hits in found]


def beam_search_tokens(
    model: Any,
    inputs: Prompts,
    trie: TrieIndex,
    num_beams: int = 10,
    *,
    k: int | None = None,
    pad_id: int | None = None,
    normalize: str = "vocabulary",
    batch_size: int | None = None,
    lazy: bool = True,
) -> list[list[tuple[int, float, tuple[int, ...]]]]:
    """`constrained_beam_search` with the identifier's tokens as a third value of each result."""
    check_sizes(num_beams=num_beams, k=1 if k is None else k, batch_size=1 if batch_size is None else batch_size)
    with searching(model) as model:
        beams, scorer = min(num_beams, len(trie)), ChildScorer(model, normalize)
        results: dict[int, list[tuple[int, float, tuple[int, ...]]]] = {}
        size = batch_size or max(4, min(64, 8 * min_efficient_tokens(model) // beams))
        for tree in token_trees(model, inputs, pad_id=trie.end_id if pad_id is None else pad_id, batch_size=size):
            finished = search(tree, trie, scorer, beams, k or beams, lazy)
            found: list[list[tuple[int, float, tuple[int, ...]]]] = [[] for _ in tree.queries]
            for query, row, score, tokens in zip(finished.query, finished.row, finished.score, finished.tokens):
                found[query].append((int(row), float(score), tokens))
            results.update(zip(tree.queries.tolist(), found))
    return [results[i] for i in range(len(results))]


def search(
    tree: TokenTree,
    trie: TrieIndex,
    scorer: ChildScorer,
    beams: int,
    k: int,
    lazy: bool = True,
    watch: Callable[[Level], None] | None = None,
) -> Finished:
    """Beam search after the prompts of `tree`; the best `k` identifiers of each. `watch` is called with every level."""
    empty = np.zeros(0, dtype=np.int64)
    live, finished = Prefixes.roots(tree.n_prompts), Finished(empty, empty, np.zeros(0), [])
    k, step_cost = min(k, len(trie)), np.zeros(tree.n_prompts)  # (B,) log-probability of the likeliest child a level above
    while len(live.node):
        # 1. Score the children of the live prefixes.
        owner, token, node = trie.children_of(live.node)
        ends = token == trie.end_id
        log_prob, slot = _evaluate(tree, scorer, live, finished, owner, token, ends, beams, k, lazy, step_cost)
        score = live.score[owner] + log_prob
        step_cost[live.query] = -np.inf
        np.maximum.at(step_cost, live.query[owner], log_prob)
        # 2. Of the best candidates, as many as beams (or results, if those are more), the ones that end are finished.
        order, rank = best_first(live.query[owner], score)
        done = order[(rank < max(beams, k)) & ends[order] & (score[order] > -np.inf)]
        finished = _merge(finished, live, owner[done], score[done], trie.rows_at(node[done]), trie.end_id, k)
        # 3. The best of the others live on, as many as beams, unless k finished identifiers are better already.
        order = order[~ends[order]]
        _, rank = best_first(live.query[owner[order]], score[order])
        bar = nth_best(finished.query, finished.score, k, tree.n_prompts)
        on = order[(rank < beams) & (score[order] > -np.inf) & (score[order] >= bar[live.query[owner[order]]])]
        if watch is not None:
            kept = np.zeros(len(owner), dtype=bool)
            kept[on] = True
            still = set(zip(finished.query.tolist(), finished.row.tolist()))
            ended = zip(live.query[owner[done]].tolist(), trie.rows_at(node[done]).tolist())
            kept[done] = [pair in still for pair in ended]
            watch(Level(live, owner, token, node, log_prob, kept, finished))
        at = owner[on]
        live = Prefixes(live.query[at], np.column_stack([live.tokens[at], token[on]]), node[on], score[on], slot[at])
    return finished


def _evaluate(tree, scorer, live, finished, owner, token, ends, beams, k, lazy, step_cost) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities (E,) of the children of `live`, -inf for those of prefixes that cannot matter, and the slots (M,)
    of the prefixes.

    Lazily, a level takes several passes through the model, best prefixes first. A prefix is likely to be left out only if it
    scores below the best one by more than one step costs (as far as the level above tells); all others are in the first pass.
    """
    log_prob, slot = np.full(len(owner), -np.inf), np.full(len(live.node), -1, dtype=np.int64)
    if live.tokens.shape[1] == 0:  # the prompts alone, which are evaluated already
        return scorer(tree.hidden, owner, token, tree.queries[live.query]), slot
    # 1. How many prefixes a pass takes, and which are sure to be needed.
    _, rank = best_first(live.query, live.score)
    child_query, width = live.query[owner], max(beams, k)
    few = np.bincount(child_query, minlength=tree.n_prompts) <= width  # every child that ends will be among the finished
    widest = int(rank.max()) + 1
    step = max(-(-widest // 4), -(-min_efficient_tokens(tree.model) * widest // len(rank))) if lazy else widest
    best = np.full(tree.n_prompts, -np.inf)
    np.maximum.at(best, live.query, live.score)
    waiting, needed, end = np.ones(len(rank), dtype=bool), live.score >= best[live.query] + step_cost[live.query], step
    while waiting.any():
        # 2. Leave out what scores below the last candidate that can be kept, or below the k-th finished identifier.
        if lazy:
            score = live.score[owner] + log_prob
            bar = nth_best(child_query[~ends], score[~ends], width, tree.n_prompts)
            sure = ends & few[child_query] & (score > -np.inf)
            done_query = np.concatenate([finished.query, child_query[sure]])
            done_score = np.concatenate([finished.score, score[sure]])
            bar = np.maximum(bar, nth_best(done_query, done_score, k, tree.n_prompts))
            waiting &= live.score >= bar[live.query]
        # 3. Evaluate the next best prefixes, and score their children.
        chosen = waiting & (needed | (rank < end))
        waiting, end = waiting & ~chosen, end + step
        picked = np.flatnonzero(chosen)
        if not len(picked):
            continue
        hidden, slot[picked] = tree.extend(live.query[picked], live.tokens[picked, -1], live.slot[picked])
        scored = np.flatnonzero(chosen[owner])
        number = np.cumsum(chosen) - 1  # of each chosen prefix among the chosen
        log_prob[scored] = scorer(hidden, number[owner[scored]], token[scored], tree.queries[live.query[picked]])
    return log_prob, slot


def _merge(finished, live, owner, score, row, end_id: int, k: int) -> Finished:
    """`finished` and the newly ended prefixes `owner`, cut to the best `k` of each query."""
    query = np.concatenate([finished.query, live.query[owner]])
    score, row = np.concatenate([finished.score, score]), np.concatenate([finished.row, row])
    tokens = finished.tokens + [(*map(int, live.tokens[at]), end_id) for at in owner]
    order, rank = best_first(query, score)
    order = order[rank < k]
    return Finished(query[order], row[order], score[order], [tokens[i] for i in order])
