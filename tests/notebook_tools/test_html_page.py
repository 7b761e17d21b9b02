"""The HTML pages of executed notebooks: complete without a network, folded parts folded, widgets as pictures."""

from __future__ import annotations

import base64
import html
import re
from io import BytesIO
from pathlib import Path

import nbformat
import pytest
from headless import Browser, find_chromium
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from gcr_tutorial import notebook_tools
from gcr_tutorial.notebook_tools.files import NOTEBOOKS, WIDGET_VIEW


def page_of(*cells) -> str:
    return notebook_tools.as_html(new_notebook(cells=list(cells), metadata={"widgets": {}}))


def widget_cell():
    """A cell that showed a widget and, below it, a picture."""
    png = BytesIO()
    Image.new("RGB", (40, 20), "red").save(png, format="png")
    view = new_output("display_data", {WIDGET_VIEW: {"model_id": "1"}, "text/plain": "VBox(children=(Text(value='a cat'),))"})
    data = {"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": "Five pictures of a cat."}
    picture = new_output("display_data", data, metadata={"image/png": {"alt": "Five pictures of a cat."}})
    return new_code_cell("search_box()", outputs=[view, picture], execution_count=1)


def test_hints_and_solutions_stay_folded():
    folded = "<details><summary>Hint</summary>\n\nCount `twice`.\n\n```python\nx = 2\n```\n\n</details>\n\nAfter it."
    page = page_of(new_markdown_cell(folded))
    body = page[page.index("<details>") :]
    assert body.index("<summary>Hint") < body.index("Count") < body.index("</details>") < body.index("After it.")


def test_formulas_are_mathml_and_prices_and_code_stay():
    page = page_of(
        new_markdown_cell(r"The query $q$ has $\log p_\theta(z \mid q)$, it costs \$5, and `a $b$ c`.\n\n$$x_1 < y$$"),
        new_code_cell("cost = '$5$'"),
    )
    formulas = re.findall(r"<math.*?</math>", page, flags=re.S)
    assert [re.sub(r"<[^>]+>", "", formula) for formula in formulas][::2] == ["q", "x1&lt;y"]
    assert 'display="block"' in formulas[-1] and 'display="block"' not in formulas[0]
    assert "costs $5" in page and "a $b$ c" in page and "$5$" in page and "$q$" not in page


def test_a_widget_is_the_picture_below_it():
    page = page_of(widget_cell())
    assert "VBox" not in page and "widget-view" not in page
    assert page.count("<img") == 1 and 'alt="Five pictures of a cat."' in page


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_pages_of_the_notebooks_load_nothing(path):
    notebook = nbformat.read(path, as_version=4)
    page = notebook_tools.as_html(notebook)
    loaded = re.findall(r"<(?:script|link|iframe)\b[^>]*>|<img[^>]*src=\"(?!data:)[^\"]*|url\((?![\"']?data:)[^)]*\)", page)
    assert loaded == [] and ">Open in Colab</a>" in page
    pictures = [
        o.metadata["image/png"]["alt"]
        for cell in notebook.cells
        for o in cell.get("outputs", [])
        if "image/png" in o.get("data", {})
    ]
    assert [html.unescape(alt) for alt in re.findall(r'<img alt="([^"]*)" src="data:image/png', page)] == pictures
    assert not re.search(r"\$[^$<>]+\$", re.sub(r"<(pre|code|style)\b.*?</\1>", "", page, flags=re.S))


@pytest.mark.skipif(find_chromium() is None, reason="no Chromium or Chrome on the PATH (or in $CHROMIUM)")
def test_a_browser_without_a_network_draws_formulas_and_the_picture(tmp_path: Path):
    (tmp_path / "page.html").write_text(page_of(new_markdown_cell(r"$$\frac{x_1}{2}$$"), widget_cell()), encoding="utf-8")
    with Browser(find_chromium(), tmp_path) as browser:
        browser.call("Network.enable")
        browser.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        browser.call("Page.navigate", url=(tmp_path / "page.html").as_uri())
        browser.wait_for("document.readyState == 'complete' && Boolean(document.querySelector('math'))", 60, "no page")
        numerator, denominator = (f"document.querySelector('mfrac').children[{i}].getBoundingClientRect().top" for i in (0, 1))
        assert browser.evaluate(f"{numerator} < {denominator}")  # a fraction, and not a line of text
        assert browser.evaluate("document.querySelector('.jp-OutputArea img').naturalWidth") == 40
        assert not browser.evaluate("document.body.textContent.includes('VBox')")
