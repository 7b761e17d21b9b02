"""Load and save backbones, with or without a LoRA adapter."""

from __future__ import annotations

from pathlib import Path

import torch
from peft import PeftModel

from gcr_tutorial.files import new_folder, recover_folder
from gcr_tutorial.models.adapter_files import load_adapter, save_adapter
from gcr_tutorial.models.backbone import Backbone, load_base_model


def load_backbone(
    path_or_hub_id: str | Path,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    revision: str | None = None,
    image_size: int | None = None,
) -> Backbone:
    """Load a backbone from a folder or from the Hub, ready for inference; image splitting is switched off.

    `dtype` defaults to float32. `revision` pins the Hub's commit. `image_size`: pixels a side of every picture, for
    models that take any size (the others keep theirs). A folder that holds an adapter is loaded with the model it belongs
    to. Raises FileNotFoundError, saying what to do, for a folder that is not there or has no `config.json`, and for a Hub
    model that is not in the cache and cannot be fetched; ValueError where its processor needs another package.
    """
    recover_folder(path_or_hub_id)
    if (Path(path_or_hub_id) / "adapter_config.json").is_file():
        return load_adapter(path_or_hub_id, device, dtype)
    return load_base_model(path_or_hub_id, device, dtype, revision, image_size)


def save_backbone(backbone: Backbone, folder: str | Path) -> None:
    """Write model and processor to `folder` (safetensors and JSON), aside first, so it is never half written. Of a model
    with an adapter only the adapter is written, and where its base model is."""
    if isinstance(backbone.model, PeftModel):
        return save_adapter(backbone, folder)
    with new_folder(folder) as aside:
        backbone.model.save_pretrained(aside)
        backbone.processor.save_pretrained(aside)
