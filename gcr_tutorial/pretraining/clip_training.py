"""The training loop of tiny-clip's pretraining: contrastive learning on the scenes of a bank, into an open_clip folder.

tiny-clip is the CLIP of the tutorial: it gives the embeddings for structured identifiers and the zero-shot baseline, for
which GRACE uses OpenAI's CLIP (Li et al., ACL 2024, sections 3 and 4). The learning rate depends on the elapsed *time*, so
that training takes the given minutes on any machine. A killed run continues from its checkpoint."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.files import replace_folder
from gcr_tutorial.models.clip import CONFIG_FILE, WEIGHTS_FILE, Clip, embed_images, embed_texts, evaluating, load_clip
from gcr_tutorial.pretraining.clip_folder import clip_config, new_clip, save_clip_weights, train_clip_tokenizer, wrap_tokenizer
from gcr_tutorial.pretraining.config import ClipPretrainingConfig
from gcr_tutorial.pretraining.provenance import PROVENANCE_FILE, add_earlier, clip_provenance, fingerprint
from gcr_tutorial.pretraining.scene_bank import SceneBank
from gcr_tutorial.retrieval.dense import zero_shot_rankings
from gcr_tutorial.training.checkpoints import load_checkpoint, save_checkpoint
from gcr_tutorial.training.clip_towers import caption_ends, fast_encode_images, fast_encode_texts, training_flops
from gcr_tutorial.training.contrastive import (
    clip_optimizers,
    contrastive_step,
    cosine_share,
    cpu_has_bf16,
    draw_captions,
    set_lr,
)


def pretrain_clip(
    bank: SceneBank,
    out_dir: str | Path,
    config: ClipPretrainingConfig,
    *,
    tokenizer_texts: Iterable[str],
    start_from: str | Path | None = None,
    checkpoint: str | Path | None = None,
    evaluate: Callable[[Clip], dict[str, float]] | None = None,
    progress: Callable[[str], None] = print,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Train a CLIP on `bank` for `config.minutes`, and write a complete open_clip folder to `out_dir`.

    The loss is InfoNCE in both directions. Images are never flipped, because captions say left and right. The tokenizer is
    trained on `tokenizer_texts`. With `start_from`, a folder that this function wrote before, training continues its
    weights with its tokenizer and sizes instead (`tokenizer_texts`, `config.vocab_size` and `config.shape` are then
    ignored), and the cost of that earlier training is added to the new provenance.

    A killed run continues from the folder `checkpoint` (by default beside `out_dir`); delete it to start anew.
    `evaluate(clip)` gives measures for the log and the provenance, every `config.evaluate_every` seconds and at the end.
    Training time is measured by `clock` (wall time; on a busy machine, `time.process_time`).

    Returns the provenance, which is also written to `provenance.json` in the folder. Raises UserValueError for a bank or a
    batch of fewer than two images and for a checkpoint of other settings, UserFloatingPointError where the loss is not
    finite."""
    # 1. The settings that decide the weights. A checkpoint of others is refused.
    out_dir = Path(out_dir)
    checkpoint = Path(checkpoint) if checkpoint else out_dir.with_name(out_dir.name + ".checkpoint")
    bf16 = cpu_has_bf16() if config.bf16 is None else config.bf16
    if len(bank) < 2 or config.batch_size < 2:
        raise UserValueError("contrastive learning needs at least two images in the bank and in a batch")
    batch_size = min(config.batch_size, len(bank))
    settings = {
        "images": len(bank),
        "image_size": int(bank.images.shape[1]),
        "batch_size": batch_size,
        "lr": config.lr,
        "seed": config.seed,
        "captions_per_image": config.captions_per_image,
        "weight_decay": config.weight_decay,
        "warmup": config.warmup,
        "muon": config.muon,
        "patch_dropout": config.patch_dropout,
        "dropout_until": config.dropout_until,
        "shape": config.shape,
        "start_from": None if start_from is None else fingerprint(Path(start_from) / WEIGHTS_FILE),
    }
    saved = load_checkpoint(checkpoint)
    if saved is not None and json.loads(saved["settings"]) != settings:
        raise UserValueError(
            f"{checkpoint} was made with other settings ({saved['settings']}): delete it to start anew, "
            "or call with those settings"
        )

    # 2. The model, from nothing or from a folder, and its optimizers.
    tokenizer, model_config = _tokenizer_and_config(settings["image_size"], config, tokenizer_texts, start_from, saved)
    aside = out_dir.with_name(out_dir.name + ".writing")
    shutil.rmtree(aside, ignore_errors=True)
    clip = new_clip(aside, tokenizer, model_config, config.seed)
    if start_from is not None:
        clip.model.load_state_dict(load_clip(start_from).model.state_dict())
    optimizers = clip_optimizers(clip.model, config.lr, config.weight_decay, config.muon)

    # 3. What is counted, and what the checkpoint says of it.
    record = {"seconds": 0.0, "step": 0, "captions": 0, "flops": 0.0, "history": []}
    seen = torch.zeros(len(bank), max(map(len, bank.captions)), dtype=torch.bool)  # which captions were visited
    if saved is not None:
        clip.model.load_state_dict(saved["model"])
        for optimizer, state in zip(optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        record, seen = saved["run"], saved["seen"]
        progress(f"tiny-clip: continuing from {checkpoint} at step {record['step']:,}, {_clock(record['seconds'])} trained")

    def save() -> None:
        state = {
            "model": clip.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            "run": record,
            "seen": seen,
            "settings": json.dumps(settings),
            "tokenizer": tokenizer.backend_tokenizer.to_str(),
            "context_length": tokenizer.model_max_length,
        }
        save_checkpoint(checkpoint, state)

    def measure() -> dict[str, float]:
        with evaluating(clip.model):
            found = {name: float(value) for name, value in evaluate(clip).items()} if evaluate else {}
        if found:
            progress(f"tiny-clip {_clock(record['seconds'])} | " + " | ".join(f"{n} {v:.1f}" for n, v in found.items()))
        return found

    # 4. Train until the time is over.
    budget = config.minutes * 60
    threads_before = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    clip.model.train()
    losses: list[float] = []
    reported_at = saved_at = record["seconds"]
    captions_at_report = record["captions"]
    try:
        while record["seconds"] < budget:
            started = clock()
            fraction = record["seconds"] / budget
            set_lr(optimizers, config.lr * max(1e-3, cosine_share(fraction, config.warmup)))
            dropped = config.patch_dropout if fraction < config.dropout_until else 0.0
            batch = draw_batch(bank, record["step"], batch_size, config.captions_per_image, dropped, clip, config.seed)
            pixels, visited, tokens, owner, kept = batch
            loss = contrastive_step(
                clip,
                optimizers,
                lambda p: fast_encode_images(clip.model, p, kept),
                lambda t: fast_encode_texts(clip.model, t),
                pixels,
                tokens,
                owner,
                bf16,
            )
            seen[visited] = True
            patches = kept.shape[1] if kept is not None else int(np.prod(clip.model.visual.grid_size))
            image_lengths, text_lengths = torch.full((len(pixels),), patches + 1), caption_ends(clip.model, tokens) + 1
            record["flops"] += training_flops(clip.model, image_lengths, text_lengths)
            record["step"] += 1
            record["captions"] += len(tokens)
            record["seconds"] += clock() - started
            losses.append(loss)
            ended = record["seconds"] >= budget
            if record["seconds"] - reported_at >= config.report_every or ended:
                rate = (record["captions"] - captions_at_report) / max(1e-9, record["seconds"] - reported_at)
                mean = sum(losses) / len(losses)
                record["history"].append({"seconds": record["seconds"], "step": record["step"], "loss": mean})
                progress(
                    f"tiny-clip {_clock(record['seconds'])} of {_clock(budget)} | step {record['step']:,} | "
                    f"loss {mean:.3f} (chance {np.log(batch_size):.2f}) | {rate:.0f} captions/s | "
                    f"{_clock(max(0.0, budget - record['seconds']))} left"
                )
                last_report, reported_at = reported_at, record["seconds"]
                losses, captions_at_report = [], record["captions"]
                every = config.evaluate_every
                if evaluate and reported_at // every > last_report // every and not ended:
                    record["history"][-1].update(measure())
            if record["seconds"] - saved_at >= config.save_every or ended:
                saved_at = record["seconds"]
                save()
    finally:
        torch.set_num_threads(threads_before)
        clip.model.eval()

    # 5. Write the folder.
    provenance = clip_provenance(bank, settings, config, record, seen, bf16, measure(), clip)
    if start_from is not None:
        add_earlier(provenance, json.loads((Path(start_from) / PROVENANCE_FILE).read_text()))
    save_clip_weights(clip, aside)
    (aside / PROVENANCE_FILE).write_text(json.dumps(provenance, indent=1) + "\n")
    replace_folder(aside, out_dir)
    progress(f"tiny-clip: {out_dir} written, {_clock(record['seconds'])} trained")
    return provenance


def recall_evaluator(
    images: Sequence[Image.Image | np.ndarray], queries: Sequence[str], targets: Sequence[int], ks: Sequence[int] = (1, 5, 10)
) -> Callable[[Clip], dict[str, float]]:
    """An `evaluate` for `pretrain_clip`: text-to-image Recall@k in percent, where the answer to query q is the image with
    index `targets[q]` in `images`."""
    pictures = [Image.fromarray(image) if isinstance(image, np.ndarray) else image for image in images]

    def evaluate(clip: Clip) -> dict[str, float]:
        rankings = zero_shot_rankings(embed_texts(clip, queries), embed_images(clip, pictures), max(ks))
        ranks = [r.index(target) + 1 if target in r else max(ks) + 1 for r, target in zip(rankings, targets, strict=True)]
        return {f"R@{k}": 100 * sum(rank <= k for rank in ranks) / len(ranks) for k in ks}

    return evaluate


def draw_batch(
    bank: SceneBank, step: int, batch_size: int, captions_per_image: int, dropped: float, clip: Clip, seed: int
) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor, Tensor, Tensor | None]:
    """The batch of one step. It depends on `seed` and `step` alone, so that a resumed run sees the same ones.

    Returns pixels (B, 3, S, S), the indices (image, caption) of its C captions, tokens (C, L), the row of each caption's
    image in the batch (C,), and the indices (B, K) of the patches that are kept, or None where `dropped` is 0."""
    steps_per_epoch = len(bank) // batch_size
    epoch, number = divmod(step, steps_per_epoch)
    shuffled = np.random.default_rng([seed, epoch]).permutation(len(bank))
    chosen = np.sort(shuffled[number * batch_size : (number + 1) * batch_size])  # sorted, to read the disk in order
    pixels = torch.from_numpy(np.array(bank.images[chosen])).permute(0, 3, 1, 2).float() / 127.5 - 1
    rng = np.random.default_rng([seed, step, 1])
    numbers, owner = draw_captions([range(len(bank.captions[image])) for image in chosen], captions_per_image, rng)
    tokens = clip.tokenizer([bank.captions[chosen[row]][number] for row, number in zip(owner.tolist(), numbers)])
    kept = None
    if dropped > 0:
        patches = int(np.prod(clip.model.visual.grid_size))
        order = torch.from_numpy(rng.random((len(chosen), patches))).argsort(1)
        kept = order[:, : max(1, round(patches * (1 - dropped)))]
    visited = torch.from_numpy(chosen)[owner], torch.tensor([int(number) for number in numbers])
    return pixels, visited, tokens, owner, kept


def _tokenizer_and_config(
    image_size: int,
    config: ClipPretrainingConfig,
    tokenizer_texts: Iterable[str],
    start_from: str | Path | None,
    saved: dict[str, Any] | None,
) -> tuple[PreTrainedTokenizerFast, dict[str, Any]]:
    """Tokenizer and open_clip configuration: those of the folder `start_from`, else new ones (with the tokenizer of the
    checkpoint `saved`, where there is one)."""
    if start_from is not None:
        model_config = json.loads((Path(start_from) / CONFIG_FILE).read_text())
        bpe = Tokenizer.from_file(str(Path(start_from) / "tokenizer.json"))
        return wrap_tokenizer(bpe, model_config["model_cfg"]["text_cfg"]["context_length"]), model_config
    if saved is not None:
        tokenizer = wrap_tokenizer(Tokenizer.from_str(saved["tokenizer"]), saved["context_length"])
    else:
        tokenizer = train_clip_tokenizer(tokenizer_texts, config.vocab_size)
    return tokenizer, clip_config(tokenizer, image_size=image_size, **config.shape)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
