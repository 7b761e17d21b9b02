"""The files that install and start the project agree with each other."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import gcr_tutorial

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DECLARED = PYPROJECT["project"]["dependencies"] + PYPROJECT["project"]["optional-dependencies"]["test"]
HUB = PYPROJECT["project"]["optional-dependencies"]["hub"]  # imported where it is used; tested, so a part of `test` too
README = (ROOT / "README.md").read_text(encoding="utf-8")
MIB = 2**20


def pins() -> dict[str, str]:
    """Normalised name -> pinned version of constraints.txt."""
    requirements = [
        Requirement(line)
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    return {canonicalize_name(r.name): next(iter(r.specifier)).version for r in requirements}


def committed_files() -> list[Path]:
    """Files that are in the repository or about to be."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listing.returncode:
        pytest.skip("not a git clone: cannot tell which files are committed")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_environment_yml_is_in_step():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, last = environment["dependencies"]
    wheels = [line for line in last["pip"] if not line.startswith("-")]
    assert wheels == DECLARED
    assert [line for line in last["pip"] if line.startswith("-")] == ["-c constraints.txt", "-e ."]
    [python] = [line.partition("=")[2] for line in conda if line.startswith("python=")]
    assert Requirement(f"python{PYPROJECT['project']['requires-python']}").specifier.contains(python)


def test_constraints_are_plain_pins_without_repeats():
    lines = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    pin = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.]*( ; sys_platform [!=]= "\w+")?')
    assert [line for line in lines if not pin.fullmatch(line)] == []
    assert len(pins()) == len(lines) > 100


def test_what_is_tested_of_the_hub_is_what_its_extra_installs():
    assert HUB and set(HUB) <= set(DECLARED)


@pytest.mark.parametrize("line", DECLARED)
def test_each_direct_dependency_is_pinned_inside_its_range(line: str):
    requirement = Requirement(line)
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


# What the workflow runs on, in the words of environment markers (PEP 508).
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
MACOS = {**LINUX, "sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"}


@pytest.mark.parametrize("system", [LINUX, MACOS], ids=["linux", "macos"])
@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_constraints_cover_everything_that_gets_installed(system: dict[str, str], python: str):
    machine = {**system, "python_version": python, "python_full_version": f"{python}.0"}
    todo, seen, missing = [(Requirement(line), "") for line in DECLARED], set(), set()
    while todo:
        requirement, wanted_by = todo.pop()
        name, extras = canonicalize_name(requirement.name), tuple(sorted(requirement.extras))
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if name not in pins():
            missing.add(f"{name} (for {wanted_by})")
        try:
            lines = metadata.requires(requirement.name) or []
        except metadata.PackageNotFoundError:  # of the other system only
            lines = []
        for line in lines:
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({**machine, "extra": e}) for e in ("", *extras)):
                todo.append((needed, name))
    assert not missing


