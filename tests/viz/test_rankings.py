"""Figures show what they are given, and any words a reader may type."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from gcr_tutorial.picturebook.contact_sheet import contact_sheet
from gcr_tutorial.viz.rankings import comparison_figure, ranking_figure, save_ranking
from gcr_tutorial.viz.style import GOOD

RED, BLUE = (200, 30, 30), (30, 30, 200)
FOUND = [
    (Image.new("RGB", (20, 30), colour), SimpleNamespace(image_id=name, score=score))
    for colour, name, score in ((RED, "a.jpg", -0.5), (BLUE, "b_$x$.jpg", -2.25))
]


def test_a_ranking_shows_pictures_names_scores_and_the_right_one():
    figure = ranking_figure("a red wall", FOUND, target="b_$x$.jpg")
    first, second = figure.axes
    assert figure.get_suptitle() == "“a red wall”"
    assert tuple(first.images[0].get_array()[0, 0]) == RED and tuple(second.images[0].get_array()[0, 0]) == BLUE
    assert first.get_xlabel() == "a.jpg\nlog p = -0.50" and second.get_xlabel() == "b_$x$.jpg\nlog p = -2.25"
    assert first.get_title(loc="left") == "1." and second.get_title(loc="left") == "2. right"
    widths = [axis.spines["top"].get_linewidth() for axis in (first, second)]
    assert widths[1] > 2 * widths[0]
    assert to_hex(second.spines["top"].get_edgecolor()).upper() == GOOD != to_hex(first.spines["top"].get_edgecolor()).upper()


@pytest.mark.parametrize("query", [r"a $\foo$ b", "it costs $5 or $6", "x" * 300, "a\nb", "_{^", "un garçon à vélo"])
@pytest.mark.filterwarnings("error")
def test_any_query_can_be_written_on_a_picture(tmp_path, query):
    save_ranking(tmp_path / "new" / "r.png", query, FOUND)
    with Image.open(tmp_path / "new" / "r.png") as picture:
        picture.load()
        assert picture.format == "PNG" and picture.width > 300
        colours = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    for colour in (RED, BLUE):
        assert (np.abs(colours - np.array(colour)).max(1) < 3).sum() > 500


def test_a_long_query_is_cut_at_four_lines():
    figure = ranking_figure("a red ball on the beach " * 700, FOUND)
    with warnings.catch_warnings(action="error"):  # matplotlib warns where a title leaves no room for the pictures
        figure.canvas.draw()
    lines = figure.get_suptitle().splitlines()
    assert len(lines) == 4 and lines[-1].endswith(" ...”")


def test_nothing_found_is_a_figure_too(tmp_path):
    save_ranking(tmp_path / "r.png", "nothing", [])
    assert (tmp_path / "r.png").stat().st_size > 0


def test_contact_sheet_has_every_picture_in_its_place():
    pictures = [Image.new("RGB", (7, 9), (10 * i, 0, 0)) for i in range(5)]
    sheet = contact_sheet(pictures, columns=3, size=10, gap=2)
    assert sheet.size == (3 * 12 + 2, 2 * 12 + 2)
    middles = [sheet.getpixel((2 + column * 12 + 5, 2 + row * 12 + 5)) for row in range(2) for column in range(3)]
    assert middles == [(10 * i, 0, 0) for i in range(5)] + [(255, 255, 255)]
    assert sheet.getpixel((0, 0)) == sheet.getpixel((12, 5)) == (255, 255, 255)


def test_comparison_frames_the_target_and_what_is_as_true():
    square = Image.new("RGB", (20, 20), "red")
    rankings = {"atomic": [(square, 1), (square, 2), (square, 3)], "CLIP": [(square, 3), (square, 1), (square, 4)]}
    figure = comparison_figure("a cat for $5", rankings, 1, {1, 3})
    [axis] = figure.axes
    frames = [(patch.get_edgecolor(), patch.get_linestyle()) for patch in axis.patches]
    right = [i for i, patch in enumerate(axis.patches) if patch.get_linewidth() == 4]
    assert len(axis.images) == 6 and right == [0, 2, 3, 4]
    assert frames[0] == frames[4] != frames[2] == frames[3]
    assert {"“a cat for $5”", "atomic", "CLIP"} <= {text.get_text() for text in axis.texts}
