"""Where a model runs, and in which floating-point type: what the hardware is good at, never what it cannot do."""

from __future__ import annotations

from typing import Any

import torch

AUTOCAST = {torch.float32: "no", torch.float16: "fp16", torch.bfloat16: "bf16"}  # accelerate's word for each type


def best_device() -> torch.device:
    """The CUDA GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def best_dtype(device: str | torch.device) -> torch.dtype:
    """bfloat16 on a GPU that has it (compute capability 8.0, "Ampere", or newer), float16 on an older one (a T4 is 7.5),
    float32 on the CPU."""
    device = torch.device(device)
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16


def resolve_dtype(wanted: str, device: str | torch.device) -> torch.dtype:
    """The type named `wanted` ("float32", "float16", "bfloat16"), or `best_dtype` for "auto".

    Raises ValueError for another word, and for bfloat16 on a GPU without it (it would be emulated, and slow).
    """
    known = {str(dtype).removeprefix("torch."): dtype for dtype in AUTOCAST}
    if wanted == "auto":
        return best_dtype(device)
    if wanted not in known:
        raise ValueError(f"dtype={wanted!r}: choose one of auto, {', '.join(known)}")
    if known[wanted] == torch.bfloat16 and best_dtype(device) == torch.float16:
        raise ValueError(f"{torch.cuda.get_device_name(device)} has no bfloat16: use dtype auto, float16 or float32")
    return known[wanted]


def min_efficient_tokens(model: Any) -> int:
    """Tokens below which a smaller pass saves no time: it then costs what starting it and reading the weights cost."""
    width = model.get_output_embeddings().weight.shape[1]
    return max(48, (2**15 if model.device.type == "cpu" else 2**20) // width)
