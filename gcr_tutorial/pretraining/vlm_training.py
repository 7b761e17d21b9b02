"""Pretraining tiny-vlm from nothing on Picturebook scenes: the loop, which a killed run goes on from."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.pretraining.lessons import Lessons, PretrainingConfig, image_tokens, tree_loss
from gcr_tutorial.pretraining.scene_bank import SceneBank
from gcr_tutorial.pretraining.scene_facts import FactLesson
from gcr_tutorial.pretraining.tiny_vlm import build_tiny_vlm, train_tokenizer
from gcr_tutorial.training.checkpoints import load_checkpoint, save_checkpoint

Progress = Callable[[str], None]


def new_backbone(bank: SceneBank, vocab_size: int = 1500, seed: int = 0, **sizes: int) -> Backbone:
    """A tiny-vlm with random weights, its tokenizer trained on what is said in `bank` (at most 20,000 scenes of it);
    `sizes` are `build_tiny_vlm`'s, for a larger one."""
    texts = [text for said in bank.captions[:20_000] for text in said]
    texts += [text for asked in bank.questions[:20_000] for pair in asked for text in pair]
    return Backbone(*build_tiny_vlm(train_tokenizer(texts, vocab_size), seed=seed, **sizes))


def optimizers(model: nn.Module, config: PretrainingConfig) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al., 2024) for the matrices inside the layers, AdamW for everything else."""
    matrices, others = [], []
    for name, parameter in model.named_parameters():
        inside = parameter.ndim == 2 and not any(part in name for part in ("embed", "lm_head", "read"))
        (matrices if inside else others).append(parameter)
    return [
        torch.optim.Muon(matrices, lr=config.lr, weight_decay=config.weight_decay, momentum=0.95, adjust_lr_fn="original"),
        torch.optim.AdamW(others, lr=config.adam_lr, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def speed(share: float, config: PretrainingConfig) -> float:
    """The factor on the learning rates when `share` of the time has passed."""
    return min(1.0, share / config.warmup if config.warmup else 1.0, max(0.0, (1 - share) / config.decay))


def visits(n: int, seed: int, start: int) -> Iterator[int]:
    """Scene numbers in an order shuffled anew every epoch, from the `start`-th visit on."""
    epoch, at = divmod(start, n)
    while True:
        order = np.random.default_rng((seed, epoch)).permutation(n)
        yield from (int(i) for i in order[at:])
        epoch, at = epoch + 1, 0


def pretrain(
    backbone: Backbone,
    bank: SceneBank,
    config: PretrainingConfig,
    checkpoint: str | Path,
    *,
    name: str = "tiny-vlm",
    progress: Progress = print,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Train `backbone` on `bank` for `recipe.minutes`, going on from `checkpoint` where it exists.

    Returns what was done: steps, pictures, answer tokens, seconds, the losses at intervals, F1 of the facts (percent, of
    the last batches). Training time is counted across restarts, by `clock` (wall time, or on a busy machine
    `time.process_time`); the schedule follows it, so the same recipe fits a slow and a fast machine.

    Raises ValueError for a checkpoint of another recipe, FloatingPointError where the loss is no longer a number.
    """
    checkpoint, lessons = Path(checkpoint), Lessons(backbone, bank, config)
    learner = nn.ModuleDict({"model": backbone.model})
    if config.facts:
        learner["facts"] = FactLesson(backbone, bank.seed, config.seed)
    device = backbone.device
    tuned = optimizers(learner.train().to(device), config)
    done: dict[str, Any] = {"steps": 0, "pictures": 0, "answer_tokens": 0, "seconds": 0.0, "losses": []}
    saved = load_checkpoint(checkpoint)
    if saved is not None:
        _refuse_other(saved["recipe"], asdict(config), checkpoint)
        learner.load_state_dict(saved["learner"])
        for optimizer, state in zip(tuned, saved["optimizers"]):
            optimizer.load_state_dict(state)
        done = saved["done"]
        progress(f"{name}: resuming after {done['seconds'] / 60:.1f} minutes, {done['pictures']} pictures")
    order = visits(len(bank), config.seed, done["pictures"])
    total, last_saved, last_said, recent, scores = config.minutes * 60, done["seconds"], done["seconds"], [], []

    while done["seconds"] < total:
        started = clock()
        factor = speed(done["seconds"] / total, config)
        for optimizer, rate in zip(tuned, (config.lr, config.adam_lr)):
            optimizer.param_groups[0]["lr"] = rate * factor
        chosen = [next(order) for _ in range(config.batch_size)]
        batch = lessons.batch(chosen, random.Random(config.seed * 1_000_003 + done["steps"]))
        batch = {name: values.to(device) for name, values in batch.items()}
        loss = torch.zeros(())
        with torch.autocast(device.type, torch.bfloat16, enabled=config.bf16):
            features = image_tokens(backbone, batch["pixels"])
            if config.speaks:
                loss = said = tree_loss(backbone, batch, features)
                recent.append(said.item())
            if config.facts:
                unknown, score = learner["facts"](features, chosen)
                loss = loss + config.facts * unknown
                scores.append(score)
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss became {loss.item()} at step {done['steps']}: lower the learning rate; "
                f"the last good state is in {checkpoint}"
            )
        loss.backward()
        nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        for optimizer in tuned:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        done["steps"] += 1
        done["pictures"] += config.batch_size
        done["answer_tokens"] += len(batch["labels"])
        done["seconds"] += clock() - started
        ended = done["seconds"] >= total
        if done["seconds"] - last_said > 15 or ended:
            last_said, line = done["seconds"], f"{name}: {done['pictures']} pictures"
            if recent:
                done["losses"].append([round(last_said), round(float(np.mean(recent)), 4)])
                line += f", loss {np.mean(recent):.3f}"
            if scores:
                done["F1"] = round(float(np.mean(scores)), 1)
                line += f", F1 of facts {done['F1']:.1f}"
            progress(f"{line}, {done['pictures'] / last_said:.1f} pictures/s, {max(0.0, total - last_said) / 60:.1f} min left")
            recent, scores = [], []
        if done["seconds"] - last_saved > config.checkpoint_minutes * 60 or ended:
            last_saved = done["seconds"]
            save_checkpoint(
                checkpoint,
                {
                    "learner": learner.state_dict(),
                    "optimizers": [o.state_dict() for o in tuned],
                    "done": done,
                    "recipe": asdict(config),
                },
            )
    backbone.model.eval()
    return done


def _refuse_other(saved: dict, wanted: dict, checkpoint: Path) -> None:
    differing = {k: (saved.get(k), v) for k, v in wanted.items() if k != "checkpoint_minutes" and saved.get(k) != v}
    if differing:
        raise ValueError(
            f"the checkpoint {checkpoint} was made with another recipe: {differing} (saved, wanted). "
            "Give another folder, or delete the checkpoint to start anew."
        )
