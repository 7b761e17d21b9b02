"""Tree attention: many continuations of a prompt evaluated at once, the prompt's keys and values stored once.

Beam search in `generate` copies the prompt for every beam. Here all prefixes that are alive after a prompt form one tree
beside it: a token sees the prompt and its own ancestors. The linear layers get the new tokens of all prompts packed
into one sequence without padding; only the attention itself (one function, `tree_attention`) knows who sees whom.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from transformers import AttentionInterface, DynamicCache

ATTENTION = "gcr_token_tree"  # the name it has among transformers' attention implementations


@contextmanager
def searching(model: Any) -> Iterator[Any]:
    """The model without peft's wrapper, in evaluation mode, without gradients; all as it was afterwards."""
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


def tree_attention(
    module, query, key, value, attention_mask, *, tree: TokenTree, scaling=None, softcap=None, s_aux=None, **_
) -> tuple[torch.Tensor, None]:
    """Attention of the packed new tokens: query (1, heads, M, D), key and value (1, kv heads, M, D) -> (1, M, heads, D).

    Query heads that share a key head are laid side by side, so that keys are read once and never repeated.
    """
    if softcap is not None or s_aux is not None:
        raise ValueError(f"{type(module).__name__} caps its attention or has sinks: use trie_search for this model")
    keys, values = tree._store(module.layer_idx, key[0], value[0])  # (B, kv heads, T, D)
    rows, kv_heads, _, width = keys.shape
    group = query.shape[1] // kv_heads
    padded = query[0].index_select(1, tree._spread).view(kv_heads, group, rows, -1, width)
    padded = padded.permute(2, 0, 1, 3, 4).reshape(rows, kv_heads, -1, width)  # (B, kv heads, group * n, D)
    seen = torch.nn.functional.scaled_dot_product_attention(
        padded, keys, values, attn_mask=tree._mask(module.layer_idx, group, query.dtype), scale=scaling
    )
    seen = seen.reshape(rows, kv_heads, group, -1, width).permute(0, 3, 1, 2, 4).reshape(-1, kv_heads * group, width)
    return seen.index_select(0, tree._gather)[None], None


AttentionInterface.register(ATTENTION, tree_attention)


