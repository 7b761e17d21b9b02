"""Metrics against values worked out by hand and against brute force."""

import json
import math
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcr_tutorial.evaluation.metrics import chance_recall, map_at_r, oracle_recall, r_precision, recall_at_k
from gcr_tutorial.retrieval.bm25 import bm25_rankings

FLICKR8K = Path(__file__).resolve().parents[3] / "shared" / "flickr8k-sample" / "dataset_flickr8k.json"


def test_recall_counts_every_query():
    rankings = [[7, 1, 2], [], [3], [5, 4, 6, 8, 9, 2]]
    assert recall_at_k(rankings, [7, 7, 4, 2], ks=(1, 3, 6)) == {"R@1": 25.0, "R@3": 25.0, "R@6": 50.0}


@given(st.lists(st.tuples(st.permutations(range(12)), st.integers(0, 12), st.integers(0, 11)), min_size=1, max_size=8))
def test_recall_agrees_with_slicing(cases):
    rankings, targets = [list(r)[:cut] for r, cut, _ in cases], [t for *_, t in cases]
    for k, value in ((k, recall_at_k(rankings, targets, (k,))[f"R@{k}"]) for k in (1, 5, 10)):
        assert value == pytest.approx(100 * np.mean([t in r[:k] for r, t in zip(rankings, targets)]))


def test_recall_takes_arrays():
    assert recall_at_k(np.array([[1, 2], [3, 4]]), np.array([2, 3]), (1,)) == {"R@1": 50.0}


def test_oracle_is_the_mean_over_all_orders_of_equally_good_images():
    for r in (1, 2, 4):
        orders = list(permutations(range(r)))
        expected = recall_at_k(orders, [0] * len(orders), (1, 3))
        assert oracle_recall([r], (1, 3)) == pytest.approx(expected)
    assert oracle_recall([1, 4], (1, 5)) == {"R@1": 62.5, "R@5": 100.0}


def test_chance():
    assert chance_recall(300) == pytest.approx({"R@1": 1 / 3, "R@5": 5 / 3, "R@10": 10 / 3})
    assert chance_recall(4, (10,)) == {"R@10": 100.0}


def test_map_at_r_and_r_precision_by_hand():
    rankings, relevant = [[1, 9, 2, 3], [4]], [{1, 2, 3}, {5}]
    assert r_precision(rankings, relevant) == pytest.approx(100 * (2 / 3 + 0) / 2)
    assert map_at_r(rankings, relevant) == pytest.approx(100 * ((1 + 2 / 3) / 3 + 0) / 2)  # R = 3, hits at 1 and 3


def test_map_at_r_of_perfect_short_empty_and_repeating_rankings():
    assert map_at_r([[2, 1]], [{1, 2}]) == r_precision([[2, 1]], [{1, 2}]) == 100
    assert map_at_r([[1]], [{1, 2}]) == r_precision([[1, 1]], [{1, 2}]) == map_at_r([[1, 1]], [{1, 2}]) == 50
    assert map_at_r([[]], [{1}]) == r_precision([[]], [{1}]) == 0


@given(st.permutations(range(8)), st.sets(st.integers(0, 7), min_size=1))
def test_map_at_r_never_exceeds_r_precision(ranking, relevant):
    assert 0 <= map_at_r([ranking], [relevant]) <= r_precision([ranking], [relevant]) + 1e-9 <= 100 + 1e-9


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: recall_at_k([[1]], [1, 2]), "1 rankings for 2 queries"),
        (lambda: recall_at_k([], []), "no queries"),
        (lambda: recall_at_k([[1]], [1], (0,)), "at least 1"),
        (lambda: oracle_recall([1, 0]), "query 1 has no relevant image"),
        (lambda: chance_recall(0), "no relevant image"),
        (lambda: map_at_r([[1]], [set()]), "query 0 has no relevant image"),
        (lambda: r_precision([[1]], []), "1 rankings for 0"),
        (lambda: bm25_rankings([["a"]], ["a"], k=0), "k must be"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def lucene_bm25(documents, query, k1=1.5, b=0.75):
    """BM25 as Lucene writes it, one document and one word at a time."""
    words = [" ".join(captions).lower().split() for captions in documents]
    mean = sum(map(len, words)) / len(words)
    scores = []
    for doc in words:
        score = 0.0
        for word in query.lower().split():
            df, tf = sum(word in w for w in words), doc.count(word)
            idf = math.log(1 + (len(words) - df + 0.5) / (df + 0.5))
            score += idf * tf / (tf + k1 * (1 - b + b * len(doc) / mean))
        scores.append(score)
    return [i for i in sorted(range(len(words)), key=lambda i: (-scores[i], i)) if scores[i] > 0]


def test_bm25_agrees_with_the_formula():
    rng = np.random.default_rng(0)
    vocabulary = "dog cat boy girl runs sits beach park red blue".split()
    documents = [[" ".join(rng.choice(vocabulary, rng.integers(2, 6))) for _ in range(rng.integers(1, 4))] for _ in range(30)]
    queries = [" ".join(rng.choice(vocabulary, 3, replace=False)) for _ in range(10)]
    for ranking, query in zip(bm25_rankings(documents, queries), queries):
        expected = lucene_bm25(documents, query)
        assert set(ranking) == set(expected) and ranking[:3] == expected[:3]


def test_bm25_ranks_only_what_shares_a_word():
    documents = [["A red kite."], [], ["A Dog, running", "the dog"]]
    assert bm25_rankings(documents, ["DOG!", "zebra", "", "a kite"], k=5) == [[2], [], [], [0, 2]]
    assert bm25_rankings(documents, ["a kite"], k=1) == [[0]]
    assert bm25_rankings([[], []], ["a"]) == [[]]


@pytest.mark.skipif(not FLICKR8K.exists(), reason="the Flickr8k sample is not on this machine")
def test_bm25_on_real_captions():
    images = json.loads(FLICKR8K.read_text())["images"]
    captions = [[sentence["raw"] for sentence in image["sentences"]] for image in images]
    rankings = bm25_rankings([c[:-1] for c in captions], [c[-1] for c in captions], k=10)
    assert recall_at_k(rankings, range(len(images)))["R@10"] > 84
