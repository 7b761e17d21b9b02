"""What all decoders do first: check the prompts and sizes, put the model in evaluation mode, evaluate the prompts in batches."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from gcr_tutorial.decoding.tree_attention import TokenTree
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.models.device import min_efficient_tokens

Prompts = Mapping[str, torch.Tensor] | Sequence[Sequence[int]]


def check_sizes(**sizes: int) -> None:
    """Raises ValueError unless all are at least 1, and TypeError for what is not a whole number."""
    if min(map(operator.index, sizes.values())) < 1:
        given = ", ".join(f"{name}={value}" for name, value in sizes.items())
        raise UserValueError(f"{' and '.join(sizes)} must be at least 1, got {given}")


def left_pad(prompts: Sequence[Sequence[int]], pad_id: int, device: torch.device | str = "cpu") -> dict[str, torch.Tensor]:
    """Prompts of different lengths as {"input_ids", "attention_mask"}, each (B, longest), padded on the left.

    Raises ValueError without prompts, and for an empty prompt.
    """
    if len(prompts) == 0 or min(map(len, prompts)) == 0:
        raise UserValueError("every prompt needs at least one token, and there must be at least one prompt")
    longest = max(map(len, prompts))
    ids = [[pad_id] * (longest - len(p)) + list(p) for p in prompts]
    mask = [[0] * (longest - len(p)) + [1] * len(p) for p in prompts]
    return {"input_ids": torch.tensor(ids, device=device), "attention_mask": torch.tensor(mask, device=device)}


def check_inputs(inputs: Mapping[str, torch.Tensor], pad_id: int, device: torch.device) -> dict[str, torch.Tensor]:
    """The inputs on the model's device, with a mask. Raises ValueError for inputs that would give wrong scores."""
    inputs = {name: value.to(device) for name, value in inputs.items() if value is not None}
    prompt = inputs.get("inputs_embeds", inputs.get("input_ids"))
    if prompt is None or prompt.numel() == 0:
        raise UserValueError("inputs needs non-empty input_ids or inputs_embeds: give at least one query")
    mask = inputs.get("attention_mask")
    if mask is None:
        ids = inputs.get("input_ids")
        if ids is not None and len(ids) > 1 and ((ids[:, 0] == pad_id) | (ids[:, -1] == pad_id)).any():
            raise UserValueError("these prompts are padded: pass attention_mask too (left_pad makes both)")
        inputs["attention_mask"] = torch.ones(prompt.shape[:2], dtype=torch.long, device=device)
    elif mask.shape != prompt.shape[:2]:
        raise UserValueError(f"attention_mask is {tuple(mask.shape)}, the prompts are {tuple(prompt.shape[:2])}")
    elif (mask[:, -1] == 0).any():
        raise UserValueError("prompts must be padded on the left (tokenizer.padding_side = 'left'), these are on the right")
    return inputs


@contextmanager
def searching(model: Any) -> Iterator[Any]:
    """Inside the block: the model without peft's wrapper, in evaluation mode and without gradients. Restored afterwards."""
    model = model.get_base_model() if hasattr(model, "get_base_model") else model
    training = [module for module in model.modules() if module.training]
    try:
        for module in training:
            module.training = False
        with torch.no_grad():
            yield model
    finally:
        for module in training:
            module.training = True


def token_trees(model: Any, inputs: Prompts, *, pad_id: int, batch_size: int) -> Iterator[TokenTree]:
    """Evaluates the prompts batch by batch and yields their trees; `TokenTree.queries` says which queries a tree is of.

    Prompts made of text go `batch_size` at a time, those of similar length together. The start that all of them share is
    evaluated once. Other inputs (pictures, embeddings) are one batch. Raises ValueError without prompts, for an empty prompt,
    and as `check_inputs`.
    """
    # 1. Prompts as lists of token ids, where they are text.
    if isinstance(inputs, Mapping):
        inputs = check_inputs(inputs, pad_id, model.device)
        if set(inputs) != {"input_ids", "attention_mask"}:
            yield TokenTree.after_inputs(model, inputs)
            return
        prompts = [ids[mask].tolist() for ids, mask in zip(inputs["input_ids"].cpu(), inputs["attention_mask"].cpu().bool())]
    else:
        prompts = [list(prompt) for prompt in inputs]
        if not prompts or not all(prompts):
            raise UserValueError("every prompt needs at least one token, and there must be at least one query")
    # 2. Evaluate the start that all share, if this saves more than the additional pass costs.
    start = min(len(os.path.commonprefix(prompts)), min(map(len, prompts)) - 1)
    pays = start * (len(prompts) - 1) > min_efficient_tokens(model)
    shared = TokenTree.after(model, [prompts[0][:start]]) if pays else None
    # 3. Evaluate the rest of each prompt.
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    for first in range(0, len(order), batch_size):
        queries = order[first : first + batch_size]
        tree = TokenTree.after(model, [prompts[i] for i in queries], shared)
        tree.queries = np.array(queries)
        yield tree
