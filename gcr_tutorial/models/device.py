"""Choose the device that a model runs on, and the floating-point type of its weights."""

from __future__ import annotations

from typing import Any

import torch

from gcr_tutorial.errors import UserValueError

AUTOCAST = {torch.float32: "no", torch.float16: "fp16", torch.bfloat16: "bf16"}  # accelerate's name of each type


def best_device() -> torch.device:
    """The CUDA GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def resolve_device(wanted: str | torch.device) -> torch.device:
    """The device named `wanted`, or `best_device` for "auto". Raises UserValueError for one that is not there."""
    if wanted == "auto":
        return best_device()
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise UserValueError(f"unknown device {wanted!r}: choose auto, cpu, cuda, or one of several GPUs, cuda:1") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserValueError(f"device {wanted} was asked for, and torch finds no CUDA GPU: use cpu or auto, or ask `doctor`")
    return device


def best_dtype(device: str | torch.device) -> torch.dtype:
    """bfloat16 on a GPU that has it (compute capability 8.0, "Ampere", or newer), float16 on an older one (a T4 is 7.5),
    float32 on the CPU."""
    device = torch.device(device)
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16


def resolve_dtype(wanted: str, device: str | torch.device) -> torch.dtype:
    """The type named `wanted` ("float32", "float16", "bfloat16"), or `best_dtype` for "auto".

    Raises UserValueError for another word, for float16 on a CPU, and for bfloat16 on a GPU without it (it would be emulated, and slow).
    """
    known = {str(dtype).removeprefix("torch."): dtype for dtype in AUTOCAST}
    if wanted == "auto":
        return best_dtype(device)
    if wanted not in known:
        raise UserValueError(f"dtype={wanted!r}: choose one of auto, {', '.join(known)}")
    refuse_half_on_cpu(wanted, device)
    if known[wanted] == torch.bfloat16 and best_dtype(device) == torch.float16:
        raise UserValueError(f"{torch.cuda.get_device_name(device)} has no bfloat16: use dtype auto, float16 or float32")
    return known[wanted]


def refuse_half_on_cpu(precision: str, device: str | torch.device) -> None:
    """Raise UserValueError for "fp16" or "float16" on a CPU, which converts each number to float32 and back."""
    if precision in ("fp16", "float16") and torch.device(device).type == "cpu":
        instead = "add --mixed-precision bf16, or no" if precision == "fp16" else "use dtype float32 or auto"
        raise UserValueError(f"{precision} on a CPU takes hours for what takes minutes in float32: {instead}, or use a GPU")


def min_efficient_tokens(model: Any) -> int:
    """The number of tokens below which a model pass gets no faster: its time is then that of starting it and of reading the
    weights."""
    width = model.get_output_embeddings().weight.shape[1]
    return max(48, (2**15 if model.device.type == "cpu" else 2**20) // width)
