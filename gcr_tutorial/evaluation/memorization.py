"""Memorization: which identifiers a model has learned so far, judged on training examples (GRACE, learning to memorize).

Greedy decoding writes an identifier exactly if each of its tokens is the likeliest one after the true tokens before it.
So one forward pass over the examples, as in training, tells which identifiers would be written right and how far the
others get. Nothing needs to be generated.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.training.batches import collate
from gcr_tutorial.training.examples import Example
from gcr_tutorial.training.loss import CompletionLoss


@torch.no_grad()
def teacher_forced_correct(
    backbone: Backbone, examples: Sequence[Example], features: torch.Tensor | None = None, batch_size: int = 128
) -> list[list[bool]]:
    """For each example, whether each of its target tokens (the end token included) is the likeliest of the whole vocabulary,
    given the prompt and the true tokens before it; no trie restricts the choice. `features` (N, S, H) as in `train`."""
    was_training = backbone.model.training
    backbone.model.eval()
    scorer, right = CompletionLoss(backbone), []
    for start in range(0, len(examples), batch_size):
        chunk = examples[start : start + batch_size]
        batch = collate(chunk, backbone.pad_id, features, backbone.device)
        labels = batch.pop("labels")  # (B, T), aligned on the right
        hits = (scorer.logits(**batch, width=labels.shape[1]).argmax(-1) == labels).tolist()
        right += [row[-len(example.completion_ids) :] for row, example in zip(hits, chunk)]
    backbone.model.train(was_training)
    return right


def exact_match(right: Sequence[Sequence[bool]]) -> float:
    """Percent of the identifiers that are right from the first token to the end token; `right` from `teacher_forced_correct`."""
    if not right:
        raise UserValueError("no identifiers to judge: give at least one row of teacher_forced_correct(...)")
    return 100 * sum(map(all, right)) / len(right)


def position_accuracy(right: Sequence[Sequence[bool]]) -> list[float]:
    """Percent of the identifiers with a right token at level 0, 1, ..., given the true tokens before it; each level counts
    the identifiers that are that long."""
    columns = [[row[level] for row in right if len(row) > level] for level in range(max(map(len, right), default=0))]
    return [100 * sum(column) / len(column) for column in columns]


class MemoryWatch:
    """Measures during training what is memorized: call it after each step, as `train(callback=...)` does.

    Attributes:
        losses: the loss of every step, in nats a token.
        steps: the steps after which it measured: 0, every `every`-th step, and the last one.
        right: for each of these steps, `teacher_forced_correct` of all `examples`.

    Raises UserValueError for `every` below 1.
    """

    def __init__(self, backbone: Backbone, examples: Sequence[Example], features: torch.Tensor | None, every: int) -> None:
        if every < 1:
            raise UserValueError(f"every={every}: look after each so many steps, 1 or more")
        self.backbone, self.examples, self.features, self.every = backbone, list(examples), features, every
        self.losses: list[float] = []
        self.steps: list[int] = []
        self.right: list[list[list[bool]]] = []
        self._measure(0)

    def __call__(self, step: int, total: int, loss: float) -> None:
        self.losses.append(loss)
        if step % self.every == 0 or step == total:
            self._measure(step)

    def _measure(self, step: int) -> None:
        self.steps.append(step)
        self.right.append(teacher_forced_correct(self.backbone, self.examples, self.features))

    @property
    def exact(self) -> list[float]:
        """Exact match in percent at each of `steps`."""
        return [exact_match(right) for right in self.right]

    def known(self, rows: Sequence[int]) -> list[list[bool]]:
        """For each of `rows` (indices of `examples`), whether its identifier was right at each of `steps`."""
        return [[all(right[row]) for right in self.right] for row in rows]
