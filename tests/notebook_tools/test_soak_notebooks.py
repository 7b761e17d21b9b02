"""Long checks of the notebooks (`make soak`): saved twice, each alone in a fresh clone, on a machine like Colab's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest

from gcr_tutorial.notebook_tools import badges as series
from gcr_tutorial.notebook_tools import runner as notebook_runner

ROOT = Path(__file__).resolve().parents[2]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NOT_ON_COLAB = ("open_clip_torch", "faiss-cpu", "bm25s", "ftfy", "nbval", "gcr_tutorial")
OTHERS = "import json, sys; from importlib.metadata import version; print(json.dumps([version(n) for n in sys.argv[1:]]))"
COLABS = ("torch", "torchvision", "numpy")
pytestmark = pytest.mark.soak


def run(*command: object, **options) -> str:
    """What a command prints; raises AssertionError with all it said where it fails."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def clone_of_head(folder: Path, *options: str) -> Path:
    """A fresh clone of the last commit."""
    if subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("not a git clone: there is nothing to clone")
    run("git", "clone", "--quiet", *options, ROOT, folder)
    return folder


def environment(root: Path) -> dict[str, str]:
    """This process's, without this project's variables, and with the package in `root` before any other."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GCR_", "PYTEST_"))}
    return {**kept, "PYTHONPATH": str(root), "GCR_PRESET": "tiny"}


def checked(notebook: Path) -> dict[str, list[str]]:
    """What the compared cells printed, by cell id."""
    cells = nbformat.read(notebook, as_version=4).cells
    return {
        cell.id: ["".join(output.get("text") or output.data["text/plain"]) for output in cell.outputs]
        for cell in cells
        if cell.cell_type == "code" and cell.source.startswith("# NBVAL_CHECK_OUTPUT")
    }


def test_saving_the_notebooks_twice_changes_no_checked_output(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder)
    for turn in ("first", "second"):
        assert notebook_runner.save_notebooks(folder) == 0
        for path in PATHS:
            saved = checked(folder / path.name)
            assert len(saved) >= 5 and saved == checked(path), f"{path.name}, {turn} time"


@pytest.mark.parametrize("name", [path.name for path in PATHS])
def test_each_notebook_alone_passes_in_a_fresh_clone(tmp_path: Path, name: str) -> None:
    clone = clone_of_head(tmp_path / "clone")
    for other in (clone / "notebooks").glob("*.ipynb"):
        if other.name != name:
            other.unlink()
    said = run(
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--nbval-cell-timeout=1200",
        "--timeout=0",
        f"notebooks/{name}",
        cwd=clone,
        env=environment(clone),
    )
    assert " passed" in said and "failed" not in said


def like_colab(folder: Path) -> Path:
    """A virtual environment with this one's packages, without those that Colab lacks, and with another numpy, torch and
    torchvision. Returns its interpreter.

    The packages are hard links (or copies), so whatever happens to them there does not happen here. torch and torchvision
    are this machine's under another version: other builds would be gigabytes. torchvision's is older than pyproject.toml
    asks for, so that pip would replace it if it were let. numpy is really another.
    """
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())

    def link(source: str, target: str) -> None:
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

    shutil.copytree(
        sysconfig.get_path("purelib"),
        site,
        copy_function=link,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__", "__editable__*"),
    )
    run(python, "-m", "pip", "uninstall", "--quiet", "--yes", *NOT_ON_COLAB)
    for name, other in (("torch", "2.6.1"), ("torchvision", "0.20.1")):
        [facts] = site.glob(f"{name}-*.dist-info")
        version = facts.name.removeprefix(f"{name}-").removesuffix(".dist-info")
        text = (facts / "METADATA").read_text(encoding="utf-8").replace(f"\nVersion: {version}\n", f"\nVersion: {other}\n", 1)
        (facts / "METADATA").unlink()  # the link, not what it links to
        (facts / "METADATA").write_text(text, encoding="utf-8")
        facts.rename(site / f"{name}-{other}.dist-info")
    here = run(sys.executable, "-c", OTHERS, "numpy")
    pip = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", f"numpy>=1.26,<{json.loads(here)[0]}"],
        capture_output=True,
        text=True,
    )
    if pip.returncode:
        pytest.skip(f"pip finds no other numpy here: {pip.stderr.strip()[-300:]}")
    assert run(python, "-c", OTHERS, "numpy") != here
    return python


def test_the_setup_cell_on_colab_leaves_torch_torchvision_and_numpy_alone(tmp_path: Path) -> None:
    setting = series.repository_setting()
    origin = clone_of_head(tmp_path / "origin", "--bare")
    run("git", "branch", "--force", setting["revision"], "HEAD", cwd=origin)
    python = like_colab(tmp_path / "venv")
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())

    def state() -> tuple:
        folders = [path for name in COLABS for path in (site / name, *site.glob(f"{name}-*.dist-info"))]
        files = [file for folder in folders for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc"]
        return run(python, "-c", OTHERS, *COLABS), {str(file): (file.stat().st_size, file.stat().st_mtime_ns) for file in files}

    before = state()
    missing = run(python, "-m", "pip", "list", "--format=freeze")
    assert "faiss" not in missing and "open_clip" not in missing
    work = tmp_path / "content"
    work.mkdir()
    git = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{origin.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": f"https://github.com/{setting['repository']}",
    }
    colab = {key: value for key, value in environment(work).items() if key != "PYTHONPATH"}
    code = series.SETUP.format(**setting) + "\nimport open_clip, faiss, bm25s\nprint(gcr.__file__)"
    said = run(python, "-c", code, cwd=work, env={**colab, **git, "COLAB_RELEASE_TAG": "release-colab"})
    assert state() == before
    assert "[OK]   no GPU runtime selected; preset tiny does not need one" in said or "[OK]   GPU" in said
    assert str(work / "tutorial") in said.splitlines()[-1]
