"""Install the packages that Colab lacks, in a new clone: `python -m gcr_tutorial.notebook_tools.colab`.

torch, torchvision and numpy stay in Colab's versions, and so does every package whose version is good enough. Missing
packages are installed with `--no-deps`; then the packages that these need, and so on. So pip never replaces another one.
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

# Colab's versions of these fit its GPUs and its page; JupyterLab is not needed there.
COLABS_OWN = ("torch", "torchvision", "numpy", "ipywidgets", "jupyterlab")


def unmet(requirements: Iterable[str], installed: Mapping[str, str]) -> list[str]:
    """The requirements that are not met, without those of COLABS_OWN.

    Args:
        requirements: as in pyproject.toml, "peft>=0.18,<1" for example.
        installed: normalised name of a package -> its version.
    """
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
    """The requirements that the installed packages `names` declare."""
    return [line for name in names for line in metadata.requires(name) or []]


def main() -> int:
    """Install what is missing, then this clone itself; returns pip's exit status."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    wanted = unmet(declared_requirements(), installed_versions())
    for _ in range(5):  # no dependency here is further away than this
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
