"""Fine-tune CLIP on captions and pseudo-queries, the data of the generative retriever, as a baseline for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.models.clip import Clip
from gcr_tutorial.training.contrastive import (
    clip_optimizers,
    contrastive_step,
    cosine_share,
    cpu_has_bf16,
    draw_captions,
    set_lr,
    training_encoders,
)


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
            raise UserValueError(f"a pair names image {image}, but there are {len(images)} images")
        captions.setdefault(image, []).append(caption)
    if len(captions) < 2:
        raise UserValueError("contrastive fine-tuning needs captions of at least two different images")
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
