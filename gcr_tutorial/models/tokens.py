"""Add new tokens (identifier codes) to a tokenizer and to the embedding tables of its model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from tokenizers import AddedToken

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.models.backbone import Backbone


@torch.no_grad()
def add_tokens(backbone: Backbone, tokens: Sequence[str], seed: int = 0) -> list[int]:
    """Add new tokens (identifier codes) to tokenizer and embeddings; returns their ids, in order.

    New rows start at the mean of the existing ones plus a little seeded noise, in the input embeddings and, where it is
    not tied, in the output head. Tokens are not "special": decoding to text shows them. Raises ValueError for a
    duplicate or for a token that the tokenizer already has.
    """
    tokens = list(tokens)
    known = backbone.tokenizer.get_vocab()
    twice = [token for token, count in Counter(tokens).items() if count > 1 or token in known]
    if twice:
        raise UserValueError(f"tokens must be new and distinct; already there: {twice[:5]}")
    if not tokens:
        return []
    model, rows_before = backbone.model, backbone.model.get_input_embeddings().weight.shape[0]
    backbone.tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in tokens])
    ids = backbone.tokenizer.convert_tokens_to_ids(tokens)
    if max(ids) >= rows_before:
        model.resize_token_embeddings(max(ids) + 1, mean_resizing=False)
    generator = torch.Generator().manual_seed(seed)
    tables = [model.get_input_embeddings().weight]
    if model.get_output_embeddings().weight is not tables[0]:
        tables.append(model.get_output_embeddings().weight)
    for table in tables:
        old = table[: min(ids)].float()
        noise = torch.randn(len(ids), old.shape[1], generator=generator).to(old.device)
        table[ids] = (old.mean(0) + 0.2 * old.std(0) * noise).to(table.dtype)
    return ids
