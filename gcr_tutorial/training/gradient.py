"""Compute the gradient of one batch in parts that fit into memory, on all processes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from accelerate import Accelerator
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from torch import nn

from gcr_tutorial import processes
from gcr_tutorial.training.examples import Example


class BatchGradient:
    """The gradient of the mean loss over all completion tokens of a batch.

    Each process computes its share of the examples, in `parts` parts one after the other. The mean loss of a part is
    weighted by its number of completion tokens, so neither the number of processes nor that of parts changes the result by
    more than rounding. Where memory runs out, the number of parts is doubled and the batch is computed again. Several
    processes cannot agree on that any more, so there MemoryError says which option to change.

    Args:
        model: computes the mean loss of the tensors of a part; as `accelerator.prepare` returned it.
        to_tensors: makes the arguments of `model` from examples (see `collate`).
        parts: so many at first.
    """

    def __init__(
        self, accelerator: Accelerator, model: nn.Module, to_tensors: Callable[[Sequence[Example]], dict], parts: int = 1
    ) -> None:
        self.accelerator, self.model, self.to_tensors, self.parts = accelerator, model, to_tensors, parts

    def __call__(self, batch: Sequence[Example]) -> float:
        """The mean loss of `batch`, the same on every process; the gradients are in the parameters afterwards. Raises
        MemoryError where not even one example fits into memory."""
        while True:
            try:
                return self._add_up(batch)
            except (MemoryError, RuntimeError) as error:
                if not isinstance(error, MemoryError) and not should_reduce_batch_size(error):
                    raise
                if processes.count() > 1 or self.parts >= len(batch):
                    raise MemoryError(self._advice(len(batch))) from error
            self.model.zero_grad()
            clear_device_cache(garbage_collection=True)
            self.parts *= 2
            warnings.warn(
                f"out of memory: batches of {len(batch)} are computed in {self.parts} parts from here on, to the same result",
                stacklevel=2,
            )

    def _add_up(self, batch: Sequence[Example]) -> float:
        """The same, once, with the parts that there are now."""
        many, tokens, loss = processes.count(), sum(len(example.completion_ids) for example in batch), 0.0
        for number in range(self.parts):
            part = batch[number * many + processes.rank() :: many * self.parts]
            share = sum(len(example.completion_ids) for example in part) / tokens  # 0 where a process has no example left
            last = number == self.parts - 1
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                with self.accelerator.autocast():
                    part_loss = self.model(**self.to_tensors(part or batch[:1])) * share
                self.accelerator.backward(part_loss * many)  # times `many`, because the processes' gradients are averaged
            loss += part_loss.item()
        return processes.total([loss])[0]

    def _advice(self, size: int) -> str:
        if processes.count() > 1:
            return (
                f"out of memory on process {processes.rank()} with {processes.count()} processes: add --accumulation "
                f"{2 * self.parts} (more parts, the same result)"
            )
        return f"out of memory even for one of the batch's {size} examples at a time: choose a smaller backbone or --rank"
