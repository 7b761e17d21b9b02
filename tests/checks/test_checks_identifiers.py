"""The checks of notebook 02's exercises explain what is wrong (that they accept the solutions: test_exercises.py)."""

from __future__ import annotations

import pytest

from gcr_tutorial.checks import identifiers as checks

SPELL, CODE, COLLIDE = checks.check_spell_path, checks.check_residual_code, checks.check_find_collisions


def coded(vector, codebooks, choose=lambda book, left: int(((book - left) ** 2).sum(1).argmin()), step=-1, base=0):
    left, codes = vector, []
    for book in codebooks:
        best = choose(book, left)
        codes.append(best + base)
        left = left + step * book[best]
    return codes


def owners(names):
    found: dict = {}
    for i, name in enumerate(names):
        found.setdefault(name, []).append(i)
    return found


@pytest.mark.parametrize(
    ("check", "wrong", "said"),
    [
        (SPELL, lambda path: tuple(f"<l_{n}>" for n in path), "One alphabet for all levels"),
        (SPELL, lambda path: tuple(f"<l{i + 1}_{n}>" for i, n in enumerate(path)), "count from 0"),
        (SPELL, lambda path: tuple(f"<l{n}_{i}>" for i, n in enumerate(path)), "changed places"),
        (SPELL, lambda path: "".join(f"<l{i}_{n}>" for i, n in enumerate(path)), "one string"),
        (SPELL, lambda path: [f"<l{i}_{n}>" for i, n in enumerate(path)], "return a"),
        (SPELL, lambda path: tuple(f"<l{path.index(n)}_{n}>" for n in path), "enumerate"),
        (SPELL, lambda path: tuple("<l" + i + "_" + n for i, n in enumerate(path)), "f-string"),
        (CODE, lambda v, books: coded(v, books, step=0), "whole vector"),
        (CODE, lambda v, books: coded(v, books, lambda book, left: int((book @ left).argmax())), "scalar product"),
        (CODE, lambda v, books: coded(v, books, base=1), "count from 0"),
        (CODE, lambda v, books: coded(v, books, lambda book, left: int(((book - left) ** 2).sum(1).argmax())), "farthest"),
        (CODE, lambda v, books: None, "is there a `return`"),
        (COLLIDE, lambda names: list(owners(names).values()), "groups of two or more"),
        (COLLIDE, lambda names: [name for name, at in owners(names).items() if len(at) > 1], "not their names"),
        (COLLIDE, lambda names: [i for at in owners(names).values() if len(at) > 1 for i in at], "for each shared name"),
        (COLLIDE, lambda names: [i for i, name in enumerate(names) if name in names[:i]], "first picture"),
        (
            COLLIDE,
            lambda names: [[i, j] for i in range(len(names)) for j in range(i + 1, len(names)) if names[i] == names[j]][::1],
            "pairs",
        ),
        (COLLIDE, lambda names: [at for at in owners([n[:1] for n in names]).values() if len(at) > 1], "no collision"),
    ],
)
def test_wrong_answers_are_explained(check, wrong, said, capsys):
    check(wrong)
    printed = capsys.readouterr().out
    assert said in printed and "checks passed" not in printed and "hints" in printed
