"""Turn pictures into the pixel tensors that a backbone takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.models.backbone import Backbone


def image_inputs(backbone: Backbone, images: Sequence[Image.Image] | np.ndarray) -> dict[str, torch.Tensor]:
    """What the model's `get_image_features` takes, on the CPU: `pixel_values`, and for Qwen-VL `image_grid_thw`.

    Takes PIL images of any size (each is squeezed to a square of `backbone.image_size`), or a uint8 array (N, S, S, 3)
    at that size."""
    settings = backbone.processor.image_processor
    if hasattr(settings, "do_image_splitting"):
        return {"pixel_values": pixels(backbone, images)}
    square = (backbone.image_size,) * 2
    pictures = [Image.fromarray(image) if isinstance(image, np.ndarray) else image.convert("RGB") for image in images]
    pictures = [picture if picture.size == square else picture.resize(square, Image.Resampling.BICUBIC) for picture in pictures]
    made = settings(pictures, return_tensors="pt")
    return {name: made[name] for name in ("pixel_values", "image_grid_thw") if name in made}


def pixels(backbone: Backbone, images: Sequence[Image.Image] | np.ndarray) -> torch.Tensor:
    """Images as Idefics3 and SmolVLM want them: float tensor (N, 1, 3, S, S), normalised, on the CPU.

    Takes PIL images of any size (each is squeezed to S x S), or, much faster, a uint8 array (N, S, S, 3) already at the
    model's size. Raises ValueError for an array of another shape or type.
    """
    image_processor = backbone.processor.image_processor
    if isinstance(images, np.ndarray):
        size = backbone.model.config.vision_config.image_size
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (size, size, 3):
            raise UserValueError(f"expected a uint8 array (N, {size}, {size}, 3), got {images.dtype} {images.shape}")
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (image_processor.image_mean, image_processor.image_std))
        channels_first = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)  # (N, 3, S, S)
        return ((channels_first.float() - mean * 255) / (std * 255)).unsqueeze(1).contiguous()
    return image_processor([[image.convert("RGB")] for image in images], return_tensors="pt")["pixel_values"]
