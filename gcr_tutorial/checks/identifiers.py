"""Checks of the exercises in notebook 02: a path as tokens, residual codes, identifiers that collide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .cases import Case, run_cases


def check_spell_path(function: Callable[..., Any]) -> None:
    """Exercise 1 of notebook 02: a path through the cluster tree as tokens."""
    one = "One alphabet for all levels: a number means something else on each level, so the level belongs into the token."
    start = "Levels count from 0: the first token is <l0_...>."
    turned = "Level and number have changed places: it is <l, level, _, number, >."
    joined = "That is one string: return a tuple with a token for each number."
    run_cases(
        function,
        (
            Case(
                "the path 7 3 2",
                ((7, 3, 2),),
                ("<l0_7>", "<l1_3>", "<l2_2>"),
                (
                    (("<l_7>", "<l_3>", "<l_2>"), one),
                    (("<l0_7>", "<l0_3>", "<l0_2>"), one),
                    (("<7>", "<3>", "<2>"), one),
                    (("<l1_7>", "<l2_3>", "<l3_2>"), start),
                    (("<l7_0>", "<l3_1>", "<l2_2>"), turned),
                    ("<l0_7><l1_3><l2_2>", joined),
                ),
            ),
            Case("a path of one number", ((5,),), ("<l0_5>",), (("<l0_5>", "A tuple of one has a comma: (token,)."),)),
            Case(
                "the same number on every level",
                ((1, 1, 1, 1),),
                ("<l0_1>", "<l1_1>", "<l2_1>", "<l3_1>"),
                ((("<l0_1>",) * 4, "path.index(number) finds its *first* place, every time: use enumerate."),),
            ),
            Case("numbers of two digits", ((12, 30),), ("<l0_12>", "<l1_30>"), ()),
        ),
        {"TypeError": "A path holds whole numbers: put them into the token with an f-string."},
    )


def check_residual_code(function: Callable[..., Any]) -> None:
    """Exercise 2 of notebook 02: the residual codes of a vector."""
    whole = (
        "Every level looked at the whole vector: subtract the chosen code vector first, and give the next level what is left."
    )
    product = "That is the code vector with the largest scalar product: a long one wins from far away. Take the distance."
    one_based = "Codes count from 0, as argmin does."
    farthest = "That is the farthest: argmin, not argmax."
    added = "What is left is the vector *minus* what was chosen."
    first = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    second = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [9.0, 9.0]])
    third = np.array([[0.5, 0.0], [-0.5, 0.0]])
    run_cases(
        function,
        (
            Case(
                "two levels, [3, 0]",
                (np.array([3.0, 0.0]), [first, second]),
                [1, 1],
                (([1, 0], whole), ([1, 3], product), ([2, 2], one_based), ([2, 3], farthest)),
            ),
            Case(
                "two levels, [0, 5]",
                (np.array([0.0, 5.0]), [first, second]),
                [2, 2],
                (([2, 3], product), ([3, 3], one_based), ([1, 3], farthest)),
            ),
            Case(
                "three levels, [5.4, 0]",
                (np.array([5.4, 0.0]), [first, second, third]),
                [1, 0, 0],
                (
                    ([1, 3, 0], added),
                    ([1, 0, 1], "The residual after two codes points the other way: subtract at every level."),
                ),
            ),
            Case("no codebook at all", (np.array([1.0, 1.0]), []), [], ()),
        ),
        {
            "ValueError": "Shapes: a codebook is (K, D), what is left is (D,), so codebook - left is (K, D): sum over axis 1.",
            "IndexError": "A code must be a row of its own codebook: argmin over axis 0 of the K distances.",
        },
    )


def check_find_collisions(function: Callable[..., Any]) -> None:
    """Exercise 3 of notebook 02: the groups of pictures that share an identifier."""
    singles = "Pictures with a name of their own are in no group: keep groups of two or more."
    names = "Return the numbers of the pictures, not their names."
    prefix = "One name is the beginning of the other, but they are not equal: no collision, the end token tells them apart."
    flat = "All in one list: return a list for each shared name."
    pairs = "These are pairs: the three pictures share one name and make one group."
    later = "Only the second and later owners: the first picture with the name collides as well."
    a, b, ab = ("<l0_1>",), ("<l0_2>",), ("<l0_1>", "<l1_0>")
    run_cases(
        function,
        (
            Case(
                "two of three share",
                ([a, b, a],),
                [[0, 2]],
                (([[0, 2], [1]], singles), ([a], names), ([[a, a]], names), ([0, 2], flat), ([2], later), ([[2]], later)),
            ),
            Case("one name begins another", ([a, ab],), [], (([[0, 1]], prefix), ([[0], [1]], singles))),
            Case(
                "three of a kind and two of another",
                ([b, a, a, b, a],),
                [[0, 3], [1, 2, 4]],
                (
                    ([[1, 2, 4], [0, 3]], "The right groups; the one whose first member comes first stands first."),
                    ([[0, 3], [1, 2], [1, 4], [2, 4]], pairs),
                    ([0, 1, 2, 3, 4], flat),
                ),
            ),
            Case("no two alike", ([a, b, ab],), [], (([[0], [1], [2]], singles),)),
        ),
        {"TypeError": "A tuple can be the key of a dictionary, a list cannot: the names are tuples, leave them so."},
    )
