"""`python -m gcr_tutorial doctor`: is this environment fit for the tutorial? Answers in plain words.

Prints one `[OK]`, `[WARN]` or `[FAIL]` line per finding; a line that is not OK says what to do about it. Every check is
a function of plain values that default to this machine's, so that a test can hand it a broken one.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gcr_tutorial.paths import ROOT
from gcr_tutorial.torch_probe import TorchProbe, probe_torch, visible_gpus

GIB = 2**30
GPU_PRESETS = ("colab", "paper")
BACKBONES = ("tiny-vlm", "tiny-clip")
SETUP = "run `make setup`, or `pip install -c constraints.txt -e .`"


@dataclass(frozen=True)
class Finding:
    """One line of the report: `level` is OK, WARN or FAIL; `advice` says what to do."""

    level: str
    text: str
    advice: str = ""

    def __str__(self) -> str:
        return f"[{self.level}] {self.text}" + (f" -> {self.advice}" if self.advice else "")


def check_python(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> Finding:
    """Python 3.11 or newer."""
    name = ".".join(map(str, version))
    if version < (3, 11):
        return Finding(
            "FAIL", f"Python {name} is too old", "install Python 3.11 or newer, then `make PYTHON=/path/to/it setup`"
        )
    return Finding("OK", f"Python {name}")


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
    """Every installed distribution's version, by normalised name."""
    return {canonicalize_name(d.metadata["Name"]): d.version for d in metadata.distributions() if d.metadata["Name"]}


def check_packages(required: Iterable[str] | None = None, installed: Mapping[str, str] | None = None) -> list[Finding]:
    """Every package the tutorial needs is there, in the range pyproject.toml names."""
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
            findings.append(
                Finding(
                    "FAIL",
                    f"{name} {version} does not fit: the tutorial needs {name}{requirement.specifier}",
                    f"`pip install '{requirement}'` and restart Python (in a notebook: the kernel)",
                )
            )
        else:
            good.append(f"{name} {version}")
    return findings + ([Finding("OK", "packages: " + ", ".join(good))] if good else [])


def matching_pair(root: Path = ROOT) -> str:
    """A torch and a torchvision known to fit together, as pip arguments: those of constraints.txt, if it is there."""
    constraints = root / "constraints.txt"
    pins = re.findall(
        r"^(?:torch|torchvision)==[^\s;]+", constraints.read_text(encoding="utf-8") if constraints.is_file() else "", flags=re.M
    )
    return " ".join(pins) if len(pins) == 2 else "--upgrade torch torchvision"


def check_torch(probe: TorchProbe, on_colab: bool = "COLAB_RELEASE_TAG" in os.environ) -> Finding:
    """torch loads, and torchvision loads with it."""
    fix = (
        "Colab brings a pair that fits: Runtime > Disconnect and delete runtime, and install neither of them"
        if on_colab
        else f"install the two together: `pip install {matching_pair()}`"
    )
    if probe.torch is None:
        return Finding("FAIL", f"torch does not load: {probe.error}", fix)
    if probe.torchvision is None:
        return Finding("FAIL", f"torchvision does not load beside torch {probe.torch}: {probe.error}", fix)
    return Finding("OK", f"torch {probe.torch} and torchvision {probe.torchvision} load together")


def check_gpu(probe: TorchProbe, gpus: tuple[str, ...] | None = None, env: Mapping[str, str] | None = None) -> Finding:
    """A GPU is used where there is one, and missed where the preset or the environment lets one expect it.

    Expected: the driver lists one, CUDA_VISIBLE_DEVICES names one, or GCR_PRESET is `colab` or `paper`.
    """
    env = os.environ if env is None else env
    gpus = visible_gpus() if gpus is None else gpus
    preset = env.get("GCR_PRESET") or "tiny"
    if probe.cuda:
        kind = "" if probe.bf16 else " (too old for bf16: use fp16 or fp32)"
        return Finding("OK", f"GPU: {', '.join(probe.gpus)}{kind}")
    level = "FAIL" if preset in GPU_PRESETS else "WARN"
    hidden = env.get("CUDA_VISIBLE_DEVICES")
    if gpus and hidden is not None and hidden.strip() in ("", "-1"):
        return Finding(
            level,
            f"{gpus[0]} is there, but CUDA_VISIBLE_DEVICES={hidden!r} hides it from torch",
            "unset CUDA_VISIBLE_DEVICES to use it",
        )
    if gpus:
        why = f": {probe.gpu_error}" if probe.gpu_error else ""
        return Finding(
            level,
            f"{gpus[0]} is there, but torch {probe.torch} cannot use it{why}",
            "a CPU build of torch, or one for a newer CUDA than the driver's: update the driver, or install "
            "the build that PyTorch's 'Get started' page names for it",
        )
    if "COLAB_RELEASE_TAG" in env:
        return Finding(
            level,
            "this Colab runtime has no GPU",
            "for the `colab` preset: Runtime > Change runtime type > T4 GPU; `tiny` does well without",
        )
    if hidden and hidden.strip() != "-1":
        return Finding(
            level,
            f"CUDA_VISIBLE_DEVICES={hidden} names a GPU, but the machine shows none",
            "check the job's GPU request and the driver (`nvidia-smi`), or unset the variable",
        )
    if preset in GPU_PRESETS:
        return Finding("FAIL", f"preset {preset!r} needs a GPU and there is none", "use a machine with one, or GCR_PRESET=tiny")
    return Finding("OK", f"no {'CUDA ' if probe.mps else ''}GPU, and the tiny preset needs none")


