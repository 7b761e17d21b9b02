"""The machine of a run: the device and type it calculates with, its memory, and the versions of the libraries."""

from __future__ import annotations

import platform
import sys
from dataclasses import replace
from importlib.metadata import version

import torch

from gcr_tutorial.config import Preset
from gcr_tutorial.models.device import AUTOCAST, best_device, resolve_dtype

PACKAGES = ("torch", "transformers", "peft", "accelerate", "open_clip_torch", "numpy", "pillow")


def on_this_machine(preset: Preset) -> tuple[torch.device, torch.dtype, Preset]:
    """The device of a run, the type of the model's weights, and the preset with the precision of training made to fit."""
    device = best_device()
    dtype, config = resolve_dtype(preset.dtype, device), preset.training
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
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
