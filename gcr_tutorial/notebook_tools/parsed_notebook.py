"""A notebook taken apart: its code with syntax trees, names and imports, its prose with headings, its outputs."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode


@dataclass(frozen=True)
class ParsedNotebook:
    """A notebook, with the parts of it that the rules of `lint` ask for."""

    path: Path
    notebook: NotebookNode

    @classmethod
    def read(cls, path: Path) -> ParsedNotebook:
        """The notebook in the file `path`."""
        return cls(path, nbformat.read(path, as_version=4))

    @cached_property
    def code(self) -> list[NotebookNode]:
        """Its code cells."""
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]

    @cached_property
    def prose(self) -> str:
        """The text of all its Markdown cells."""
        return "\n\n".join(cell.source for cell in self.notebook.cells if cell.cell_type == "markdown")

    @cached_property
    def prose_without_code(self) -> str:
        """The same without blocks of code."""
        return re.sub(r"```.*?```", "", self.prose, flags=re.S)

    @cached_property
    def anchors(self) -> set[str]:
        """What a link to a heading may end in, after the "#"."""
        found = re.findall(r"^#+ (.*)$", self.prose_without_code, flags=re.M)
        return {heading.strip().replace(" ", "-") for heading in found}

    @cached_property
    def trees(self) -> list[tuple[NotebookNode, ast.Module]]:
        """Each code cell that is plain Python, with its syntax tree."""
        return [(cell, ast.parse(cell.source)) for cell in self.code if not syntax_error(cell.source)]

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the syntax trees."""
        return [node for _, tree in self.trees for node in ast.walk(tree)]

    @cached_property
    def names(self) -> list[str]:
        """Every name and attribute in its code, as often as it is used."""
        names = [node.id for node in self.nodes if isinstance(node, ast.Name)]
        return names + [node.attr for node in self.nodes if isinstance(node, ast.Attribute)]

    @cached_property
    def outputs(self) -> list[NotebookNode]:
        """The outputs of all its cells."""
        return [output for cell in self.code for output in cell.outputs]

    @cached_property
    def imports(self) -> list[str]:
        """What the cells import from gcr_tutorial, as often as they do it: "gcr_tutorial.ROOM", or "gcr_tutorial." and a public
        name. Left out are the set-up cell, and the exercises' stubs, each of which imports its check."""
        found = []
        for cell, tree in self.trees:
            if cell.id == "setup" or "raise NotImplementedError" in cell.source:
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.Import):
                    found += [name.name for name in node.names if name.name.startswith("gcr_tutorial")]
                elif isinstance(node, ast.ImportFrom) and node.module == "gcr_tutorial":
                    found += [f"gcr_tutorial.{name.name}" for name in node.names]
                elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gcr_tutorial."):
                    found.append(node.module)
        return found


def syntax_error(source: str) -> str:
    """Why a cell's source is not plain Python, or nothing."""
    try:
        ast.parse(source)
    except SyntaxError as error:
        return f"{(error.text or source).strip()!r}, line {error.lineno}"
    return ""