def free_memory() -> float:
    """Bytes that can still be used: the system's, or what is left of the container's limit if that is less."""
    import psutil

    free = float(psutil.virtual_memory().available)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text()
        used = Path("/sys/fs/cgroup/memory.current").read_text()
        return min(free, float(limit) - float(used))
    except (OSError, ValueError):  # no such file, or the limit reads "max"
        return free


def check_memory(free: float | None = None) -> Finding:
    """Memory in bytes: the tiny pipeline peaks below 4 GB."""
    free = free_memory() if free is None else free
    text = f"{free / GIB:.1f} GiB of memory free"
    if free < 2 * GIB:
        return Finding("FAIL", text, "close other programs or notebooks' kernels: the tutorial needs up to 4 GiB")
    if free < 4 * GIB:
        return Finding("WARN", text, "enough for notebook 00; training needs up to 4 GiB: close other programs")
    return Finding("OK", text)


def check_disk(free: float | None = None, folder: Path | None = None) -> Finding:
    """Disk in bytes: runs of the tiny preset write megabytes; real datasets and backbones need gigabytes."""
    folder = Path.cwd() if folder is None else folder
    free = shutil.disk_usage(folder).free if free is None else free
    text = f"{free / GIB:.1f} GiB of disk free at {folder}"
    if free < 1 * GIB:
        return Finding("FAIL", text, "free at least 1 GiB")
    if free < 10 * GIB:
        return Finding("WARN", text, "enough for the tiny preset; real datasets and backbones need about 10 GiB")
    return Finding("OK", text)


def usable_cores() -> int:
    """Processor cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_cores(cores: int | None = None) -> Finding:
    """Two cores are what the stated times were measured on."""
    cores = usable_cores() if cores is None else cores
    if cores < 2:
        return Finding("WARN", "1 processor core", "expect training to take about twice the stated times")
    return Finding("OK", f"{cores} processor cores")


def check_data(find: Callable[[], Path] | None = None) -> list[Finding]:
    """The data folder and the shipped backbones in it; `find` returns the folder or raises FileNotFoundError."""
    if find is None:
        from gcr_tutorial.paths import data_dir as find
    try:
        folder = Path(find())
    except FileNotFoundError as missing:
        return [
            Finding(
                "FAIL",
                f"data folder not found: {missing}",
                "install from a clone with `pip install -e .`, or set GCR_DATA to its data folder",
            )
        ]
    findings = [Finding("OK", f"data folder: {folder}")]
    for name in BACKBONES:
        weights = sorted((folder / "backbones" / name).glob("*.safetensors"))
        if not weights:
            findings.append(
                Finding(
                    "FAIL",
                    f"backbone {name} is missing from {folder / 'backbones'}",
                    "`git checkout -- data`, or make it anew: `python -m gcr_tutorial pretrain`",
                )
            )
        elif weights[0].stat().st_size < 10_000:
            findings.append(
                Finding(
                    "FAIL",
                    f"backbone {name}: {weights[0].name} is cut short",
                    "`git checkout -- data` fetches it whole (after `git lfs pull`, if it is a pointer)",
                )
            )
    return findings


def check_backbone(env: Mapping[str, str] | None = None) -> list[Finding]:
    """Whether the preset's backbone, where it is one of the Hub's, is in the cache already; nothing for `tiny`."""
    env = os.environ if env is None else env
    if env.get("GCR_PRESET") not in GPU_PRESETS:
        return []
    from gcr_tutorial.config import get_preset
    from gcr_tutorial.hub import download_command, in_cache

    preset = get_preset(env["GCR_PRESET"])
    if in_cache(preset.backbone, preset.revision):
        return [Finding("OK", f"backbone {preset.backbone}: in the Hugging Face cache")]
    return [
        Finding(
            "WARN",
            f"backbone {preset.backbone} is not in the Hugging Face cache",
            f"the first run downloads it; to do so now: `{download_command(preset.backbone, preset.revision)}`",
        )
    ]


def run_doctor(checks: Iterable[Callable[[], Finding | list[Finding]]] | None = None) -> int:
    """Print the report; return 0, or 1 if anything failed (the process's exit status)."""
    if checks is None:
        print("Checking the environment (a few seconds: torch is loaded in a process of its own) ...", flush=True)
        probe = probe_torch()
        checks = [
            check_python,
            check_packages,
            lambda: check_torch(probe),
            lambda: check_gpu(probe),
            check_cores,
            check_memory,
            check_disk,
        ]
        checks += [check_data, check_backbone] if probe.torchvision else []  # these import torch, here
    findings: list[Finding] = []
    for check in checks:
        try:
            result = check()
        except Exception as problem:  # a doctor that falls over tells nobody anything
            result = Finding("FAIL", f"{getattr(check, '__name__', 'a check')} could not finish: {problem!r}", SETUP)
        new = [result] if isinstance(result, Finding) else result
        for finding in new:
            print(finding, flush=True)
        findings += new
    failed, warned = (sum(f.level == level for f in findings) for level in ("FAIL", "WARN"))
    if failed:
        print(f"{failed} to put right before you start" + (f", {warned} to know about." if warned else "."))
    else:
        print("Ready." + (f" {warned} to know about." if warned else ""))
    return int(failed > 0)
