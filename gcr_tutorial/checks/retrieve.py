"""Checks of the exercises in notebook 04: the nucleus, near-duplicates, memorize examples in the mix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .cases import Case, run_cases


def check_top_p_filter(function: Callable[..., Any]) -> None:
    """Exercise 1 of notebook 04: nucleus sampling's filter."""
    unscaled = "What is kept should sum to 1 again: divide by its sum."
    crossing = (
        "You dropped the token with which the sum reaches p. The nucleus has to *reach* p: a token is kept if the sum "
        "before it is below p."
    )
    one_more = "You kept one token too many: stop as soon as the sum has reached p."
    sorted_away = "The tokens came back in another order: a probability must stay at its token's place."
    first = "You went through the tokens from left to right: begin with the likeliest."
    threshold = "You kept the tokens that are likelier than some number. The nucleus is about the *sum* of the likeliest ones."
    run_cases(
        function,
        (
            Case(
                "p = 0.7, likeliest first",
                ([0.5, 0.3, 0.15, 0.05], 0.7),
                [0.625, 0.375, 0.0, 0.0],
                (
                    ([0.5, 0.3, 0.0, 0.0], unscaled),
                    ([1.0, 0.0, 0.0, 0.0], crossing),
                    ([0.5, 0.0, 0.0, 0.0], crossing),
                    ([0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0.0], one_more),
                    ([0.5, 0.3, 0.15, 0.05], "Nothing was dropped."),
                    ([0.0, 0.0, 0.0, 0.0], threshold),
                ),
            ),
            Case(
                "in another order",
                ([0.05, 0.3, 0.15, 0.5], 0.7),
                [0.0, 0.375, 0.0, 0.625],
                (
                    ([0.625, 0.375, 0.0, 0.0], sorted_away),
                    ([0.375, 0.625, 0.0, 0.0], sorted_away),
                    ([0.05, 0.3, 0.15, 0.5], first),
                    ([0.1, 0.6, 0.3, 0.0], first),
                    ([0.05, 0.3, 0.15, 0.0], first),
                ),
            ),
            Case(
                "when the likeliest alone is enough",
                ([0.1, 0.8, 0.1], 0.5),
                [0.0, 1.0, 0.0],
                (([0.0, 0.0, 0.0], crossing), ([0.0, 0.8, 0.0], unscaled), ([0.1 / 0.9, 0.8 / 0.9, 0.0], first)),
            ),
            Case(
                "when the sum is reached exactly",
                ([0.25, 0.5, 0.125, 0.125], 0.75),
                [1 / 3, 2 / 3, 0.0, 0.0],
                (([0.25 / 0.875, 0.5 / 0.875, 0.125 / 0.875, 0.0], one_more), ([0.0, 1.0, 0.0, 0.0], crossing)),
            ),
            Case(
                "equally likely tokens",
                ([0.25, 0.25, 0.25, 0.25], 0.5),
                [0.5, 0.5, 0.0, 0.0],
                (([0.0, 0.0, 0.5, 0.5], "Of equally likely tokens the earlier one is kept first."), ([0.25] * 4, threshold)),
            ),
            Case("p = 1", ([0.2, 0.5, 0.3], 1.0), [0.2, 0.5, 0.3], (([0.0, 0.625, 0.375], crossing),)),
        ),
        {
            "ZeroDivisionError": "The likeliest token is always kept, so the sum of what is kept is never 0.",
            "IndexError": "Walk over the places 0 to len(probabilities) - 1, and stop when the sum has reached p.",
        },
    )


