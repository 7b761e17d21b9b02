"""A beam search told step by step, for teaching (GRACE section 3.4): what lives, what it could become, what is dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

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
    model: Any, prompt: Sequence[int] | Mapping[str, torch.Tensor], trie: TrieIndex, num_beams: int = 10
) -> BeamTrace:
    """The story of `constrained_beam_search` for one prompt (token ids, or inputs holding one query)."""
    raise NotImplementedError("in the making")
