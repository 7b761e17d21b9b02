"""The checks of notebook 03's exercises explain what is wrong (that they accept the solutions: test_exercises.py)."""

from __future__ import annotations

import pytest

from gcr_tutorial.checks import check_learning_rate, check_named_right, check_next_token_labels

LABELS, MATCH, RATE = check_next_token_labels, check_named_right, check_learning_rate
X = -100


@pytest.mark.parametrize(
    ("check", "wrong", "said"),
    [
        (LABELS, lambda t, n: [x if i >= n else X for i, x in enumerate(t[:-1])], "repeat what it has just read"),
        (LABELS, lambda t, n: t[1:], "You put labels on the prompt too"),
        (LABELS, lambda t, n: [x if i >= n else X for i, x in enumerate(t[1:])], "one position too late"),
        (LABELS, lambda t, n: [x if i >= n - 2 else X for i, x in enumerate(t[1:])], "one position too early"),
        (LABELS, lambda t, n: [X] * (n - 1) + t[n:-1] + [X], "The end token has no label"),
        (LABELS, lambda t, n: [X] * n + t[n:], "one label too many"),
        (LABELS, lambda t, n: t[n:], "for *every* position"),
        (LABELS, lambda t, n: [t[i + 1] for i in range(len(t))], "IndexError"),
        (LABELS, lambda t, n: None, "is there a `return`"),
        (MATCH, lambda w, t: sum(a[: len(b)] == b for a, b in zip(w, t)) / len(t), "multiply by 100"),
        (MATCH, lambda w, t: sum(a[: len(b)] == b for a, b in zip(w, t)), "That is a count"),
        (
            MATCH,
            lambda w, t: 100 * sum(x == y for a, b in zip(w, t) for x, y in zip(a, b)) / sum(map(len, t)),
            "You counted right tokens",
        ),
        (MATCH, lambda w, t: 100 * sum(a[: len(b) - 1] == b[:-1] for a, b in zip(w, t)) / len(t), "never closed"),
        (MATCH, lambda w, t: 100 * sum(a == b for a, b in zip(w, t)) / len(t), "*after* its end token"),
        (MATCH, lambda w, t: 100 * sum(sorted(a[: len(b)]) == sorted(b) for a, b in zip(w, t)) / len(t), "in another order"),
        (
            MATCH,
            lambda w, t: 100 * sum(a[: len(b)] == b for a, b in zip(w, t) if a) / sum(map(bool, w)),
            "left out the picture",
        ),
        (RATE, lambda s, n, w, p: p * (s / w if s < w else (n - s) / n), "starts too low"),
        (RATE, lambda s, n, w, p: p * (n - s) / n, "There is no warm-up"),
        (RATE, lambda s, n, w, p: p * (s / w if s < w else 1), "should fall"),
        (RATE, lambda s, n, w, p: s / w if s < w else max(0, (n - s) / (n - w)), "multiply it by `peak`"),
        (RATE, lambda s, n, w, p: p * (s / w if s < w else (n - s) / (n - w)), "went below 0"),
        (RATE, lambda s, n, w, p: p * min(s / w, max(0, (n - s) / (n - w))), "don't divide by it"),
        (RATE, lambda s, n, w, p: p * ((s + 1) / w if s < w else max(0, (n - s) / (n - w))), "rate there is 0"),
    ],
)
def test_checks_explain_what_is_wrong(check, wrong, said, capsys):
    check(wrong)
    printed = capsys.readouterr().out
    assert said in printed and "checks passed" not in printed and "hints" in printed
