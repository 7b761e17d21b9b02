"""The machine of a run: device and type of the weights, memory, disk space, and the versions of the libraries."""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

import torch

from gcr_tutorial.config import Preset, TrainingConfig
from gcr_tutorial.models.device import AUTOCAST, best_device, refuse_half_on_cpu, resolve_dtype
from gcr_tutorial.models.lora import LORA_LAYERS

PACKAGES = ("torch", "transformers", "peft", "accelerate", "open_clip_torch", "numpy", "pillow")


def on_this_machine(preset: Preset) -> tuple[torch.device, torch.dtype, Preset]:
    """The device of a run, the type of the model's weights, and the preset with the precision of training made to fit."""
    device = best_device()
    dtype, config = resolve_dtype(preset.dtype, device), preset.training
    refuse_half_on_cpu(config.mixed_precision, device)
    if config.mixed_precision == "no":
        preset = replace(preset, training=replace(config, mixed_precision=AUTOCAST[dtype]))
    # Weights that are trained must be able to take small steps, so they are float32. With LoRA the adapter is always.
    return device, torch.float32 if config.trainable == "full" else dtype, preset


def peak_memory_gb() -> float | None:
    """The most memory that this process has held so far, in GiB; None where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30, 2)


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that results depend on."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # installed in another way, or under another name
        return "unknown"


def bytes_to_write(model: torch.nn.Module, config: TrainingConfig) -> int:
    """About how many bytes a run writes: the trained model, and checkpoints. A checkpoint holds the trained weights and the
    optimizer's two moments of each in float32, and while one replaces another there are two of them."""
    if config.trainable == "full":
        trained = sum(weight.numel() for weight in model.parameters())
    else:
        layers = [layer for name, layer in model.named_modules() if re.fullmatch(LORA_LAYERS, name)]
        trained = sum(config.rank * sum(layer.weight.shape) for layer in layers)
    return sum(weight.nbytes for weight in model.parameters()) + 2 * 3 * 4 * trained
