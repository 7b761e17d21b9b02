"""The training loop (GRACE, Li et al., ACL 2024, section 3.3: learning to memorize and learning to retrieve)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from gcr_tutorial import processes
from gcr_tutorial.config import CheckpointConfig, TrainingConfig
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.training import sharding
from gcr_tutorial.training.batches import collate, length_bucketed_batches
from gcr_tutorial.training.examples import Example
from gcr_tutorial.training.gradient import BatchGradient
from gcr_tutorial.training.loss import CompletionLoss
from gcr_tutorial.training.optimizer import new_accelerator, parameter_groups, warmup_cosine
from gcr_tutorial.training.resuming import TrainingState, training_settings


@dataclass
class History:
    """The loss of every step and the seconds of training, by stage ("memorize", "retrieve", "joint", "caption")."""

    losses: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def train(
    backbone: Backbone,
    examples: Sequence[Example],
    *,
    epochs: int | Sequence[Sequence[int]],
    config: TrainingConfig,
    features: torch.Tensor | None = None,
    seed: int = 0,
    callback: Callable[[int, int, float], None] | None = None,
    checkpoint: CheckpointConfig = CheckpointConfig(),
    name: str = "training",
    loss_model: nn.Module | None = None,
) -> tuple[list[float], float]:
    """Train what is trainable in `backbone.model` (see `make_trainable`); returns the loss of every step in nats for each
    token, and the seconds taken.

    Args:
        epochs: passes over all examples, or the indices of the examples that each pass visits.
        features: (N, S, H), the cached features of the images that examples name.
        callback: `callback(step, total, loss)` is called after each step; steps count from 1.
        checkpoint, name: with `checkpoint.folder` the state is saved there as `name`, as often as `checkpoint` says, at the
            end, and on SIGTERM and Ctrl-C. Called again with the same arguments, training goes on from what was saved, and
            ends with the same weights as without the interruption.
        loss_model: computes the mean loss of the tensors of a batch (see `collate`) and is trained with the backbone in it;
            CompletionLoss by default.

    Raises FloatingPointError where the loss, the gradient or a weight is not finite, MemoryError where not even one
    example fits into memory, Interrupted after SIGTERM or Ctrl-C if there is a folder.
    """
    accelerator = new_accelerator(backbone.device, config.mixed_precision)
    batches = length_bucketed_batches([len(example) for example in examples], config.batch_size, epochs, seed)
    loss_model = loss_model or CompletionLoss(backbone, config.label_smoothing)
    settings = training_settings(config, seed, batches, examples, loss_model)
    with sharding.sharded(loss_model, accelerator.device) as trained:  # loss_model itself, unless FSDP was launched
        optimizer = torch.optim.AdamW(parameter_groups(trained, config.lr, config.token_lr, config.weight_decay), fused=True)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup_cosine(config.warmup, len(batches)))
        model, optimizer = (trained, optimizer) if sharding.fsdp_enabled() else accelerator.prepare(trained, optimizer)
        gradient = BatchGradient(
            accelerator, model, lambda part: collate(part, backbone.pad_id, features, accelerator.device), config.accumulation
        )
        torch.manual_seed(seed + processes.rank())  # for backbones with dropout
        state = TrainingState(checkpoint, name, trained, optimizer, schedule, accelerator.scaler, settings)
        losses = state.restore()

        model.train()
        with state:
            for step in range(len(losses), len(batches)):
                loss = gradient([examples[i] for i in batches[step]])
                norm = accelerator.clip_grad_norm_(model.parameters(), 1.0)
                state.check(loss, norm)
                optimizer.step()
                optimizer.zero_grad()
                schedule.step()
                losses.append(loss)
                if callback is not None:
                    callback(step + 1, len(batches), loss)
                state.after_step(losses)
        model.eval()
        state.save(losses)
    return losses, state.seconds
