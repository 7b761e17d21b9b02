"""The set-up cell on Colab: what it fetches and installs, and what it never touches. With real packages: make soak."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from gcr_tutorial import doctor
from gcr_tutorial.notebook_tools import badges as series
from gcr_tutorial.notebook_tools import colab
from gcr_tutorial.notebook_tools.files import NOTEBOOKS

SETUP = series.SETUP.format(**series.repository_setting())


@given(
    st.dictionaries(
        st.sampled_from([*colab.COLABS_OWN, "tqdm", "faiss-cpu", "peft", "open-clip-torch"]),
        st.sampled_from(["0.0.1", "1.0", "2.6.0+cu126", "99.0"]),
    )
)
def test_colabs_own_packages_are_never_asked_for(installed):
    wanted = {Requirement(line).name for line in colab.unmet(doctor.declared_requirements(), installed)}
    assert not wanted & {*colab.COLABS_OWN, "triton"} and not any(name.startswith("nvidia") for name in wanted)
    assert ("tqdm" in wanted) == (installed.get("tqdm") not in ("99.0",))


def test_what_fits_stays_and_what_is_missing_or_too_old_is_asked_for():
    needs = [
        "torch>=2.6",
        "numpy>=1.26",
        "peft>=0.18,<1",
        "tqdm>=4.66",
        "tokenizers>=0.22",
        'tomli>=2; python_version < "3"',
        'hf_xet>=1; extra == "fast"',
        "nvidia-cublas-cu12==1.0",
    ]
    assert colab.unmet(needs, {"peft": "0.18.1", "tqdm": "4.0", "torch": "1.0"}) == ["tokenizers>=0.22", "tqdm>=4.66"]


def test_pip_is_told_to_leave_the_rest_alone(monkeypatch):
    commands, rounds = [], iter([["a>=1", "b"], ["c"], []])
    monkeypatch.setattr(colab, "unmet", lambda *_: next(rounds))
    monkeypatch.setattr(colab, "needs_of", list)
    monkeypatch.setattr(colab.subprocess, "run", lambda command: commands.append(command) or SimpleNamespace(returncode=0))
    assert colab.main() == 0
    assert [command[-2:] for command in commands] == [["a>=1", "b"], ["--no-deps", "c"], ["-e", str(doctor.ROOT)]]
    assert all("--no-deps" in command and "--upgrade" not in command for command in commands)


def test_colab_gets_only_what_it_lacks():
    wanted = [
        "numpy>=99",
        "torch>=99",
        "torchvision>=99",
        "ipywidgets>=99",
        "jupyterlab>=4",
        "pillow>=10",
        "bm25s>=0.2.7",
        "peft>=0.18,<1",
        "colorama; sys_platform == 'no-such'",
        "pytest>=8; extra == 'test'",
        "nvidia-cublas>=1",
    ]
    installed = {"numpy": "2.0", "pillow": "11.0", "peft": "0.10.0", "torch": "2.6"}
    assert colab.unmet(wanted, installed) == ["bm25s>=0.2.7", "peft<1,>=0.18"]
    assert colab.unmet(wanted, {**installed, "peft": "0.19", "bm25s": "0.3"}) == []


def test_colab_installs_rounds_without_dependencies_and_then_the_clone(monkeypatch):
    installed, ran = {"peft": "0.19"}, []

    def pip(command):
        ran.append(command)
        installed.update({line.partition(">")[0]: "9.0" for line in command[command.index("--no-deps") + 1 :]})
        return type("Done", (), {"returncode": 0})

    needs = {"bm25s": ["numpy>=1", "numba>=1"]}
    monkeypatch.setattr(colab, "declared_requirements", lambda: ["torch>=2", "bm25s>=0.2", "peft>=0.18"])
    monkeypatch.setattr(colab, "installed_versions", lambda: dict(installed))
    monkeypatch.setattr(colab.metadata, "requires", lambda name: needs.get(name))
    monkeypatch.setattr(colab.subprocess, "run", pip)
    assert colab.main() == 0
    assert [command[command.index("--no-deps") + 1 :] for command in ran] == [
        ["bm25s>=0.2"],
        ["numba>=1"],
        ["-e", str(colab.ROOT)],
    ]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_notebook_has_this_set_up_cell(path):
    [cell] = [cell for cell in nbformat.read(path, as_version=4).cells if cell.id == "setup"]
    assert cell.source == SETUP


def run_cell(monkeypatch, tmp_path: Path) -> list[tuple]:
    """Run the set-up cell in an empty folder, with commands that only make the clone's folder; returns them."""
    commands = []

    def run(command, cwd=None, check=False):
        commands.append((command, cwd, check))
        (tmp_path / "tutorial").mkdir(exist_ok=True)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys, "path", list(sys.path))
    exec(SETUP, {})
    return commands


