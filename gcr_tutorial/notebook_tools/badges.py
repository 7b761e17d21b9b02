"""Write into each notebook its Colab badge, its links to the previous and the next notebook, and the set-up cell.

These contain the repository's owner, name and branch on GitHub, which stand in `[tool.gcr_tutorial]` of pyproject.toml.
Whoever forks the repository changes them there and runs `python -m gcr_tutorial badges`. The command also changes the links
in the Markdown files of the repository's root, and writes the table of the notebooks into README.md.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.files import write_text
from gcr_tutorial.notebook_tools.files import notebook_paths, write_notebook
from gcr_tutorial.paths import ROOT

SERIES = (
    "00_start_here",
    "01_data_and_backbone",
    "02_identifiers",
    "03_learning_to_memorize",
    "04_learning_to_retrieve",
    "05_constrained_decoding",
    "06_evaluation_and_analysis",
    "07_efficiency_and_scale",
    "08_beyond_retrieval",
    "09_scaling_up",
)  # the order of the notebooks; one without a file is in preparation
COLAB = "https://colab.research.google.com"
BADGE = f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]"
SETUP = """\
import os, subprocess, sys

if "COLAB_RELEASE_TAG" in os.environ and not os.path.isdir("tutorial"):
    source = "https://github.com/{repository}"
    subprocess.run(["git", "clone", "--depth", "1", "--branch", "{revision}", source, "tutorial"], check=True)
    subprocess.run([sys.executable, "-m", "gcr_tutorial.notebook_tools.colab"], cwd="tutorial", check=True)
if os.path.isdir("tutorial"):
    sys.path.insert(0, os.path.abspath("tutorial"))

try:
    import gcr_tutorial as gcr
except ModuleNotFoundError as missing:
    sys.exit(f"{{sys.executable}} has no package {{missing.name}}: choose the kernel of .venv, or run `make lab`")
