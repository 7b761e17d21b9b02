"""Keeping `model.generate` inside the trie (GRACE section 3.4): mask every token that leads out of the gallery.

Two ways to say the same thing to transformers: a logits processor that treats all beams at once, and the
`prefix_allowed_tokens_fn` that most generative-retrieval code uses, which is asked beam by beam and is slower.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from transformers import LogitsProcessor

from gcr_tutorial.trie import TrieIndex


class TrieLogitsProcessor(LogitsProcessor):
    """Sets the score of every token that does not continue an identifier to -inf; leaves the others as they are.

    Nothing is renormalised, so under beam search a hypothesis' score stays its log-probability under the full softmax.

    Beam search keeps `num_beams` rows alive even when fewer prefixes exist, so some rows stand outside the trie (their
    own score is -inf or about -1e9). Such a dead row is allowed the end token only: a row without any allowed token
    would put -inf everywhere, and any token at all might be chosen from it. Whoever reads the result drops these rows.

    Args:
        trie: the identifiers; `generate` must run with `eos_token_id=trie.end_id`.
        prompt_length: length of the `input_ids` that generate was given, padding included; 0 with `inputs_embeds`
            alone, since then the ids that the processor sees hold new tokens only.
    """

    def __init__(self, trie: TrieIndex, prompt_length: int):
        if prompt_length < 0:
            raise ValueError(f"prompt_length must be at least 0, got {prompt_length}")
        self.trie, self.prompt_length = trie, prompt_length
        self._device: torch.device | None = None

    def _to(self, device: torch.device) -> None:
        if self._device == device:
            return
        self._device = device
        self._alphabet = torch.as_tensor(self.trie.alphabet, device=device)  # (A,)
        self._offsets = torch.as_tensor(self.trie.offsets, dtype=torch.long, device=device)  # (nodes + 1,)
        codes = torch.as_tensor(self.trie.codes, dtype=torch.long, device=device)  # (edges,)
        self._tokens = self._alphabet[codes]  # (edges,) vocabulary id on each edge
        parents = torch.repeat_interleave(torch.arange(self.trie.num_nodes, device=device), self._offsets.diff())
        self._keys = parents * len(self._alphabet) + codes  # (edges,) ascending: (parent, code) as one number

    def _walk(self, generated: torch.Tensor) -> torch.Tensor:
        """(rows, steps) generated tokens -> (rows,) trie nodes, -1 outside the trie."""
        nodes = torch.zeros(generated.shape[0], dtype=torch.long, device=generated.device)
        for token in generated.unbind(dim=1):
            token = token.contiguous()
            code = torch.searchsorted(self._alphabet, token).clamp_(max=len(self._alphabet) - 1)
            key = nodes * len(self._alphabet) + code
            edge = torch.searchsorted(self._keys, key).clamp_(max=len(self._keys) - 1)
            known = (self._alphabet[code] == token) & (self._keys[edge] == key)  # never for -1: its key is negative
            nodes = torch.where(known, edge + 1, -1)
        return nodes

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """input_ids (rows, prompt_length + steps), scores (rows, V) -> masked scores (rows, V)."""
        if input_ids.shape[1] < self.prompt_length:
            raise ValueError(
                f"the sequences have {input_ids.shape[1]} tokens but prompt_length is {self.prompt_length}: "
                "it must be the length of the padded input_ids, or 0 where generate got inputs_embeds alone"
            )
        if int(self.trie.alphabet[-1]) >= scores.shape[1]:
            raise ValueError(
                f"the trie holds token {int(self.trie.alphabet[-1])}, the model scores {scores.shape[1]} tokens: "
                "add the identifier tokens to this model (resize its embeddings) first"
            )
        self._to(scores.device)
        nodes = self._walk(input_ids[:, self.prompt_length :].to(scores.device))  # (rows,)
        first = self._offsets[nodes.clamp(min=0)]
        count = torch.where(nodes >= 0, self._offsets[nodes.clamp(min=0) + 1] - first, 0)  # (rows,) children of each
        rows = torch.repeat_interleave(count)  # (sum of counts,): row r, count[r] times
        rank = torch.arange(len(rows), device=rows.device) - (count.cumsum(0) - count)[rows]
        tokens = self._tokens[first[rows] + rank]
        masked = torch.full_like(scores, -math.inf)
        masked[rows, tokens] = scores[rows, tokens]
        masked[:, self.trie.end_id] = torch.where(count == 0, scores[:, self.trie.end_id], masked[:, self.trie.end_id])
        return masked


def prefix_allowed_tokens_fn(trie: TrieIndex, prompt_length: int) -> Callable[[int, torch.Tensor], list[int]]:
    """The same constraint as a `prefix_allowed_tokens_fn` for `model.generate` (what GENRE, GRACE and others use).

    Outside the trie it allows the end token, never nothing: on an empty list transformers raises.
    """

    def allowed(batch_id: int, input_ids: torch.Tensor) -> list[int]:
        tokens, _ = trie.children(trie.walk(input_ids[prompt_length:].tolist()))
        return tokens.tolist() or [trie.end_id]

    return allowed
