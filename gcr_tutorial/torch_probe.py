"""What torch, torchvision and the GPU's driver say for themselves, asked from outside.

torch and torchvision are loaded in a process of their own, because a pair that does not fit together may take the process
down with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

# Run by another interpreter; the first line is out before torchvision, the usual culprit, is touched.
PROBE = """
import json, torch
cuda, gpu_error = torch.cuda.is_available(), ""
try:
    torch.zeros(1, device="cuda" if cuda else "cpu").add(1).item()  # fails where this build has no code for the GPU
except Exception as problem:
    cuda, gpu_error = False, str(problem).splitlines()[0]
print(json.dumps(dict(
    torch=torch.__version__, cuda=cuda, gpu_error=gpu_error,
    gpus=[torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if cuda else [],
    bf16=cuda and torch.cuda.get_device_capability()[0] >= 8,
    mps=torch.backends.mps.is_available())), flush=True)
import torchvision
torchvision.ops.nms(torch.zeros(1, 4), torch.ones(1), 0.5)  # fails where its compiled half did not load
print(json.dumps(dict(torchvision=torchvision.__version__)), flush=True)
"""


@dataclass(frozen=True)
class TorchProbe:
    """What a separate process saw of torch and torchvision; None where it did not get that far."""

    torch: str | None = None
    torchvision: str | None = None
    cuda: bool = False
    gpus: tuple[str, ...] = ()
    gpu_error: str = ""
    bf16: bool = False
    mps: bool = False
    error: str = ""


def probe_torch(run: Callable[..., subprocess.CompletedProcess] = subprocess.run) -> TorchProbe:
    """Import torch, then torchvision, in another process; a crash, a hang or an exception ends up in `error`."""
    try:
        done = run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=180)
        output, errors, code = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as late:
        output, errors, code = late.stdout or "", "no answer within 180 s", 1
    except OSError as problem:
        output, errors, code = "", str(problem), 1
    output = output.decode(errors="replace") if isinstance(output, bytes) else output
    seen: dict = {}
    for line in output.splitlines():
        if line.startswith("{"):
            seen.update(json.loads(line))
    if code < 0:
        error = f"the process was killed by signal {-code}"
    else:
        error = (errors.strip().splitlines() or [f"exit status {code}"])[-1] if code else ""
    return TorchProbe(**{**seen, "gpus": tuple(seen.get("gpus", ())), "error": error})


def visible_gpus(run: Callable[..., subprocess.CompletedProcess] = subprocess.run) -> tuple[str, ...]:
    """The GPUs that the NVIDIA driver lists, whatever torch says; () without a driver."""
    try:
        done = run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    lines = done.stdout.splitlines() if done.returncode == 0 else []
    return tuple(line.partition(": ")[2].partition(" (UUID")[0] for line in lines if line.startswith("GPU "))
