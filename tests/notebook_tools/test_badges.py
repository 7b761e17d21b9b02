"""The series' order and links, and the one setting that says where its repository is."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest

from gcr_tutorial import cli as cli
from gcr_tutorial.notebook_tools import badges as series

ROOT = Path(__file__).resolve().parents[2]
FORK = {"repository": "someone-else/my.fork", "revision": "v1.2"}


def fork(tmp_path: Path, *names: str) -> Path:
    """A copy of the pages and notebooks whose setting names another repository; `names` are notebooks to add."""
    (tmp_path / "notebooks").mkdir()
    for path in [*ROOT.glob("*.md"), ROOT / "pyproject.toml"]:
        shutil.copy(path, tmp_path)
    first = ROOT / "notebooks" / "00_start_here.ipynb"
    for name in ("00_start_here", *names):
        shutil.copy(first, tmp_path / "notebooks" / f"{name}.ipynb")
    setting, text = series.repository_setting(), (tmp_path / "pyproject.toml").read_text(encoding="utf-8")
    for key in setting:
        text = text.replace(f'{key} = "{setting[key]}"', f'{key} = "{FORK[key]}"')
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    return tmp_path


def test_notebooks_and_pages_agree_with_the_setting(capsys):
    assert cli.main(["badges", "--check"]) == 0, capsys.readouterr().out
    assert "the same everywhere" in capsys.readouterr().out


def test_one_command_stamps_another_repository_everywhere(tmp_path, capsys):
    root, old = fork(tmp_path), series.repository_setting()["repository"]
    before = (root / "README.md").read_text(encoding="utf-8")
    assert old in before
    assert series.stamp_badges(root, check=True) == 1 and (root / "README.md").read_text(encoding="utf-8") == before
    assert "differs in 00_start_here.ipynb" in capsys.readouterr().out
    assert series.stamp_badges(root) == 0
    for path in [*root.glob("*.md"), *root.glob("notebooks/*.ipynb")]:
        assert old not in path.read_text(encoding="utf-8"), path.name
    readme, [book] = (root / "README.md").read_text(encoding="utf-8"), root.glob("notebooks/*.ipynb")
    assert "git clone https://github.com/someone-else/my.fork && cd my.fork\n" in readme
    badge = "https://colab.research.google.com/github/someone-else/my.fork/blob/v1.2/notebooks/00_start_here.ipynb)"
    assert readme.count(badge) == before.count("/notebooks/00_start_here.ipynb)")
    cells = {cell.id: cell.source for cell in nbformat.read(book, as_version=4).cells}
    assert f"]({badge} · previous: none, this is the first · next: 01, data and backbone (in preparation)\n" in cells["title"]
    assert '"https://github.com/someone-else/my.fork"' in cells["setup"] and '"--branch", "v1.2", source' in cells["setup"]
    assert series.stamp_badges(root, check=True) == 0


def test_only_what_is_stamped_changes(tmp_path):
    root = fork(tmp_path)
    series.stamp_badges(root)
    old, new = (nbformat.read(folder / "notebooks" / "00_start_here.ipynb", as_version=4) for folder in (ROOT, root))
    assert [a.id for a, b in zip(old.cells, new.cells, strict=True) if a != b] == [
        "title",
        "setup",
        *([] if old.cells[-1] == new.cells[-1] else [old.cells[-1].id]),
    ]
    assert old.cells[0].source.split("\n", 1)[1] == new.cells[0].source.split("\n", 1)[1] and old.metadata == new.metadata


def test_neighbours_that_are_there_are_linked(tmp_path):
    root = fork(tmp_path, "01_data_and_backbone", "09_scaling_up")
    series.stamp_badges(root)
    cells = [nbformat.read(path, as_version=4).cells for path in sorted(root.glob("notebooks/*.ipynb"))]
    assert cells[0][0].source.splitlines()[0].endswith("next: [01, data and backbone](01_data_and_backbone.ipynb)")
    assert "\n**Next:** [01, data and backbone](01_data_and_backbone.ipynb): where" in cells[0][-1].source
    assert "previous: [00, start here](00_start_here.ipynb) · next: 02, identifiers (in prep" in cells[1][0].source
    assert "previous: 08, beyond retrieval (in preparation) · next: none, this is the last\n" in cells[2][0].source


def test_the_readme_lists_the_notebooks_that_are_there(tmp_path):
    root = fork(tmp_path, "01_data_and_backbone")
    series.stamp_badges(root)
    readme = (root / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if re.match(r"\| \d\d \|", line)]
    assert [re.search(r"\]\((notebooks/\w+\.ipynb)\) \|", row)[1] for row in rows] == [
        "notebooks/00_start_here.ipynb",
        "notebooks/01_data_and_backbone.ipynb",
    ]
    assert all(re.search(r"about \d+ seconds", row) and "someone-else/my.fork/blob/v1.2" in row for row in rows)
    assert "In preparation: 02 identifiers · 03 learning to memorize · " in readme


@pytest.mark.parametrize(
    ("key", "value"),
    [("repository", "gcr-tutorial"), ("repository", "https://github.com/a/b"), ("revision", ""), ("revision", "two words")],
)
def test_a_setting_that_is_no_repository_is_an_error(tmp_path, key, value):
    root = fork(tmp_path)
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    (root / "pyproject.toml").write_text(text.replace(f'{key} = "{FORK[key]}"', f'{key} = "{value}"'), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"\[tool.gcr_tutorial\]: {key} is '{value}'"):
        series.stamp_badges(root)


def test_a_notebook_outside_the_series_or_without_its_cells_is_an_error(tmp_path):
    root = fork(tmp_path, "99_appendix")
    with pytest.raises(ValueError, match="99_appendix.ipynb: 99_appendix is not in SERIES"):
        series.stamp_badges(root)
    path = root / "notebooks" / "99_appendix.ipynb"
    book = nbformat.read(path, as_version=4)
    book.cells = [cell for cell in book.cells if cell.id != "setup"]
    nbformat.write(book, path.with_name("01_data_and_backbone.ipynb"))
    path.unlink()
    with pytest.raises(ValueError, match="01_data_and_backbone.ipynb: no cell with the id setup"):
        series.stamp_badges(root)
