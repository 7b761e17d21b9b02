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
        trie = self.trie.on(scores.device)
        nodes = trie.walk(input_ids[:, self.prompt_length :].to(scores.device))  # (rows,)
        rows, tokens, _ = trie.children_of(nodes)
        masked = torch.full_like(scores, -math.inf)
        masked[rows, tokens] = scores[rows, tokens]
        end_id, dead = self.trie.end_id, torch.ones(len(scores), dtype=torch.bool, device=scores.device)
        dead[rows] = False  # these rows have children
        masked[:, end_id] = torch.where(dead, scores[:, end_id], masked[:, end_id])
        return masked


def prefix_allowed_tokens_fn(trie: TrieIndex, prompt_length: int) -> Callable[[int, torch.Tensor], list[int]]:
    """The same constraint as a `prefix_allowed_tokens_fn` for `model.generate` (what GENRE, GRACE and others use).

    Outside the trie it allows the end token, never nothing: on an empty list transformers raises.
    """

    def allowed(batch_id: int, input_ids: torch.Tensor) -> list[int]:
        tokens, _ = trie.children(trie.walk(input_ids[prompt_length:].tolist()))
        return tokens.tolist() or [trie.end_id]

    return allowed
