"""What the optimizer trains and at which learning rate, and the accelerator that runs it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType
from torch import nn

from gcr_tutorial import processes
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.models.device import refuse_half_on_cpu
from gcr_tutorial.training import sharding


def parameter_groups(model: nn.Module, lr: float, token_lr: float, weight_decay: float) -> list[dict[str, Any]]:
    """The trainable parameters in three groups: matrices, vectors such as norms, and the embedding rows that peft trains for
    new tokens (with the learning rate `token_lr`). Weight decay is on the matrices only. Raises ValueError if nothing
    trains."""
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
        raise UserValueError(
            "no parameter is trainable: call add_lora(backbone) or unfreeze_language_model(backbone) before train"
        )
    return groups


def warmup_cosine(warmup: float, total: int) -> Callable[[int], float]:
    """A function from the number of a step, from 0, to the factor of its learning rate: it rises linearly over `warmup`, a
    share of the `total` steps, and then falls along a cosine to zero."""
    rising = max(1, round(warmup * total))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, total - rising))))

    return factor


def new_accelerator(device: torch.device, mixed_precision: str) -> Accelerator:
    """The accelerator for one training: it spreads it over the processes of this run and sets the precision.

    accelerate keeps precision and device for the whole process and refuses another one. A notebook may train twice, so what
    it has kept is forgotten first; the group of several processes stays. Raises UserValueError for fp16 on a CPU, for DeepSpeed, and for split
    weights (FSDP) in float16, whose gradients would have to be rescaled together."""
    refuse_half_on_cpu(mixed_precision, device)
    AcceleratorState._reset_state(reset_partial_state=processes.count() == 1)
    accelerator = Accelerator(cpu=device.type == "cpu", mixed_precision=mixed_precision)
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        raise UserValueError(
            "DeepSpeed is not supported: launch with data/accelerate/many_gpus.yaml, or fsdp.yaml to split the weights"
        )
    if sharding.fsdp_enabled() and mixed_precision == "fp16":
        raise UserValueError("split weights (FSDP) train in bf16 or float32, not in fp16: add --mixed-precision bf16, or no")
    return accelerator
