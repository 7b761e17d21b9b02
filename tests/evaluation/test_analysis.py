"""Accuracy by level, kinds of misses, intervals, risk and coverage, shorter captions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcr_tutorial.evaluation.analysis import (
    OUTCOMES,
    beginnings,
    bootstrap_interval,
    level_accuracy,
    miss_kind,
    risk_coverage,
    shared_tokens,
)
from gcr_tutorial.example import PICTURES, QUERIES, captions
from gcr_tutorial.picturebook import parse, sample_scene, satisfies, scene_seed

paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("".join)
pairs = st.lists(st.tuples(paths, paths), min_size=1, max_size=30)


def test_accuracy_by_level_by_hand():
    assert level_accuracy(["abc", "abd", "aec", "xbc"], ["abc"] * 4) == [(4, 75.0), (3, pytest.approx(200 / 3)), (2, 50.0)]
    assert level_accuracy(["xb"], ["ab"]) == [(1, 0.0)]  # nobody is left
    assert level_accuracy(["a", "ab"], ["ab", "ab"]) == [(2, 100.0), (2, 50.0)]  # too short is wrong
    assert level_accuracy(["ab", "cd"], ["a", "cd"]) == [(2, 100.0), (2, 50.0)]  # too long too
    assert level_accuracy(["a", "cd"], ["a", "cd"]) == [(2, 100.0), (1, 100.0)]  # nothing to judge after both end
    with pytest.raises(ValueError, match="2 answers for 1"):
        level_accuracy(["a", "b"], ["a"])


@given(pairs)
def test_the_product_of_all_levels_is_the_share_of_right_answers_of_equal_length(some):
    found, right = zip(*((a[:1] * 3, b[:1] * 3) for a, b in some))
    levels = level_accuracy(found, right)
    product = np.prod([share / 100 for _, share in levels])
    assert product == pytest.approx(np.mean([f == r for f, r in zip(found, right)]))
    assert levels[0][0] == len(some)


@given(paths, paths)
def test_shared_tokens_is_the_longest_common_beginning(one, other):
    n = shared_tokens(one, other)
    assert one[:n] == other[:n] and (n == min(len(one), len(other)) or one[n] != other[n])
    assert shared_tokens(one, one) == len(one)


def test_kinds_of_misses():
    relevant = {1, 2}
    assert [
        miss_kind(*case)
        for case in (
            (1, 1, relevant, 7),
            (2, 1, relevant, 7),
            (7, 1, relevant, 1),
            (7, 1, relevant, 2),
            (7, 1, relevant, 8),
            (-1, 1, relevant, 7),
        )
    ] == ["right", "equally good", "search error", "search error", "model error", "model error"]
    assert Counter(OUTCOMES) == Counter(("right", "equally good", "search error", "model error"))


def test_interval_is_known_in_simple_cases():
    assert bootstrap_interval([[1, 1], [1, 1]]) == (100, 100)
    assert bootstrap_interval([[1, 0]] * 5) == (50, 50)  # pictures are drawn whole
    low, high = bootstrap_interval(np.arange(400).reshape(-1, 1) % 2)
    assert low == pytest.approx(45.1, abs=0.7) and high == pytest.approx(54.9, abs=0.7)  # 50 +- 1.96 * 50 / sqrt(400)
    narrow = bootstrap_interval(np.arange(400).reshape(-1, 1) % 2, percent=50)
    assert low < narrow[0] < narrow[1] < high
    assert bootstrap_interval([[1], [0], [1]], seed=3) == bootstrap_interval([[1], [0], [1]], seed=3)
    for bad in (np.zeros(3), np.zeros((0, 2))):
        with pytest.raises(ValueError, match="shape"):
            bootstrap_interval(bad)


def test_queries_of_one_picture_widen_the_interval():
    together = np.repeat(np.arange(100) % 2, 5).reshape(100, 5)
    by_picture, by_query = bootstrap_interval(together), bootstrap_interval(together.reshape(-1, 1))
    assert by_picture[1] - by_picture[0] > 1.8 * (by_query[1] - by_query[0])  # sqrt(5)


@given(st.lists(st.tuples(st.floats(-9, 0), st.booleans()), min_size=1, max_size=40))
def test_risk_ends_at_the_error_and_coverage_at_all(answers):
    scores, correct = zip(*answers)
    coverage, risk = risk_coverage(scores, correct)
    assert coverage[-1] == 100 and risk[-1] == pytest.approx(100 * (1 - np.mean(correct)))
    assert (np.diff(coverage) > 0).all() and (risk >= 0).all() and (risk <= 100).all()
    best = max(range(len(scores)), key=lambda i: scores[i])
    assert risk[0] == (0 if correct[best] else 100)


def test_a_score_that_knows_everything_puts_all_errors_last():
    _, risk = risk_coverage([0.9, 0.8, 0.2, 0.1], [True, True, False, False])
    assert risk.tolist() == pytest.approx([0, 0, 100 / 3, 50])
    with pytest.raises(ValueError, match="2 scores for 1"):
        risk_coverage([1, 2], [True])


def test_beginnings_say_less_and_stay_true():
    assert beginnings(QUERIES[0].text) == [
        "A man flying a brown kite in a winter landscape",
        "A man flying a brown kite",
        "A man",
    ]
    assert beginnings("Colourless green ideas") == []
    assert beginnings("A bus stop is behind a black dog.") == ["A bus stop is behind a black dog", "A bus stop"]  # no bus
    for name in PICTURES:
        scene = sample_scene(scene_seed("tutorial", *map(int, name.split("-")[1:])))
        for caption in captions(name):
            shorter = beginnings(caption)
            assert shorter[0] == caption.rstrip(".")
            assert all(satisfies(scene, parse(text)) for text in shorter)
