"""What moves in the notebooks, tried by hand: a headless Chromium opens them in a real JupyterLab, types and clicks.

`make test` runs each notebook up to its widget, `make soak` all of it. Screenshots go to build/screenshots/.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from headless import ROOT, Browser, Lab, find_chromium

NOTEBOOKS = ROOT / "notebooks"
SHOTS = ROOT / "build" / "screenshots"
CHROMIUM = find_chromium()
pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome on the PATH (or in $CHROMIUM)"),
              pytest.mark.timeout(1200)]


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
    browser.wait_for(f"{cell}.textContent.includes('words or turns that the Picturebook does not know')", 60, "no verdict on the skyscraper")


# Notebook -> (id of its widget's cell, what a reader does there)
READERS = {"00_start_here": ("box", ask_a_sentence)}


@pytest.mark.parametrize("stem", READERS)
def test_a_reader_uses_the_widget(stem: str, tmp_path: Path) -> None:
    cell_id, use = READERS[stem]
    with Browser(CHROMIUM, tmp_path) as browser, Lab(browser, NOTEBOOKS / f"{stem}.ipynb", tmp_path, until=cell_id) as lab:
        lab.run_all(seconds=240)
        use(lab, lab.show(cell_id))
        browser.screenshot(SHOTS / f"{stem}-{cell_id}.png")


@pytest.mark.soak
@pytest.mark.parametrize("stem", sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")))
def test_run_all_in_jupyterlab(stem: str, tmp_path: Path) -> None:
    with Browser(CHROMIUM, tmp_path) as browser, Lab(browser, NOTEBOOKS / f"{stem}.ipynb", tmp_path) as lab:
        lab.run_all(seconds=1800)
        if stem in READERS:
            cell_id, use = READERS[stem]
            use(lab, lab.show(cell_id))
        for number, cell_id in enumerate(lab.ids[::5]):
            lab.show(cell_id)
            browser.screenshot(SHOTS / stem / f"{number:02d}-{cell_id}.png")
