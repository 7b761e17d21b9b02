"""The checks of notebook 06's exercises explain what is wrong (that they accept the solutions: test_exercises.py)."""

from __future__ import annotations

import numpy as np
import pytest

from gcr_tutorial import checks


def mean(values):
    return 100 * sum(values) / len(values)


def so_far(found, right, level):
    return [f[level] == r[level] for f, r in zip(found, right) if f[:level] == r[:level]]


def means(correct, draws):
    return [100 * np.asarray(correct, dtype=float)[draw].mean() for draw in draws]


def ends(values, low, high):
    return tuple(float(value) for value in np.percentile(values, (low, high)))


PREC, LEVEL, INTERVAL = checks.check_precision_at_r, checks.check_accuracy_by_level, checks.check_interval


@pytest.mark.parametrize(
    ("check", "wrong", "said"),
    [
        (PREC, lambda f, r: mean([len(set(x[: len(w)]) & w) / len(w) for x, w in zip(f, r)]) / 100, "multiply by 100"),
        (PREC, lambda f, r: mean([len(set(x) & w) / len(w) for x, w in zip(f, r)]), "Only the first r count"),
        (PREC, lambda f, r: mean([len(set(x[: len(w)]) & w) / max(1, len(x[: len(w)])) for x, w in zip(f, r)]), "divide by r"),
        (
            PREC,
            lambda f, r: 100 * sum(len(set(x[: len(w)]) & w) for x, w in zip(f, r)) / sum(map(len, r)),
            "Each query counts the same",
        ),
        (PREC, lambda f, r: mean([sum(i in w for i in x[: len(w)]) / len(w) for x, w in zip(f, r)]), "found once"),
        (PREC, lambda f, r: mean([len(set(x[: len(w)]) & w) / len(w) for x, w in zip(f, r) if x]), "left out the query"),
        (
            LEVEL,
            lambda f, r: [mean([a[n] == b[n] for a, b in zip(f, r)]) for n in range(len(r[0]))],
            "Once an answer has left the path",
        ),
        (LEVEL, lambda f, r: [100 * sum(so_far(f, r, n)) / len(r) for n in range(len(r[0]))], "right so far"),
        (LEVEL, lambda f, r: [mean(so_far(f, r, n)) / 100 for n in range(len(r[0]))], "multiply by 100"),
        (LEVEL, lambda f, r: [mean(so_far(f, r, n)) for n in range(len(r[0]))], "ZeroDivisionError"),
        (LEVEL, lambda f, r: [mean(so_far(f, r, n) or [0]) for n in range(len(r[0]))], "stop there"),
        (INTERVAL, lambda c, d: tuple(x / 100 for x in ends(means(c, d), 2.5, 97.5)), "multiply by 100"),
        (INTERVAL, lambda c, d: ends(means(c, d), 5, 95), "leaves 90 %"),
        (INTERVAL, lambda c, d: ends(means(c, d), 0, 100), "cut off 2.5 %"),
        (INTERVAL, lambda c, d: ends(means(c, [sorted(set(draw)) for draw in d]), 2.5, 97.5), "dropped repetitions"),
        (INTERVAL, lambda c, d: list(ends(means(c, d), 2.5, 97.5)), "Return a tuple"),
        (INTERVAL, lambda c, d: None, "is there a `return`"),
    ],
)
def test_mistakes_are_explained(check, wrong, said, capsys):
    check(wrong)
    printed = capsys.readouterr().out
    assert said in printed and "checks passed" not in printed and "hints" in printed
