"""The training loop (GRACE, learning to memorize and learning to retrieve)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace

import torch
from torch import nn

from gcr_tutorial import processes
from gcr_tutorial.config import CheckpointConfig, TrainingConfig
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.training import sharding
from gcr_tutorial.training.examples import Example, collate, length_bucketed_batches
from gcr_tutorial.training.gradient import BatchGradient
from gcr_tutorial.training.loss import CompletionLoss
from gcr_tutorial.training.optimizer import new_accelerator, parameter_groups, warmup_cosine
from gcr_tutorial.training.state import TrainingState, fingerprint


@dataclass
class History:
    """What training did: loss of every step and wall-clock seconds, by stage ("memorize", "retrieve", "joint" ...)."""

    losses: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def train(
    backbone: Backbone,
    examples: Sequence[Example],
    *,
    epochs: int,
    config: TrainingConfig,
    features: torch.Tensor | None = None,
    seed: int = 0,
    callback: Callable[[int, int, float], None] | None = None,
    checkpoint: CheckpointConfig = CheckpointConfig(),
    name: str = "training",
    loss_model: nn.Module | None = None,
) -> tuple[list[float], float]:
    """Train what is trainable in `backbone.model` (see `adapt`); returns the loss of every step and the seconds taken.

    `loss_model` takes the batches (see `collate`) to a mean loss, and is trained itself: CompletionLoss, unless another is
    given. `callback(step, total, loss)` is called after each step. With `checkpoint.folder` the state is saved there under
    `name`, as often as `checkpoint` says, at the end, and when the run is interrupted; started again with the same
    arguments, training goes on from there to the same result. Raises FloatingPointError where the loss is no number,
    MemoryError where not even one example fits, Interrupted after SIGTERM or Ctrl-C.
    """
    device = backbone.device
    accelerator = new_accelerator(device, config.mixed_precision)
    batches = length_bucketed_batches([len(example) for example in examples], config.batch_size, epochs, seed)
    loss_model = loss_model or CompletionLoss(backbone, config.label_smoothing)
    settings = {
        "recipe": asdict(replace(config, accumulation=1)),
        "seed": seed,
        "steps": len(batches),
        **fingerprint(examples, loss_model),
    }
    trained = sharding.shard(loss_model, accelerator.device)  # loss_model itself, unless FSDP was launched
    optimizer = torch.optim.AdamW(parameter_groups(trained, config.lr, config.token_lr, config.weight_decay), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup_cosine(config.warmup, len(batches)))
    model, optimizer = (trained, optimizer) if sharding.fsdp_enabled() else accelerator.prepare(trained, optimizer)
    state = TrainingState(checkpoint, name, trained, optimizer, schedule, accelerator, settings)
    gradient = BatchGradient(
        accelerator, model, lambda part: collate(part, backbone.pad_id, features, accelerator.device), config.accumulation
    )
    torch.manual_seed(seed + processes.rank())  # for dropout, where a backbone has any
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
    sharding.unshard(trained, loss_model, device)
    return losses, state.seconds
