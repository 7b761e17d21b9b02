"""A beam search told step by step, for teaching (GRACE section 3.4): what lives, what it could become, what is dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gcr_tutorial.decoding.beam_search import Finished, Level, check_sizes, search, token_trees
from gcr_tutorial.decoding.scoring import ChildScorer
from gcr_tutorial.decoding.tree_attention import searching
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
        position: build position of the identifier that ends here (`token` is the end token), else None.
    """

    token: int
    node: int
    probability: float
    score: float
    survives: bool
    position: int | None


@dataclass(frozen=True)
class TracedPrefix:
    """A live prefix: its tokens, trie node, log-probability in nats, children in token order, and the probability
    that the model gives to tokens that lead out of the trie (`outside`, 0 to 1)."""

    tokens: tuple[int, ...]
    node: int
    score: float
    children: tuple[TracedChild, ...]
    outside: float


@dataclass(frozen=True)
class BeamStep:
    """One step: the live prefixes, best first, and the (position, score) of all identifiers finished so far, best
    first. At step t (from 0) every live prefix has t tokens; step 0 has one, the empty prefix at the root."""

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
    """The story of `constrained_beam_search` for one prompt (token ids, or inputs holding one query).

    Every live prefix is evaluated, so that all children have probabilities; the search itself may skip some. Raises
    ValueError as `constrained_beam_search` does, and for more than one query.
    """
    check_sizes(num_beams=num_beams)
    steps: list[BeamStep] = []
    with searching(model) as model:
        inputs = prompt if isinstance(prompt, Mapping) else [prompt]
        (places, tree), *more = token_trees(model, inputs, pad_id=trie.end_id, batch_size=1)
        if len(places) > 1 or more:
            raise ValueError("beam_trace tells the story of one query: give it one prompt")
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
    """What became of one identifier in a search: for each step that considered its next token (the place of its prefix
    among all candidates of the step, 1 is best; how many candidates; was it kept). Ends where it was lost."""
    path = []
    for at, step in enumerate(trace.steps):
        candidates = [((*prefix.tokens, child.token), child) for prefix in step.prefixes for child in prefix.children]
        candidates.sort(key=lambda candidate: -candidate[1].score)
        places = {prefix: place for place, (prefix, _) in enumerate(candidates)}
        if (prefix := tuple(tokens[: at + 1])) not in places or len(tokens) <= at:
            break
        path.append((places[prefix] + 1, len(candidates), candidates[places[prefix]][1].survives))
    return path


def _pairs(finished: Finished) -> tuple[tuple[int, float], ...]:
    return tuple((int(position), float(score)) for position, score in zip(finished.position, finished.score))


def _step(level: Level, trie: TrieIndex) -> BeamStep:
    """One level of the search as plain Python values."""
    live, probability = level.prefixes, np.exp(level.log_prob)
    score, position = live.score[level.owner] + level.log_prob, trie.rows_at(level.node)
    children: list[list[TracedChild]] = [[] for _ in live.node]
    for e, owner in enumerate(level.owner):
        children[owner].append(
            TracedChild(
                int(level.token[e]),
                int(level.node[e]),
                float(probability[e]),
                float(score[e]),
                bool(level.kept[e]),
                int(position[e]) if position[e] >= 0 else None,
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
