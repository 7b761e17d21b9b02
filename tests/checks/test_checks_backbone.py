"""The checks of notebook 01's exercises explain what is wrong (that they accept the solutions: test_exercises.py)."""

from __future__ import annotations

import pytest
import torch

from gcr_tutorial.checks import backbone as checks

TOKENS, EXPAND, RANK = checks.check_image_tokens, checks.check_expand_image, checks.check_rank_by_cosine
W, G, I = checks.WRAPPER, checks.GLOBAL, checks.IMAGE


def swapped(piece):
    return lambda tokens, n: [t for token in tokens for t in (piece(n) if token == I else [token])]


def ranked(values, **how):
    return values.argsort(**{"descending": True, "stable": True, **how}).tolist()


@pytest.mark.parametrize(
    ("check", "wrong", "said"),
    [
        (TOKENS, lambda s, p, c: (s // p) ** 2, "number of patches"),
        (TOKENS, lambda s, p, c: (s // p) ** 2 // c, "scale patches high"),
        (TOKENS, lambda s, p, c: s // p // c, "a picture has two"),
        (TOKENS, lambda s, p, c: (s // p) ** 2 // 4, "scale squared, 16"),
        (TOKENS, lambda s, p, c: None, "is there a `return`"),
        (EXPAND, swapped(lambda n: [W, G, *[I] * n]), "both sides"),
        (EXPAND, swapped(lambda n: [W, *[I] * n, W]), "<global-img> is missing"),
        (EXPAND, swapped(lambda n: [I] * n), "what stands around them"),
        (EXPAND, swapped(lambda n: [[W, G, *[I] * n, W]]), "list into the list"),
        (EXPAND, swapped(lambda n: [W, G, I, W]), "n times"),
        (EXPAND, lambda tokens, n: list(tokens), "Nothing has changed"),
        (EXPAND, lambda t, n: t[: t.index(I)] + [W, G, *[I] * n, W] + t[t.index(I) + 1 :] if I in t else t, "several pictures"),
        (RANK, lambda q, x: ranked(x @ q), "scalar products"),
        (RANK, lambda q, x: ranked(x @ q, descending=False), "descending"),
        (RANK, lambda q, x: sorted((x @ q).tolist(), reverse=True), "at whatever row"),
        (RANK, lambda q, x: sorted(range(len(x)), key=lambda i: (-round(float(x[i] @ q / x[i].norm()), 5), -i)), "stable=True"),
        (RANK, lambda q, x: torch.cosine_similarity(x, q[None]).tolist().sort(), "is there a `return`"),
        (RANK, lambda q, x: ranked(x.T @ q), "Shapes"),
    ],
)
def test_wrong_answers_are_explained(check, wrong, said, capsys):
    check(wrong)
    printed = capsys.readouterr().out
    assert said in printed and "checks passed" not in printed and "hints" in printed
