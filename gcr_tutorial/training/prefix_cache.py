"""The start that all prompts of a batch share, evaluated once.

Every query stands in the same chat template, so the rows of a batch begin with the same tokens, and in a causal model the
keys and values of these do not depend on what follows. One row computes them, all rows attend to them: same logits, same
gradients (each row's flows back into the one evaluation), fewer tokens. The decoder does the same when it searches.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache

from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.device import min_efficient_tokens
from gcr_tutorial.models.features import model_inputs


def common_prefix_length(input_ids: torch.Tensor, attention_mask: torch.Tensor | None, width: int) -> int:
    """How many tokens all rows of input_ids (B, L), padded on the left, start with, the last `width` of a row apart."""
    rows, length = input_ids.shape
    starts = (
        torch.zeros(rows, dtype=torch.long, device=input_ids.device)
        if attention_mask is None
        else length - attention_mask.sum(1)
    )
    most = length - int(starts.max()) - width
    if rows < 2 or most < 1:
        return 0
    first = input_ids.gather(1, starts[:, None] + torch.arange(most, device=input_ids.device))  # (B, most)
    return int((first == first[0]).all(0).long().cumprod(0).sum())


def inputs_with_prefix_cache(
    backbone: Backbone, input_ids: torch.Tensor, attention_mask: torch.Tensor | None, width: int
) -> dict[str, Any]:
    """What `backbone.model(...)` takes for prompts without images: `model_inputs`, or, where it saves work, only what
    follows the shared start, and that start's keys and values (evaluated here, with gradients) as `past_key_values`.

    input_ids (B, L) and attention_mask (B, L) or None as `collate` makes them; the last `width` places are always left in.
    """
    start = common_prefix_length(input_ids, attention_mask, width)
    rows, length = input_ids.shape
    if start * (rows - 1) <= min_efficient_tokens(backbone.plain_model) or not _keeps_all(backbone, length):
        return model_inputs(backbone, input_ids, attention_mask)
    padded = torch.zeros_like(input_ids[:, 0]) if attention_mask is None else length - attention_mask.sum(1)  # (B,)
    cache = DynamicCache()
    backbone.plain_model.get_decoder()(
        input_ids=input_ids[:1, padded[0] : padded[0] + start], past_key_values=cache, use_cache=True
    )
    cache.batch_repeat_interleave(rows)
    here = torch.arange(length, device=input_ids.device) >= (padded + start)[:, None]  # (B, L): what is left of each row
    inputs = model_inputs(backbone, input_ids[:, start:], here[:, start:].long())
    inputs["position_ids"] = inputs["position_ids"] + start
    seen = torch.cat([torch.ones_like(here[:, :start]), here[:, start:]], dim=1).long()
    return {**inputs, "attention_mask": None if attention_mask is None else seen, "past_key_values": cache}


def _keeps_all(backbone: Backbone, length: int) -> bool:
    """Whether every layer lets the last of `length` tokens see the first: padding between them counts in a sliding window."""
    config = backbone.plain_model.get_decoder().config
    layers = set(getattr(config, "layer_types", None) or ["sliding_attention"])
    window = getattr(config, "sliding_window", None) or length
    return layers <= {"full_attention"} or (layers <= {"full_attention", "sliding_attention"} and length <= window)
