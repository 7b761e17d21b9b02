"""tiny-clip from nothing: an open_clip folder (configuration, tokenizer, weights) trained contrastively on scenes.

It gives the paper's pipeline its CLIP: embeddings for structured identifiers and the zero-shot baseline (GRACE, Li et
al., ACL 2024, sections 3 and 4, uses OpenAI's CLIP there). The learning rate follows the elapsed *time*, so a budget of
minutes is kept on any machine, and a killed run resumes from its checkpoint."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor

from gcr_tutorial.files import replace_folder
from gcr_tutorial.models.clip import CONFIG_FILE, WEIGHTS_FILE, Clip, embed_images, embed_texts, evaluating, load_clip
from gcr_tutorial.pretraining.clip_folder import clip_config, new_clip, save_clip_weights, train_clip_tokenizer, wrap_tokenizer
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

PROVENANCE_FILE = "provenance.json"


def pretrain_clip(
    bank,
    out_dir: str | Path,
    *,
    minutes: float,
    tokenizer_texts: Iterable[str],
    batch_size: int = 128,
    captions_per_image: int = 2,
    lr: float = 3e-3,
    weight_decay: float = 0.1,
    warmup: float = 0.03,
    muon: bool = True,
    patch_dropout: float = 0.5,
    dropout_until: float = 0.8,
    vocab_size: int = 2000,
    shape: dict[str, Any] | None = None,
    seed: int = 0,
    threads: int = 1,
    bf16: bool | None = None,
    start_from: str | Path | None = None,
    checkpoint: str | Path | None = None,
    save_every: float = 60.0,
    evaluate: Callable[[Clip], dict[str, float]] | None = None,
    evaluate_every: float = 600.0,
    report_every: float = 15.0,
    progress: Callable[[str], None] = print,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Train a CLIP on `bank` (a SceneBank: `images` uint8 (N, S, S, 3), `captions` N lists of texts) for `minutes` of
    training time, and leave a complete open_clip folder at `out_dir` (written aside, then renamed).

    Each visit of an image takes `captions_per_image` of its captions, drawn at random; images are never flipped
    (captions say left and right). InfoNCE in both directions, AdamW (with `muon`, Muon for the matrices of the
    transformer blocks), linear warm-up over the first `warmup` of the time, then cosine to 0. `patch_dropout` hides
    that share of an image's patches until `dropout_until` of the time has passed. `shape`: sizes that differ from
    `clip_config`'s defaults (the image size is the bank's). `bf16` None: where the CPU has it. `start_from`: a folder
    that this function wrote, whose weights, tokenizer and shape are taken over (`tokenizer_texts`, `vocab_size` and
    `shape` then have no say); what it cost is added to the new provenance.

    With `checkpoint` (a file; default beside `out_dir`), a run that was killed goes on where the file stands, with the
    seconds already spent counted; delete the file to start anew. `evaluate(clip)` gives measures for the log and the
    provenance, every `evaluate_every` seconds of training and at the end; neither that nor saving counts as training.
    Time is `clock`'s: wall time, or on a busy machine `time.process_time`.

    Returns the provenance, which is also written to `provenance.json` in the folder.
    Raises ValueError on an empty bank, a batch of one, or a checkpoint made with other settings."""
    out_dir = Path(out_dir)
    checkpoint = Path(checkpoint) if checkpoint else out_dir.with_name(out_dir.name + ".checkpoint")
    bf16 = cpu_has_bf16() if bf16 is None else bf16
    size = int(bank.images.shape[1])
    if len(bank) < 2 or batch_size < 2:
        raise ValueError("contrastive learning needs at least two images in the bank and in a batch")
    batch_size = min(batch_size, len(bank))
    settings = {
        "images": len(bank),
        "image_size": size,
        "batch_size": batch_size,
        "lr": lr,
        "seed": seed,
        "captions_per_image": captions_per_image,
        "weight_decay": weight_decay,
        "warmup": warmup,
        "muon": muon,
        "patch_dropout": patch_dropout,
        "dropout_until": dropout_until,
        "shape": shape or {},
        "start_from": None if start_from is None else _fingerprint(Path(start_from) / WEIGHTS_FILE),
    }
    saved = load_checkpoint(checkpoint)
    if saved is not None and json.loads(saved["settings"]) != settings:
        raise ValueError(
            f"{checkpoint} was made with other settings ({saved['settings']}): delete it to start anew, "
            "or call with those settings"
        )
    earlier = None
    if start_from is not None:
        started_from = load_clip(start_from)
        earlier = json.loads((Path(start_from) / PROVENANCE_FILE).read_text())
        config = json.loads((Path(start_from) / CONFIG_FILE).read_text())
        tokenizer = wrap_tokenizer(
            Tokenizer.from_file(str(Path(start_from) / "tokenizer.json")), config["model_cfg"]["text_cfg"]["context_length"]
        )
    else:
        tokenizer = (
            train_clip_tokenizer(tokenizer_texts, vocab_size)
            if saved is None
            else wrap_tokenizer(Tokenizer.from_str(saved["tokenizer"]), saved["context_length"])
        )
        config = clip_config(tokenizer, image_size=size, **(shape or {}))
    aside = out_dir.with_name(out_dir.name + ".writing")
    shutil.rmtree(aside, ignore_errors=True)
    clip = new_clip(aside, tokenizer, config, seed)
    if start_from is not None:
        clip.model.load_state_dict(started_from.model.state_dict())
    optimizers = clip_optimizers(clip.model, lr, weight_decay, muon)
    run = {"seconds": 0.0, "step": 0, "captions": 0, "flops": 0.0, "history": []}
    seen = torch.zeros(len(bank), max(map(len, bank.captions)), dtype=torch.bool)  # which captions were visited
    if saved is not None:
        clip.model.load_state_dict(saved["model"])
        for optimizer, state in zip(optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        run, seen = saved["run"], saved["seen"]
        progress(f"tiny-clip: going on from {checkpoint} at step {run['step']:,}, {_clock(run['seconds'])} trained")

    def save() -> None:
        save_checkpoint(
            checkpoint,
            {
                "model": clip.model.state_dict(),
                "optimizers": [o.state_dict() for o in optimizers],
                "run": run,
                "seen": seen,
                "settings": json.dumps(settings),
                "tokenizer": tokenizer.backend_tokenizer.to_str(),
                "context_length": tokenizer.model_max_length,
            },
        )

    def measure() -> dict[str, float]:
        with evaluating(clip.model):
            found = {name: float(value) for name, value in evaluate(clip).items()} if evaluate else {}
        if found:
            progress(f"tiny-clip {_clock(run['seconds'])} | " + " | ".join(f"{n} {v:.1f}" for n, v in found.items()))
        return found

    budget = minutes * 60
    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads)
    clip.model.train()
    recent: list[float] = []
    reported = saved_at = run["seconds"]
    captions_at_report = run["captions"]
    try:
        while run["seconds"] < budget:
            started = clock()
            fraction = run["seconds"] / budget
            set_lr(optimizers, lr * max(1e-3, cosine_share(fraction, warmup)))
            dropped = patch_dropout if fraction < dropout_until else 0.0
            batch = _batch(bank, run["step"], batch_size, captions_per_image, dropped, clip, seed)
            pixels, texts, tokens, owner, keep = batch
            loss = contrastive_step(
                clip,
                optimizers,
                lambda p: fast_encode_images(clip.model, p, keep),
                lambda t: fast_encode_texts(clip.model, t),
                pixels,
                tokens,
                owner,
                bf16,
            )
            seen[texts] = True
            patches = keep.shape[1] if keep is not None else int(np.prod(clip.model.visual.grid_size))
            run["flops"] += training_flops(
                clip.model, torch.full((len(pixels),), patches + 1), caption_ends(clip.model, tokens) + 1
            )
            run["step"] += 1
            run["captions"] += len(tokens)
            run["seconds"] += clock() - started
            recent.append(loss)
            if run["seconds"] - reported >= report_every or run["seconds"] >= budget:
                rate = (run["captions"] - captions_at_report) / max(1e-9, run["seconds"] - reported)
                mean = sum(recent) / len(recent)
                run["history"].append({"seconds": run["seconds"], "step": run["step"], "loss": mean})
                progress(
                    f"tiny-clip {_clock(run['seconds'])} of {_clock(budget)} | step {run['step']:,} | "
                    f"loss {mean:.3f} (chance {np.log(batch_size):.2f}) | {rate:.0f} captions/s | "
                    f"{_clock(max(0.0, budget - run['seconds']))} left"
                )
                last_report, reported = reported, run["seconds"]
                recent, captions_at_report = [], run["captions"]
                if evaluate and reported // evaluate_every > last_report // evaluate_every and reported < budget:
                    run["history"][-1].update(measure())
            if run["seconds"] - saved_at >= save_every or run["seconds"] >= budget:
                saved_at = run["seconds"]
                save()
    finally:
        torch.set_num_threads(threads_before)
        clip.model.eval()
    provenance = _provenance(bank, settings, run, seen, minutes, threads, bf16, measure(), clip)
    if earlier is not None:
        add_earlier(provenance, earlier)
    save_clip_weights(clip, aside)
    (aside / PROVENANCE_FILE).write_text(json.dumps(provenance, indent=1) + "\n")
    replace_folder(aside, out_dir)
    progress(f"tiny-clip: {out_dir} written, {_clock(run['seconds'])} trained")
    return provenance


