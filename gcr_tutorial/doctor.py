"""`python -m gcr_tutorial doctor`: checks whether this environment can run the tutorial.

It prints one `[OK]`, `[WARN]` or `[FAIL]` line for each finding; a line that is not OK says what to do. Each check is a
function whose arguments default to what this machine has, so that a test can describe another machine. torch and
torchvision are loaded in a process of their own, because a pair that does not fit together may end its process.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gcr_tutorial.paths import ROOT, data_dir

GIB = 2**30
GPU_PRESETS = ("colab", "paper")
BACKBONES = ("tiny-vlm", "tiny-clip")
SETUP = "run `make setup`, or `pip install -c constraints.txt -e .`"
# What the other process runs. The first line is printed before torchvision is imported, which is the part that fails most.
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
    bf16=cuda and torch.cuda.get_device_capability()[0] >= 8)), flush=True)
import torchvision
torchvision.ops.nms(torch.zeros(1, 4), torch.ones(1), 0.5)  # fails where its compiled half did not load
print(json.dumps(dict(torchvision=torchvision.__version__)), flush=True)
"""


@dataclass(frozen=True)
class Finding:
    """One line of the report: `level` is OK, WARN or FAIL; `advice` says what to do."""

    level: str
    text: str
    advice: str = ""

    def __str__(self) -> str:
        return f"[{self.level}] {self.text}" + (f" -> {self.advice}" if self.advice else "")


@dataclass(frozen=True)
class TorchProbe:
    """What the other process found out about torch and torchvision; None for a version that it did not come to print."""

    torch: str | None = None
    torchvision: str | None = None
    cuda: bool = False
    gpus: tuple[str, ...] = ()
    gpu_error: str = ""
    bf16: bool = False
    error: str = ""


def probe_torch(run: Callable[..., subprocess.CompletedProcess] = subprocess.run) -> TorchProbe:
    """Import torch, then torchvision, in another process. Its crash, its hang or its exception ends up in `error`."""
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
    last = (errors.strip().splitlines() or [f"exit status {code}"])[-1] if code else ""
    error = f"the process was killed by signal {-code}" if code < 0 else last
    return TorchProbe(**{**seen, "gpus": tuple(seen.get("gpus", ())), "error": error})


def visible_gpus(run: Callable[..., subprocess.CompletedProcess] = subprocess.run) -> tuple[str, ...]:
    """The GPUs that the NVIDIA driver lists, whatever torch says; () without a driver."""
    try:
        done = run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(re.findall(r"^GPU \d+: (.*?)(?: \(UUID.*)?$", done.stdout, re.M)) if done.returncode == 0 else ()


def declared_requirements(root: Path = ROOT) -> list[str]:
    """What the package asks for: pyproject.toml of the clone, else the installed package's own metadata."""
    pyproject = root / "pyproject.toml"
    if pyproject.is_file():
        return tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["dependencies"]
    try:
        return [line for line in metadata.requires("gcr_tutorial") or [] if "extra ==" not in line]
    except metadata.PackageNotFoundError:
        return []


def installed_versions() -> dict[str, str]:
    """The version of every installed distribution, by normalised name."""
    return {canonicalize_name(d.metadata["Name"]): d.version for d in metadata.distributions() if d.metadata["Name"]}


def check_packages(required: Iterable[str] | None = None, installed: Mapping[str, str] | None = None) -> list[Finding]:
    """Every package that the tutorial needs is there, in the range that pyproject.toml names."""
    required = declared_requirements() if required is None else list(required)
    installed = installed_versions() if installed is None else installed
    if not required:
        return [Finding("WARN", "cannot tell which packages the tutorial needs: no pyproject.toml beside it", SETUP)]
    findings, good = [], []
    for requirement in map(Requirement, required):
        name, version = requirement.name, installed.get(canonicalize_name(requirement.name))
        if version is None:
            findings.append(Finding("FAIL", f"{name} is not installed", f"{SETUP}, or `pip install '{requirement}'`"))
        elif not requirement.specifier.contains(version, prereleases=True):
            text = f"{name} {version} does not fit: the tutorial needs {name}{requirement.specifier}"
            advice = f"`pip install '{requirement}'` and restart Python (in a notebook: the kernel)"
            findings.append(Finding("FAIL", text, advice))
        else:
            good.append(f"{name} {version}")
    return [*findings, Finding("OK", f"Python {platform.python_version()}, {', '.join(good) or 'without packages'}")]


