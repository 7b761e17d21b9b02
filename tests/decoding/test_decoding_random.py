"""The search itself, without a model: random tries and random probabilities against a search written out in plain loops.

A stand-in for the token tree knows each prefix by the slots that led to it, so a wrong parent gives wrong scores.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gcr_tutorial.decoding.beam_search import search
from gcr_tutorial.decoding.exact import _branch_and_bound
from gcr_tutorial.decoding.exhaustive import _pre_order, _score
from gcr_tutorial.trie import TrieIndex

END, VOCAB = 0, 9


SCALES = (0.1, 1.0, 4.0, 10.0)  # how sure the model is


def _tables() -> dict[float, np.ndarray]:
    normal = np.random.default_rng(0).normal(size=(2**16, VOCAB))
    return {scale: scale * normal - np.logaddexp.reduce(scale * normal, axis=1, keepdims=True) for scale in SCALES}


class Tables:
    """Log-probabilities (VOCAB,) of the next token after any prefix of any query: a row of a random table, chosen by both."""

    rows = _tables()

    def __init__(self, seed: int, scale: float) -> None:
        self.seed, self.table = seed, self.rows[scale]

    def __call__(self, query: int, prefix: tuple[int, ...]) -> np.ndarray:
        return self.table[hash((self.seed, query, prefix)) % len(self.table)]


class StandIn:
    """Plays the token tree: a "hidden state" is the number of a (query, prefix) pair."""

    device, used = torch.device("cpu"), 0

    def __init__(self, queries: int) -> None:
        self.n_prompts, self.prefixes = queries, []
        # numbers of a search that had other queries before
        self.queries = np.arange(queries) + 100
        self.hidden = self._number([(query, ()) for query in range(queries)])
        self.slots, self.model = [{} for _ in range(queries)], None
        self.evaluated = 0

    def _number(self, pairs) -> torch.Tensor:
        self.prefixes += pairs
        return torch.arange(len(self.prefixes) - len(pairs), len(self.prefixes))[:, None]

    def extend(self, row, token, parent):
        assert (np.diff(row) >= 0).all()
        count = np.zeros(self.n_prompts, dtype=int)
        slot, pairs = [], []
        for r, t, p in zip(row.tolist(), token.tolist(), parent.tolist()):
            slot.append(self.used + count[r])
            count[r] += 1
            self.slots[r][slot[-1]] = (self.slots[r][p] if p >= 0 else ()) + (t,)
            pairs.append((int(self.queries[r]) - 100, self.slots[r][slot[-1]]))
        self.used += int(count.max())
        self.evaluated += len(row)
        return self._number(pairs), np.array(slot)

    def keep_prompts(self, prompts):
        self.slots, self.queries = [self.slots[p] for p in prompts], self.queries[prompts]
        self.n_prompts = len(prompts)

    def rewind(self):
        self.used = 0


def scorer(tables: Tables, tree: StandIn):
    def score(hidden, owner, token, query):
        pairs = [tree.prefixes[i] for i in hidden[:, 0].tolist()]
        assert [q for q, _ in pairs] == [number - 100 for number in query.tolist()]  # an error would name the right query
        return np.array([tables(*pairs[o])[t] for o, t in zip(owner.tolist(), token.tolist())])

    return score


def true_scores(tables, query, gallery):
    return [sum(tables(query, tuple(s[:i]))[t] for i, t in enumerate(s)) for s in gallery]


def plain_beam_search(tables, query, gallery, beams, k):
    """Beam search as transformers defines it (for k <= beams), over prefixes as tuples: [(row, score)], best first."""
    live, finished = {(): 0.0}, {}
    while live:
        candidates = {}
        for prefix, score in live.items():
            for token in {s[len(prefix)] for s in gallery if tuple(s[: len(prefix)]) == prefix and len(s) > len(prefix)}:
                candidates[*prefix, token] = score + tables(query, prefix)[token]
        ranked = sorted(candidates, key=candidates.get, reverse=True)
        finished |= {p: candidates[p] for p in ranked[: max(beams, k)] if p[-1] == END}
        finished = dict(sorted(finished.items(), key=lambda item: -item[1])[: max(beams, k)])
        live = {p: candidates[p] for p in [p for p in ranked if p[-1] != END][:beams]}
    where = {tuple(s): i for i, s in enumerate(gallery)}
    return [(where[p], score) for p, score in sorted(finished.items(), key=lambda item: -item[1])[:k]]


def random_gallery(rng) -> list[list[int]]:
    """1 to 40 distinct identifiers of 0 to 5 codes and an end; some galleries have one length, some all."""
    alphabet, longest = int(rng.integers(1, VOCAB)), int(rng.integers(1, 6))
    shortest = longest if rng.random() < 0.5 else 0
    bodies = {
        tuple(rng.integers(1, alphabet + 1, size=rng.integers(shortest, longest + 1)).tolist())
        for _ in range(rng.integers(1, 41))
    }
    return [[*body, END] for body in sorted(bodies, key=lambda _: rng.random())]


def check_searches(seed: int, monkeypatch) -> int:
    """All decoders on one random gallery and a few random queries; returns how many beam searches were checked."""
    rng = np.random.default_rng(seed)
    gallery = random_gallery(rng)
    trie = TrieIndex.build(gallery)
    queries, tables = int(rng.integers(1, 6)), Tables(seed, float(rng.choice(SCALES)))
    beams = int(rng.choice([1, 2, 3, rng.integers(1, 60), len(gallery)]))
    k = int(rng.integers(1, beams + 1)) if rng.random() < 0.7 else int(rng.integers(1, 60))
    monkeypatch.setattr("gcr_tutorial.decoding.beam_search.min_efficient_tokens", lambda model: int(rng.choice([1, 4, 50])))
    usable = min(beams, len(gallery))
    found = {}
    for lazy in (True, False):
        tree = StandIn(queries)
        finished = search(tree, trie, scorer(tables, tree), usable, k, lazy)
        found[lazy] = [
            [(int(p), float(s)) for q, p, s in zip(finished.query, finished.row, finished.score) if q == query]
            for query in range(queries)
        ]
        assert [list(map(tuple, gallery))[p] for p in finished.row] == finished.tokens
    for query in range(queries):
        scores = true_scores(tables, query, gallery)
        for hits in (found[True][query], found[False][query]):
            rows = [p for p, _ in hits]
            assert len(set(rows)) == len(rows) and 1 <= len(hits) <= min(k, len(gallery))
            assert [scores[p] for p in rows] == pytest.approx([s for _, s in hits])
            assert rows == [p for p, _ in plain_beam_search(tables, query, gallery, usable, k)]
            if beams >= len(gallery):
                assert rows == sorted(range(len(gallery)), key=lambda i: -scores[i])[:k]
    return queries


@pytest.mark.parametrize("searches", [2_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_random_searches(searches, monkeypatch):
    """Only identifiers that exist, once each, with their true scores; what the plain search finds, however lazy; and the
    true top-k whenever the beams are as many as the leaves."""
    done = seed = 0
    while done < searches:
        done += check_searches(seed, monkeypatch)
        seed += 1


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 9), st.integers(1, 9))
def test_exact_search_and_gallery_on_random_tables(seed, k, expand, chunk):
    rng = np.random.default_rng(seed)
    gallery, queries = random_gallery(rng), int(rng.integers(1, 6))
    trie, tables = TrieIndex.build(gallery), Tables(seed, float(rng.choice(SCALES)))
    tree = StandIn(queries)
    exact = _branch_and_bound(tree, trie, scorer(tables, tree), k, expand, 10**6)
    assert sum(evaluations for _, evaluations, _ in exact) == tree.evaluated
    chunked = StandIn(queries)
    table = _score(chunked, trie, scorer(tables, chunked), _pre_order(trie), chunk, lambda done: None)
    for query, (hits, evaluations, proven) in enumerate(exact):
        scores = true_scores(tables, query, gallery)
        assert table[query] == pytest.approx(scores)
        best = sorted(range(len(gallery)), key=lambda i: -scores[i])[:k]
        assert [p for p, _ in hits] == best and proven
        assert [s for _, s in hits] == pytest.approx([scores[i] for i in best])
        if expand == 1:  # one at a time, best first, nothing is evaluated that a proof can do without
            bar = scores[best[-1]] if len(gallery) >= k else -math.inf
            prefixes = {tuple(s[:i]) for s in gallery for i in range(1, len(s))}
            needed = [p for p in prefixes if sum(tables(query, p[:i])[t] for i, t in enumerate(p)) > bar]
            assert evaluations == len(needed)


def test_an_exact_search_that_may_not_go_on_says_so():
    gallery = [[a, b, END] for a in range(1, VOCAB) for b in range(1, VOCAB)]
    trie, tables = TrieIndex.build(gallery), Tables(0, 0.1)  # nearly even: all must be looked at
    for limit, proven in ((5, False), (10**6, True)):
        tree = StandIn(2)
        for _, evaluations, sure in _branch_and_bound(tree, trie, scorer(tables, tree), 3, 4, limit):
            assert sure == proven and evaluations < limit + 4