class TokenTree:
    """B prompts and the tokens evaluated after each, with their keys and values.

    Make one with `TokenTree.after`. A token's place in its row is its *slot*: first the prompt's, then the tree's.

    Attributes:
        hidden: (B, H) the last hidden state of each prompt: what scores the first token of an answer.
        evaluated: how many tokens went through the model so far, prompts included.
    """

    def __init__(self, model: Any, rows: int) -> None:
        self.model, self.decoder, self.rows = model, model.get_decoder(), rows
        config = self.decoder.config
        self._layer_types = getattr(config, "layer_types", None)
        unknown = set(self._layer_types or ()) - {"full_attention", "sliding_attention"}
        if unknown or getattr(config, "attention_chunk_size", None) or not getattr(config, "is_causal", True):
            raise ValueError(
                f"{type(model).__name__} has layers that a token tree cannot serve "
                f"({', '.join(sorted(unknown)) or 'not plain causal attention'}): use trie_search"
            )
        self.device = model.device
        self._keys: list[torch.Tensor] = []  # a layer: (B, kv heads, capacity, D)
        self._values: list[torch.Tensor] = []
        self.evaluated = self._used = self._prompt = 0  # slots in use, and of these the prompt's
        self._order = np.zeros((rows, 0), dtype=np.int64)  # (B, slots) number of tokens before it; -1: an empty slot
        self._paths = np.zeros((rows, 0, 0), dtype=np.int64)  # (B, tree slots, depth) slots from the first token to it
        self._length = np.zeros(rows, dtype=np.int64)  # tokens of each prompt
        self._position = np.zeros(rows, dtype=np.int64)  # rotary position of the first token after each prompt
        self.hidden: torch.Tensor | None = None

    # ---- prompts

    @classmethod
    def after(cls, model: Any, prompts: Sequence[Sequence[int]], shared: TokenTree | None = None) -> TokenTree:
        """Evaluate prompts (token ids). With `shared`, a tree after the one prompt that all of `prompts` start with,
        only what follows that start is evaluated."""
        tree = cls(model, len(prompts))
        start = 0
        if shared is not None:
            start = int(shared._length[0])
            tree._keys = [keys[:, :, :start].expand(len(prompts), -1, -1, -1) for keys in shared._keys]
            tree._values = [values[:, :, :start].expand(len(prompts), -1, -1, -1) for values in shared._values]
            tree._order = np.tile(np.arange(start), (len(prompts), 1))
            tree._used = start
        rest = [np.asarray(prompt[start:], dtype=np.int64) for prompt in prompts]
        count = np.array([len(tokens) for tokens in rest])
        row = np.repeat(np.arange(len(rest)), count)
        column = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        hidden = tree._forward(row, column, np.concatenate(rest), start + column, start + column)
        tree.hidden = hidden[torch.as_tensor(np.cumsum(count) - 1, device=hidden.device)]
        tree._prompt = tree._used
        tree._length[:] = tree._position[:] = start + count
        return tree

    @classmethod
    def after_inputs(cls, model: Any, inputs: Mapping[str, torch.Tensor]) -> TokenTree:
        """Evaluate prompts given as the model's own inputs (embeddings, pictures ...), padded on the left."""
        mask, inputs = inputs["attention_mask"].bool(), dict(inputs)
        tree = cls(model, len(mask))
        order = mask.long().cumsum(1) - 1  # (B, L)
        pictures_place_tokens = hasattr(model.base_model, "rope_deltas") and "image_grid_thw" in inputs
        if inputs.get("position_ids") is None and not pictures_place_tokens:
            inputs["position_ids"] = order.clamp(min=0)
        if "inputs_embeds" in inputs:
            inputs.pop("input_ids", None)
        cache = DynamicCache()  # without the model's config every layer keeps everything, sliding windows too
        output = model.base_model(**inputs, past_key_values=cache, use_cache=True)
        tree._keys = [layer.keys for layer in cache.layers]
        tree._values = [layer.values for layer in cache.layers]
        tree._used = tree._prompt = mask.shape[1]
        tree._order = order.masked_fill(~mask, -1).cpu().numpy()
        tree._length = mask.sum(1).cpu().numpy()
        if pictures_place_tokens and inputs.get("position_ids") is None:
            tree._position = tree._length + model.base_model.rope_deltas.view(-1).cpu().numpy()
        else:
            places = inputs["position_ids"].reshape(-1, *mask.shape[-2:])  # (1, 3 or 4, B, L)
            tree._position = places[-3:].amax((0, 2)).cpu().numpy() + 1
        tree.evaluated = mask.numel()
        tree.hidden = output.last_hidden_state[:, -1]
        return tree

    # ---- the tree

    def extend(self, row: np.ndarray, token: np.ndarray, parent: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
        """Evaluate M tokens, each after the token in slot `parent` of its row (-1: right after the prompt).

        `row` (M,) ascends. A parent may be among the new tokens: the j-th new token of a row gets slot `used` + j.
        Returns their hidden states (M, H) and slots (M,).
        """
        count = np.bincount(row, minlength=self.rows)
        column = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        slot = self._used + column
        width = int(count.max())
        depth = self._grow_paths(row, column, parent, slot, width)
        hidden = self._forward(row, column, token, self._length[row] + depth, self._position[row] + depth)
        return hidden, slot

    @property
    def used(self) -> int:
        """Slots in use: the first slot that the next `extend` gives out."""
        return self._used

    def rewind(self) -> None:
        """Forget the tree, keep the prompts."""
        self._used = self._prompt
        self._order, self._paths = self._order[:, : self._prompt], self._paths[:, :0]

    def keep_rows(self, rows: np.ndarray) -> None:
        """Keep only these prompts and their trees, renumbered from 0."""
        chosen = torch.as_tensor(rows, device=self.device)
        self._keys = [keys[:, :, : self._used].index_select(0, chosen) for keys in self._keys]
        self._values = [values[:, :, : self._used].index_select(0, chosen) for values in self._values]
        self._order, self._paths = self._order[rows], self._paths[rows]
        self._length, self._position, self.hidden = self._length[rows], self._position[rows], self.hidden[chosen]
        self.rows = len(rows)

    def _grow_paths(self, row, column, parent, slot, width: int) -> np.ndarray:
        """Note the new tokens' paths; returns how many tree tokens stand before each, (M,)."""
        first, old = self._used - self._prompt, self._paths
        at, above = slot - self._prompt, np.maximum(parent - self._prompt, 0)
        paths = np.full((self.rows, first + width, old.shape[2]), -1, dtype=np.int64)
        paths[:, :first] = old
        paths[:, first:] = np.arange(self._used, self._used + width)[:, None]  # unused slots see themselves
        depth, left = np.zeros(len(row), dtype=np.int64), np.arange(len(row))
        depths = np.full((self.rows, first + width), -1, dtype=np.int64)
        depths[:, :first] = self._depths() if first else 0
        while len(left):  # once for each depth among the new tokens
            known = (parent[left] < 0) | (depths[row[left], above[left]] >= 0)
            now, left = left[known], left[~known]
            if not len(now):
                raise ValueError("a token's parent must be in the tree or among the new tokens")
            inner = parent[now] >= 0
            depth[now] = np.where(inner, depths[row[now], above[now]] + 1, 0)
            if depth[now].max() >= paths.shape[2]:
                more = depth[now].max() + 1 - paths.shape[2]
                own = np.broadcast_to(np.arange(self._prompt, self._used + width)[:, None], (*paths.shape[:2], more))
                paths = np.concatenate([paths, own], axis=2)
            line = np.where(inner[:, None], paths[row[now], above[now]], slot[now, None])
            line = np.where(np.arange(paths.shape[2]) >= depth[now, None], slot[now, None], line)
            paths[row[now], at[now]] = line
            depths[row[now], at[now]] = depth[now]
        self._paths = paths
        return depth

    def _depths(self) -> np.ndarray:
        """(B, tree slots) tree tokens before each."""
        return np.where(self._order[:, self._prompt :] >= 0, self._order[:, self._prompt :] - self._length[:, None], -1)

    # ---- one pass through the model

    def _forward(self, row, column, token, order, position) -> torch.Tensor:
        """Hidden states (M, H) of new tokens; `order` (M,) is each one's place in its own sequence."""
        width = int(column.max()) + 1
        flat = row * width + column
        spread = np.zeros(self.rows * width, dtype=np.int64)  # packed token of each padded place (padding: the first)
        spread[flat] = np.arange(len(row))
        new = np.full((self.rows, width), -1, dtype=np.int64)
        new[row, column] = order
        self._order = np.concatenate([self._order, new], axis=1)
        self._spread, self._gather, ids, places = (
            torch.as_tensor(values, device=self.device) for values in (spread, flat, token, position)
        )
        self._width, self._used, self._masks, self._stored = width, self._used + width, {}, 0
        self.evaluated += len(row)
        config = self.decoder.config
        before = config._attn_implementation
        try:
            config._attn_implementation = ATTENTION
            output = self.decoder(input_ids=ids[None], position_ids=places[None], use_cache=False, tree=self)
        finally:
            config._attn_implementation = before
        if self._stored != 2 * len(self._keys):
            raise ValueError(f"{type(self.model).__name__} did not use the attention it was given: use trie_search")
        return output.last_hidden_state[0]

    def _store(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put the packed new keys and values (kv heads, M, D) into their slots; all of this layer's so far."""
        start = self._used - self._width
        found = []
        for stored, new in ((self._keys, key), (self._values, value)):
            if layer >= len(stored):
                stored.append(new.new_zeros(self.rows, new.shape[0], 0, new.shape[2]))
            if stored[layer].shape[2] < self._used:
                room = new.new_zeros(self.rows, new.shape[0], max(self._used, 2 * start), new.shape[2])
                room[:, :, :start] = stored[layer][:, :, :start]
                stored[layer] = room
            padded = new.index_select(1, self._spread).view(new.shape[0], self.rows, self._width, -1)
            stored[layer][:, :, start : self._used] = padded.transpose(0, 1)
            found.append(stored[layer][:, :, : self._used])
            self._stored += 1
        return found[0], found[1]

    def _mask(self, layer: int, group: int, dtype: torch.dtype) -> torch.Tensor:
        """(B, 1, group * n, T) additive: 0 where a new token may look, else the least number of `dtype`."""
        sliding = self._layer_types is None or self._layer_types[layer] == "sliding_attention"
        window = getattr(self.decoder.config, "sliding_window", None) if sliding else None
        if (window, group) not in self._masks:
            order = torch.as_tensor(self._order, device=self.device)
            key, query = order[:, None, :], order[:, -self._width :, None]
            seen = (key >= 0) & (key <= query)  # (B, n, T): along a prompt
            if self._paths.shape[1]:  # in the tree: one's own path only
                paths = torch.as_tensor(self._paths[:, -self._width :], device=self.device)
                seen[:, :, self._prompt :] = False
                seen.scatter_(2, paths, True)
            if window is not None:
                seen &= query - key < window
            additive = torch.zeros(seen.shape, dtype=dtype, device=self.device)
            additive.masked_fill_(~seen, torch.finfo(dtype).min)
            self._masks[window, group] = additive.repeat(1, group, 1)[:, None]
        return self._masks[window, group]
