"""Keeping `model.generate` inside the trie (GRACE section 3.4): mask every token that no identifier continues with.

There are two ways to tell transformers: a logits processor, which treats all beams at once, and the
`prefix_allowed_tokens_fn` that most generative-retrieval code uses, which is called for one beam at a time and is slower.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from transformers import LogitsProcessor

from gcr_tutorial.errors import NonFiniteScoreError, UserValueError
from gcr_tutorial.trie import TrieIndex


class _GeneratedTokens:
    """Counts the tokens that follow the prompt, and refuses a prompt length that the calls of `generate` contradict.

    `generate` first calls with the prompt alone, then with one token more at each step. With a wrong prompt length the walk
    would start in the middle of the prompt and leave the trie at once, and the answer would be empty.
    """

    def __init__(self, prompt_length: int) -> None:
        if prompt_length < 0:
            raise UserValueError(f"prompt_length must be at least 0, got {prompt_length}")
        self.prompt_length, self.last = prompt_length, -1

    def __call__(self, length: int) -> int:
        """The number of generated tokens in sequences of `length` tokens."""
        count = length - self.prompt_length
        if not 0 <= count <= self.last + 1:
            told = f"the prompt has {length} tokens" if self.last < 0 else f"the sequences have {length} tokens"
            raise UserValueError(
                f"{told} but prompt_length is {self.prompt_length}: it must be the length of the padded input_ids, "
                "or 0 where generate got inputs_embeds alone. Make a new one for every call of generate"
            )
        self.last = count
        return count


class TrieLogitsProcessor(LogitsProcessor):
    """Sets the score of every token that does not continue an identifier to -inf; leaves the others as they are.

    Nothing is renormalised, so under beam search the score of a sequence stays its log-probability under the full softmax.

    Beam search keeps `num_beams` sequences a query alive even when fewer prefixes exist, so some sequences are outside the
    trie (their own score is -inf or about -1e9). Such a dead sequence is allowed the end token only: without any allowed
    token, every score would be -inf and any token at all might be chosen. Drop these sequences from the result.

    Args:
        trie: the identifiers; `generate` must run with `eos_token_id=trie.end_id`.
        prompt_length: length of the `input_ids` that generate was given, padding included; 0 with `inputs_embeds`
            alone, since the ids that the processor sees are then new tokens only.
        num_beams: as given to `generate`; only needed to name the query where scores are NaN.

    Make one for each call of `generate`. Raises ValueError for a prompt length that the ids contradict (it says how long the
    prompt is) and for a trie with tokens that the model lacks, and FloatingPointError for scores that are NaN or infinite.
    """

    def __init__(self, trie: TrieIndex, prompt_length: int, num_beams: int = 1) -> None:
        self.trie, self.num_beams, self._generated = trie, num_beams, _GeneratedTokens(prompt_length)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """input_ids (B * num_beams, prompt_length + steps), scores (B * num_beams, V) -> masked scores, same shape."""
        # 1. Refuse what would give wrong answers.
        steps = self._generated(input_ids.shape[1])
        if int(self.trie.alphabet[-1]) >= scores.shape[1]:
            raise UserValueError(
                f"the trie holds token {int(self.trie.alphabet[-1])}, the model scores {scores.shape[1]} tokens: "
                "add the identifier tokens to this model (resize its embeddings) first"
            )
        bad = ~scores.amax(1).isfinite()
        if bad.any():
            raise NonFiniteScoreError(int(bad.long().argmax()) // self.num_beams)
        # 2. Keep the scores of the children of each sequence's node.
        trie = self.trie.on(scores.device)
        nodes = trie.walk(input_ids[:, input_ids.shape[1] - steps :].to(scores.device))
        owner, tokens, _ = trie.children_of(nodes)
        masked = torch.full_like(scores, -math.inf)
        masked[owner, tokens] = scores[owner, tokens]
        # 3. Allow the end token to dead sequences, which have no children.
        end_id, dead = self.trie.end_id, torch.ones(len(scores), dtype=torch.bool, device=scores.device)
        dead[owner] = False
        masked[:, end_id] = torch.where(dead, scores[:, end_id], masked[:, end_id])
        return masked


def prefix_allowed_tokens_fn(trie: TrieIndex, prompt_length: int) -> Callable[[int, torch.Tensor], list[int]]:
    """The same constraint as a `prefix_allowed_tokens_fn` for `model.generate` (as GENRE, GRACE and others use it).

    Outside the trie it allows the end token, never nothing: transformers raises for an empty list. Make one for each call of
    `generate`; raises ValueError as `TrieLogitsProcessor`.
    """
    generated = _GeneratedTokens(prompt_length)

    def allowed(batch_id: int, input_ids: torch.Tensor) -> list[int]:
        steps = generated(len(input_ids))
        tokens, _ = trie.children(trie.walk(input_ids[len(input_ids) - steps :].tolist()))
        return tokens.tolist() or [trie.end_id]

    return allowed
