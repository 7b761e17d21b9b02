"""Constrained beam search that pays for what it needs (GRACE section 3.4): the results of `trie_search`, several times faster.

`generate` evaluates the prompt once for every beam, keeps dead beams alive and masks the whole vocabulary. Here a prompt
is evaluated once, what all prompts of a call start with once for all of them, only live prefixes are evaluated, and only
their children in the trie are scored. A prefix that cannot matter any more is not evaluated either: scores only fall
along a path, so one that scores below the worst place in the next beam (or below the k-th finished identifier) is out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gcr_tutorial.decoding.reference import _checked
from gcr_tutorial.decoding.scoring import ChildScorer
from gcr_tutorial.decoding.selection import best_first, nth_best
from gcr_tutorial.decoding.tree_attention import TokenTree, searching
from gcr_tutorial.models.device import min_efficient_tokens
from gcr_tutorial.trie import TrieIndex


@dataclass
class Prefixes:
    """M live prefixes of equal length t, of several queries: sorted by query, then best first."""

    query: np.ndarray  # (M,)
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
class Level:
    """One level of a search: live prefixes and all their children, for whoever watches (see `beam_trace`)."""

    prefixes: Prefixes
    owner: np.ndarray  # (E,) index into `prefixes`
    token: np.ndarray  # (E,)
    node: np.ndarray  # (E,)
    log_prob: np.ndarray  # (E,) of the token after its prefix; -inf where it was not worth evaluating
    kept: np.ndarray  # (E,) bool: lives on, or is among the finished identifiers
    finished: Finished


@dataclass
class Finished:
    """Identifiers found so far, sorted by query, then best first."""

    query: np.ndarray
    position: np.ndarray
    score: np.ndarray
    tokens: list[tuple[int, ...]]


def constrained_beam_search(
    model: Any,
    inputs: Mapping[str, torch.Tensor] | Sequence[Sequence[int]],
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
        inputs: B prompts, either lists of token ids or what `trie_search` takes (padded on the left; `input_ids` and/or
            `inputs_embeds`, `attention_mask` unless nothing is padded, pictures).
        trie: identifiers ending in `trie.end_id`.
        num_beams: live prefixes a query at most. At least the number of identifiers makes the result exact.
        k: how many results a query at most (default: `num_beams`). Fewer results are found with less work.
        pad_id: the padding token, only to notice that a mask is missing (default: the end token).
        normalize: "vocabulary" or "trie", see `ChildScorer`.
        batch_size: text prompts searched together (default: as many as suit the device). Prompts of like length are put
            together; the start that all prompts share is evaluated once a call. Other inputs are searched all at once.
        lazy: evaluate a level's prefixes best first and stop when the rest cannot matter. Off, all are evaluated.

    Returns:
        For each query a list of (position of the identifier in the trie's build input, its log-probability in nats, end
        token included), best first, each identifier at most once.

    Raises:
        ValueError: as `trie_search`, and for a model whose attention or head this decoder does not know.
    """
    found = beam_search_tokens(
        model, inputs, trie, num_beams, k=k, pad_id=pad_id, normalize=normalize, batch_size=batch_size, lazy=lazy
    )
    return [[(position, score) for position, score, _ in hits] for hits in found]


