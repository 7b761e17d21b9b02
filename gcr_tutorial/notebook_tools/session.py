"""The set-up of a notebook: seeds, quiet libraries, and lines about the machine."""

from __future__ import annotations

import os
import platform
import random
import warnings
from importlib.metadata import version

import numpy as np
import torch

from gcr_tutorial.config import Preset, get_preset

# Warnings of libraries that do not help a reader, each named here.
_NOISE = (".*is_gradient_checkpointing.*", ".*IProgress not found.*", ".*`resume_download` is deprecated.*")


def setup(seed: int = 0, preset: str | None = None) -> Preset:
    """Seed Python's, NumPy's and torch's random numbers, silence progress bars, and print what the machine has.

    Args:
        seed: of all random numbers.
        preset: its name; default: the environment variable GCR_PRESET, else "tiny".

    Returns the preset. Raises ValueError for an unknown one.
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    quiet()
    chosen = get_preset(preset)
    packages = " · ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "peft"))
    print(f"[OK]   Python {platform.python_version()} · {packages}")
    print(f"[OK]   preset {chosen.name} · seed {seed}")
    if torch.cuda.is_available():
        bf16 = torch.cuda.get_device_capability()[0] >= 8
        print(f"[OK]   GPU: {torch.cuda.get_device_name()} ({'bf16' if bf16 else 'no bf16: fp16 or fp32'})")
    elif chosen.name != "tiny":
        print(f"[WARN] no GPU, and preset {chosen.name} needs one (Colab: Runtime > Change runtime type > T4 GPU)")
    elif "COLAB_RELEASE_TAG" in os.environ:
        print("[OK]   no GPU runtime selected; preset tiny does not need one")
    else:
        print(f"[OK]   CPU, {os.cpu_count()} cores: enough for preset tiny")
    return chosen


def quiet() -> None:
    """Silence the libraries' progress bars, and the warnings that do not help a reader."""
    for pattern in _NOISE:
        warnings.filterwarnings("ignore", message=pattern)
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