def recall_evaluator(
    images: Sequence[Image.Image | np.ndarray], queries: Sequence[str], targets: Sequence[int], ks: Sequence[int] = (1, 5, 10)
) -> Callable[[Clip], dict[str, float]]:
    """An `evaluate` for `pretrain_clip`: text-to-image Recall@k in percent, where query q wants row targets[q]."""
    pictures = [Image.fromarray(image) if isinstance(image, np.ndarray) else image for image in images]

    def evaluate(clip: Clip) -> dict[str, float]:
        rankings = zero_shot_rankings(embed_texts(clip, queries), embed_images(clip, pictures), max(ks))
        places = [r.index(t) if t in r else max(ks) for r, t in zip(rankings, targets, strict=True)]
        return {f"R@{k}": 100 * sum(place < k for place in places) / len(places) for k in ks}

    return evaluate


def _batch(
    bank,
    step: int,
    batch_size: int,
    captions_per_image: int,
    dropped: float,
    clip: Clip,
    seed: int,
) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor, Tensor, Tensor | None]:
    """The batch of one step, which depends on `seed` and `step` alone (so a resumed run sees the same ones):
    pixels (B, 3, S, S), (image, caption) indices of its C captions, tokens (C, L), owner (C,), kept patches (B, K)."""
    steps_per_epoch = len(bank) // batch_size
    epoch, place = divmod(step, steps_per_epoch)
    shuffled = np.random.default_rng([seed, epoch]).permutation(len(bank))
    chosen = np.sort(shuffled[place * batch_size : (place + 1) * batch_size])  # sorted: kinder to the disk
    pixels = torch.from_numpy(np.array(bank.images[chosen])).permute(0, 3, 1, 2).float() / 127.5 - 1
    rng = np.random.default_rng([seed, step, 1])
    numbers, owner = draw_captions([range(len(bank.captions[image])) for image in chosen], captions_per_image, rng)
    tokens = clip.tokenizer([bank.captions[chosen[row]][number] for row, number in zip(owner.tolist(), numbers)])
    keep = None
    if dropped > 0:
        patches = int(np.prod(clip.model.visual.grid_size))
        order = torch.from_numpy(rng.random((len(chosen), patches))).argsort(1)
        keep = order[:, : max(1, round(patches * (1 - dropped)))]
    visited = torch.from_numpy(chosen)[owner], torch.tensor([int(number) for number in numbers])
    return pixels, visited, tokens, owner, keep


