"""How many tokens a search sends through the language model: its cost, independent of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def counting_tokens(model: Any) -> Iterator[list[int]]:
    """Inside the block, every pass through the model's decoder appends its number of tokens (batch size x length, with padding
    and copies of beams) to the list that this yields; their sum is the cost."""
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
