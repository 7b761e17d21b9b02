"""Weights split over the processes (FSDP): each keeps a part of every matrix, of its gradient and of its Adam state.

For `trainable="full"` on several GPUs, where these together are four times the weights. A layer's parts are put together
while it computes, and dropped again. Only training is split: `unshard` puts the whole weights back, and what is saved is
whole as well, so that a checkpoint fits any number of processes. Launched by data/accelerate/fsdp.yaml.
"""

from __future__ import annotations

import copy
import os
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


def shard(loss_model: nn.Module, device: torch.device) -> nn.Module:
    """A copy of `loss_model` (see `CompletionLoss`) on `device`, split over all processes; `loss_model` itself goes to the
    CPU's memory until `unshard`. Where no splitting is wanted: `loss_model` itself, untouched."""
    if not fsdp_enabled():
        return loss_model
    loss_model.cpu()
    parts = copy.deepcopy(loss_model)
    mesh, plain = init_device_mesh(device.type, (processes.count(),)), parts.backbone.plain_model
    words = language_model(plain)
    unused = [module for module in plain.model.children() if module is not words]  # vision, whose features are cached
    for module in (*words.layers, *unused):
        fully_shard(module, mesh=mesh)
    return fully_shard(parts, mesh=mesh)


@torch.no_grad()
def unshard(parts: nn.Module, loss_model: nn.Module, device: torch.device) -> None:
    """Put what was trained in `parts` (from `shard`) back into `loss_model`, on every process, and that back on `device`."""
    if parts is loss_model:
        return
    weights = dict(loss_model.named_parameters())
    for name, part in parts.named_parameters():
        if part.requires_grad:
            weights[name].copy_(full_tensor(part))
    loss_model.to(device)


def full_tensor(value: Any) -> Any:
    """`value` (tensors, and lists, tuples and dicts of them) with every split tensor put together in the CPU's memory; all
    processes must come here."""
    if isinstance(value, DTensor):
        return value.detach().full_tensor().cpu()
    if isinstance(value, dict):
        return {key: full_tensor(item) for key, item in value.items()}
    return type(value)(map(full_tensor, value)) if isinstance(value, (list, tuple)) else value


def shard_like(value: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """This process's part of the whole tensor `value`, split as `like` is; `value` where `like` is whole."""
    if not isinstance(like, DTensor) or value.shape != like.shape:
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)


def shard_optimizer_state(state: dict[str, Any], optimizer: Any) -> dict[str, Any]:
    """An optimizer's `state_dict` with whole tensors, split as the weights of `optimizer` are."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    return {
        **state,
        "state": {
            place: {
                name: shard_like(value, weights[place]) if torch.is_tensor(value) else value for name, value in of_one.items()
            }
            for place, of_one in state["state"].items()
        },
    }
