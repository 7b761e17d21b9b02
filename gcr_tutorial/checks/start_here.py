"""Checks of the exercises in notebook 00: which tokens may follow a prefix, and Recall@K."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .cases import END, Case, run_cases

# Four identifiers as a trie sees them: one is the beginning of another, and each ends in the end token.
IDENTIFIERS = (("a", END), ("a", "b", END), ("a", "c", "b", END), ("d", "b", END))
ERRORS = {
    "IndexError": "An identifier can be shorter than the prefix, and a ranking can be empty: look before you index, or slice.",
    "ZeroDivisionError": "Divide by the number of queries, len(targets), which is never zero here.",
    "ValueError": "list.index raises where the item is missing: test with `in` first.",
    "TypeError": "Identifiers and prefixes are tuples of strings, rankings are lists of integers: print one and look.",
}


def check_next_tokens(function: Callable[..., Any]) -> None:
    """Exercise 1 of notebook 00: which tokens may follow a prefix."""
    whole = "You returned what is left of whole identifiers: only the *next* token is wanted, identifier[len(prefix)]."
    every = "You returned every token of the matching identifiers: only the one right after the prefix is wanted."
    twice = "The same token came back twice: two identifiers can share a branch. Collect them in a set, then sort."
    ignored = (
        "You let in identifiers that do not start with the prefix: compare identifier[:len(prefix)] with the prefix, in order."
    )
    backwards = "Look at the identifiers that start with the prefix, not at those that merely contain its tokens."
    lost = "An identifier may end here: its end token is a next token too, so don't throw it away."
    run_cases(
        function,
        (
            Case(
                "at the root",
                (IDENTIFIERS, ()),
                ["a", "d"],
                ((["a", "a", "a", "d"], twice), ([END, "a", "b", "c", "d"], every)),
            ),
            Case(
                "after a",
                (IDENTIFIERS, ("a",)),
                [END, "b", "c"],
                (
                    (["b", "c"], lost),
                    ([END, "b", "b", "c"], ignored),
                    ([END, "b", "b", "c", "c"], twice),
                    ([END, "a", "b", "c"], every),
                    ([(END,), ("b", END), ("c", "b", END)], whole),
                ),
            ),
            Case("after d", (IDENTIFIERS, ("d",)), ["b"], (([END, "b", "c"], ignored), ([END, "b"], every))),
            Case(
                "after b, with which nothing starts",
                (IDENTIFIERS, ("b",)),
                [],
                (([END], backwards), (["b", "c"], backwards), ([END, "b"], backwards), ([END, "b", "c"], ignored)),
            ),
            Case("after the complete identifier a b", (IDENTIFIERS, ("a", "b")), [END], (([], lost), ([END, "b"], ignored))),
            Case("after a b <end>, where nothing can follow", (IDENTIFIERS, ("a", "b", END)), [], (([END], ignored),)),
            Case("with other identifiers", ((("x", "y", END), ("x", "z", END)), ("x",)), ["y", "z"], ()),
        ),
        ERRORS,
    )


def check_recall_at_k(function: Callable[..., Any]) -> None:
    """Exercise 2 of notebook 00: Recall@K over all queries, in percent."""
    share = "That is a share between 0 and 1: recall is reported in percent, so multiply by 100."
    dropped = (
        "You left out the query that found nothing. It failed, and a failure must stay in the denominator: divide "
        "by len(targets). (Leaving it out makes a model look better the more often it fails.)"
    )
    deeper = "You looked too far down: only the first k places count, ranking[:k]."
    shallow = "You looked at fewer than k places: ranking[:k] holds places 0 to k - 1, which are k of them."
    total = "That is a sum over queries: divide by the number of queries, len(targets)."
    rankings, targets = ([7, 1, 2], [4, 5, 3], [2, 9, 8], [6, 0, 1]), [7, 5, 8, 3]
    run_cases(
        function,
        (
            Case(
                "R@1 of four queries",
                (rankings, targets, 1),
                25.0,
                ((0.25, share), (0.0, shallow), (50.0, deeper), (75.0, deeper), (0.75, deeper), (1, total), (100.0, total)),
            ),
            Case("R@2", (rankings, targets, 2), 50.0, ((0.5, share), (25.0, shallow), (75.0, deeper), (2, total))),
            Case(
                "with a query that found nothing",
                (([1], [], [2], [3]), [1, 5, 2, 4], 1),
                50.0,
                ((200 / 3, dropped), (2 / 3, dropped), (0.5, share)),
            ),
            Case(
                "with rankings shorter than k",
                (([1, 2], [3]), [2, 4], 10),
                50.0,
                (
                    (0.5, share),
                    (5.0, "Divide by the number of queries, not by k: recall counts queries whose target was found."),
                ),
            ),
            Case("with every query failing", (([], []), [1, 2], 5), 0.0, ()),
        ),
        ERRORS,
    )
