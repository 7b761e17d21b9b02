"""Installs what Colab lacks, and nothing that it has: `python -m gcr_tutorial.colab`, in a fresh clone.

torch, torchvision and numpy stay as Colab brought them, and so does everything that already fits. What is missing is
installed with `--no-deps`, round by round with what that itself needs, so that pip has no reason to touch the rest.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gcr_tutorial.doctor import declared_requirements, installed_versions
from gcr_tutorial.paths import ROOT

# Colab's own, matched to its GPUs and its page; JupyterLab has no use there.
COLABS_OWN = ("torch", "torchvision", "numpy", "ipywidgets", "jupyterlab")


def unmet(requirements: Iterable[str], installed: Mapping[str, str]) -> list[str]:
    """Those of `requirements` that `installed` (version by normalised name) does not meet, Colab's own aside."""
    needed = []
    for requirement in map(Requirement, requirements):
        name = canonicalize_name(requirement.name)
        if name in COLABS_OWN or name.startswith("nvidia-") or name == "triton":
            continue
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = installed.get(name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            needed.append(f"{requirement.name}{requirement.specifier}")
    return sorted(set(needed))


def needs_of(names: Iterable[str]) -> list[str]:
    """What the installed distributions `names` declare that they need."""
    return [line for name in names for line in metadata.requires(name) or []]


def main() -> int:
    """Install what is missing, then this clone itself; returns pip's exit status."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    wanted = unmet(declared_requirements(), installed_versions())
    for _ in range(5):  # as deep as anything here needs
        if not wanted:
            break
        print("installing", ", ".join(wanted), flush=True)
        code = subprocess.run([*pip, *wanted]).returncode
        if code:
            return code
        importlib.invalidate_caches()
        wanted = unmet(needs_of(Requirement(line).name for line in wanted), installed_versions())
    return subprocess.run([*pip, "-e", str(ROOT)]).returncode


if __name__ == "__main__":
    sys.exit(main())