def matching_pair(root: Path = ROOT) -> str:
    """A torch and a torchvision that fit together, as pip arguments: those of constraints.txt, if it is there."""
    constraints = root / "constraints.txt"
    text = constraints.read_text(encoding="utf-8") if constraints.is_file() else ""
    pins = re.findall(r"^(?:torch|torchvision)==[^\s;]+", text, flags=re.M)
    return " ".join(pins) if len(pins) == 2 else "--upgrade torch torchvision"


def check_torch(probe: TorchProbe, on_colab: bool = "COLAB_RELEASE_TAG" in os.environ) -> Finding:
    """torch loads, and torchvision loads with it."""
    fix = f"install the two together: `pip install {matching_pair()}`"
    if on_colab:
        fix = "Colab brings a pair that fits: Runtime > Disconnect and delete runtime, and install neither of them"
    if probe.torch is None:
        return Finding("FAIL", f"torch does not load: {probe.error}", fix)
    if probe.torchvision is None:
        return Finding("FAIL", f"torchvision does not load beside torch {probe.torch}: {probe.error}", fix)
    return Finding("OK", f"torch {probe.torch} and torchvision {probe.torchvision} load together")


def check_gpu(probe: TorchProbe, gpus: tuple[str, ...] | None = None, env: Mapping[str, str] | None = None) -> Finding:
    """Whether torch uses a GPU; without one it is a WARN where the driver lists one or Colab has one to give, and a FAIL
    where the preset needs it."""
    env = os.environ if env is None else env
    gpus = visible_gpus() if gpus is None else gpus
    preset = env.get("GCR_PRESET") or "tiny"
    if probe.cuda:
        return Finding("OK", f"GPU: {', '.join(probe.gpus)}" + ("" if probe.bf16 else " (too old for bf16: use fp16 or fp32)"))
    if gpus and env.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        text = f"{gpus[0]} is there, but CUDA_VISIBLE_DEVICES={env['CUDA_VISIBLE_DEVICES']!r} hides it from torch"
        advice = "unset CUDA_VISIBLE_DEVICES to use it"
    elif gpus:
        text = f"{gpus[0]} is there, but torch {probe.torch} cannot use it" + f": {probe.gpu_error}" * bool(probe.gpu_error)
        advice = "update the driver, or install the build of torch that PyTorch's 'Get started' page names for this driver"
    elif "COLAB_RELEASE_TAG" in env:
        text = "this Colab runtime has no GPU"
        advice = "for the `colab` preset: Runtime > Change runtime type > T4 GPU; `tiny` does well without"
    elif preset in GPU_PRESETS:
        text, advice = f"preset {preset!r} needs a GPU and there is none", "use a machine with one, or GCR_PRESET=tiny"
    else:
        return Finding("OK", "no CUDA GPU, and the tiny preset needs none")
    return Finding("FAIL" if preset in GPU_PRESETS else "WARN", text, advice)