def beam_search_tokens(
    model: Any,
    inputs: Mapping[str, torch.Tensor] | Sequence[Sequence[int]],
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
        for places, tree in token_trees(model, inputs, pad_id=trie.end_id if pad_id is None else pad_id, batch_size=size):
            finished = search(tree, trie, scorer, beams, k or beams, lazy)
            found: list[list[tuple[int, float, tuple[int, ...]]]] = [[] for _ in places]
            for query, *hit in zip(finished.query, finished.position, finished.score, finished.tokens):
                found[query].append((int(hit[0]), float(hit[1]), hit[2]))
            results.update(zip(places, found))
    return [results[i] for i in range(len(results))]


def check_sizes(**sizes: int) -> None:
    """Raises ValueError unless all are at least 1."""
    if min(sizes.values()) < 1:
        raise ValueError(
            " and ".join(sizes) + " must be at least 1, got " + ", ".join(f"{name}={value}" for name, value in sizes.items())
        )


def token_trees(model: Any, inputs: Mapping[str, torch.Tensor] | Sequence[Sequence[int]], *, pad_id: int, batch_size: int):
    """Yields (places of the queries in `inputs`, their `TokenTree`), batch by batch; each query once.

    Prompts made of text go `batch_size` at a time, like lengths together, after one evaluation of the start they share.
    """
    if isinstance(inputs, Mapping):
        inputs = _checked(inputs, pad_id, model.device)
        if set(inputs) != {"input_ids", "attention_mask"}:
            yield list(range(len(inputs["attention_mask"]))), TokenTree.after_inputs(model, inputs)
            return
        prompts = [ids[mask].tolist() for ids, mask in zip(inputs["input_ids"].cpu(), inputs["attention_mask"].cpu().bool())]
    else:
        prompts = [list(prompt) for prompt in inputs]
        if not prompts or not all(prompts):
            raise ValueError("every prompt needs at least one token, and there must be at least one query")
    start = min(len(os.path.commonprefix(prompts)), min(map(len, prompts)) - 1)
    pays = start * (len(prompts) - 1) > min_efficient_tokens(model)
    shared = TokenTree.after(model, [prompts[0][:start]]) if pays else None
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    for first in range(0, len(order), batch_size):
        places = order[first : first + batch_size]
        yield places, TokenTree.after(model, [prompts[i] for i in places], shared)


def search(
    tree: TokenTree,
    trie: TrieIndex,
    scorer: ChildScorer,
    beams: int,
    k: int,
    lazy: bool = True,
    watch: Callable[[Level], None] | None = None,
) -> Finished:
    """Beam search after the prompts of `tree`; the best `k` identifiers of each. `watch` sees every level."""
    empty = np.zeros(0, dtype=np.int64)
    live, finished = Prefixes.roots(tree.rows), Finished(empty, empty, np.zeros(0), [])
    k, step_cost = min(k, beams), np.zeros(tree.rows)  # (B,) log-probability of the likeliest child one level up
    while len(live.node):
        owner, token, node = trie.children_of(live.node)
        ends = token == trie.end_id
        log_prob, slot = _evaluate(tree, scorer, live, finished, owner, token, ends, beams, k, lazy, step_cost)
        score = live.score[owner] + log_prob
        step_cost[live.query] = -np.inf
        np.maximum.at(step_cost, live.query[owner], log_prob)
        # As `generate` has it: of the best `beams` candidates those that end are finished; the best `beams` of the
        # others live on.
        order, rank = best_first(live.query[owner], score)
        done = order[(rank < beams) & ends[order] & (score[order] > -np.inf)]
        finished = _merge(finished, live, owner[done], score[done], trie.rows_at(node[done]), trie.end_id, k)
        order = order[~ends[order]]
        _, rank = best_first(live.query[owner[order]], score[order])
        bar = nth_best(finished.query, finished.score, k, tree.rows)
        on = order[(rank < beams) & (score[order] > -np.inf) & (score[order] >= bar[live.query[owner[order]]])]
        if watch is not None:
            kept = np.zeros(len(owner), dtype=bool)
            kept[on] = True
            still = set(zip(finished.query.tolist(), finished.position.tolist()))
            ended = zip(live.query[owner[done]].tolist(), trie.rows_at(node[done]).tolist())
            kept[done] = [pair in still for pair in ended]
            watch(Level(live, owner, token, node, log_prob, kept, finished))
        at = owner[on]
        live = Prefixes(live.query[at], np.column_stack([live.tokens[at], token[on]]), node[on], score[on], slot[at])
    return finished


def _evaluate(tree, scorer, live, finished, owner, token, ends, beams, k, lazy, step_cost) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities (E,) of the children of `live`, -inf for those of prefixes that cannot matter, and the slots
    (M,) of the prefixes.

    Lazily, a level takes several passes through the model, best prefixes first. A prefix is only likely to be dropped if it
    scores below the best one by more than a step costs (judging by the level before); all others go into the first pass.
    """
    log_prob, slot = np.full(len(owner), -np.inf), np.full(len(live.node), -1, dtype=np.int64)
    if live.tokens.shape[1] == 0:  # nothing but the prompt
        return scorer(tree.hidden, owner, token), slot
    _, rank = best_first(live.query, live.score)
    child_query = live.query[owner]
    roomy = np.bincount(child_query, minlength=tree.rows) <= beams  # no child that ends can miss the finished
    widest = int(rank.max()) + 1
    step = max(-(-widest // 4), -(-min_efficient_tokens(tree.model) * widest // len(rank))) if lazy else widest
    best = np.full(tree.rows, -np.inf)
    np.maximum.at(best, live.query, live.score)
    waiting, needed, end = np.ones(len(rank), dtype=bool), live.score >= best[live.query] + step_cost[live.query], step
    while waiting.any():
        if lazy:  # the worst place in the next beam, and the k-th finished identifier, as far as known
            score = live.score[owner] + log_prob
            bar = nth_best(child_query[~ends], score[~ends], beams, tree.rows)
            sure = ends & roomy[child_query] & (score > -np.inf)
            bar = np.maximum(
                bar,
                nth_best(
                    np.concatenate([finished.query, child_query[sure]]),
                    np.concatenate([finished.score, score[sure]]),
                    k,
                    tree.rows,
                ),
            )
            waiting &= live.score >= bar[live.query]
        chosen = waiting & (needed | (rank < end))
        waiting, end = waiting & ~chosen, end + step
        picked = np.flatnonzero(chosen)
        if not len(picked):
            continue
        hidden, slot[picked] = tree.extend(live.query[picked], live.tokens[picked, -1], live.slot[picked])
        scored = np.flatnonzero(chosen[owner])
        place = np.cumsum(chosen) - 1
        log_prob[scored] = scorer(hidden, place[owner[scored]], token[scored])
    return log_prob, slot


def _merge(finished, live, owner, score, position, end_id: int, k: int) -> Finished:
    """`finished` and the newly ended prefixes `owner`, cut to the best `k` of each query."""
    query = np.concatenate([finished.query, live.query[owner]])
    score, position = np.concatenate([finished.score, score]), np.concatenate([finished.position, position])
    tokens = finished.tokens + [(*map(int, live.tokens[at]), end_id) for at in owner]
    order, rank = best_first(query, score)
    order = order[rank < k]
    return Finished(query[order], position[order], score[order], [tokens[i] for i in order])
