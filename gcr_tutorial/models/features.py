"""Compute the vision features of images once: while the vision tower is frozen, an image always becomes the same vectors.

The official GRACE code runs the vision tower on every image in every epoch; caching its output (16 vectors an image
for tiny-vlm) makes the memorize step as cheap as training on short sentences. `model_inputs` puts the vectors back where
the model would have put them: same embeddings, same positions, same attention, hence the same logits as with pixels.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.preprocessing import image_inputs
from gcr_tutorial.models.prompts import MEMORIZE_INSTRUCTION, prompt_ids


def chunks(images: Iterable, size: int) -> Iterator[list | np.ndarray]:
    """`images` (an array, or anything that can be iterated, read lazily) in pieces of `size`."""
    if isinstance(images, np.ndarray):
        yield from (images[start : start + size] for start in range(0, len(images), size))
        return
    iterator = iter(images)
    while chunk := list(islice(iterator, size)):
        yield chunk


@torch.no_grad()
def image_features(
    backbone: Backbone,
    images: Iterable[Image.Image] | np.ndarray,
    batch_size: int = 64,
    progress: Callable[[int], None] | None = None,
) -> torch.Tensor:
    """Features of each image after vision tower and connector: (N, vectors an image, width), on the CPU.

    The width is the language model's, or more where the model also feeds vision to later layers (Qwen3-VL's "deepstack":
    those vectors are appended). `images` are PIL images (read lazily, `batch_size` at a time) or a uint8 array
    (N, S, S, 3) at the model's size. `progress(done)` is called after each batch with the number of images done. Raises
    ValueError where the model gives images different numbers of vectors (use one fixed image size).
    """
    was_training = backbone.model.training
    backbone.model.eval()
    batches, done = [], 0
    for chunk in chunks(images, batch_size):
        inputs = image_inputs(backbone, chunk)
        inputs["pixel_values"] = inputs["pixel_values"].to(backbone.model.dtype)
        output = backbone.model.get_image_features(**{name: value.to(backbone.device) for name, value in inputs.items()})
        levels = [output.pooler_output, *(getattr(output, "deepstack_features", None) or [])]
        if len({len(vectors) for level in levels for vectors in level}) > 1 or len(levels[0]) != len(chunk):
            raise UserValueError("images became different numbers of vectors: resize them to one size, without splitting")
        batches.append(torch.cat([torch.stack(tuple(level)) for level in levels], dim=-1).cpu())
        done += len(chunk)
        if progress is not None:
            progress(done)
    backbone.model.train(was_training)
    if not batches:
        vectors = prompt_ids(backbone, MEMORIZE_INSTRUCTION, image=True).count(backbone.image_token_id)
        return torch.empty(0, vectors, (1 + _deepstack_levels(backbone)) * _hidden_size(backbone))
    return torch.cat(batches)


def merge_features(backbone: Backbone, input_ids: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """Token embeddings (B, L, hidden) of `input_ids` (B, L) with `features` (B, vectors, hidden) in place of the
    `<image>` tokens: exactly what the model itself does with pixels.

    Raises ValueError where the number of `<image>` tokens and of vectors differ.
    """
    embeddings = backbone.model.get_input_embeddings()(input_ids)  # (B, L, H)
    at_image = _image_positions(backbone, input_ids, features)  # (B, L)
    return embeddings.masked_scatter(at_image.unsqueeze(-1), features.to(embeddings))


def model_inputs(
    backbone: Backbone,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    features: torch.Tensor | None = None,
    image_rows: torch.Tensor | None = None,
) -> dict[str, Any]:
    """Make the arguments of `backbone.model(...)` for prompts whose images are given as features: the result is that of its own
    forward pass with pixels.

    input_ids (B, L) padded on the left; attention_mask (B, L), None without padding; features (b, vectors, width) of the
    rows `image_rows` (b,), of all rows if that is None. Besides embeddings and mask this holds what the model would have
    derived from the pixels: Qwen-VL's positions in three rows (time, height, width), Gemma 3's token types (an image
    sees itself in both directions), Qwen3-VL's vectors for later layers.

    Raises ValueError where image tokens and vectors differ in number, or a Qwen-VL image is not square.
    """
    at_image = torch.zeros_like(input_ids, dtype=torch.bool)  # (B, L)
    if features is not None:
        image_rows = torch.arange(len(input_ids), device=input_ids.device) if image_rows is None else image_rows
        at_image[image_rows] = _image_positions(backbone, input_ids[image_rows], features)
        features = features[image_rows.argsort().to(features.device)].to(input_ids.device)  # in the order of the rows
    positions = None if attention_mask is None else (attention_mask.cumsum(1) - 1).clamp(min=0)  # (B, L)
    model = backbone.plain_model
    if hasattr(model.model, "get_rope_index"):
        positions = grid_positions(at_image, attention_mask)  # (3, B, L)
    inputs: dict[str, Any] = {"attention_mask": attention_mask, "position_ids": positions}
    if "token_type_ids" in inspect.signature(model.forward).parameters:
        inputs["token_type_ids"] = at_image.long()
    if features is not None and _deepstack_levels(backbone):  # merged by the model itself, which must see the ids
        vectors, *deeper = features.split(_hidden_size(backbone), dim=-1)
        encoded = SimpleNamespace(pooler_output=tuple(vectors), deepstack_features=[tuple(level) for level in deeper])
        return {**inputs, "input_ids": input_ids, "mm_encoder_outputs": {"image": encoded}}
    embeddings = backbone.model.get_input_embeddings()(input_ids)  # (B, L, H)
    if features is not None:
        embeddings = embeddings.masked_scatter(at_image.unsqueeze(-1), features.to(embeddings))
    return {**inputs, "inputs_embeds": embeddings}


def grid_positions(at_image: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
    """Qwen-VL's positions (3, B, L) of rows with at most one square image each, whose tokens are
    marked in `at_image` (B, L).

    Text counts on in all three rows alike. An image's vectors share one time; their height and width count its grid, and
    the text after it goes on where the grid's longer side ends.
    """
    mask = torch.ones_like(at_image) if attention_mask is None else attention_mask.bool()
    position = (mask.cumsum(1) - 1).clamp(min=0)  # (B, L)
    counted = at_image.cumsum(1)  # (B, L) image vectors up to here
    vectors = counted[:, -1:]  # (B, 1)
    most = int(vectors.max())
    side = math.isqrt(most)
    if side**2 != most or not bool(((vectors == most) | (vectors == 0)).all()):
        raise UserValueError(f"images of {vectors.unique().tolist()} vectors: use square pictures of one size")
    start = position.where(at_image, position.shape[1]).amin(1, keepdim=True)  # (B, 1) where the image starts
    text = position - ((counted == vectors) & ~at_image & (vectors > 0)) * (vectors - side)
    nth = (counted - 1).clamp(min=0)
    time, height, width = start, start + nth // max(side, 1), start + nth % max(side, 1)
    return torch.stack([text.where(~at_image, row.expand_as(text)) for row in (time, height, width)])


def next_position(inputs: dict[str, Any]) -> torch.Tensor:
    """The position of the token after each prompt of `inputs` (see `model_inputs`): (B, 1), or (3, B, 1) for Qwen-VL."""
    positions = inputs["position_ids"]
    if positions is None:
        ids = inputs.get("inputs_embeds", inputs.get("input_ids"))
        return torch.full((len(ids), 1), ids.shape[1], device=ids.device)
    if positions.ndim == 2:
        return positions[:, -1:] + 1
    return (positions.amax((0, 2))[:, None] + 1).expand(3, -1, 1)


def _image_positions(backbone: Backbone, input_ids: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """(B, L) bool: the `<image>` tokens, one for each vector."""
    at_image = input_ids == backbone.image_token_id
    if features.shape[0] != len(input_ids) or not bool((at_image.sum(1) == features.shape[1]).all()):
        raise UserValueError(
            f"{at_image.sum(1).unique().tolist()} <image> tokens a row for features of shape {tuple(features.shape)}: "
            f"each row needs {features.shape[1]}; make prompts with prompt_ids(..., image=True)"
        )
    return at_image


def _hidden_size(backbone: Backbone) -> int:
    return backbone.model.config.get_text_config().hidden_size


def _deepstack_levels(backbone: Backbone) -> int:
    return len(getattr(backbone.model.config.vision_config, "deepstack_visual_indexes", ()))
