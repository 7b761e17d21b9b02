"""Compute the keys and values of the prefix that all prompts of a batch have in common once, for all of them.

All queries are in the same chat template, so the rows of a batch begin with the same tokens. In a causal model the keys and
values of these do not depend on the tokens after them. So they are computed for one row, and all rows attend to them. The
logits and the gradients are the same (the gradients of all rows flow back into the one computation), with fewer tokens. The
decoder does the same when it searches.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache

from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.device import min_efficient_tokens
from gcr_tutorial.models.features import model_inputs


def common_prefix_length(input_ids: torch.Tensor, attention_mask: torch.Tensor | None, width: int) -> int:
    """With how many equal tokens all rows of input_ids (B, L), padded on the left, begin; the last `width` positions of a row
    never count."""
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
    """The arguments of `backbone.model(...)` for prompts without images.

    Where it saves work, they are the tokens after the common prefix, with the keys and values of the prefix (computed here,
    with gradients) as `past_key_values`; else what `model_inputs` returns. input_ids (B, L) and attention_mask (B, L) or None
    are as `collate` returns them. The last `width` positions are never a part of the prefix.
    """
    prefix = common_prefix_length(input_ids, attention_mask, width)
    rows, length = input_ids.shape
    if prefix * (rows - 1) <= min_efficient_tokens(backbone.plain_model) or not _attends_to_all(backbone, length):
        return model_inputs(backbone, input_ids, attention_mask)
    padding = torch.zeros_like(input_ids[:, 0]) if attention_mask is None else length - attention_mask.sum(1)  # (B,)
    cache = DynamicCache()
    backbone.plain_model.get_decoder()(
        input_ids=input_ids[:1, padding[0] : padding[0] + prefix], past_key_values=cache, use_cache=True
    )
    cache.batch_repeat_interleave(rows)
    after = torch.arange(length, device=input_ids.device) >= (padding + prefix)[:, None]  # (B, L): after the prefix
    inputs = model_inputs(backbone, input_ids[:, prefix:], after[:, prefix:].long())
    inputs["position_ids"] = inputs["position_ids"] + prefix
    attended = torch.cat([torch.ones_like(after[:, :prefix]), after[:, prefix:]], dim=1).long()
    return {**inputs, "attention_mask": None if attention_mask is None else attended, "past_key_values": cache}


def _attends_to_all(backbone: Backbone, length: int) -> bool:
    """Whether the last of `length` tokens attends to the first one in every layer: a sliding window must be at least as long
    as that, because padding between the two counts."""
    config = backbone.plain_model.get_decoder().config
    layers = set(getattr(config, "layer_types", None) or ["sliding_attention"])
    window = getattr(config, "sliding_window", None) or length
    return layers <= {"full_attention"} or (layers <= {"full_attention", "sliding_attention"} and length <= window)
