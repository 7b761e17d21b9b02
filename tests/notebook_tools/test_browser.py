"""What moves in the notebooks, tried by hand: a headless Chromium opens them in a real JupyterLab, types and clicks.

`make test` runs each notebook up to its widget, `make soak` all of it. Screenshots go to build/screenshots/.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from headless import ROOT, Browser, Lab, find_chromium

NOTEBOOKS = ROOT / "notebooks"
SHOTS = ROOT / "build" / "screenshots"
CHROMIUM = find_chromium()
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome on the PATH (or in $CHROMIUM)"),
    pytest.mark.timeout(1200),
]


def ask_a_sentence(lab: Lab, cell: str) -> None:
    """Notebook 00's search box: a new sentence and Enter bring another picture and another verdict."""
    browser = lab.browser
    field, picture = f"{cell}.querySelector('input[type=text]')", f"{cell}.querySelector('.jp-OutputArea img').src"
    browser.wait_for(f"Boolean({field}) && {cell}.textContent.includes('True of')", 60, "no search box was shown")
    before = browser.evaluate(picture)
    browser.write(field, "a yellow helicopter in the city")
    assert browser.evaluate(picture) == before  # it searches on Enter, not while one types
    browser.press("Enter")
    browser.wait_for(f"{picture} != {before!r}", 60, "the picture did not change")
    said = f"/True of 2 of the 300 pictures, and of [0-5] of the 5 found/.test({cell}.textContent)"
    browser.wait_for(said, 60, "no verdict on the yellow helicopter")
    browser.write(field, "a skyscraper")
    browser.press("Enter")
    browser.wait_for(
        f"{cell}.textContent.includes('words or constructions that the Picturebook does not know')",
        60,
        "no verdict on the skyscraper",
    )


def go_down_the_tree(lab: Lab, cell: str) -> None:
    """The cluster browser: another token in the first menu brings another cluster, and other tokens in the next menu."""
    browser = lab.browser
    picture, menus = f"{cell}.querySelector('.jp-OutputArea img').src", f"{cell}.querySelectorAll('select')"
    browser.wait_for(f"{menus}.length >= 2 && Boolean({cell}.querySelector('.jp-OutputArea img'))", 60, "no menus were shown")
    for number in (1, 2):
        before = browser.evaluate(picture)
        browser.choose(f"{menus}[0]", number)
        browser.wait_for(f"{picture} != {before!r}", 60, f"the picture did not change for option {number}")
        assert browser.evaluate(f"{menus}[1].options.length") > 1 and browser.evaluate(f"{menus}[1].selectedIndex") == 0
    before = browser.evaluate(picture)
    browser.choose(f"{menus}[1]", 1)
    browser.wait_for(f"{picture} != {before!r}", 60, "the picture did not change on the second level")


def step_through(lab: Lab, cell: str) -> None:
    """A drop-down menu and a slider: an arrow key on the slider, then another sentence, each bring another picture."""
    browser = lab.browser
    picture, handle = f"{cell}.querySelector('.jp-OutputArea img').src", f"{cell}.querySelector('.noUi-handle')"
    browser.wait_for(f"Boolean({handle}) && Boolean({cell}.querySelector('.jp-OutputArea img'))", 60, "no slider was shown")
    at, most = (float(browser.evaluate(f"{handle}.getAttribute('aria-value{which}')")) for which in ("now", "max"))
    before = browser.evaluate(picture)
    browser.evaluate(f"{handle}.focus()")
    browser.press("ArrowLeft" if at == most else "ArrowRight")
    browser.wait_for(f"{picture} != {before!r}", 60, "the picture did not change with the slider")
    before = browser.evaluate(picture)
    browser.choose(f"{cell}.querySelector('select')", 1)
    browser.wait_for(f"{picture} != {before!r}", 60, "the picture did not change with the sentence")


READERS = {
    "search_box": ask_a_sentence,
    "cluster_browser": go_down_the_tree,
    "beam_stepper": step_through,
    "ambiguity_slider": step_through,
}


def widget(path: Path) -> tuple[str, Callable[[Lab, str], None]] | None:
    """(id of the cell with the notebook's widget, what a reader does there)."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return next(((cell.id, READERS[name]) for cell in cells for name in READERS if f"{name}(" in cell.source), None)


PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("path", [path for path in PATHS if widget(path)], ids=lambda path: path.stem)
def test_a_reader_uses_the_widget(path: Path, tmp_path: Path) -> None:
    cell_id, use = widget(path)
    with Browser(CHROMIUM, tmp_path) as browser, Lab(browser, path, tmp_path, until=cell_id) as lab:
        lab.run_all(seconds=600)
        use(lab, lab.show(cell_id))
        browser.screenshot(SHOTS / f"{path.stem}-{cell_id}.png")


@pytest.mark.soak
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_run_all_in_jupyterlab(path: Path, tmp_path: Path) -> None:
    with Browser(CHROMIUM, tmp_path) as browser, Lab(browser, path, tmp_path) as lab:
        lab.run_all(seconds=1800)
        for number, cell_id in enumerate(lab.ids[::4]):
            lab.show(cell_id)
            browser.screenshot(SHOTS / path.stem / f"{number:02d}-{cell_id}.png")
