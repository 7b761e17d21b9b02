"""Checks of the exercises in notebook 03: the label mask, exact match, the learning rate's schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .cases import Case, run_cases


def check_next_token_labels(function: Callable[..., Any]) -> None:
    """Exercise 1 of notebook 03: where the loss is."""
    same = (
        "That is each position's own token: it would learn to repeat what it has just read. The label is the *next* token, "
        "one place further on."
    )
    everywhere = "You put labels on the prompt too: the model would learn to write prompts. Where the next token is part of the prompt, return -100."
    late = (
        "The first label comes one position too late: the last token of the prompt is what the identifier's first token is "
        "predicted from."
    )
    early = "The first label comes one position too early: the prompt's own last token is not to be learned."
    endless = "The end token has no label: without it the model never learns where an identifier stops."
    long = "That is one label too many: nothing comes after the last token, so it is not read, and there are len(tokens) - 1 positions."
    short = "You returned labels of the answer only: return one for *every* position that is read, -100 within the prompt."
    x = -100
    run_cases(
        function,
        (
            Case(
                "a prompt of 3 tokens, a name of 2, the end",
                ([11, 12, 13, 7, 8, 9], 3),
                [x, x, 7, 8, 9],
                (
                    ([x, x, x, 7, 8], same),
                    ([11, 12, 13, 7, 8], same),
                    ([12, 13, 7, 8, 9], everywhere),
                    ([x, x, x, 8, 9], late),
                    ([x, 13, 7, 8, 9], early),
                    ([x, x, 7, 8, x], endless),
                    ([x, x, 7, 8], endless),
                    ([x, x, x, 7, 8, 9], long),
                    ([x, x, 7, 8, 9, x], long),
                    ([7, 8, 9], short),
                ),
            ),
            Case(
                "an atomic name: one token and the end",
                ([5, 6, 3, 4], 2),
                [x, 3, 4],
                (([x, x, 4], late), ([x, x, 3], same), ([6, 3, 4], everywhere), ([x, 3, x], endless), ([x, x, 3, 4], long)),
            ),
            Case("a prompt of one token", ([5, 3, 4], 1), [3, 4], (([x, 4], late), ([x, 3], same), ([x, 3, 4], long))),
            Case(
                "a prompt in which the name's token occurs",
                ([7, 5, 7, 9], 2),
                [x, 7, 9],
                (([7, 7, 9], everywhere), ([5, 7, 9], everywhere)),
            ),
        ),
        {
            "IndexError": "There is no token after the last one: the positions that are read are 0 to len(tokens) - 2.",
            "TypeError": "`tokens` is a list of integers, `prompt_length` an integer: return a list of integers.",
        },
    )


def check_named_right(function: Callable[..., Any]) -> None:
    """Exercise 2 of notebook 03: exact match, in percent."""
    share = "That is a share between 0 and 1: return percent, so multiply by 100."
    total = "That is a count: divide by the number of pictures, len(targets), and multiply by 100."
    tokens = "You counted right tokens. An identifier with one wrong token names another picture, or none: it counts as wrong."
    open_end = "You accepted a name that was never closed by its end token: it may be the beginning of another name."
    after = "You rejected a right name because of what was written *after* its end token: compare the first len(target) tokens only."
    order = "You accepted the right tokens in another order: the order is part of the name."
    e = 0
    run_cases(
        function,
        (
            Case(
                "one of two is right",
                ([[5, e], [6, e]], [[5, e], [7, e]]),
                50.0,
                (
                    (0.5, share),
                    (1, total),
                    (75.0, tokens),
                    (100.0, "Only the end token agrees in the second one: compare all tokens."),
                ),
            ),
            Case(
                "names of several tokens",
                ([[1, 2, 3, e], [1, 2, 4, e]], [[1, 2, 3, e], [1, 2, 3, e]]),
                50.0,
                ((0.5, share), (87.5, tokens), (100.0, tokens)),
            ),
            Case("a name that is not closed", ([[1, 2], [3, e]], [[1, 2, e], [3, e]]), 50.0, ((100.0, open_end), (0.5, share))),
            Case(
                "a name that goes on instead of ending",
                ([[1, 2, 4, e], [3, e]], [[1, 2, e], [3, e]]),
                50.0,
                ((100.0, open_end),),
            ),
            Case(
                "something written after the end",
                ([[5, e, 8, 8], [6, e, e, e]], [[5, e], [6, e]]),
                100.0,
                ((0.0, after), (50.0, after)),
            ),
            Case("the right tokens in another order", ([[2, 1, e]], [[1, 2, e]]), 0.0, ((100.0, order),)),
            Case(
                "nothing written at all",
                ([[], [6, e], [7, e], [8, e]], [[5, e], [6, e], [7, e], [8, e]]),
                75.0,
                (
                    (
                        100.0,
                        "You left out the picture for which nothing was written. It counts as wrong: divide by len(targets).",
                    ),
                ),
            ),
        ),
        {
            "IndexError": "What was written can be shorter than the identifier, or empty: slices do not mind, indices do.",
            "ZeroDivisionError": "Divide by the number of pictures, len(targets), which is never zero here.",
        },
    )


def check_learning_rate(function: Callable[..., Any]) -> None:
    """Exercise 3 of notebook 03: linear warm-up, linear decay."""
    jump = (
        "The line down starts too low: it should leave `peak` at step `warmup`, so measure what is left against "
        "total - warmup, not against total."
    )
    none = "There is no warm-up: before step `warmup` the rate rises from 0 to `peak`."
    flat = "After the warm-up the rate should fall: a straight line from `peak` to 0 at step `total`."
    relative = "That is the factor between 0 and 1: multiply it by `peak`."
    below = "The rate went below 0, which would train backwards: stop at 0."
    early = "At step `warmup` itself the rate is `peak`."
    late = "Step 0 is the start of the line: the rate there is 0."
    run_cases(
        function,
        (
            Case(
                "step 5 of 10 warm-up steps",
                (5, 110, 10, 2.0),
                1.0,
                ((0.5, relative), (1.2, late), (2.0 * 105 / 110, none), (2.0, none), (2.1, none)),
            ),
            Case("step 0", (0, 110, 10, 2.0), 0.0, ((0.2, late), (2.0, none), (2.2, none))),
            Case("the end of the warm-up", (10, 110, 10, 2.0), 2.0, ((1.0, relative), (2.0 * 100 / 110, jump), (1.8, early))),
            Case(
                "half of the way down",
                (60, 110, 10, 2.0),
                1.0,
                ((2.0 * 50 / 110, jump), (2.0, flat), (0.5, relative), (12.0, flat)),
            ),
            Case("the last step of all", (110, 110, 10, 2.0), 0.0, ((2.0, flat), (-0.2, below))),
            Case("after the end", (130, 110, 10, 2.0), 0.0, ((-0.4, below), (2.0 * -20 / 110, below))),
            Case("without warm-up, at the start", (0, 100, 0, 3.0), 3.0, ((0.0, "With warmup=0 the rate is `peak` at once."),)),
            Case("without warm-up, later", (25, 100, 0, 4.0), 3.0, ((4.0, flat),)),
        ),
        {"ZeroDivisionError": "`warmup` may be 0: then there is no way up, so don't divide by it."},
    )
