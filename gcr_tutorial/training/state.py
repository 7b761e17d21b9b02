"""Training state that survives a kill: what the training loop needs and should not show."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any
from zlib import crc32

import torch
from accelerate import Accelerator
from torch import nn

from gcr_tutorial import processes
from gcr_tutorial.config import CheckpointConfig
from gcr_tutorial.training.checkpoints import differences, load_checkpoint, save_checkpoint
from gcr_tutorial.training.examples import Example
from gcr_tutorial.training.sharding import full_tensor, shard_like, shard_optimizer_state


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop by the signal `number`, and its state is safe."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


class TrainingState:
    """Trainable weights, optimizer, schedule, random numbers and losses in one file, for `train` to go on from.

    As a context around the loop it turns SIGTERM and Ctrl-C into a checkpoint after the step at hand; a second Ctrl-C ends
    at once. Without a path nothing is saved or caught. Only the main process writes; all of them read.

    Args:
        checkpoint: the folder of the file, None for no file, and how often `after_step` saves.
        name: of the file, without its ending.
        model: holds the trainable weights; not wrapped.
        settings: JSON values that must be the same for training to go on.
    """

    def __init__(
        self,
        checkpoint: CheckpointConfig,
        name: str,
        model: nn.Module,
        optimizer: Any,
        schedule: Any,
        accelerator: Accelerator,
        settings: dict[str, Any],
    ) -> None:
        self.path = None if checkpoint.folder is None else Path(checkpoint.folder) / f"{name}.safetensors"
        self.optimizer, self.schedule, self.scaler = optimizer, schedule, accelerator.scaler
        self.weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.settings, self.every_seconds, self.every_steps = settings, checkpoint.seconds, checkpoint.steps
        self.before, self.started, self.saved = 0.0, time.monotonic(), time.monotonic()
        self.saved_steps: int | None = None
        self.signal: int | None = None
        self.handlers: dict[int, Any] = {}

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those before a restart included."""
        return self.before + time.monotonic() - self.started

    def restore(self) -> list[float]:
        """Put back what the file holds; the losses so far, none where there is no file.

        Raises ValueError where the file belongs to another run, naming what differs."""
        state = load_checkpoint(self.path) if self.path is not None else None
        if state is None:
            return []
        told = differences(state["settings"], self.settings)
        if told or state["weights"].keys() != self.weights.keys():
            raise ValueError(
                f"{self.path} is a checkpoint of another run: {'; '.join(told) or 'other weights train'}. "
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
        self.before, self.saved_steps = state["seconds"], len(state["losses"])
        return state["losses"]

    def save(self, losses: list[float]) -> None:
        """Write the state after len(losses) steps; does nothing without a path, or where that state is saved already.

        Raises OSError where the file cannot be written; the one before is still good."""
        if self.path is None or len(losses) == self.saved_steps:
            return
        random = processes.gather(_random_state())
        weights, optimizer = (
            full_tensor({name: w.detach() for name, w in self.weights.items()}),
            full_tensor(self.optimizer.state_dict()),
        )
        if processes.is_main():
            try:
                save_checkpoint(
                    self.path,
                    {
                        "settings": self.settings,
                        "weights": weights,
                        "optimizer": optimizer,
                        "schedule": self.schedule.state_dict(),
                        "scaler": None if self.scaler is None else self.scaler.state_dict(),
                        "random": random,
                        "losses": losses,
                        "seconds": self.seconds,
                    },
                )
            except OSError as error:
                good = f"; that of step {self.saved_steps} is still good" if self.saved_steps else ""
                raise OSError(
                    error.errno,
                    f"{error.strerror}: the checkpoint of step {len(losses)} could not be written{good}",
                    str(self.path),
                ) from error
        self.saved, self.saved_steps = time.monotonic(), len(losses)

    def check(self, loss: float, norm: torch.Tensor) -> None:
        """Raises FloatingPointError, before the weights are changed, where the loss or the gradient is no number."""
        norm, unscaled = full_tensor(norm), self.scaler is None  # a scaler skips a step whose gradient is no number itself
        if not math.isfinite(loss) or (unscaled and not math.isfinite(norm)):
            kept = f"; the state after step {self.saved_steps} is in {self.path}" if self.saved_steps else ""
            raise FloatingPointError(
                f"the loss became {loss:.3g} and its gradient {float(norm):.3g}: start anew with a lower "
                f"learning rate (--lr){kept}"
            )

    def after_step(self, losses: list[float]) -> None:
        """Save where it is time. Raises Interrupted after a signal, on all processes at the same step."""
        if self.path is None:
            return
        stop, due = processes.total([self.signal or 0, processes.is_main() and self._is_due(len(losses))])
        if due or stop:
            self.save(losses)
        if stop:
            name = "Ctrl-C" if self.signal == signal.SIGINT else "SIGTERM"
            raise Interrupted(
                f"stopped by {name} after step {len(losses)}, which is saved in {self.path}", self.signal or signal.SIGTERM
            )

    def _is_due(self, steps: int) -> bool:
        return (self.every_seconds is not None and time.monotonic() - self.saved >= self.every_seconds) or (
            self.every_steps is not None and steps % self.every_steps == 0
        )

    def __enter__(self) -> TrainingState:
        if self.path is not None and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self.handlers[number] = signal.signal(number, self._asked)
        return self

    def __exit__(self, *error: Any) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.handlers = {}

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self.signal == signal.SIGINT and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number


def fingerprint(examples: Sequence[Example], model: nn.Module) -> dict[str, int]:
    """Checksums of what is learned and of the weights that do not train (some of each), to tell another run by."""
    learned = frozen = 0
    for example in examples:
        learned = crc32(repr(example).encode(), learned)
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            some = weight.detach().reshape(-1)[:16].float().cpu().numpy().tobytes()
            frozen = crc32(name.encode() + some, frozen)
    return {"examples": learned, "frozen_weights": frozen}


def _random_state() -> list[torch.Tensor]:
    states = [torch.get_rng_state()]
    return states + [torch.cuda.get_rng_state()] if torch.cuda.is_available() else states


def _set_random_state(states: list[torch.Tensor]) -> None:
    torch.set_rng_state(states[0])
    if torch.cuda.is_available() and len(states) > 1:
        torch.cuda.set_rng_state(states[1])
