"""CLIP as the baseline of the paper's result tables: embed images and queries apart, rank by cosine similarity.

GRACE (Li et al., ACL 2024) compares with CLIP zero-shot; fine-tuning CLIP on the same captions and pseudo-queries that
the generative retriever learns from makes the comparison fair. Models are open_clip's (Ilharco et al.), from a folder
(`local-dir:`), such as `data/backbones/tiny-clip`, or by open_clip's own names where a network is at hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image
from torch import Tensor, nn

from gcr_tutorial.clip_training import (
    clip_optimizers,
    contrastive_step,
    cosine_share,
    cpu_has_bf16,
    draw_captions,
    set_lr,
    training_encoders,
)

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"


@dataclass
class Clip:
    """An open_clip model with what it needs: `preprocess` (PIL -> (3, S, S)), `tokenizer` (texts -> (C, L) ids)."""

    model: nn.Module
    preprocess: Callable[[Image.Image], Tensor]
    tokenizer: Callable[[list[str]], Tensor]
    name: str = "clip"

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device


def load_clip(name: str | Path, device: str = "cpu", pretrained: str | None = None) -> Clip:
    """The CLIP model in the open_clip folder `name`, or of an open_clip name such as "ViT-B-32" (then `pretrained`
    names its weights) or "hf-hub:..." (these two need a network or a filled cache). In evaluation mode, float32.

    Raises FileNotFoundError where `name` is neither, or the folder lacks its configuration or weights."""
    folder = Path(name)
    if folder.is_dir():
        for file in (CONFIG_FILE, WEIGHTS_FILE):
            if not (folder / file).is_file():
                raise FileNotFoundError(
                    f"{folder} has no {file}: give a complete open_clip folder (`python -m gcr_tutorial pretrain` makes one)"
                )
        name = f"local-dir:{folder}"
    elif ":" not in str(name) and str(name) not in open_clip.list_models():
        raise FileNotFoundError(
            f"{name} is neither a folder nor a model that open_clip knows: "
            "give the path of an open_clip folder, such as data/backbones/tiny-clip"
        )
    return open_clip_parts(str(name), device, pretrained)


def open_clip_parts(name: str, device: str = "cpu", pretrained: str | None = None) -> Clip:
    """The plain open_clip calls behind `load_clip`; `name` is in open_clip's own words ("local-dir:PATH", ...)."""
    model, _, preprocess = open_clip.create_model_and_transforms(name, pretrained=pretrained, device=device)
    return Clip(model.eval(), preprocess, open_clip.get_tokenizer(name), name)


@torch.no_grad()
def embed_images(
    clip: Clip, images: Iterable[Image.Image], batch_size: int = 64, progress: Callable[[int], None] | None = None
) -> Tensor:
    """L2-normalised embeddings (N, D), float32 on the CPU, of PIL images; read one batch at a time.
    `progress` is called with the number of images done."""
    return _embed(
        clip,
        images,
        lambda batch: clip.model.encode_image(
            torch.stack([clip.preprocess(image.convert("RGB")) for image in batch]).to(clip.device),
            normalize=True,
        ),
        batch_size,
        progress,
    )


@torch.no_grad()
def embed_texts(
    clip: Clip, texts: Iterable[str], batch_size: int = 256, progress: Callable[[int], None] | None = None
) -> Tensor:
    """L2-normalised embeddings (N, D), float32 on the CPU, of texts (cut at the model's context length)."""
    return _embed(
        clip,
        texts,
        lambda batch: clip.model.encode_text(
            clip.tokenizer(list(batch)).to(clip.device),
            normalize=True,
        ),
        batch_size,
        progress,
    )


def _embed(
    clip: Clip, items: Iterable, encode: Callable[[list], Tensor], batch_size: int, progress: Callable[[int], None] | None
) -> Tensor:
    if isinstance(items, (str, Image.Image)):
        raise ValueError("give a list of texts or images, not a single one")
    with evaluating(clip.model):
        parts, batch, done = [], [], 0
        for item in items:
            batch.append(item)
            if len(batch) == batch_size:
                parts.append(encode(batch).float().cpu())
                done += len(batch)
                batch = []
                if progress:
                    progress(done)
        if batch:
            parts.append(encode(batch).float().cpu())
            if progress:
                progress(done + len(batch))
    if not parts:
        raise ValueError("nothing to embed: the list of texts or images is empty")
    return torch.cat(parts)