def imports(path: Path) -> set[str]:
    """Top-level names of the modules that a Python file imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize(
    "folder, declared",
    [
        ("gcr_tutorial", PYPROJECT["project"]["dependencies"] + HUB),
        ("tests", DECLARED),
        ("benchmarks", DECLARED),
    ],
)
def test_every_import_is_a_declared_dependency(folder: str, declared: list[str]):
    names = {canonicalize_name(Requirement(line).name) for line in declared}
    owners = metadata.packages_distributions()
    known = sys.stdlib_module_names | {"gcr_tutorial"} | {path.stem for path in (ROOT / folder).rglob("*.py")}
    undeclared = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / folder).rglob("*.py")
        for name in imports(path) - known
        if not names & {canonicalize_name(owner) for owner in owners.get(name, [])}
    }
    assert undeclared == set()


def test_ci_runs_the_readme_test_command_on_every_system_and_python():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))
    commands = [line for line in script.splitlines() if line.startswith("make ")]
    assert commands == ["make test"] and re.search(r"^make test\b", README, flags=re.M)
    job = workflow["jobs"]["test"]
    assert job["steps"][-1]["run"] == "bash .ci/run"
    assert job["strategy"]["matrix"] == {"os": ["ubuntu-latest", "macos-latest"], "python": ["3.11", "3.13"]}
    when = workflow[True]  # YAML reads the key `on` as true
    assert {"push", "schedule"} <= set(when) and "schedule" in job["env"]["CONSTRAINTS"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize(
    "command", [["ruff", "format", "--check", "."], ["ruff", "check", "."], ["lint-imports"]], ids=" ".join
)
def test_format_lint_and_the_import_contract_hold(command: list[str]):
    tool = Path(sys.executable).with_name(command[0])  # of this environment, whether or not it is activated
    done = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_check_and_the_hooks_run_the_same_tools():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    hooks = [hook["entry"] for repo in config["repos"] for hook in repo["hooks"]]
    assert all(hook["language"] == "system" for repo in config["repos"] for hook in repo["hooks"])
    check = re.search(r"^check:.*?(?=^\w)", makefile, re.M | re.S)[0]
    for tool in ("ruff format", "ruff check", "lint-imports"):
        assert tool in check and any(entry.startswith(tool) for entry in hooks), tool
    lists = re.findall(r"^(?:CHECKED|SLOW) := (?:.*\\\n)*.*", makefile, re.M)
    named = re.findall(r"tests/[\w/.]+", " ".join([check, *lists]))
    assert len(named) > 10 and [path for path in named if not (ROOT / path).exists()] == []


def test_the_citation_names_the_paper_and_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PYPROJECT["project"]["version"] == gcr_tutorial.__version__
    assert PYPROJECT["tool"]["gcr_tutorial"]["repository"] in citation["repository-code"]
    paper = citation["preferred-citation"]
    assert paper["title"] in " ".join(README.split()) and paper["url"] in README
    assert all(author["family-names"] in README for author in paper["authors"])
    assert f"## {citation['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_makefile_has_the_targets_the_readme_names():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.M))
    assert {"setup", "tutorial", "check", "test", "soak", "lab", "bench", "notebooks", "clean"} <= targets
    assert set(re.findall(r"\bmake (?:[A-Z]+=\S+ )?([a-z]+)\b(?=`|$|\s+#)", README, flags=re.M)) <= targets


def test_soak_tests_stay_out_unless_asked_for():
    options = PYPROJECT["tool"]["pytest"]["ini_options"]
    assert options["addopts"][:2] == ["-m", "not soak"]
    assert any(marker.startswith("soak:") for marker in options["markers"])
    assert "-m pytest -m soak" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_readme_links_lead_to_files_that_are_there():
    targets = re.findall(r"\]\(([^)#]+)\)", README) + re.findall(r'(?:src|href)="([^"#]+)"', README)
    local = [target for target in targets if not target.startswith("https://")]
    assert local and [target for target in local if not (ROOT / target).exists()] == []


def test_colab_badges_open_this_repository_at_its_revision():
    setting = PYPROJECT["tool"]["gcr_tutorial"]
    prefix = f"https://colab.research.google.com/github/{setting['repository']}/blob/{setting['revision']}/notebooks/"
    badges = re.findall(r"https://colab\.research\.google\.com/(?!assets/)[^\s)\"]+", README)
    assert badges and all(badge.startswith(prefix) for badge in badges), badges
    assert [badge for badge in badges if not (ROOT / "notebooks" / badge[len(prefix) :]).is_file()] == []


def test_no_package_index_is_named_in_committed_text():
    hosts = [
        "pypi" + ".org",
        "python" + "hosted.org",
        "download." + "pytorch.org",
        "--" + "index-url",
        "--extra-" + "index-url",
        "/opt/" + "pypi",
        "/opt/" + "wheels",
    ]
    named = {
        f"{path.relative_to(ROOT)} names {host}"
        for path in committed_files()
        if path.stat().st_size < MIB
        for host in hosts
        if host.encode() in path.read_bytes()
    }
    assert named == set()


def test_no_committed_file_is_large():
    sizes = {path.relative_to(ROOT): path.stat().st_size for path in committed_files()}
    assert {str(path): size for path, size in sizes.items() if size > 16 * MIB} == {}
    binary = (".safetensors", ".npz", ".npy", ".png", ".bin")
    assert sum(size for path, size in sizes.items() if path.suffix in binary) <= 60 * MIB
