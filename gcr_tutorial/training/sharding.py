"""Split the trained weights over the processes (FSDP2): each process keeps a part of every matrix, of its gradient and of
its Adam state.

Useful for `trainable="full"` on several GPUs, where weights, gradients and Adam state are four times the size of the
weights. The parts of a layer are put together while it computes, and dropped afterwards. Checkpoints hold whole weights, so
they fit any number of processes. Launch it with data/accelerate/fsdp.yaml.

PyTorch's `fully_shard` is called here, and not through accelerate's FullyShardedDataParallelPlugin(fsdp_version=2), because
the latter does not split anything on CPUs: with two CPU processes accelerate 1.15 wraps the model in DDP without a word, and
every process holds all parameters. The tests run on two CPU processes and check that each holds half.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from gcr_tutorial import processes
from gcr_tutorial.models.lora import language_model


def fsdp_enabled() -> bool:
    """Whether `accelerate launch` was told to split the weights (distributed_type: FSDP) over more than one process."""
    return processes.count() > 1 and os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


@contextmanager
def sharded(loss_model: nn.Module, device: torch.device) -> Iterator[nn.Module]:
    """Inside the block: a copy of `loss_model` (see `CompletionLoss`) on `device`, split over all processes, while
    `loss_model` itself waits in the CPU's memory. At the end what was trained is put back into it. After an error its
    weights are those from before. Without FSDP: `loss_model` itself.
    """
    parts = shard(loss_model, device) if fsdp_enabled() else loss_model
    try:
        yield parts
        unshard(parts, loss_model)
    finally:
        loss_model.to(device)


def shard(loss_model: nn.Module, device: torch.device) -> nn.Module:
    """A copy of `loss_model` on `device`, split over all processes. Moves `loss_model` to the CPU."""
    parts = copy.deepcopy(loss_model.cpu())
    mesh, plain = init_device_mesh(device.type, (processes.count(),)), parts.backbone.plain_model
    text = language_model(plain)
    unused = [module for module in plain.model.children() if module is not text]  # the vision tower: its features are cached
    for module in (*text.layers, *unused):
        fully_shard(module, mesh=mesh)
    return fully_shard(parts, mesh=mesh)


@torch.no_grad()
def unshard(parts: nn.Module, loss_model: nn.Module) -> None:
    """Copy what was trained in `parts` (from `shard`) into `loss_model`, on every process."""
    if parts is loss_model:
        return
    weights = dict(loss_model.named_parameters())
    for name, part in parts.named_parameters():
        if part.requires_grad:
            weights[name].copy_(full_tensor(part))


def full_tensor(value: Any) -> Any:
    """`value` (tensors, and lists, tuples and dicts of them) with every split tensor put together in the CPU's memory. All
    processes must call it together."""
    if isinstance(value, DTensor):
        return value.detach().full_tensor().cpu()
    if isinstance(value, dict):
        return {key: full_tensor(item) for key, item in value.items()}
    return type(value)(map(full_tensor, value)) if isinstance(value, (list, tuple)) else value


def shard_like(value: Any, weight: torch.Tensor) -> Any:
    """This process's part of the whole tensor `value`, split as `weight` is; `value` itself where `weight` is not split, or
    `value` is no tensor of its shape (Adam's count of steps)."""
    if not isinstance(weight, DTensor) or not isinstance(value, torch.Tensor) or value.shape != weight.shape:
        return value
    return distribute_tensor(value.to(weight.device), weight.device_mesh, weight.placements)


def shard_optimizer_state(state: dict[str, Any], optimizer: Any) -> dict[str, Any]:
    """The `state_dict` of an optimizer, made of whole tensors, split as the weights of `optimizer` are."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    parts = {
        number: {name: shard_like(value, weights[number]) for name, value in moments.items()}
        for number, moments in state["state"].items()
    }
    return {**state, "state": parts}
