"""Checks of the exercises in notebook 01: the number of image tokens, their positions in a prompt, ranking by cosine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .cases import Case, run_cases

WRAPPER, GLOBAL, IMAGE = "<fake_token_around_image>", "<global-img>", "<image>"


def check_image_tokens(function: Callable[..., Any]) -> None:
    """Exercise 1 of notebook 01: how many `<image>` tokens a picture needs."""
    patches = "That is the number of patches: the pixel shuffle puts scale x scale of them into one token."
    once = "You divided the number of patches by scale: a cell is scale patches wide *and* scale patches high."
    side = "That is the number of cells along one side: a picture has two."
    run_cases(
        function,
        (
            Case("96 pixels, patches of 12, cells of 2 x 2", (96, 12, 2), 16, ((64, patches), (32, once), (4, side))),
            Case("64 pixels, patches of 8, cells of 2 x 2", (64, 8, 2), 16, ((64, patches), (32, once), (4, side))),
            Case("96 pixels, patches of 8, cells of 2 x 2", (96, 8, 2), 36, ((144, patches), (72, once), (6, side))),
            Case(
                "SmolVLM: 512 pixels, patches of 16, cells of 4 x 4",
                (512, 16, 4),
                64,
                ((1024, patches), (256, "You divided the patches by 4: it is scale squared, 16 here."), (8, side)),
            ),
            Case("without a shuffle", (48, 12, 1), 16, ((4, side),)),
        ),
        {"ZeroDivisionError": "All three numbers are at least 1: divide by `patch` and by `scale`, in turn."},
    )


def _room(n: int) -> list[str]:
    return [WRAPPER, GLOBAL, *[IMAGE] * n, WRAPPER]


def check_expand_image(function: Callable[..., Any]) -> None:
    """Exercise 2 of notebook 01: a placeholder becomes image tokens and their wrappers."""
    unclosed = "The wrapper stands on both sides: the piece ends with <fake_token_around_image> again."
    no_global = "<global-img> is missing: it comes right after the first wrapper."
    bare = "The image tokens are there, but not what stands around them: two wrappers and <global-img>."
    nested = "You put a list into the list: use `extend`, or the star, so that its tokens go in one by one."
    once = "Only the first placeholder was expanded: a prompt may show several pictures."
    text = "A prompt without a picture stays as it is."
    run_cases(
        function,
        (
            Case(
                "one picture, 2 image tokens",
                (["User", ":", IMAGE, "Hi"], 2),
                ["User", ":", *_room(2), "Hi"],
                (
                    (["User", ":", *_room(2)[:-1], "Hi"], unclosed),
                    (["User", ":", WRAPPER, IMAGE, IMAGE, WRAPPER, "Hi"], no_global),
                    (["User", ":", IMAGE, IMAGE, "Hi"], bare),
                    (["User", ":", _room(2), "Hi"], nested),
                    (["User", ":", *_room(1), "Hi"], "One placeholder becomes n image tokens: repeat <image> n times."),
                    (["User", ":", IMAGE, "Hi"], "Nothing has changed: do you return the new list?"),
                ),
            ),
            Case("a prompt without a picture", (["User", ":", "Hi"], 3), ["User", ":", "Hi"], ((_room(3), text), ([], text))),
            Case(
                "two pictures, 1 image token each",
                ([IMAGE, "and", IMAGE], 1),
                [*_room(1), "and", *_room(1)],
                (([*_room(1), "and", IMAGE], once), ([*_room(1), "and"], once)),
            ),
        ),
    )


def check_rank_by_cosine(function: Callable[..., Any]) -> None:
    """Exercise 3 of notebook 01: rank pictures by the cosine with a query."""
    product = (
        "That is the order of the scalar products: a long vector wins with little likeness. Divide each row of "
        "`images` by its own length first."
    )
    backwards = "Worst first: sort in descending order."
    distance = "Sort the similarities themselves: the most similar picture comes first, at whatever row it stands."
    unstable = "Equal pictures in another order than their rows: pass stable=True."
    plain = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    twice = torch.tensor([[0.0, 1.0], [2.0, 2.0], [0.0, 1.0], [2.0, 2.0]])
    lengths = torch.tensor([[4.0, 4.0], [1.0, 0.1], [0.0, 9.0], [-5.0, 0.0]])
    whole = "One length for the whole matrix does not normalise its rows: take `norm(dim=1, keepdim=True)`."
    run_cases(
        function,
        (
            Case(
                "three unit vectors",
                (torch.tensor([0.0, 1.0]), plain),
                [2, 1, 0],
                (([0, 1, 2], backwards), ([1.0, 0.8, 0.0], distance)),
            ),
            Case(
                "vectors of different lengths",
                (torch.tensor([2.0, 0.0]), lengths),
                [1, 0, 2, 3],
                (([0, 1, 2, 3], product), ([3, 2, 0, 1], backwards), ([3, 2, 1, 0], backwards), ([0, 2, 1, 3], whole)),
            ),
            Case(
                "two equal pictures",
                (torch.tensor([1.0, 1.0]), twice),
                [1, 3, 0, 2],
                (([3, 1, 2, 0], unstable), ([3, 1, 0, 2], unstable), ([1, 3, 2, 0], unstable), ([0, 2, 1, 3], backwards)),
            ),
            Case(
                "a single picture",
                (torch.tensor([1.0, 0.0]), torch.tensor([[-1.0, 0.0]])),
                [0],
                (([], "Every picture is ranked, however unlike it is."),),
            ),
        ),
        {
            "RuntimeError": "Shapes: images is (N, D), query is (D,), so images @ query is (N,).",
            "AttributeError": "Both are torch tensors: `.norm()`, `.argsort()`, and at the end `.tolist()`.",
        },
    )