def usable_cores() -> int:
    """Processor cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> float:
    """Bytes that can still be used: the system's, or what is left of the container's limit if that is less."""
    import psutil

    free = float(psutil.virtual_memory().available)
    try:
        limit, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text() for name in ("max", "current"))
        return min(free, float(limit) - float(used))
    except (OSError, ValueError):  # no such file, or the limit reads "max"
        return free


def check_space(memory: float | None = None, disk: float | None = None) -> list[Finding]:
    """Free memory and free disk, in bytes: the tiny preset needs less than 4 GiB and 1 GiB."""
    memory = free_memory() if memory is None else memory
    disk = shutil.disk_usage(Path.cwd()).free if disk is None else disk
    findings = []
    for free, what, least, enough, advice in (
        (memory, "memory", 2, 4, "training needs up to 4 GiB, notebook 00 less: close other programs and notebooks' kernels"),
        (disk, f"disk at {Path.cwd()}", 1, 10, "the tiny preset needs 1 GiB, real datasets and backbones about 10 GiB"),
    ):
        level = "FAIL" if free < least * GIB else "WARN" if free < enough * GIB else "OK"
        findings.append(Finding(level, f"{free / GIB:.1f} GiB free: {what}", advice * (level != "OK")))
    return findings


def check_data(find: Callable[[], Path] = data_dir) -> list[Finding]:
    """The data folder and the shipped backbones in it; `find` returns the folder or raises FileNotFoundError."""
    try:
        folder = Path(find())
    except FileNotFoundError as missing:
        return [
            Finding("FAIL", str(missing), "install from a clone with `pip install -e .`, or set GCR_DATA to its data folder")
        ]
    findings = [Finding("OK", f"data folder: {folder}")]
    for name in BACKBONES:
        weights = sorted((folder / "backbones" / name).glob("*.safetensors"))
        if not weights:
            advice = "`git checkout -- data`, or make it anew: `python -m gcr_tutorial pretrain`"
            findings.append(Finding("FAIL", f"backbone {name} is missing from {folder / 'backbones'}", advice))
        elif weights[0].stat().st_size < 10_000:
            advice = "`git checkout -- data` fetches it whole (after `git lfs pull`, if it is a pointer)"
            findings.append(Finding("FAIL", f"backbone {name}: {weights[0].name} is cut short", advice))
    return findings


def check_backbone(env: Mapping[str, str] | None = None) -> list[Finding]:
    """Whether the preset's backbone, where it is one of the Hub's, is in the cache already; nothing for `tiny`."""
    name = (os.environ if env is None else env).get("GCR_PRESET")
    if name not in GPU_PRESETS:
        return []
    from gcr_tutorial.config import get_preset
    from gcr_tutorial.hub import download_command, in_cache

    preset = get_preset(name)
    if in_cache(preset.backbone, preset.revision):
        return [Finding("OK", f"backbone {preset.backbone}: in the Hugging Face cache")]
    advice = f"the first run downloads it; to do so now: `{download_command(preset.backbone, preset.revision)}`"
    return [Finding("WARN", f"backbone {preset.backbone} is not in the Hugging Face cache", advice)]


def run_doctor(checks: Iterable[Callable[[], Finding | list[Finding]]] | None = None) -> int:
    """Print the report; return 0, or 1 if anything failed (the process's exit status)."""
    if checks is None:
        print("Checking the environment (a few seconds: torch is loaded in a process of its own) ...", flush=True)
        probe = probe_torch()
        on_torch = (lambda: check_torch(probe), lambda: check_gpu(probe))
        checks = (check_packages, *on_torch, check_space, check_data, check_backbone)
    findings: list[Finding] = []
    for check in checks:
        try:
            result = check()
        except Exception as problem:  # the other checks still tell something
            result = Finding("FAIL", f"{getattr(check, '__name__', 'a check')} could not finish: {problem!r}", SETUP)
        new = [result] if isinstance(result, Finding) else result
        print(*new, sep="\n", end="\n" if new else "", flush=True)
        findings += new
    failed, warned = (sum(f.level == level for f in findings) for level in ("FAIL", "WARN"))
    known = f"{warned} to know about." if warned else ""
    print(f"{failed} to put right before you start" + (f", {known}" if known else ".") if failed else f"Ready. {known}".strip())
    return int(failed > 0)
