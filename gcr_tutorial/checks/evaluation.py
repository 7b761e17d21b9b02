"""Checks of the exercises in notebook 06: R-Precision, accuracy by level, and an interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .cases import Case, run_cases


def check_precision_at_r(function: Callable[..., Any]) -> None:
    """Exercise 1 of notebook 06: R-Precision over several queries."""
    share = "That is a share between 0 and 1: multiply by 100."
    depth = "You looked at all places. Only the first r count, where r is the number of relevant items of *this* query."
    found = "You divided by the number of places in the ranking: divide by r, so that what was not found counts as missed."
    pooled = "You pooled all queries. Each query counts the same: take the share of each first, then their mean."
    twice = "An item that comes back twice was found once: count different items."
    any_hit = "You counted queries with a hit. It is the share of the relevant items that stands among the first r."
    run_cases(
        function,
        (
            Case(
                "two of three found in the first three places",
                ([[1, 9, 2, 3]], [{1, 2, 3}]),
                200 / 3,
                ((2 / 3, share), (100.0, depth), (75.0, depth), (50.0, depth), (1.0, share)),
            ),
            Case(
                "one query with r = 1, one with r = 2",
                ([[5, 6], [1, 2]], [{6}, {1, 2}]),
                50.0,
                ((100.0, depth), (200 / 3, pooled), (0.5, share), (75.0, depth)),
            ),
            Case("with a ranking shorter than r", ([[1]], [{1, 2, 3, 4}]), 25.0, ((100.0, found), (0.25, share))),
            Case(
                "with a query that found nothing",
                ([[], [3]], [{1}, {3}]),
                50.0,
                ((100.0, "You left out the query that found nothing: it was asked, so it counts as 0."), (0.5, share)),
            ),
            Case("with an item that comes back twice", ([[1, 1, 2]], [{1, 2}]), 50.0, ((100.0, twice),)),
            Case(
                "with queries of r = 2 and r = 4",
                ([[1, 8], [1, 2, 3, 4]], [{1, 2}, {1, 2, 3, 4}]),
                75.0,
                ((500 / 6, pooled), (100.0, any_hit)),
            ),
        ),
        {
            "ZeroDivisionError": "A ranking may be empty: divide by the number of relevant items, which never is 0.",
            "TypeError": "`relevant[i]` is a set: `item in relevant[i]`, `len(relevant[i])`; a ranking is a list.",
        },
    )


def check_accuracy_by_level(function: Callable[..., Any]) -> None:
    """Exercise 2 of notebook 06: at which token answers go wrong."""
    found, right = ["abc", "abd", "aec", "xbc"], ["abc"] * 4
    loose = (
        "You judged every answer at every level. Once an answer has left the path, its later tokens are those of "
        "another cluster: judge only answers whose tokens so far are all right."
    )
    share = "That is a share between 0 and 1: multiply by 100."
    whole = "You divided by the number of all answers: divide by those that were right so far."
    run_cases(
        function,
        (
            Case(
                "four answers to one path",
                (found, right),
                [75.0, 200 / 3, 50.0],
                (([75.0, 75.0, 75.0], loose), ([75.0, 50.0, 25.0], whole), ([0.75, 2 / 3, 0.5], share)),
            ),
            Case("where everybody is right", (["ab", "cd"], ["ab", "cd"]), [100.0, 100.0], (([1.0, 1.0], share),)),
            Case(
                "where everybody leaves at the first token",
                (["xb", "yd"], ["ab", "cd"]),
                [0.0],
                (
                    ([0.0, 0.0], "Nobody is left after that level: stop there, a share of nobody does not exist."),
                    ([0.0, 100.0], loose),
                ),
            ),
            Case(
                "with one answer right and one wrong",
                (["abc", "xyz"], ["abc", "abc"]),
                [50.0, 100.0, 100.0],
                (([50.0, 50.0, 50.0], whole),),
            ),
            Case("with paths of tokens instead of letters", ([("<l0_1>", "<l1_2>")], [("<l0_1>", "<l1_3>")]), [100.0, 0.0], ()),
        ),
        {
            "ZeroDivisionError": "At some level nobody may be left: stop there.",
            "IndexError": "All paths in this exercise are equally long: levels run from 0 to len(right[0]) - 1.",
            "TypeError": "Paths are strings or tuples: compare slices, path[:level].",
        },
    )


def check_interval(function: Callable[..., Any]) -> None:
    """Exercise 3 of notebook 06: the middle 95 % of the recall of resampled pictures."""
    correct = [[1, 1], [1, 0], [0, 0], [1, 1]]  # four pictures, two queries each: R@1 is 62.5
    draws = [[0, 1, 2, 3], [0, 0, 0, 0], [2, 2, 2, 2], [1, 1, 1, 1], [0, 0, 3, 3]]
    share = "That is a share between 0 and 1: multiply by 100."
    ninety = "You cut off 5 % at each end, which leaves 90 %: the middle 95 % lies between the 2.5th and the 97.5th percentile."
    dropped = "You dropped repetitions: drawing with replacement means that a picture may count twice."
    extremes = "These are the smallest and the largest draw: cut off 2.5 % at each end."
    ends = "These look like the means of single pictures: each draw gives *one* recall, the mean over all its pictures."
    run_cases(
        function,
        (
            Case(
                "five draws of four pictures",
                (correct, draws),
                (5.0, 100.0),
                (
                    ((0.05, 1.0), share),
                    ((10.0, 100.0), ninety),
                    ((0.0, 100.0), extremes),
                    ([5.0, 100.0], "Return a tuple: (low, high)."),
                ),
            ),
            Case("draws that are all alike", ([[1], [0]], [[0, 1]] * 10), (50.0, 50.0), (((0.0, 100.0), ends),)),
            Case(
                "a picture drawn twice counts twice",
                ([[1], [0], [0]], [[0, 0, 1]] * 4),
                (200 / 3, 200 / 3),
                (((50.0, 50.0), dropped), ((100 / 3, 100 / 3), dropped)),
            ),
            Case(
                "a hundred draws",
                ([[0], [1]], [[0, 0]] * 5 + [[0, 1]] * 90 + [[1, 1]] * 5),
                (0.0, 100.0),
                (((50.0, 50.0), ninety),),
            ),
        ),
        {
            "TypeError": "`correct` and `draws` are nested lists: np.asarray(correct) lets you index with a whole draw at once.",
            "IndexError": "A draw holds numbers of pictures: rows of `correct`.",
        },
    )