preset = gcr.setup(seed=0)"""
TABLE = re.compile(r"(<!-- notebooks: .*? -->\n).*?(<!-- end of notebooks -->)", re.S)  # in README.md
NEXT = re.compile(r"^\*\*Next:\*\* .*?(?=:|$)", re.M)


def repository_setting(root: Path = ROOT) -> dict[str, str]:
    """`repository` ("owner/name" on GitHub) and `revision` (branch or tag), read from pyproject.toml.

    Raises ValueError where one is missing or has another form.
    """
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    setting = tomllib.loads(text).get("tool", {}).get("gcr_tutorial", {})
    for key, form in (("repository", r"[\w.-]+/[\w.-]+"), ("revision", r"[\w./-]+")):
        if not re.fullmatch(form, str(setting.get(key, ""))):
            raise UserValueError(
                f"pyproject.toml, [tool.gcr_tutorial]: {key} is {setting.get(key)!r}; wanted is something like "
                f"{'owner/name' if key == 'repository' else 'main'}"
            )
    return {key: setting[key] for key in ("repository", "revision")}


def stamp_badges(root: Path = ROOT, check: bool = False) -> int:
    """Write the setting into notebooks/*.ipynb and *.md of `root`; with `check`, only say which files would change.

    Returns the exit status: 1 where `check` found a difference. Raises ValueError for a wrong setting or notebook.
    """
    setting, differs, books = repository_setting(root), [], {}
    paths = notebook_paths(root / "notebooks")
    stems = [path.stem for path in paths]
    for path in paths:
        notebook = books[path.stem] = nbformat.read(path, as_version=4)
        before = [cell.source for cell in notebook.cells]
        try:
            stamp_notebook(notebook, path.stem, stems, setting)
        except ValueError as error:
            raise UserValueError(f"{path.name}: {error}") from None
        if before != [cell.source for cell in notebook.cells]:
            differs.append(path.name)
            if not check:
                write_notebook(path, notebook)
    for path in sorted(root.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        stamped = TABLE.sub(lambda found: f"{found[1]}{_table(books, setting)}{found[2]}", stamp_page(text, setting))
        if stamped != text:
            differs.append(path.name)
            if not check:
                write_text(path, stamped)
    state = "the same everywhere" if not differs else f"{'differs in' if check else 'stamped into'} {', '.join(differs)}"
    print(f"{setting['repository']}, {setting['revision']}: {state}")
    if check and differs:
        print("run `python -m gcr_tutorial badges` to write it into these files")
    return int(check and bool(differs))


def stamp_notebook(notebook: NotebookNode, stem: str, stems: list[str], setting: dict[str, str]) -> None:
    """Write the line with the badge, the set-up cell and the last link of a notebook, in place.

    Args:
        notebook: to be changed.
        stem: the name of its file, without the ending.
        stems: of the notebooks that exist; links to others are left out.
        setting: from `repository_setting`.

    Raises ValueError where the cell `title` or `setup` is missing, or where SERIES has no such notebook.
    """
    cells = {cell.id: cell for cell in notebook.cells}
    if missing := {"title", "setup"} - cells.keys():
        raise UserValueError(f"no cell with the id {min(missing)}")
    if stem not in SERIES:
        raise UserValueError(f"{stem} is not in SERIES of gcr_tutorial/notebook_tools/badges.py")
    number = SERIES.index(stem)
    before = _link(SERIES[number - 1], stems) if number else "none, this is the first"
    after = _link(SERIES[number + 1], stems) if number + 1 < len(SERIES) else "none, this is the last"
    first, _, rest = cells["title"].source.partition("\n")
    if not first.startswith("[!["):
        raise UserValueError("the first line of the cell `title` should be the Colab badge")
    cells["title"].source = f"{BADGE}({_colab(setting)}{stem}.ipynb) · previous: {before} · next: {after}\n{rest}"
    cells["setup"].source = SETUP.format(**setting)
    last = notebook.cells[-1]
    last.source = NEXT.sub(lambda _: f"**Next:** {after}", last.source)


def stamp_page(text: str, setting: dict[str, str]) -> str:
    """A Markdown text with the setting in its Colab links and in its `git clone` command."""
    text = re.sub(rf"{re.escape(COLAB)}/github/[^\s)\"]+?/notebooks/", _colab(setting), text)
    name = setting["repository"].partition("/")[2]
    return re.sub(
        r"git clone https://github\.com/[\w./-]+( && cd [\w.-]+)?",
        lambda found: f"git clone https://github.com/{setting['repository']}" + (f" && cd {name}" if found[1] else ""),
        text,
    )


def spoken(stem: str) -> str:
    """The name of a notebook as it is written in prose: "01, data and backbone" for "01_data_and_backbone"."""
    number, _, words = stem.partition("_")
    return f"{number}, {words.replace('_', ' ')}"


def _table(books: dict[str, NotebookNode], setting: dict[str, str]) -> str:
    """A Markdown table of the notebooks, from their titles and metadata, and a line of those that are in preparation."""
    lines = ["| | notebook | | laptop CPU, with what is shipped | |", "|---|---|---|---|---|"]
    for stem, notebook in books.items():
        title = re.search(r"^# \d\d · (.*?)(?:: (.*))?$", notebook.cells[0].source, re.M)
        if title is None:
            raise UserValueError(f"{stem}.ipynb: the title should read `# {stem[:2]} · Title: what it is about`")
        seconds = notebook.metadata.get("gcr_tutorial", {}).get("seconds", 0)
        lines.append(
            f"| {stem[:2]} | [{title[1]}](notebooks/{stem}.ipynb) | {title[2] or ''} | about {seconds} seconds | "
            f"{BADGE.replace('Open in ', '')}({_colab(setting)}{stem}.ipynb) |"
        )
    coming = [spoken(stem).replace(",", "") for stem in SERIES if stem not in books]
    return "\n".join([*lines, *(["", f"In preparation: {' · '.join(coming)}."] if coming else [])]) + "\n"


def _colab(setting: dict[str, str]) -> str:
    return f"{COLAB}/github/{setting['repository']}/blob/{setting['revision']}/notebooks/"


def _link(stem: str, stems: list[str]) -> str:
    return f"[{spoken(stem)}]({stem}.ipynb)" if stem in stems else f"{spoken(stem)} (in preparation)"
