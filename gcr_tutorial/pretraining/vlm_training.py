"""The training loop of tiny-vlm's pretraining. A killed run continues from its checkpoint to the same weights."""

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

from gcr_tutorial.errors import UserFloatingPointError, UserValueError
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.pretraining.config import VlmPretrainingConfig
from gcr_tutorial.pretraining.packing import ExamplePacker, image_tokens, packed_loss
from gcr_tutorial.pretraining.scene_bank import SceneBank
from gcr_tutorial.pretraining.scene_facts import FactHead
from gcr_tutorial.pretraining.tiny_vlm import build_tiny_vlm, train_tokenizer
from gcr_tutorial.training.checkpoints import differences, load_checkpoint, save_checkpoint
from gcr_tutorial.training.contrastive import cpu_has_bf16

REPORT_SECONDS = 15  # of training, between two lines of progress
Progress = Callable[[str], None]


def new_backbone(bank: SceneBank, vocab_size: int = 1500, seed: int = 0, **sizes: int) -> Backbone:
    """A tiny-vlm with random weights. Its tokenizer is trained on the captions, questions and answers of the first 20,000
    scenes of `bank`. `sizes` are passed to `build_tiny_vlm`, for a larger model."""
    texts = [text for captions in bank.captions[:20_000] for text in captions]
    texts += [text for pairs in bank.questions[:20_000] for pair in pairs for text in pair]
    return Backbone(*build_tiny_vlm(train_tokenizer(texts, vocab_size), seed=seed, **sizes))


def vlm_optimizers(model: nn.Module, config: VlmPretrainingConfig) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al., 2024) for the weight matrices inside the layers, and AdamW for all other parameters."""
    matrices, others = [], []
    for name, parameter in model.named_parameters():
        is_inside = parameter.ndim == 2 and not any(part in name for part in ("embed", "lm_head", "read"))
        (matrices if is_inside else others).append(parameter)
    return [
        torch.optim.Muon(matrices, lr=config.lr, weight_decay=config.weight_decay, momentum=0.95, adjust_lr_fn="original"),
        torch.optim.AdamW(others, lr=config.adam_lr, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def learning_rate_factor(share: float, config: VlmPretrainingConfig) -> float:
    """The factor on the learning rates when `share` of the training time has passed."""
    return min(1.0, share / config.warmup if config.warmup else 1.0, max(0.0, (1 - share) / config.decay))


def scene_order(n: int, seed: int, start: int) -> Iterator[int]:
    """Indices of the bank's `n` scenes without end, shuffled anew every epoch. The first `start` are left out."""
    epoch, skip = divmod(start, n)
    while True:
        order = np.random.default_rng((seed, epoch)).permutation(n)
        yield from (int(i) for i in order[skip:])
        epoch, skip = epoch + 1, 0


