"""WORKSHOP.md: its routes add up, name sections and cells that are there, and run on their own in their order."""

from __future__ import annotations

import ast
import builtins
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from gcr_tutorial.notebook_tools import runner as notebook_runner
from gcr_tutorial.notebook_tools.files import NOTEBOOKS, write_notebook

ROOT = NOTEBOOKS.parent
PAGE = (ROOT / "WORKSHOP.md").read_text(encoding="utf-8")
ROUTES = {"90-minute": 90, "half-day": 240}
pytestmark = pytest.mark.skipif(len(list(NOTEBOOKS.glob("*.ipynb"))) < 7, reason="the series is not complete")


@dataclass(frozen=True)
class Row:
    """One row of a route: minutes, and the part of a notebook; "" where there is none (a break)."""

    minutes: int
    notebook: str
    sections: str
    cells: tuple[tuple[str, str], ...]  # (first, last) ids; both are the same for a single cell


def route(name: str) -> list[Row]:
    """The table under the heading "The NAME route"."""
    table = PAGE.split(f"## The {name} route\n")[1].split("\n## ")[0]
    rows = []
    for line in re.findall(r"^\| (\d.*) \|$", table, flags=re.M):
        minutes, link, sections, cells, _ = (field.strip() for field in re.split(r" ?\| ?", line))
        notebook = re.fullmatch(r"(?:\[(\d\d)\]\(notebooks/(\1_\w+)\.ipynb\))?", link).group(2) or ""
        spans = re.findall(r"`([\w-]+)`(?: to `([\w-]+)`)?", cells)
        rows.append(Row(int(minutes), notebook, sections, tuple((first, last or first) for first, last in spans)))
    return rows


def books(name: str) -> dict[str, nbformat.NotebookNode]:
    """The notebooks of a route with the cells that it names, in its order."""
    found = {}
    for row in filter(lambda row: row.notebook, route(name)):
        whole = nbformat.read(NOTEBOOKS / f"{row.notebook}.ipynb", as_version=4)
        ids = [cell.id for cell in whole.cells]
        part = found.setdefault(row.notebook, nbformat.v4.new_notebook(metadata=whole.metadata))
        for first, last in row.cells:
            part.cells += whole.cells[ids.index(first) : ids.index(last) + 1]
    return found


@pytest.mark.parametrize(("name", "minutes"), ROUTES.items())
def test_the_minutes_add_up(name, minutes):
    assert sum(row.minutes for row in route(name)) == minutes and len(route(name)) >= 7


@pytest.mark.parametrize("name", ROUTES)
def test_sections_and_cells_are_there(name):
    for row in route(name):
        assert bool(row.notebook) == bool(row.cells) == bool(row.sections)
        if not row.notebook:
            continue
        cells = nbformat.read(NOTEBOOKS / f"{row.notebook}.ipynb", as_version=4).cells
        ids, left = [cell.id for cell in cells], row.sections
        for first, last in row.cells:
            assert ids.index(first) <= ids.index(last), (row.notebook, first, last)
        chosen = [cell for first, last in row.cells for cell in cells[ids.index(first) : ids.index(last) + 1]]
        text = "\n".join(cell.source for cell in chosen if cell.cell_type == "markdown")
        headings = re.findall(r"^#{2,3} (.*)$", text, flags=re.M)
        for heading in sorted(headings, key=len, reverse=True):
            left = left.replace(heading, "", 1)
        assert not left.strip(", "), f"{row.notebook}: no heading in these cells for {left!r}"


@pytest.mark.parametrize("name", ROUTES)
def test_no_cell_is_named_twice_and_set_up_comes_first(name):
    for notebook, book in books(name).items():
        ids = [cell.id for cell in book.cells]
        assert len(set(ids)) == len(ids), notebook
        assert next(cell.id for cell in book.cells if cell.cell_type == "code") == "setup", notebook


@pytest.mark.parametrize("name", ROUTES)
def test_no_cell_needs_one_that_the_route_leaves_out(name):
    for notebook, book in books(name).items():
        known = set(dir(builtins)) | {"__file__"}
        for cell in book.cells:
            if cell.cell_type == "code":
                tree = ast.parse(cell.source)
                known |= stored(tree)
                missing = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - known
                assert not missing, (
                    f"{name} route, {notebook}, cell {cell.id}: {', '.join(sorted(missing))} would not be defined"
                )


def stored(tree: ast.AST) -> set[str]:
    """Every name that the code binds, anywhere in it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
    return names


def test_it_says_what_to_do_the_day_before():
    before = PAGE.split("## The day before")[1].split("\n## ")[0]
    assert "gcr_tutorial doctor" in before and "make setup" in before and "## What to skip" in PAGE


@pytest.mark.soak
@pytest.mark.parametrize("name", ROUTES)
def test_the_routes_cells_run_in_their_order(name: str, tmp_path: Path):
    for notebook, book in books(name).items():
        write_notebook(tmp_path / f"{notebook}.ipynb", book)
        notebook_runner.execute(tmp_path / f"{notebook}.ipynb", {"GCR_REBUILD": "0"})