def _provenance(
    bank,
    settings: dict,
    run: dict,
    seen: Tensor,
    minutes: float,
    threads: int,
    bf16: bool,
    measured: dict[str, float],
    clip: Clip,
) -> dict[str, Any]:
    parameters = sum(p.numel() for p in clip.model.parameters())
    return {
        "model": "tiny-clip",
        "made_by": "gcr_tutorial.pretraining.clip_training.pretrain_clip",
        "parameters": parameters,
        "data": {
            "images": len(bank),
            "captions": sum(map(len, bank.captions)),
            "distinct_images_seen": int(seen.any(1).sum()),
            "distinct_captions_seen": int(seen.sum()),
            "image_visits": run["step"] * settings["batch_size"],
            "caption_visits": run["captions"],
        },
        "training": {
            "minutes_planned": minutes,
            "seconds": round(run["seconds"], 1),
            "steps": run["step"],
            "final_loss": run["history"][-1]["loss"] if run["history"] else None,
            **settings,
        },
        "compute": {
            "model_flops": run["flops"],
            "threads": threads,
            "precision": "bfloat16" if bf16 else "float32",
            "machine": _cpu_name(),
            "cores": os.cpu_count(),
        },
        "measured": measured,
        "history": run["history"],
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "open_clip": open_clip.__version__,
            "transformers": transformers.__version__,
        },
        "finished": time.strftime("%Y-%m-%d"),
    }


def add_earlier(provenance: dict[str, Any], earlier: dict[str, Any]) -> None:
    """Add to `provenance` the visits, seconds and operations of the run that it went on from, kept under `earlier`."""
    for part, names in (
        ("data", ("image_visits", "caption_visits")),
        ("training", ("seconds", "steps")),
        ("compute", ("model_flops",)),
    ):
        for name in names:
            provenance[part][name] += earlier[part][name]
    provenance["earlier"] = [*earlier.get("earlier", []), {k: v for k, v in earlier.items() if k != "earlier"}]


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
