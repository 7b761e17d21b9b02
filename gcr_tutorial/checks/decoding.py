"""Checks of the exercises in notebook 05: the mask, one step of a beam, and a search that may stop early."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .cases import Case, run_cases

# A trie of nested dictionaries over the tokens 1 to 4; 0 ends an identifier. (1,) is the beginning of (1, 3).
TRIE = {1: {0: {}, 3: {0: {}}}, 2: {3: {0: {}}, 4: {0: {}}}}
OUT = -math.inf


def check_constrain(function: Callable[..., Any]) -> None:
    """Exercise 1 of notebook 05: what a trie does to the scores of the next token."""
    scores = [-3.0, -1.0, -2.0, -0.5, -4.0]
    renormalised = "You changed scores that are allowed. The constraint only takes tokens away: the rest stay as they are."
    zeros = "A score is a logarithm: 0 there means certainty. What is forbidden gets -inf, whose exponential is 0."
    upside = "You masked the children and kept the others: it is the other way round."
    root = "These are the children of the root: walk along the prefix first."
    nothing = (
        "Nothing is left to choose, and a sampler fails on a row of -inf. Outside the trie, allow the end token "
        "alone: transformers wants an answer there too, and whoever reads the result drops it."
    )
    forgot_end = "An identifier may end here: the end token (0) is a child like any other."
    run_cases(
        function,
        (
            Case(
                "at the root",
                (TRIE, (), scores, 0),
                [OUT, -1.0, -2.0, OUT, OUT],
                (
                    ([0.0, -1.0, -2.0, 0.0, 0.0], zeros),
                    ([-3.0, OUT, OUT, -0.5, -4.0], upside),
                    ([OUT, -1.0 + math.log1p(math.exp(-1)), -2.0, OUT, OUT], renormalised),
                ),
            ),
            Case(
                "after 1, where an identifier ends and another goes on",
                (TRIE, (1,), scores, 0),
                [-3.0, OUT, OUT, -0.5, OUT],
                (
                    ([OUT, OUT, OUT, -0.5, OUT], forgot_end),
                    ([OUT, -1.0, -2.0, OUT, OUT], root),
                    ([-3.0, 0.0, 0.0, -0.5, 0.0], zeros),
                ),
            ),
            Case(
                "after 2 4, a complete identifier",
                (TRIE, (2, 4), scores, 0),
                [-3.0, OUT, OUT, OUT, OUT],
                (([OUT] * 5, forgot_end),),
            ),
            Case(
                "after 4, with which nothing begins",
                (TRIE, (4,), scores, 0),
                [-3.0, OUT, OUT, OUT, OUT],
                (([OUT] * 5, nothing), (scores, nothing), ([OUT, -1.0, -2.0, OUT, OUT], root)),
            ),
            Case(
                "with another end token",
                ({7: {2: {}}}, (7,), [-1.0] * 8, 2),
                [OUT, OUT, -1.0, OUT, OUT, OUT, OUT, OUT],
                (([-1.0] + [OUT] * 7, "You wrote 0 for the end token: it is the argument `end`."),),
            ),
        ),
        {
            "KeyError": "A prefix may leave the trie: `node.get(token, {})` gives an empty node there instead of an error.",
            "IndexError": "`scores` has one entry for each token of the vocabulary: go through it with `enumerate`.",
            "TypeError": "`trie` is a dictionary from a token to the dictionary below it; `scores` is a list of numbers.",
        },
    )


def check_beam_step(function: Callable[..., Any]) -> None:
    """Exercise 2 of notebook 05: which prefixes are alive after one more token."""
    live = {(1,): -0.5, (2,): -1.0, (3,): -1.5}
    children = {(1,): {5: -2.0, 6: -2.5}, (2,): {5: -0.25, 7: -3.0}, (3,): {6: -0.25}}
    alone = "You compared the new tokens alone. A path is worth what all its tokens are worth: add the prefix's own score."
    greedy = "You kept the best child of every prefix: all children of all prefixes compete for the same places."
    every = "You kept everything: only the best `width` live on."
    worst = "You kept the worst: the largest sum is the best, and logarithms of probabilities are below zero."
    product = "You multiplied. Probabilities multiply along a path, so their logarithms are added."
    run_cases(
        function,
        (
            Case(
                "with a beam of two",
                (live, children, 2),
                {(2, 5): -1.25, (3, 6): -1.75},
                (
                    ({(2, 5): -0.25, (3, 6): -0.25}, alone),
                    ({(1, 5): -2.5, (2, 5): -1.25, (3, 6): -1.75}, greedy),
                    ({(1, 5): -2.5, (1, 6): -3.0, (2, 5): -1.25, (2, 7): -4.0, (3, 6): -1.75}, every),
                    ({(1, 6): -3.0, (2, 7): -4.0}, worst),
                    ({(2, 5): 0.25, (3, 6): 0.375}, product),
                    ({(1, 6): 1.25, (2, 7): 3.0}, product),
                ),
            ),
            Case(
                "with a beam of four",
                (live, children, 4),
                {(2, 5): -1.25, (3, 6): -1.75, (1, 5): -2.5, (1, 6): -3.0},
                (({(1, 5): -2.5, (2, 5): -1.25, (3, 6): -1.75}, greedy),),
            ),
            Case(
                "with more room than candidates",
                (live, children, 9),
                {(1, 5): -2.5, (1, 6): -3.0, (2, 5): -1.25, (2, 7): -4.0, (3, 6): -1.75},
                (),
            ),
            Case(
                "at the root",
                ({(): 0.0}, {(): {1: -0.5, 2: -0.75, 3: -2.0}}, 2),
                {(1,): -0.5, (2,): -0.75},
                (({1: -0.5, 2: -0.75}, "A key is the whole prefix, a tuple: (*prefix, token)."),),
            ),
            Case(
                "where one prefix has no children",
                ({(1,): -0.5, (2,): -1.0}, {(1,): {}, (2,): {5: -0.25}}, 2),
                {(2, 5): -1.25},
                (({(2, 5): -1.25, (1,): -0.5}, "A prefix without children is a dead end: it does not live on by itself."),),
            ),
        ),
        {
            "KeyError": "`children[prefix]` is a dictionary from token to log-probability: go through `live.items()`, and for "
            "each prefix through `children[prefix].items()`.",
            "TypeError": "A prefix is a tuple: (*prefix, token) is the longer one.",
        },
    )


def check_best_first(function: Callable[..., Any]) -> None:
    """Exercise 3 of notebook 05: the true best k, with as few evaluations as a bound allows."""
    plain = {(): {1: -0.5, 2: -2.0}, (1,): {0: -1.0}, (2,): {0: -0.25}}
    # The likelier beginning leads to the worse identifiers.
    turn = {
        (): {1: -0.5, 2: -1.0},
        (1,): {3: -2.0, 4: -2.5},
        (2,): {3: -0.25},
        (1, 3): {0: 0.0},
        (1, 4): {0: 0.0},
        (2, 3): {0: -0.25},
    }
    nested = {(): {1: -0.5}, (1,): {0: -1.5, 3: -0.25}, (1, 3): {0: -0.5}}
    greedy = "You stopped at the first identifier that was finished. An open prefix with a higher score may still beat it."
    all_of_it = (
        "The answers are right, but you evaluated prefixes that could no longer matter: a score only falls along a "
        "path, so an open prefix that scores no higher than the k-th finished identifier is out."
    )
    run_cases(
        function,
        (
            Case(
                "the best one of two",
                (plain, 1),
                ([((1, 0), -1.5)], 2),
                (
                    (([((1, 0), -1.5)], 3), all_of_it),
                    (([((1, 0), -1.0)], 2), "Add up the log-probabilities along the path."),
                    ([((1, 0), -1.5)], "Return two things: the list of answers, and how many prefixes were evaluated."),
                    (([((1, 0), -1.5)], 1), "The empty prefix is evaluated too: count every look into `log_probs`."),
                ),
            ),
            Case(
                "both of them",
                (plain, 2),
                ([((1, 0), -1.5), ((2, 0), -2.25)], 3),
                ((([((1, 0), -1.5)], 2), "k answers were asked for: the bar is the score of the k-th finished identifier."),),
            ),
            Case(
                "where the likelier beginning is the wrong one",
                (turn, 1),
                ([((2, 3, 0), -1.5)], 4),
                (
                    (([((1, 3, 0), -2.5)], 3), greedy),
                    (([((1, 3, 0), -2.5)], 4), greedy),
                    (([((2, 3, 0), -1.5)], 5), all_of_it),
                    (([((2, 3, 0), -1.5)], 6), all_of_it),
                ),
            ),
            Case(
                "the best two of them",
                (turn, 2),
                ([((2, 3, 0), -1.5), ((1, 3, 0), -2.5)], 5),
                ((([((2, 3, 0), -1.5), ((1, 3, 0), -2.5)], 6), all_of_it),),
            ),
            Case(
                "where one identifier begins another",
                (nested, 1),
                ([((1, 3, 0), -1.25)], 3),
                ((([((1, 0), -2.0)], 2), greedy),),
            ),
            Case("with k larger than the trie", (nested, 9), ([((1, 3, 0), -1.25), ((1, 0), -2.0)], 3), ()),
        ),
        {
            "IndexError": "The list of open prefixes can run empty: that ends the search too.",
            "KeyError": "Only prefixes that go on have an entry in `log_probs`: one that ends in the end token 0 is finished.",
            "TypeError": "heapq compares tuples from the left: push (-score, prefix), both plain.",
        },
    )