def pretrain_vlm(
    backbone: Backbone,
    bank: SceneBank,
    config: VlmPretrainingConfig,
    checkpoint: str | Path,
    *,
    name: str = "tiny-vlm",
    progress: Progress = print,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Train `backbone` on `bank` for `config.minutes`. Where there is a `checkpoint` (a folder), training continues from it.

    Returns the record of the training: `steps`, `pictures`, `answer_tokens`, `seconds`, `losses` ([seconds, mean loss] at
    intervals) and `F1` of the facts (percent, over the last batches). Training time is counted across restarts and
    measured by `clock` (wall time; on a busy machine, `time.process_time`). The learning rate depends on the elapsed
    time, so that the same settings suit slow and fast machines.

    Raises UserValueError for a checkpoint of other settings, UserFloatingPointError where the loss is not finite.
    """
    # 1. The model that is trained: the backbone and, for the facts, a head that is thrown away in the end.
    checkpoint, packer = Path(checkpoint), ExamplePacker(backbone, bank, config)
    trained = nn.ModuleDict({"model": backbone.model})
    if config.facts:
        trained["facts"] = FactHead(backbone, bank.seed, config.seed)
    device = backbone.device
    bf16 = (device.type != "cpu" or cpu_has_bf16()) if config.bf16 is None else config.bf16
    optimizers = vlm_optimizers(trained.train().to(device), config)
    record: dict[str, Any] = {"steps": 0, "pictures": 0, "answer_tokens": 0, "seconds": 0.0, "losses": []}

    # 2. Continue from the checkpoint.
    saved = load_checkpoint(checkpoint)
    if saved is not None:
        _refuse_other_settings(saved["config"], asdict(config), checkpoint)
        trained.load_state_dict(saved["trained"])
        for optimizer, state in zip(optimizers, saved["optimizers"]):
            optimizer.load_state_dict(state)
        record = saved["record"]
        progress(f"{name}: resuming after {record['seconds'] / 60:.1f} minutes, {record['pictures']} pictures")
    order = scene_order(len(bank), config.seed, record["pictures"])
    total, saved_at, reported_at, losses, scores = config.minutes * 60, record["seconds"], record["seconds"], [], []

    while record["seconds"] < total:
        # 3. One step: draw pictures and their texts, add the losses of words and facts, update.
        started = clock()
        factor = learning_rate_factor(record["seconds"] / total, config)
        for optimizer, rate in zip(optimizers, (config.lr, config.adam_lr)):
            optimizer.param_groups[0]["lr"] = rate * factor
        chosen = [next(order) for _ in range(config.batch_size)]
        batch = packer.batch(chosen, random.Random(config.seed * 1_000_003 + record["steps"]))
        batch = {key: values.to(device) for key, values in batch.items()}
        loss = torch.zeros(())
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            features = image_tokens(backbone, batch["pixels"])
            if config.trains_language:
                loss = word_loss = packed_loss(backbone, batch, features)
                losses.append(word_loss.item())
            if config.facts:
                fact_loss, score = trained["facts"](features, chosen)
                loss = loss + config.facts * fact_loss
                scores.append(score)
        if not torch.isfinite(loss):
            raise UserFloatingPointError(
                f"the loss became {loss.item()} at step {record['steps']}: lower the learning rate; "
                f"the last good state is in {checkpoint}"
            )
        loss.backward()
        nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        record["steps"] += 1
        record["pictures"] += config.batch_size
        record["answer_tokens"] += len(batch["labels"])
        record["seconds"] += clock() - started

        # 4. Report and save at intervals, and at the end.
        ended = record["seconds"] >= total
        if record["seconds"] - reported_at > REPORT_SECONDS or ended:
            reported_at = record["seconds"]
            progress(_report(name, record, losses, scores, total))
            losses, scores = [], []
        if record["seconds"] - saved_at > config.checkpoint_minutes * 60 or ended:
            saved_at = record["seconds"]
            states = [optimizer.state_dict() for optimizer in optimizers]
            state = {"trained": trained.state_dict(), "optimizers": states, "record": record, "config": asdict(config)}
            save_checkpoint(checkpoint, state)
    backbone.model.eval()
    return record


def _report(name: str, record: dict[str, Any], losses: list[float], scores: list[float], total: float) -> str:
    """One line of progress. Adds the mean of the recent `losses` and F1 `scores` to `record`."""
    seconds, line = record["seconds"], f"{name}: {record['pictures']} pictures"
    if losses:
        record["losses"].append([round(seconds), round(float(np.mean(losses)), 4)])
        line += f", loss {np.mean(losses):.3f}"
    if scores:
        record["F1"] = round(float(np.mean(scores)), 1)
        line += f", F1 of facts {record['F1']:.1f}"
    return f"{line}, {record['pictures'] / seconds:.1f} pictures/s, {max(0.0, total - seconds) / 60:.1f} min left"


def _refuse_other_settings(saved: dict[str, Any], wanted: dict[str, Any], checkpoint: Path) -> None:
    differing = differences({**saved, "checkpoint_minutes": None}, {**wanted, "checkpoint_minutes": None})
    if differing:
        raise UserValueError(
            f"the checkpoint {checkpoint} was made with other settings: {'; '.join(differing)}. "
            "Give another folder, or delete the checkpoint to start anew."
        )
