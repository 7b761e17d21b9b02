"""Learning rates, and the gradient of a batch that may be too large for memory or shared by many processes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from torch import nn

from . import processes, sharding
from .batching import Example


def parameter_groups(model: nn.Module, lr: float, token_lr: float, weight_decay: float) -> list[dict[str, Any]]:
    """The trainable parameters in three groups: matrices (decayed), vectors such as norms, and the embedding rows that
    peft trains for new tokens (at `token_lr`); the latter two are not decayed. Raises ValueError if nothing trains."""
    matrices, vectors, tokens = [], [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            group = tokens if "trainable_tokens" in name else matrices if parameter.ndim > 1 else vectors
            group.append(parameter)
    groups = [
        {"params": matrices, "lr": lr, "weight_decay": weight_decay},
        {"params": vectors, "lr": lr, "weight_decay": 0.0},
        {"params": tokens, "lr": token_lr, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if not groups:
        raise ValueError("no parameter is trainable: call adapt(backbone, ...) before train")
    return groups


def warmup_cosine(warmup: float, total: int) -> Callable[[int], float]:
    """Learning-rate factor of each optimizer step: up linearly over `warmup` (a share), then down a cosine to zero."""
    rising = max(1, round(warmup * total))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, total - rising))))

    return factor


def new_accelerator(device: torch.device, mixed_precision: str) -> Accelerator:
    """What spreads training over the processes of this run. Raises ValueError for DeepSpeed, and for split weights (FSDP) in
    float16, whose gradients would have to be rescaled together."""
    accelerator = Accelerator(cpu=device.type == "cpu", mixed_precision=mixed_precision)
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        raise ValueError(
            "DeepSpeed is not supported: launch with data/accelerate/many_gpus.yaml, or fsdp.yaml to split the weights"
        )
    if sharding.wanted() and mixed_precision == "fp16":
        raise ValueError("split weights (FSDP) train in bf16 or float32, not in fp16: add --mixed-precision bf16, or no")
    return accelerator


class BatchGradient:
    """Adds up the gradient of the mean loss over all target tokens of a batch, whichever way the batch is cut.

    Each process computes its share of the examples, in `parts` parts one after the other. A part counts by its target
    tokens, so neither the number of processes nor that of parts changes the result by more than rounding. Where memory
    runs out the parts are halved and the batch is computed anew; with many processes that cannot be agreed upon any more,
    and MemoryError says which option to change.

    Args:
        model: takes the tensors of a part to its mean loss; as `accelerator.prepare` returned it.
        to_tensors: examples to the arguments of `model` (see `collate`).
        parts: to begin with; grows.
    """

    def __init__(
        self, accelerator: Accelerator, model: nn.Module, to_tensors: Callable[[Sequence[Example]], dict], parts: int = 1
    ) -> None:
        self.accelerator, self.model, self.to_tensors, self.parts = accelerator, model, to_tensors, parts

    def __call__(self, batch: Sequence[Example]) -> float:
        """The mean loss of `batch`, the same on every process; the gradients are left in the parameters."""
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
        many, tokens, loss = processes.count(), sum(len(example.target_ids) for example in batch), 0.0
        for number in range(self.parts):
            part = batch[number * many + processes.rank() :: many * self.parts]
            share = sum(len(example.target_ids) for example in part) / tokens  # 0 for a process that has nothing left
            last = number == self.parts - 1
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                with self.accelerator.autocast():
                    part_loss = self.model(**self.to_tensors(part or batch[:1])) * share
                self.accelerator.backward(part_loss * many)  # many: the processes' gradients are averaged
            loss += part_loss.item()
        return processes.total([loss])[0]

    def _advice(self, size: int) -> str:
        if processes.count() > 1:
            return (
                f"out of memory on process {processes.rank()} with {processes.count()} processes: add --accumulation "
                f"{2 * self.parts} (more parts, the same result)"
            )
        return f"out of memory even for one of the batch's {size} examples at a time: choose a smaller backbone or --rank"
