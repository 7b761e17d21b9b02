"""The checks of notebook 05's exercises explain what is wrong (that they accept the solutions: test_exercises.py)."""

from __future__ import annotations

import functools
import heapq
import math

import pytest

from gcr_tutorial import checks


def walked(trie, prefix):
    for token in prefix:
        trie = trie.get(token, {})
    return trie


def masked(trie, prefix, scores, end, out=-math.inf, allowed=None):
    allowed = walked(trie, prefix) or {end} if allowed is None else allowed
    return [score if token in allowed else out for token, score in enumerate(scores)]


def stepped(live, children, width, add=lambda a, b: a + b, reverse=True):
    candidates = {(*p, t): add(s, x) for p, s in live.items() for t, x in children[p].items()}
    return {p: candidates[p] for p in sorted(candidates, key=candidates.get, reverse=reverse)[:width]}


def searched(log_probs, k, stop=lambda best_open, finished, k: False):
    """Best-first search with a rule of its own for when to stop."""
    heap, finished, count = [(0.0, ())], [], 0
    while heap:
        cost, prefix = heapq.heappop(heap)
        finished = sorted(finished, key=lambda pair: -pair[1])[:k]
        if stop(-cost, finished, k):
            break
        count += 1
        for token, log_p in log_probs[prefix].items():
            longer = (*prefix, token)
            finished.append((longer, -cost + log_p)) if token == 0 else heapq.heappush(heap, (cost - log_p, longer))
    return sorted(finished, key=lambda pair: -pair[1])[:k], count


MASK, STEP, BEST = checks.check_constrain, checks.check_beam_step, checks.check_best_first


@pytest.mark.parametrize(
    ("check", "wrong", "said"),
    [
        (MASK, lambda t, p, s, e: masked(t, p, s, e, out=0.0), "0 there means certainty"),
        (MASK, lambda t, p, s, e: masked(t, (), s, e), "walk along the prefix"),
        (MASK, lambda t, p, s, e: masked(t, p, s, e, allowed=set(walked(t, p)) - {e}), "may end here"),
        (MASK, lambda t, p, s, e: masked(t, p, s, e, allowed=set(walked(t, p))), "Nothing is left to choose"),
        (MASK, lambda t, p, s, e: s if not walked(t, p) else masked(t, p, s, e), "allow the end token alone"),
        (MASK, lambda t, p, s, e: masked(t, p, s, 0) if e == 0 else [-1.0] + [-math.inf] * 7, "argument `end`"),
        (MASK, lambda t, p, s, e: masked(t, p, s, e, allowed=set(range(len(s))) - set(t)), "the other way round"),
        (MASK, lambda t, p, s, e: masked(functools.reduce(dict.__getitem__, p, t), (), s, e), "may leave the trie"),
        (STEP, lambda live, c, w: stepped(live, c, w, lambda a, b: b), "compared the new tokens alone"),
        (STEP, lambda live, c, w: stepped(live, c, 99), "only the best `width`"),
        (STEP, lambda live, c, w: stepped(live, c, w, reverse=False), "the worst"),
        (STEP, lambda live, c, w: stepped(live, c, w, lambda a, b: a * b), "multiply along a path"),
        (
            STEP,
            lambda live, c, w: {k: v for p in live for k, v in stepped({p: live[p]}, c, 1).items()},
            "compete for the same places",
        ),
        (
            STEP,
            lambda live, c, w: {k if len(k) > 1 else k[0]: v for k, v in stepped(live, c, w).items()},
            "whole prefix, a tuple",
        ),
        (BEST, lambda lp, k: searched(lp, k), "could no longer matter"),
        (BEST, lambda lp, k: searched(lp, k, lambda best, done, k: len(done) > 0), "k answers were asked for"),
        (BEST, lambda lp, k: searched(lp, k, lambda best, done, k: len(done) == k), "may still beat it"),
        (
            BEST,
            lambda lp, k: searched(lp, k, lambda best, done, k: len(done) == k and best <= done[-1][1])[0],
            "Return two things",
        ),
        (BEST, lambda lp, k: [].pop(), "IndexError"),
    ],
)
def test_mistakes_are_explained(check, wrong, said, capsys):
    check(wrong)
    printed = capsys.readouterr().out
    assert said in printed and "checks passed" not in printed and "hints" in printed
