"""Tree attention: many continuations of a prompt are evaluated at once, and the prompt's keys and values are stored once.

Beam search in `generate` copies the prompt for every beam. Here the prefixes that continue a prompt form one tree behind it:
a token attends to the prompt and to its own ancestors. The linear layers get the new tokens of all prompts packed into one
sequence without padding. Only the attention (one function, `tree_attention`) separates the prompts and the branches.

The idea is that of tree attention in speculative decoding (SpecInfer, Miao et al. 2024).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import AttentionInterface, DynamicCache

from gcr_tutorial.errors import UserValueError

ATTENTION = "gcr_token_tree"  # its name among the attention implementations of transformers


def tree_attention(
    module, query, key, value, attention_mask, *, tree: TokenTree, scaling=None, softcap=None, s_aux=None, **_
) -> tuple[torch.Tensor, None]:
    """Attention of the packed new tokens: query (1, heads, M, D), key and value (1, kv heads, M, D) -> (1, M, heads, D).

    The query heads that share a key head are put side by side, so that keys are read once and never repeated.
    """
    if softcap is not None or s_aux is not None:
        raise UserValueError(f"{type(module).__name__} caps its attention or has sinks: use trie_search for this model")
    # 1. Put the new keys and values into their slots: (B, kv heads, T, D).
    keys, values = tree._store(module.layer_idx, key[0], value[0])
    batch, kv_heads, _, width = keys.shape
    group = query.shape[1] // kv_heads
    # 2. Unpack the queries into one row a prompt, padded: (B, kv heads, group * n, D).
    padded = query[0].index_select(1, tree._unpack).view(kv_heads, group, batch, -1, width)
    padded = padded.permute(2, 0, 1, 3, 4).reshape(batch, kv_heads, -1, width)
    # 3. Attend under the tree's mask.
    attended = torch.nn.functional.scaled_dot_product_attention(
        padded, keys, values, attn_mask=tree._mask(module.layer_idx, group, query.dtype), scale=scaling
    )
    # 4. Pack the results again.
    attended = attended.reshape(batch, kv_heads, group, -1, width).permute(0, 3, 1, 2, 4).reshape(-1, kv_heads * group, width)
    return attended.index_select(0, tree._pack)[None], None


AttentionInterface.register(ATTENTION, tree_attention)


class TokenTree:
    """B prompts and the tokens evaluated after each, with their keys and values.

    Make one with `TokenTree.after` or `TokenTree.after_inputs`. The keys and values of a prompt and of the tree after it lie in
    numbered *slots*: first the prompt's, then the tree's. In the arguments below, `prompt` is the number of a prompt in this
    tree, 0 .. B - 1.

    Attributes:
        n_prompts: B.
        queries: (B,) the number of each prompt among the queries of the whole search.
        hidden: (B, H) the last hidden state of each prompt, which scores the first token of an identifier.
        evaluated: how many tokens went through the model so far, prompts included.

    Raises ValueError for a model that a tree cannot serve: whose layers keep a state instead of keys and values (linear
    attention, convolutions, Mamba), or whose attention is not plain causal attention.
    """

    def __init__(self, model: Any, n_prompts: int) -> None:
        self.model, self.decoder, self.n_prompts = model, model.get_decoder(), n_prompts
        self.queries = np.arange(n_prompts)
        config = self.decoder.config
        self._layer_types = getattr(config, "layer_types", None)
        unknown = sorted(set(self._layer_types or ()) - {"full_attention", "sliding_attention"})
        if getattr(model, "_is_stateful", False) or getattr(self.decoder, "_is_stateful", False):
            unknown.append("a recurrent state")
        if getattr(config, "attention_chunk_size", None) or not getattr(config, "is_causal", True):
            unknown.append("not plain causal attention")
        if unknown:
            raise UserValueError(
                f"{type(model).__name__} has layers that a token tree cannot serve ({', '.join(unknown)}): use trie_search"
            )
        self.device = model.device
        self._keys: list[torch.Tensor] = []  # a layer: (B, kv heads, capacity, D)
        self._values: list[torch.Tensor] = []
        self.evaluated = 0
        self._used = self._prompt_slots = 0  # slots in use, and how many of them the prompts have
        self._order = np.zeros((n_prompts, 0), dtype=np.int64)  # (B, slots) tokens before it in its sequence; -1: empty slot
        self._paths = np.zeros((n_prompts, 0, 0), dtype=np.int64)  # (B, tree slots, depth) slots from the first token to it
        self._length = np.zeros(n_prompts, dtype=np.int64)  # tokens of each prompt
        self._position = np.zeros(n_prompts, dtype=np.int64)  # rotary position of the first token after each prompt
        self.hidden: torch.Tensor | None = None

    # ---- prompts

    @classmethod
    def after(cls, model: Any, prompts: Sequence[Sequence[int]], shared: TokenTree | None = None) -> TokenTree:
        """Evaluate prompts (token ids). `shared` is a tree after the one prompt that all of `prompts` start with; then only
        what follows this start is evaluated."""
        tree = cls(model, len(prompts))
        # 1. The keys and values of the shared start are seen by all prompts without a copy.
        start = 0
        if shared is not None:
            start = int(shared._length[0])
            tree._keys = [keys[:, :, :start].expand(len(prompts), -1, -1, -1) for keys in shared._keys]
            tree._values = [values[:, :, :start].expand(len(prompts), -1, -1, -1) for values in shared._values]
            tree._order = np.tile(np.arange(start), (len(prompts), 1))
            tree._used = start
        # 2. Evaluate the rest of all prompts, packed one after the other.
        rest = [np.asarray(prompt[start:], dtype=np.int64) for prompt in prompts]
        count = np.array([len(tokens) for tokens in rest])
        prompt = np.repeat(np.arange(len(rest)), count)
        column = np.arange(len(prompt)) - np.repeat(np.cumsum(count) - count, count)
        hidden = tree._forward(prompt, column, np.concatenate(rest), start + column, start + column)
        # 3. Note where each prompt ends.
        tree.hidden = hidden[torch.as_tensor(np.cumsum(count) - 1, device=hidden.device)]
        tree._prompt_slots = tree._used
        tree._length[:] = tree._position[:] = start + count
        return tree

    @classmethod
    def after_inputs(cls, model: Any, inputs: Mapping[str, torch.Tensor]) -> TokenTree:
        """Evaluate prompts given as the model's own inputs (embeddings, pictures ...), padded on the left."""
        mask, inputs = inputs["attention_mask"].bool(), dict(inputs)
        tree = cls(model, len(mask))
        # 1. Positions: counted without padding, unless the model derives them from the pictures (Qwen-VL).
        order = mask.long().cumsum(1) - 1  # (B, L)
        positions_from_pictures = hasattr(model.base_model, "rope_deltas") and "image_grid_thw" in inputs
        if inputs.get("position_ids") is None and not positions_from_pictures:
            inputs["position_ids"] = order.clamp(min=0)
        if "inputs_embeds" in inputs:
            inputs.pop("input_ids", None)
        # 2. One pass; without the model's configuration the cache keeps all of every layer, also of sliding windows.
        cache = DynamicCache()
        output = model.base_model(**inputs, past_key_values=cache, use_cache=True)
        # 3. The slots are the columns of the padded batch.
        tree._keys = [layer.keys for layer in cache.layers]
        tree._values = [layer.values for layer in cache.layers]
        tree._used = tree._prompt_slots = mask.shape[1]
        tree._order = order.masked_fill(~mask, -1).cpu().numpy()
        tree._length = mask.sum(1).cpu().numpy()
        if positions_from_pictures and inputs.get("position_ids") is None:
            tree._position = tree._length + model.base_model.rope_deltas.view(-1).cpu().numpy()
        else:
            positions = inputs["position_ids"].reshape(-1, *mask.shape[-2:])  # (1, 3 or 4, B, L)
            tree._position = positions[-3:].amax((0, 2)).cpu().numpy() + 1
        tree.evaluated = mask.numel()
        tree.hidden = output.last_hidden_state[:, -1]
        return tree

    # ---- the tree

    def extend(self, prompt: np.ndarray, token: np.ndarray, parent: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
        """Evaluate M tokens, each after the token in slot `parent` of its prompt (-1: directly after the prompt).

        `prompt` (M,) ascends. A parent may be among the new tokens: the j-th new token of a prompt gets slot `used` + j.
        Returns their hidden states (M, H) and slots (M,).
        """
        count = np.bincount(prompt, minlength=self.n_prompts)
        column = np.arange(len(prompt)) - np.repeat(np.cumsum(count) - count, count)
        slot = self._used + column
        depth = self._grow_paths(prompt, column, parent, slot, int(count.max()))
        hidden = self._forward(prompt, column, token, self._length[prompt] + depth, self._position[prompt] + depth)
        return hidden, slot

    @property
    def used(self) -> int:
        """Slots in use, which is also the first slot that the next `extend` gives out."""
        return self._used

    def rewind(self) -> None:
        """Forget the tree, keep the prompts."""
        self._used = self._prompt_slots
        self._order, self._paths = self._order[:, : self._prompt_slots], self._paths[:, :0]

    def keep_prompts(self, prompts: np.ndarray) -> None:
        """Keep only these prompts and their trees, renumbered from 0."""
        chosen = torch.as_tensor(prompts, device=self.device)
        self._keys = [keys[:, :, : self._used].index_select(0, chosen) for keys in self._keys]
        self._values = [values[:, :, : self._used].index_select(0, chosen) for values in self._values]
        self._order, self._paths, self.queries = self._order[prompts], self._paths[prompts], self.queries[prompts]
        self._length, self._position, self.hidden = self._length[prompts], self._position[prompts], self.hidden[chosen]
        self.n_prompts = len(prompts)

    def _grow_paths(self, prompt, column, parent, slot, width: int) -> np.ndarray:
        """Add the paths of the new tokens to `_paths`; returns how many tree tokens stand before each, (M,)."""
        # 1. Make room for `width` more slots. A slot that no token gets attends to itself.
        first, old = self._used - self._prompt_slots, self._paths
        at, above = slot - self._prompt_slots, np.maximum(parent - self._prompt_slots, 0)
        paths = np.full((self.n_prompts, first + width, old.shape[2]), -1, dtype=np.int64)
        paths[:, :first] = old
        paths[:, first:] = np.arange(self._used, self._used + width)[:, None]
        depths = np.full((self.n_prompts, first + width), -1, dtype=np.int64)
        depths[:, :first] = self._depths() if first else 0
        depth, left = np.zeros(len(prompt), dtype=np.int64), np.arange(len(prompt))
        # 2. Parents first: each round takes the tokens whose parent has a depth already, so there is one round a depth.
        while len(left):
            known = (parent[left] < 0) | (depths[prompt[left], above[left]] >= 0)
            now, left = left[known], left[~known]
            if not len(now):
                raise UserValueError("a token's parent must be in the tree or among the new tokens")
            has_parent = parent[now] >= 0
            depth[now] = np.where(has_parent, depths[prompt[now], above[now]] + 1, 0)
            if depth[now].max() >= paths.shape[2]:  # lengthen all paths; a path shorter than the rest repeats its own slot
                more = depth[now].max() + 1 - paths.shape[2]
                own = np.arange(self._prompt_slots, self._used + width)[:, None]
                paths = np.concatenate([paths, np.broadcast_to(own, (*paths.shape[:2], more))], axis=2)
            # 3. A token's path is its parent's path and its own slot.
            path = np.where(has_parent[:, None], paths[prompt[now], above[now]], slot[now, None])
            path = np.where(np.arange(paths.shape[2]) >= depth[now, None], slot[now, None], path)
            paths[prompt[now], at[now]] = path
            depths[prompt[now], at[now]] = depth[now]
        self._paths = paths
        return depth

    def _depths(self) -> np.ndarray:
        """(B, tree slots) how many tree tokens stand before each; -1 in empty slots."""
        order = self._order[:, self._prompt_slots :]
        return np.where(order >= 0, order - self._length[:, None], -1)

    # ---- one pass through the model

    def _forward(self, prompt, column, token, order, position) -> torch.Tensor:
        """Hidden states (M, H) of new tokens. `column` counts the new tokens of a prompt, `order` all tokens before each in
        its sequence, and `position` is its rotary position."""
        # 1. How tokens are unpacked to (B, width) and packed again. Padding repeats the first token; nothing reads it.
        width = int(column.max()) + 1
        flat = prompt * width + column
        unpack = np.zeros(self.n_prompts * width, dtype=np.int64)
        unpack[flat] = np.arange(len(prompt))
        new = np.full((self.n_prompts, width), -1, dtype=np.int64)
        new[prompt, column] = order
        self._order = np.concatenate([self._order, new], axis=1)
        self._unpack, self._pack, ids, positions = (
            torch.as_tensor(values, device=self.device) for values in (unpack, flat, token, position)
        )
        self._width, self._used, self._masks, self._stored = width, self._used + width, {}, 0
        self.evaluated += len(prompt)
        # 2. Run the decoder with tree attention in place of its own.
        config = self.decoder.config
        before = config._attn_implementation
        try:
            config._attn_implementation = ATTENTION
            output = self.decoder(input_ids=ids[None], position_ids=positions[None], use_cache=False, tree=self)
        finally:
            config._attn_implementation = before
        # 3. Every layer must have used it, else tokens of other prompts and branches were seen.
        if self._stored != config.num_hidden_layers:
            raise UserValueError(
                f"{type(self.model).__name__} computes {config.num_hidden_layers - self._stored} of its layers without the "
                "attention that it was given: use trie_search"
            )
        return output.last_hidden_state[0]

    def _store(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put the packed new keys and values (kv heads, M, D) into their slots; returns all of this layer's so far."""
        start = self._used - self._width
        found = []
        for stored, new in ((self._keys, key), (self._values, value)):
            while layer >= len(stored):
                stored.append(new.new_zeros(self.n_prompts, new.shape[0], 0, new.shape[2]))
            if stored[layer].shape[2] < self._used:  # double the room, so that growing costs linear time in all
                room = new.new_zeros(self.n_prompts, new.shape[0], max(self._used, 2 * start), new.shape[2])
                room[:, :, :start] = stored[layer][:, :, :start]
                stored[layer] = room
            padded = new.index_select(1, self._unpack).view(new.shape[0], self.n_prompts, self._width, -1)
            stored[layer][:, :, start : self._used] = padded.transpose(0, 1)
            found.append(stored[layer][:, :, : self._used])
        self._stored += 1
        return found[0], found[1]

    def _mask(self, layer: int, group: int, dtype: torch.dtype) -> torch.Tensor:
        """(B, 1, group * n, T), added to the attention scores: 0 where a new token attends, else the least number of `dtype`.

        Not a boolean mask: eager attention would add that as 0 and 1.
        """
        sliding = self._layer_types is None or self._layer_types[layer] == "sliding_attention"
        window = getattr(self.decoder.config, "sliding_window", None) if sliding else None
        if (window, group) not in self._masks:
            order = torch.as_tensor(self._order, device=self.device)
            key, query = order[:, None, :], order[:, -self._width :, None]
            seen = (key >= 0) & (key <= query)  # (B, n, T): in the prompt, all tokens before
            if self._paths.shape[1]:  # in the tree, the token's own path
                paths = torch.as_tensor(self._paths[:, -self._width :], device=self.device)
                seen[:, :, self._prompt_slots :] = False
                seen.scatter_(2, paths, True)
            if window is not None:
                seen &= query - key < window
            additive = torch.zeros(seen.shape, dtype=dtype, device=self.device)
            additive.masked_fill_(~seen, torch.finfo(dtype).min)
            self._masks[window, group] = additive.repeat(1, group, 1)[:, None]
        return self._masks[window, group]
