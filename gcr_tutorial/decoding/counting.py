"""What a search costs, whatever the machine: how many tokens go through the language model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def counting_tokens(model: Any) -> Iterator[list[int]]:
    """Inside the block, every pass through the model's decoder adds its number of tokens (rows x length, padding and
    copies of beams included) to the list that this yields; sum it."""
    passes: list[int] = []

    def note(module: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        given = keywords.get("input_ids")
        given = keywords["inputs_embeds"] if given is None else given
        passes.append(given.shape[0] * given.shape[1])

    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    hook = base.get_decoder().register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield passes
    finally:
        hook.remove()