def check_without_near_duplicates(function: Callable[..., Any]) -> None:
    """Exercise 2 of notebook 04: captions that say the same in the same words."""
    case = "Capitals should not matter: compare in lower case."
    marks = "Punctuation should not matter: compare the words only."
    order = "The order of the words should not matter: sort them."
    articles = "The articles a, an, the should not matter: leave them out of the comparison."
    twice = "Those are different: a word that comes twice counts twice. Compare sorted lists of words, not sets."
    keys = "Return the captions themselves, not the keys by which you compare them."
    last = "Of near-duplicates the *first* is kept, at its place."
    empty = "A caption without any word is dropped."
    one, two, three = "A dog on the beach.", "A cat.", "a dog on the beach"
    run_cases(
        function,
        (
            Case(
                "an exact repetition",
                ([one, two, one],),
                [one, two],
                (
                    ([one, two, one], "The third caption is the first one again: keep only the first."),
                    ([two, one], last),
                    (["beach dog on", "cat"], keys),
                ),
            ),
            Case(
                "other capitals and punctuation",
                ([one, three, two],),
                [one, two],
                (([one, three, two], case + " " + marks), ([three, two], last)),
            ),
            Case(
                "another order",
                (["A cat and a dog.", "A dog and a cat."],),
                ["A cat and a dog."],
                ((["A cat and a dog.", "A dog and a cat."], order), (["A dog and a cat."], last)),
            ),
            Case(
                "with and without articles",
                (["The dog by an oak", "A dog by the oak", "Dog by oak"],),
                ["The dog by an oak"],
                (
                    (["The dog by an oak", "A dog by the oak", "Dog by oak"], articles),
                    (["The dog by an oak", "Dog by oak"], articles),
                    (["Dog by oak"], last),
                ),
            ),
            Case(
                "a word that comes twice",
                (["Two dogs and two cats", "Two dogs and cats"],),
                ["Two dogs and two cats", "Two dogs and cats"],
                ((["Two dogs and two cats"], twice), (["Two dogs and cats"], twice)),
            ),
            Case(
                "captions without words",
                (["", " ... ", one, "the"],),
                [one],
                (
                    (["", one], empty),
                    (["", " ... ", one, "the"], empty),
                    ([one, "the"], 'Without its article nothing is left of "the": it has no word to compare.'),
                    (["", " ... ", one], empty),
                ),
            ),
            Case(
                "a longer word with an article inside",
                (["A theatre", "A atre"],),
                ["A theatre", "A atre"],
                ((["A theatre"], 'You cut "the" out of "theatre": leave out whole words, not letters.'),),
            ),
            Case("no captions", ([],), [], ()),
        ),
        {"TypeError": "A list cannot be put into a set or be a key: make it a tuple first."},
    )


def check_mix_in(function: Callable[..., Any]) -> None:
    """Exercise 3 of notebook 04: memorize examples among the retrieve examples."""
    of_memorize = "You took a share of the *memorize* examples: the number is round(share * len(retrieve))."
    of_total = "You took a share of the whole mixture: the number is round(share * len(retrieve))."
    short = "They ran out: go on from the start of `memorize` again."
    all_of_them = "You added all memorize examples: only round(share * len(retrieve)) of them are wanted."
    alone = "The retrieve examples are missing: return them too, first."
    front = "The retrieve examples come first, the memorize examples after them."
    same = "You added the same example over and over: take them in order."
    r, m = ["q1", "q2", "q3", "q4"], ["m1", "m2", "m3"]
    run_cases(
        function,
        (
            Case(
                "share 0.5 of four queries",
                (r, m, 0.5),
                [*r, "m1", "m2"],
                (
                    ([*r, *m], all_of_them),
                    (["m1", "m2"], alone),
                    (["m1", "m2", *r], front),
                    ([*r, "m1", "m1"], same),
                    ([*r, "m1"], of_memorize),
                    ([*r, "m1", "m2", "m3", "m1"], of_total),
                ),
            ),
            Case(
                "share 1.5, more than there are", (r, m, 1.5), [*r, *m, *m], (([*r, *m], short), ([*r, *m, "m1"], of_memorize))
            ),
            Case("share 0", (r, m, 0.0), r, (([*r, *m], all_of_them), ([], alone))),
            Case(
                "a share that has to be rounded",
                (["q1", "q2", "q3"], m, 0.25),
                ["q1", "q2", "q3", "m1"],
                ((["q1", "q2", "q3"], "0.75 examples are rounded to one: use round, not int."),),
            ),
            Case(
                "share 1 of two queries", (["q1", "q2"], m, 1.0), ["q1", "q2", "m1", "m2"], ((["q1", "q2", *m], of_memorize),)
            ),
        ),
        {
            "IndexError": "`memorize` can be shorter than what is needed: i % len(memorize) starts again at its beginning.",
            "TypeError": "The number of examples has to be an integer: round(share * len(retrieve)) is one.",
        },
    )
