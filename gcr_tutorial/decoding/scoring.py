"""Log-probabilities of the few tokens that may follow a prefix, without keeping scores of the whole vocabulary."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from gcr_tutorial.errors import NonFiniteScoreError, UserValueError

NORMALIZERS = ("vocabulary", "trie")
BLOCK = {"cpu": 2**22, "cuda": 2**27}  # logits held at a time, so that they fit in a CPU's cache or a GPU's memory
# Names in a model's configuration of what changes logits after the head, beside `final_logit_softcapping`, known here.
SCALES = ("logit_scale", "logits_scaling", "output_multiplier", "output_multiplier_scale", "lm_head_multiplier", "softcap")


class ChildScorer:
    """Scores (prefix, next token) pairs with a model's language-model head.

    Args:
        model: has `get_output_embeddings()`.
        normalize: "vocabulary": log-probabilities under the softmax over all tokens, as `generate` computes them.
            "trie": under the softmax over the listed tokens of each prefix only. This needs no product with the whole
            vocabulary, and the probabilities of all identifiers then sum to one.

    Raises ValueError for another `normalize`, and for a model that changes its logits in a way that this class does not know.
    """

    def __init__(self, model: Any, normalize: str = "vocabulary") -> None:
        if normalize not in NORMALIZERS:
            raise UserValueError(f"normalize={normalize!r}: choose one of {', '.join(NORMALIZERS)}")
        self.head, self.normalize = model.get_output_embeddings(), normalize
        text_config = model.config.get_text_config()
        self.cap = getattr(model.config, "final_logit_softcapping", None)
        unknown = [
            name
            for config in (model.config, text_config)
            for name in SCALES
            if getattr(config, name, None) not in (None, 1, 1.0)
        ]
        if getattr(text_config, "final_logit_softcapping", None) != self.cap:  # some models of images and text apply it
            unknown.append("final_logit_softcapping")
        if self.head is None or unknown:
            raise UserValueError(
                f"this decoder does not know how {type(model).__name__} turns hidden states into logits "
                f"({unknown[0] if unknown else 'no output embeddings'}): use trie_search"
            )

    def __call__(self, hidden: torch.Tensor, owner: np.ndarray, tokens: np.ndarray, query: np.ndarray) -> np.ndarray:
        """(E,) float64 log-probabilities of tokens[e] after prefix owner[e]; `owner` ascends.

        Args:
            hidden: (M, H) hidden states of the prefixes.
            owner, tokens: (E,) each.
            query: (M,) the number of each prefix's query, to name it in an error.

        Raises ValueError for a token that the head lacks, and NonFiniteScoreError (a FloatingPointError) where the logits of
        a prefix hold NaN or plus infinity. Copies once from the device to the host.
        """
        size = self.head.weight.shape[0]
        if len(tokens) and int(tokens.max()) >= size:
            raise UserValueError(
                f"the trie holds token {int(tokens.max())}, the model scores {size} tokens: "
                "add the identifier tokens to this model (resize its embeddings) first"
            )
        at, to = (torch.as_tensor(values, device=hidden.device) for values in (owner, tokens))
        if self.normalize == "trie":
            logits = self._listed(hidden, owner, tokens, at, to)
            total = _segment_logsumexp(logits, at, len(hidden))
        elif type(self.head) is nn.Linear:
            logits, total = self._by_vocabulary_blocks(hidden, owner, tokens)
        else:  # a wrapped head (adapters, quantisation) cannot be asked for a part of the vocabulary
            logits, total = self._by_prefix_blocks(hidden, owner, at, to)
        # A NaN or an infinite logit makes the total NaN or infinite; less than infinity, every score would be -inf.
        total = total.where(total.isfinite(), math.nan)
        scores = (logits - total[at]).double().cpu().numpy()
        bad = np.isnan(scores)
        if bad.any():
            raise NonFiniteScoreError(int(query[owner[bad.argmax()]]))
        return scores

    def _capped(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits after the soft cap of models that have one (Gemma)."""
        return logits if self.cap is None else torch.tanh(logits / self.cap) * self.cap

    def _by_vocabulary_blocks(self, hidden, owner, tokens) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (E,) of the listed pairs and the logarithm of the softmax denominator (M,), some tokens at a time."""
        weight, bias = self.head.weight, self.head.bias
        step = max(1024, BLOCK.get(hidden.device.type, 2**22) // len(hidden))
        order = np.argsort(tokens, kind="stable")
        at, to = (torch.as_tensor(values[order], device=hidden.device) for values in (owner, tokens))
        found, total = [], None
        for start in range(0, weight.shape[0], step):
            stop = min(start + step, weight.shape[0])
            block = nn.functional.linear(hidden, weight[start:stop], None if bias is None else bias[start:stop])
            block = self._capped(block).float()  # (M, step)
            first, last = np.searchsorted(tokens[order], (start, stop))
            found.append(block[at[first:last], to[first:last] - start])
            part = block.logsumexp(1)
            total = part if total is None else torch.logaddexp(total, part)
        logits = torch.empty(len(tokens), dtype=torch.float32, device=hidden.device)
        logits[torch.as_tensor(order, device=hidden.device)] = torch.cat(found)
        return logits, total

    def _by_prefix_blocks(self, hidden, owner, at, to) -> tuple[torch.Tensor, torch.Tensor]:
        """The same, some prefixes at a time."""
        step = max(1, BLOCK.get(hidden.device.type, 2**22) // self.head.weight.shape[0])
        found, totals = [], []
        for start in range(0, len(hidden), step):
            block = self._capped(self.head(hidden[start : start + step])).float()  # (step, V)
            first, last = np.searchsorted(owner, (start, start + step))
            found.append(block[at[first:last] - start, to[first:last]])
            totals.append(block.logsumexp(1))
        return torch.cat(found), torch.cat(totals)

    def _listed(self, hidden, owner, tokens, at, to) -> torch.Tensor:
        """Logits (E,) of the listed pairs alone."""
        if type(self.head) is not nn.Linear:
            return self._by_prefix_blocks(hidden, owner, at, to)[0]
        weight, bias = self.head.weight, self.head.bias
        distinct, where = np.unique(tokens, return_inverse=True)
        if len(distinct) * len(hidden) <= 32 * len(tokens):  # most pairs of these tokens are wanted: one product gives all
            chosen = torch.as_tensor(distinct, device=hidden.device)
            table = nn.functional.linear(hidden, weight[chosen], None if bias is None else bias[chosen])
            logits = table[at, torch.as_tensor(where, device=hidden.device)]
        else:
            step = max(1, 2**22 // hidden.shape[1])
            logits = torch.cat([(hidden[at[i : i + step]] * weight[to[i : i + step]]).sum(1) for i in range(0, len(to), step)])
            logits = logits if bias is None else logits + bias[to]
        return self._capped(logits).float()


def _segment_logsumexp(values: torch.Tensor, segment: torch.Tensor, segments: int) -> torch.Tensor:
    """(segments,) logarithm of the sum of exp(values) (E,) over each segment; -inf for an empty segment."""
    top = torch.full((segments,), -math.inf, device=values.device).scatter_reduce(0, segment, values, "amax")
    shift = top.where(top.isfinite(), 0)  # so that -inf minus -inf does not make NaN
    return shift + torch.zeros_like(top).index_add(0, segment, (values - shift[segment]).exp()).log()
