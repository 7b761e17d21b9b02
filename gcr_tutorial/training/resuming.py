"""Save and restore the state of training, also when a signal asks it to stop."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import Any
from zlib import crc32

import torch
from torch import nn

from gcr_tutorial import processes
from gcr_tutorial.config import CheckpointConfig, TrainingConfig
from gcr_tutorial.errors import UserFloatingPointError, UserOSError, UserValueError
from gcr_tutorial.training.checkpoints import differences, load_checkpoint, save_checkpoint
from gcr_tutorial.training.examples import Example
from gcr_tutorial.training.sharding import full_tensor, shard_like, shard_optimizer_state


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop by the signal `number`, and its state is saved."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


class TrainingState:
    """What `train` needs to go on after an interruption: trained weights, optimizer, schedule, random numbers and losses.

    Used as a context around the training loop it catches SIGTERM and Ctrl-C: the step at hand is finished, the state is
    saved, and `after_step` raises Interrupted. A second Ctrl-C ends at once. Without a folder nothing is saved and no
    signal is caught. Only the main process writes, and all processes read.

    Args:
        checkpoint: its `folder` holds the checkpoint `name` (see `save_checkpoint`); the rest says how often `after_step`
            saves.
        model: holds the trained weights; the module itself, without a wrapper such as DDP around it.
        scaler: of the gradients in float16, else None.
        settings: JSON values that must be equal for training to go on (see `training_settings`).
    """

    def __init__(
        self,
        checkpoint: CheckpointConfig,
        name: str,
        model: nn.Module,
        optimizer: Any,
        schedule: Any,
        scaler: torch.amp.GradScaler | None,
        settings: dict[str, Any],
    ) -> None:
        self.checkpoint, self.folder = checkpoint, None if checkpoint.folder is None else Path(checkpoint.folder) / name
        self.weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.optimizer, self.schedule, self.scaler, self.settings = optimizer, schedule, scaler, settings
        self.seconds_before, self.started = 0.0, time.monotonic()
        self.saved_at, self.saved_step = self.started, 0
        self.signal = 0
        self.handlers: dict[int, Any] = {}

    @property
    def seconds(self) -> float:
        """Seconds of training so far, with those before an interruption."""
        return self.seconds_before + time.monotonic() - self.started

    def restore(self) -> list[float]:
        """Restore the saved state and return the losses so far, none where nothing was saved.

        Raises UserValueError where another run saved it, naming what differs."""
        state = load_checkpoint(self.folder) if self.folder is not None else None
        if state is None:
            return []
        told = differences(state["settings"], self.settings)
        if told or state["weights"].keys() != self.weights.keys():
            raise UserValueError(
                f"{self.folder} is a checkpoint of another run: {'; '.join(told) or 'other weights train'}. "
                "Go on with the same settings, or delete it to start anew"
            )
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(shard_like(state["weights"][name], weight))
        self.optimizer.load_state_dict(shard_optimizer_state(state["optimizer"], self.optimizer))
        self.schedule.load_state_dict(state["schedule"])
        if self.scaler is not None:
            self.scaler.load_state_dict(state["scaler"])
        _set_random_state(state["random"][processes.rank() % len(state["random"])])
        self.seconds_before, self.saved_step = state["seconds"], len(state["losses"])
        return state["losses"]

    def save(self, losses: list[float]) -> None:
        """Save the state after len(losses) steps, if there is a folder and that state is not saved already.

        Raises UserFloatingPointError where a weight is not finite: the last step may have done that, and no loss shows it.
        Raises UserOSError where the state cannot be written. In both cases what was saved before is still there."""
        if len(losses) == self.saved_step:
            return
        weights = full_tensor(self.weights)
        for name, weight in weights.items():
            if not torch.isfinite(weight).all():
                raise self._not_finite(f"step {len(losses)} made the weight {name} infinite or NaN")
        if self.folder is None:
            return
        state = {  # every process takes part in gathering it, and the main process writes it
            "settings": self.settings,
            "weights": weights,
            "optimizer": full_tensor(self.optimizer.state_dict()),
            "schedule": self.schedule.state_dict(),
            "scaler": None if self.scaler is None else self.scaler.state_dict(),
            "random": processes.gather(_random_state()),
            "losses": losses,
            "seconds": self.seconds,
        }
        if processes.is_main():
            try:
                save_checkpoint(self.folder, state)
            except OSError as error:
                good = f"; that of step {self.saved_step} is still good" if self.saved_step else ""
                told = f"{error.strerror}: the checkpoint of step {len(losses)} could not be written{good}"
                raise UserOSError(error.errno, told, str(self.folder)) from error
        self.saved_at, self.saved_step = time.monotonic(), len(losses)

    def check(self, loss: float, norm: torch.Tensor) -> None:
        """Raises UserFloatingPointError, before the weights are changed, where the loss or the norm of the gradient is not
        finite. In float16 only the loss counts, because the scaler skips steps whose gradient is not finite."""
        norm = full_tensor(norm)
        if not math.isfinite(loss) or (self.scaler is None and not math.isfinite(norm)):
            raise self._not_finite(f"the loss became {loss:.3g} and its gradient {float(norm):.3g}")

    def after_step(self, losses: list[float]) -> None:
        """Save where it is time. Raises Interrupted after a signal, on all processes at the same step."""
        if self.folder is None:
            return
        stop, due = processes.total([self.signal, processes.is_main() and self._is_due(len(losses))])
        if due or stop:
            self.save(losses)
        if stop:
            name = "Ctrl-C" if self.signal == signal.SIGINT else "SIGTERM"
            raise Interrupted(
                f"stopped by {name} after step {len(losses)}, which is saved in {self.folder}", self.signal or signal.SIGTERM
            )

    def _is_due(self, step: int) -> bool:
        seconds, steps = self.checkpoint.seconds, self.checkpoint.steps
        return (seconds is not None and time.monotonic() - self.saved_at >= seconds) or (
            steps is not None and step % steps == 0
        )

    def _not_finite(self, what: str) -> UserFloatingPointError:
        kept = f"; the state after step {self.saved_step} is in {self.folder}" if self.saved_step else ""
        return UserFloatingPointError(f"{what}: start anew with a lower learning rate (--lr){kept}")

    def __enter__(self) -> TrainingState:
        if self.folder is not None and threading.current_thread() is threading.main_thread():
            self.handlers = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *error: Any) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.signal == number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number


def training_settings(
    config: TrainingConfig, seed: int, batches: Sequence[Sequence[int]], examples: Sequence[Example], model: nn.Module
) -> dict[str, Any]:
    """All that the result of training depends on, as JSON values, to tell another run by. The examples, and some numbers of
    every weight that does not train, go in as checksums. How many parts a batch is computed in is left out."""
    learned = frozen = 0
    for example in examples:
        learned = crc32(repr(example).encode(), learned)
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            some = weight.detach().reshape(-1)[:16].float().cpu().numpy().tobytes()
            frozen = crc32(name.encode() + some, frozen)
    return {
        "recipe": asdict(replace(config, accumulation=1)),  # the name in the files of version 0.1.0
        "seed": seed,
        "steps": len(batches),
        "examples": learned,
        "frozen_weights": frozen,
    }


def _random_state() -> list[torch.Tensor]:
    """The state of PyTorch's random numbers on the CPU and, where there is one, on this process's GPU."""
    states = [torch.get_rng_state()]
    return states + [torch.cuda.get_rng_state()] if torch.cuda.is_available() else states


def _set_random_state(states: list[torch.Tensor]) -> None:
    torch.set_rng_state(states[0])
    if torch.cuda.is_available() and len(states) > 1:
        torch.cuda.set_rng_state(states[1])
