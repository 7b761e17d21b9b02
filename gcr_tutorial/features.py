"""Vision features, computed once: while the vision tower is frozen an image always becomes the same few vectors.

The official GRACE code runs the vision tower on every image in every epoch; caching its output (16 vectors an image
for tiny-vlm) makes the memorize step as cheap as training on short sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from PIL import Image

from .backbone import Backbone, pixels


def _chunks(images: Iterable, size: int) -> Iterator[list | np.ndarray]:
    if isinstance(images, np.ndarray):
        yield from (images[start : start + size] for start in range(0, len(images), size))
        return
    iterator = iter(images)
    while chunk := list(islice(iterator, size)):
        yield chunk


@torch.no_grad()
def image_features(backbone: Backbone, images: Iterable[Image.Image] | np.ndarray, batch_size: int = 64,
                   progress: Callable[[int], None] | None = None) -> torch.Tensor:
    """Features of each image after vision tower and connector: (N, image_seq_len, hidden), on the CPU.

    `images` are PIL images (read lazily, `batch_size` at a time) or a uint8 array (N, S, S, 3) at the model's size.
    `progress(done)` is called after each batch with the number of images done. Raises ValueError where the model gives
    images different numbers of vectors (use one fixed image size).
    """
    was_training = backbone.model.training
    backbone.model.eval()
    batches, done = [], 0
    for chunk in _chunks(images, batch_size):
        values = pixels(backbone, chunk).to(backbone.device, backbone.model.dtype)  # (B, 1, 3, S, S)
        per_image = backbone.model.get_image_features(values).pooler_output  # B tensors (image_seq_len, hidden)
        if len({len(vectors) for vectors in per_image}) > 1 or len(per_image) != len(chunk):
            raise ValueError("images became different numbers of vectors: resize them to one size, without splitting")
        batches.append(torch.stack(tuple(per_image)).cpu())
        done += len(chunk)
        if progress is not None:
            progress(done)
    backbone.model.train(was_training)
    if not batches:
        config = backbone.model.config
        return torch.empty(0, backbone.processor.image_seq_len, config.get_text_config().hidden_size)
    return torch.cat(batches)


def merge_features(backbone: Backbone, input_ids: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """Token embeddings (B, L, hidden) of `input_ids` (B, L) with `features` (B, image_seq_len, hidden) in the places of
    the `<image>` tokens: exactly what the model itself does with pixels.

    Raises ValueError where the number of `<image>` tokens and of vectors differ.
    """
    embeddings = backbone.model.get_input_embeddings()(input_ids)  # (B, L, H)
    at_image = input_ids == backbone.image_token_id  # (B, L)
    if features.shape[0] != len(input_ids) or not bool((at_image.sum(1) == features.shape[1]).all()):
        raise ValueError(
            f"{at_image.sum(1).unique().tolist()} <image> tokens a row for features of shape {tuple(features.shape)}: "
            f"each row needs {features.shape[1]}; make prompts with prompt_ids(..., image=True)"
        )
    return embeddings.masked_scatter(at_image.unsqueeze(-1), features.to(embeddings))
