"""The checks of notebook 04's exercises explain what is wrong (that they accept the solutions: test_exercises.py)."""

from __future__ import annotations

import re

import pytest

from gcr_tutorial.checks import check_mix_in, check_top_p_filter, check_without_near_duplicates

TOP, NEAR, MIX = check_top_p_filter, check_without_near_duplicates, check_mix_in


def nucleus(probabilities, p, *, order=None, keep=lambda before, own, p: before < p, scale=True):
    order = order or sorted(range(len(probabilities)), key=lambda i: -probabilities[i])
    kept, before = [0.0] * len(probabilities), 0.0
    for i in order:
        if keep(before, probabilities[i], p):
            kept[i] = probabilities[i]
        before += probabilities[i]
    total = sum(kept) if scale else 1
    return [value / total for value in kept]


def distinct(captions, key):
    kept = {}
    for caption in captions:
        kept.setdefault(key(caption), caption)
    return [caption for name, caption in kept.items() if name]


def words(text):
    return re.findall(r"\w+", text.lower())


def plain(text):
    return [word for word in words(text) if word not in ("a", "an", "the")]


@pytest.mark.parametrize(
    ("check", "wrong", "said"),
    [
        (TOP, lambda q, p: nucleus(q, p, scale=False), "divide by its sum"),
        (TOP, lambda q, p: nucleus(q, p, keep=lambda before, own, p: before + own <= p), "dropped the token with which"),
        (TOP, lambda q, p: nucleus(q, p, keep=lambda before, own, p: before <= p), "one token too many"),
        (TOP, lambda q, p: nucleus(q, p, order=list(range(len(q)))), "begin with the likeliest"),
        (TOP, lambda q, p: nucleus(sorted(q, reverse=True), p), "stay at its token's place"),
        (TOP, lambda q, p: [x if x >= p else 0.0 for x in q], "about the *sum*"),
        (TOP, lambda q, p: list(q), "Nothing was dropped"),
        (TOP, lambda q, p: nucleus(q, p, keep=lambda before, own, p: own >= p), "ZeroDivisionError"),
        (NEAR, lambda c: list(c), "keep only the first"),
        (NEAR, lambda c: distinct(c, str), "Capitals should not matter"),
        (NEAR, lambda c: distinct(c, lambda t: tuple(words(t))), "order of the words"),
        (NEAR, lambda c: distinct(c, lambda t: tuple(sorted(words(t)))), "articles a, an, the should not"),
        (NEAR, lambda c: distinct(c, lambda t: frozenset(plain(t))), "counts twice"),
        (NEAR, lambda c: list({tuple(sorted(plain(t))): t for t in c}.values()), "the *first* is kept"),
        (NEAR, lambda c: [" ".join(key) for key in dict.fromkeys(tuple(sorted(plain(t))) for t in c)], "captions themselves"),
        (
            NEAR,
            lambda c: distinct(c, lambda t: tuple(sorted(re.findall(r"\w+", re.sub("an?|the", "", t.lower()))))),
            "expected",
        ),
        (
            NEAR,
            lambda c: list(dict.fromkeys([*distinct(c, lambda t: tuple(sorted(plain(t)))), *[t for t in c if not plain(t)]])),
            "expected",
        ),
        (NEAR, lambda c: distinct(c, plain), "make it a tuple"),
        (MIX, lambda r, m, s: r + m, "added all memorize examples"),
        (MIX, lambda r, m, s: [m[i % len(m)] for i in range(round(s * len(r)))], "retrieve examples are missing"),
        (MIX, lambda r, m, s: [m[i % len(m)] for i in range(round(s * len(r)))] + r, "come first"),
        (MIX, lambda r, m, s: r + m[: round(s * len(r))], "go on from the start"),
        (MIX, lambda r, m, s: r + m[:1] * round(s * len(r)), "over and over"),
        (MIX, lambda r, m, s: r + [m[i % len(m)] for i in range(int(s * len(r)))], "use round, not int"),
        (MIX, lambda r, m, s: r + [m[i] for i in range(round(s * len(r)))], "IndexError"),
    ],
)
def test_checks_explain_what_is_wrong(check, wrong, said, capsys):
    check(wrong)
    printed = capsys.readouterr().out
    assert said in printed and "checks passed" not in printed and "hints" in printed