def zero_shot_rankings(query_embeddings: Tensor, image_embeddings: Tensor, k: int, block: int = 1024) -> list[list[int]]:
    """For each query embedding (Q, D) the `k` most similar rows of `image_embeddings` (N, D), best first (all N where N
    is less than k; the lower row first among equals)."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    shapes_fit = query_embeddings.ndim == image_embeddings.ndim == 2
    if not shapes_fit or query_embeddings.shape[1] != image_embeddings.shape[1]:
        raise ValueError(
            f"expected (Q, D) queries and (N, D) images of one D, not {tuple(query_embeddings.shape)} "
            f"and {tuple(image_embeddings.shape)}: were both made by the same CLIP?"
        )
    rankings: list[list[int]] = []
    for queries in query_embeddings.split(block):
        order = (queries @ image_embeddings.T).argsort(dim=1, descending=True, stable=True)
        rankings += order[:, :k].tolist()
    return rankings


def fine_tune_clip(
    clip: Clip,
    images: Sequence[Image.Image],
    pairs: Sequence[tuple[int, str]],
    *,
    epochs: int = 10,
    batch_size: int = 128,
    captions_per_image: int = 2,
    lr: float = 3e-4,
    weight_decay: float = 0.1,
    warmup: float = 0.1,
    seed: int = 0,
    bf16: bool | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> dict[str, list[float] | float]:
    """Fine-tune `clip` in place on `pairs` (row of `images`, caption). An epoch visits each captioned image once, with
    up to `captions_per_image` of its captions drawn anew; AdamW, linear warm-up, then cosine to 0.

    `images` needs only `len` and indexing (a lazy sequence will do); preprocessed pixels are kept in half precision
    when they fit 1 GiB. `bf16` computes in bfloat16 (default: on CPUs that have it; never elsewhere).
    `progress(step, total, loss)` follows each step. Returns {"loss": the mean of each epoch, "seconds", "steps"}.
    Raises ValueError on fewer than two captioned images or a row outside `images`."""
    captions: dict[int, list[str]] = {}
    for image, caption in pairs:
        if not 0 <= image < len(images):
            raise ValueError(f"a pair names image {image}, but there are {len(images)} images")
        captions.setdefault(image, []).append(caption)
    if len(captions) < 2:
        raise ValueError("contrastive fine-tuning needs captions of at least two different images")
    rows = sorted(captions)
    pixels = _PixelCache(clip, images, keep=len(rows))
    batch_size = min(batch_size, len(rows))
    steps_per_epoch = len(rows) // batch_size
    total = epochs * steps_per_epoch
    optimizers = clip_optimizers(clip.model, lr, weight_decay)
    rng = np.random.default_rng(seed)
    encode_images, encode_texts = training_encoders(clip.model)
    bf16 = clip.device.type == "cpu" and cpu_has_bf16() if bf16 is None else bf16
    started, losses, step = time.perf_counter(), [], 0
    clip.model.train()
    try:
        for _ in range(epochs):
            shuffled = rng.permutation(rows)
            epoch_loss = 0.0
            for start in range(0, steps_per_epoch * batch_size, batch_size):
                batch = shuffled[start : start + batch_size].tolist()
                texts, owner = draw_captions([captions[row] for row in batch], captions_per_image, rng)
                set_lr(optimizers, lr * cosine_share((step + 0.5) / total, warmup))
                loss = contrastive_step(
                    clip, optimizers, encode_images, encode_texts, pixels.batch(batch), clip.tokenizer(texts), owner, bf16
                )
                epoch_loss += loss / steps_per_epoch
                step += 1
                if progress:
                    progress(step, total, loss)
            losses.append(epoch_loss)
    finally:
        clip.model.eval()
    return {"loss": losses, "seconds": time.perf_counter() - started, "steps": step}


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside the block, the former mode after it."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


class _PixelCache:
    """Preprocessed images by row, kept in float16 where `keep` of them fit 1 GiB."""

    def __init__(self, clip: Clip, images: Sequence[Image.Image], keep: int) -> None:
        self.clip, self.images, self.kept = clip, images, {}
        self.room = keep * clip.preprocess(images[0].convert("RGB")).numel() * 2 <= 1 << 30

    def batch(self, rows: list[int]) -> Tensor:
        """Pixels (B, 3, S, S), float32, of the images in `rows`."""
        return torch.stack([self._one(row) for row in rows]).float()

    def _one(self, row: int) -> Tensor:
        if row in self.kept:
            return self.kept[row]
        pixels = self.clip.preprocess(self.images[row].convert("RGB")).half()
        if self.room:
            self.kept[row] = pixels
        return pixels
