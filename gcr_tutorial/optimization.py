"""Learning rates, and training state that survives a kill: what the training loop needs but should not show."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .checkpoints import load_checkpoint, save_checkpoint


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


class TrainingState:
    """Trainable weights, optimizer, schedule and losses in one file, for `train` to go on from where it was killed."""

    def __init__(self, path: str | Path | None, model: nn.Module, optimizer: Any, schedule: Any,
                 signature: str) -> None:
        self.path, self.optimizer, self.schedule, self.signature = path, optimizer, schedule, signature
        self.weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}

    def restore(self) -> tuple[list[float], float]:
        """Put back what the file holds; (losses so far, seconds so far), or ([], 0.0) where there is no file.

        Raises ValueError where the file belongs to another run (other data, recipe or seed)."""
        state = load_checkpoint(self.path) if self.path is not None else None
        if state is None:
            return [], 0.0
        if state["signature"] != self.signature or state["weights"].keys() != self.weights.keys():
            raise ValueError(f"{self.path} is a checkpoint of another run (data, recipe or seed differ): delete it, or "
                             "give another checkpoint folder")
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(state["weights"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["rng"])
        return state["losses"], state["seconds"]

    def save(self, losses: list[float], seconds: float) -> None:
        """Write the state after len(losses) steps; a no-op without a path."""
        if self.path is not None:
            save_checkpoint(self.path, {
                "signature": self.signature, "weights": {name: w.detach() for name, w in self.weights.items()},
                "optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict(),
                "rng": torch.get_rng_state(), "losses": losses, "seconds": seconds,
            })