def test_on_colab_the_cell_clones_installs_and_finds_the_clone_once(monkeypatch, tmp_path, capsys):
    setting = series.repository_setting()
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    clone, install = run_cell(monkeypatch, tmp_path)
    assert clone == (
        [
            "git",
            "clone",
            "--depth",
            "1",
            "--branch",
            setting["revision"],
            f"https://github.com/{setting['repository']}",
            "tutorial",
        ],
        None,
        True,
    )
    assert install == ([sys.executable, "-m", "gcr_tutorial.notebook_tools.colab"], "tutorial", True)
    assert sys.path[0] == str(tmp_path / "tutorial")
    assert run_cell(monkeypatch, tmp_path) == []  # run again: nothing is fetched twice
    assert "[OK]" in capsys.readouterr().out


def test_elsewhere_the_cell_only_looks_around(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    before = list(sys.path)
    assert run_cell(monkeypatch, tmp_path) == [] and sys.path == before and list(tmp_path.iterdir()) == []
    assert "[OK]" in capsys.readouterr().out


def test_a_kernel_without_the_package_is_told_what_to_do_instead(monkeypatch, tmp_path):
    """As a notebook opened with the system's Python: one sentence, and no ModuleNotFoundError."""
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    monkeypatch.setitem(sys.modules, "gcr_tutorial", None)  # what import finds of a package that is not installed

    with pytest.raises(SystemExit) as end:
        run_cell(monkeypatch, tmp_path)
    sentence = str(end.value.code)
    assert sys.executable in sentence and "has no package gcr_tutorial: choose the kernel of .venv" in sentence
    assert "make lab" in sentence and "\n" not in sentence


COLABS_VERSIONS = {  # of one of Colab's images, with made-up numbers: older than constraints.txt, new enough for pyproject.toml
    "torch": "2.8.0+cu126",
    "torchvision": "0.23.0+cu126",
    "numpy": "2.0.2",
    "transformers": "5.1.0",
    "peft": "0.18.0",
    "accelerate": "1.10.0",
    "pillow": "11.3.0",
    "scipy": "1.16.0",
    "seaborn": "0.13.2",
    "matplotlib": "3.10.0",
}


def test_a_dry_run_of_pip_on_colabs_versions_names_neither_torch_nor_numpy(monkeypatch):
    """What the installer gives to pip, round by round, while every missing package asks for torch and numpy itself."""
    installed, commands = dict(COLABS_VERSIONS), []

    def pip(command):
        commands.append(command)
        for line in command[command.index("--no-deps") + 1 :]:
            if not line.startswith("-") and "/" not in line:
                installed[Requirement(line).name.lower().replace("_", "-")] = "99.0"
        return SimpleNamespace(returncode=0)

    needs = ["torch>=2.14", "torchvision", "numpy>=2.3", "timm", "nvidia-cublas-cu12", "triton"]
    monkeypatch.setattr(colab, "installed_versions", lambda: installed)
    monkeypatch.setattr(colab, "needs_of", lambda names: needs if list(names) else [])
    monkeypatch.setattr(colab.subprocess, "run", pip)
    assert colab.main() == 0
    asked = [argument for command in commands for argument in command if re.match(r"[\w-]+(?:[<>=!~]|$)", argument)]
    names = {Requirement(line).name.lower() for line in asked if not line.startswith("-")}
    assert {"faiss-cpu", "open-clip-torch", "timm"} <= {name.replace("_", "-") for name in names}
    assert not {name for name in names if name in ("torch", "torchvision", "numpy", "triton") or name.startswith("nvidia")}
    assert all("--no-deps" in command for command in commands)
