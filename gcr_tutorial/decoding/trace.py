"""The steps of a beam search, for teaching (GRACE section 3.4): live prefixes, their children, and which of these are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gcr_tutorial.decoding.beam_search import Finished, Level, search
from gcr_tutorial.decoding.inputs import check_sizes, searching, token_trees
from gcr_tutorial.decoding.scoring import ChildScorer
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.trie import TrieIndex


@dataclass(frozen=True)
class TracedChild:
    """One continuation of a live prefix.

    Attributes:
        token: vocabulary id of the added token.
        node: trie node that the longer prefix leads to.
        probability: of `token` after the prefix, under the full-vocabulary softmax (0 to 1).
        score: log-probability of the longer prefix, in nats.
        survives: it is among the beams of the next step, or its identifier is among the finished ones.
        row: of the identifier that ends here (`token` is the end token) in what the trie was built from, else None.
    """

    token: int
    node: int
    probability: float
    score: float
    survives: bool
    row: int | None


@dataclass(frozen=True)
class TracedPrefix:
    """A live prefix: its tokens, trie node, log-probability in nats, children in token order, and the probability
    that the model gives to all tokens but these (`outside`, 0 to 1)."""

    tokens: tuple[int, ...]
    node: int
    score: float
    children: tuple[TracedChild, ...]
    outside: float


@dataclass(frozen=True)
class BeamStep:
    """One step: the live prefixes, best first, and the (row, score) of all identifiers finished so far, best first. At step
    t (from 0) every live prefix has t tokens; step 0 has one prefix, the empty one at the root."""

    prefixes: tuple[TracedPrefix, ...]
    finished: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class BeamTrace:
    """The steps of one query's search, and its result as `constrained_beam_search` gives it."""

    steps: tuple[BeamStep, ...]
    results: tuple[tuple[int, float], ...]


def beam_trace(
    model: Any,
    prompt: Sequence[int] | Mapping[str, torch.Tensor],
    trie: TrieIndex,
    num_beams: int = 10,
    *,
    normalize: str = "vocabulary",
) -> BeamTrace:
    """The steps of `constrained_beam_search` for one prompt (token ids, or inputs that hold one query).

    Every live prefix is evaluated, so that all children have probabilities; the search itself may leave some out. Raises
    ValueError and FloatingPointError as `constrained_beam_search` does, and ValueError for more than one query.
    """
    check_sizes(num_beams=num_beams)
    steps: list[BeamStep] = []
    with searching(model) as model:
        inputs = prompt if isinstance(prompt, Mapping) else [prompt]
        tree, *more = token_trees(model, inputs, pad_id=trie.end_id, batch_size=1)
        if tree.n_prompts > 1 or more:
            raise UserValueError("beam_trace shows the steps of one query: give it one prompt")
        beams = min(num_beams, len(trie))
        finished = search(
            tree,
            trie,
            ChildScorer(model, normalize),
            beams,
            beams,
            lazy=False,
            watch=lambda level: steps.append(_step(level, trie)),
        )
    return BeamTrace(tuple(steps), _pairs(finished))


def path_in(trace: BeamTrace, tokens: Sequence[int]) -> list[tuple[int, int, bool]]:
    """One identifier's way through a search. For each step that considered its next token: (the rank of its prefix among all
    candidates of the step, from 1; how many candidates there were; whether it was kept). Ends where it was dropped."""
    path = []
    for at, step in enumerate(trace.steps):
        candidates = [((*prefix.tokens, child.token), child) for prefix in step.prefixes for child in prefix.children]
        candidates.sort(key=lambda candidate: -candidate[1].score)
        ranks = {prefix: rank for rank, (prefix, _) in enumerate(candidates)}
        if (prefix := tuple(tokens[: at + 1])) not in ranks or len(tokens) <= at:
            break
        path.append((ranks[prefix] + 1, len(candidates), candidates[ranks[prefix]][1].survives))
    return path


def _pairs(finished: Finished) -> tuple[tuple[int, float], ...]:
    """(row, score) of the finished identifiers of one query."""
    return tuple((int(row), float(score)) for row, score in zip(finished.row, finished.score))


def _step(level: Level, trie: TrieIndex) -> BeamStep:
    """One level of the search as plain Python values."""
    live, probability = level.prefixes, np.exp(level.log_prob)
    score, row = live.score[level.owner] + level.log_prob, trie.rows_at(level.node)
    children: list[list[TracedChild]] = [[] for _ in live.node]
    for e, owner in enumerate(level.owner):
        children[owner].append(
            TracedChild(
                int(level.token[e]),
                int(level.node[e]),
                float(probability[e]),
                float(score[e]),
                bool(level.kept[e]),
                int(row[e]) if row[e] >= 0 else None,
            )
        )
    inside = np.bincount(level.owner, probability, minlength=len(live.node))
    prefixes = (
        TracedPrefix(
            tuple(map(int, live.tokens[i])),
            int(live.node[i]),
            float(live.score[i]),
            tuple(children[i]),
            max(0.0, 1 - float(inside[i])),
        )
        for i in range(len(live.node))
    )
    return BeamStep(tuple(prefixes), _pairs(level.finished))
