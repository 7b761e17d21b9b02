"""Executed notebooks as HTML pages that are complete without a network: formulas as MathML, widgets as still pictures."""

from __future__ import annotations

import copy
import html
import re
from typing import Any

from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from gcr_tutorial.notebook_tools.files import without_widgets


def as_html(notebook: NotebookNode) -> str:
    """The notebook as one HTML page, pictures included, that loads nothing and runs no script.

    Formulas are MathML, which browsers draw themselves. A widget is left out, and the picture below it stays.
    """
    notebook = copy.deepcopy(notebook)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [_with_alt_text(output) for output in without_widgets(cell.outputs)]
    # embed_images=True would close each <details> right after its summary, and so show all hints and solutions.
    page = _Exporter().from_notebook_node(notebook)[0]
    # Without the scripts, which would load MathJax, Mermaid and RequireJS from the network.
    page = re.sub(r"<script\b.*?</script>", "", page, flags=re.S | re.I)
    return page.replace("</head>", "<style>math { font-size: 1.15em }</style></head>", 1)  # else smaller than the text


def _with_alt_text(output: NotebookNode) -> NotebookNode:
    """The output with its picture, if it has one, as an HTML element too: nbconvert leaves out a picture's alt text."""
    if png := output.get("data", {}).get("image/png"):
        alt = output.metadata.get("image/png", {}).get("alt", "")
        output.data["text/html"] = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{png.strip()}">'
    return output


class _Exporter(HTMLExporter):
    """nbconvert's exporter with formulas as MathML."""

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        renderer = _Renderer(
            escape=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            anchor_link_text=self.anchor_link_text,
        )
        return MarkdownWithMath(renderer=renderer).render(source)


class _Renderer(IPythonRenderer):
    def image(self, text: str, url: str, title: str | None = None) -> str:
        """A picture; one that would be loaded from the network (Colab's badge) is its alt text."""
        return html.escape(text) if url.startswith(("http:", "https:")) else super().image(text, url, title)

    def inline_math(self, body: str) -> str:
        """A formula within a line."""
        return convert(body)

    def block_math(self, body: str) -> str:
        """A formula on a line of its own."""
        return convert(body, display="block")
