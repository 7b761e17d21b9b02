"""Log-probabilities of the few tokens that continue a prefix, without keeping vocabulary-wide scores."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

NORMALIZERS = ("vocabulary", "trie")
BLOCK = {"cpu": 2**22, "cuda": 2**27}  # logits held at a time: what a CPU's cache and a GPU's memory take easily


class ChildScorer:
    """Scores (prefix, next token) pairs with a model's language-model head.

    Args:
        model: has `get_output_embeddings()`.
        normalize: "vocabulary": log-probabilities under the softmax over all tokens, as `generate` computes them.
            "trie": under the softmax over the listed tokens of each prefix only, which needs no vocabulary-wide
            product; the scores of all identifiers then sum to one.
    """

    def __init__(self, model: Any, normalize: str = "vocabulary") -> None:
        if normalize not in NORMALIZERS:
            raise ValueError(f"normalize={normalize!r}: choose one of {', '.join(NORMALIZERS)}")
        self.head, self.normalize = model.get_output_embeddings(), normalize
        self.cap = getattr(model.config, "final_logit_softcapping", None)
        scaled = [
            name
            for name in ("logit_scale", "logits_scaling", "output_multiplier_scale")
            if getattr(model.config, name, None) not in (None, 1, 1.0)
        ]
        if self.head is None or scaled:
            raise ValueError(
                f"this decoder does not know how {type(model).__name__} turns hidden states into logits "
                f"({scaled[0] if scaled else 'no output embeddings'}): use trie_search"
            )

    def __call__(self, hidden: torch.Tensor, owner: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """(E,) float64 log-probabilities of tokens[e] after prefix owner[e], from hidden states (M, H).

        `owner` ascends. Raises ValueError for a token that the head lacks. One device-to-host copy.
        """
        size = self.head.weight.shape[0]
        if len(tokens) and int(tokens.max()) >= size:
            raise ValueError(
                f"the trie holds token {int(tokens.max())}, the model scores {size} tokens: "
                "add the identifier tokens to this model (resize its embeddings) first"
            )
        of, to = (torch.as_tensor(values, device=hidden.device) for values in (owner, tokens))
        if self.normalize == "trie":
            logits = self._listed(hidden, owner, tokens, of, to)
            total = _segment_logsumexp(logits, of, len(hidden))
        elif type(self.head) is nn.Linear:
            logits, total = self._by_vocabulary_blocks(hidden, owner, tokens)
        else:  # a wrapped head (adapters, quantisation) is asked whole
            logits, total = self._by_prefix_blocks(hidden, owner, of, to)
        return (logits - total[of]).double().cpu().numpy()

    def _capped(self, logits: torch.Tensor) -> torch.Tensor:
        return logits if self.cap is None else torch.tanh(logits / self.cap) * self.cap

    def _by_vocabulary_blocks(self, hidden, owner, tokens) -> tuple[torch.Tensor, torch.Tensor]:
        weight, bias = self.head.weight, self.head.bias
        step = max(1024, BLOCK.get(hidden.device.type, 2**22) // len(hidden))
        order = np.argsort(tokens, kind="stable")
        of, to = (torch.as_tensor(values[order], device=hidden.device) for values in (owner, tokens))
        found, total = [], None
        for start in range(0, weight.shape[0], step):
            stop = min(start + step, weight.shape[0])
            block = nn.functional.linear(hidden, weight[start:stop], None if bias is None else bias[start:stop])
            block = self._capped(block).float()  # (M, step)
            first, last = np.searchsorted(tokens[order], (start, stop))
            found.append(block[of[first:last], to[first:last] - start])
            part = _logsumexp(block)
            total = part if total is None else torch.logaddexp(total, part)
        logits = torch.empty(len(tokens), dtype=torch.float32, device=hidden.device)
        logits[torch.as_tensor(order, device=hidden.device)] = torch.cat(found)
        return logits, total

    def _by_prefix_blocks(self, hidden, owner, of, to) -> tuple[torch.Tensor, torch.Tensor]:
        step = max(1, BLOCK.get(hidden.device.type, 2**22) // self.head.weight.shape[0])
        found, totals = [], []
        for start in range(0, len(hidden), step):
            block = self._capped(self.head(hidden[start : start + step])).float()  # (step, V)
            first, last = np.searchsorted(owner, (start, start + step))
            found.append(block[of[first:last] - start, to[first:last]])
            totals.append(_logsumexp(block))
        return torch.cat(found), torch.cat(totals)

    def _listed(self, hidden, owner, tokens, of, to) -> torch.Tensor:
        """(E,) logits of the listed pairs alone."""
        if type(self.head) is not nn.Linear:
            return self._by_prefix_blocks(hidden, owner, of, to)[0]
        weight, bias = self.head.weight, self.head.bias
        distinct, where = np.unique(tokens, return_inverse=True)
        if len(distinct) * len(hidden) <= 32 * len(tokens):  # most pairs are wanted: one product for all
            chosen = torch.as_tensor(distinct, device=hidden.device)
            table = nn.functional.linear(hidden, weight[chosen], None if bias is None else bias[chosen])
            logits = table[of, torch.as_tensor(where, device=hidden.device)]
        else:
            step = max(1, 2**22 // hidden.shape[1])
            logits = torch.cat([(hidden[of[i : i + step]] * weight[to[i : i + step]]).sum(1) for i in range(0, len(to), step)])
            logits = logits if bias is None else logits + bias[to]
        return self._capped(logits).float()


def _logsumexp(block: torch.Tensor) -> torch.Tensor:
    """(M,) over the rows of (M, V): log_softmax takes one pass where logsumexp takes five."""
    return block[:, 0] - block.log_softmax(1)[:, 0]


def _segment_logsumexp(values: torch.Tensor, segment: torch.Tensor, segments: int) -> torch.Tensor:
    """(segments,) log of the sum of exp(values) (E,) over each segment; -inf for an empty one."""
    top = torch.full((segments,), -math.inf, device=values.device).scatter_reduce(0, segment, values, "amax")
    sums = torch.zeros_like(top).index_add(0, segment, (values - top[segment]).exp())
    return top + sums.log()
