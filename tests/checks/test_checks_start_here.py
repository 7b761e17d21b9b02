"""The checks of notebook 00's exercises explain what is wrong (that they accept the solutions: test_exercises.py)."""

from __future__ import annotations

import pytest

from gcr_tutorial.checks import END, check_next_tokens, check_recall_at_k

NEXT, RECALL = check_next_tokens, check_recall_at_k


@pytest.mark.parametrize(
    ("check", "wrong", "said"),
    [
        (NEXT, lambda ids, p: sorted({i[len(p)] for i in ids if len(i) > len(p)}), "do not start with the prefix"),
        (NEXT, lambda ids, p: sorted(i[len(p)] for i in ids if i[: len(p)] == p and len(i) > len(p)), "came back twice"),
        (NEXT, lambda ids, p: {i[len(p)] for i in ids if i[: len(p)] == p and len(i) > len(p)}, "a set: return"),
        (NEXT, lambda ids, p: sorted({t for i in ids if i[: len(p)] == p for t in i[len(p) :]}), "right after the prefix"),
        (
            NEXT,
            lambda ids, p: sorted({i[len(p)] for i in ids if i[: len(p)] == p and len(i) > len(p)} - {END}),
            "is a next token too",
        ),
        (NEXT, lambda ids, p: sorted({i[len(p)] for i in ids if i[: len(p)] == p}), "IndexError"),
        (NEXT, lambda ids, p: sorted({i[len(p)] for i in ids if set(p) <= set(i) and len(i) > len(p)}), "merely contain"),
        (NEXT, lambda ids, p: None, "is there a `return`"),
        (RECALL, lambda r, t, k: sum(x in f[:k] for f, x in zip(r, t)) / len(t), "multiply by 100"),
        (
            RECALL,
            lambda r, t, k: 100 * sum(x in f[:k] for f, x in zip(r, t) if f) / max(1, sum(map(bool, r))),
            "stay in the denominator",
        ),
        (RECALL, lambda r, t, k: 100 * sum(x in f for f, x in zip(r, t)) / len(t), "only the first k places"),
        (RECALL, lambda r, t, k: 100 * sum(x in f[: k - 1] for f, x in zip(r, t)) / len(t), "which are k of them"),
        (RECALL, lambda r, t, k: 100 * sum(f.index(x) < k for f, x in zip(r, t)) / len(t), "ValueError"),
        (RECALL, lambda r, t, k: 100 * sum(x in f[:k] for f, x in zip(r, t)), "divide by the number of queries"),
        (RECALL, lambda r, t, k: "all of them", "expected 25.0"),
    ],
)
def test_checks_explain_what_is_wrong(check, wrong, said, capsys):
    check(wrong)
    printed = capsys.readouterr().out
    assert said in printed and "checks passed" not in printed and "hints" in printed
