"""The cluster browser shows the pictures below a prefix, and its menus lead down the tree."""

from __future__ import annotations

import sys

import pytest
from PIL import Image

from gcr_tutorial.identifiers import Identifiers
from gcr_tutorial.viz import browser as module
from gcr_tutorial.viz import controls
from gcr_tutorial.viz.browser import children_below, cluster_browser, cluster_figure, cluster_picture, rows_below

CODES = (("a", "x"), ("b", "y"), ("a", "y", "z"), ("b", "x"), ("a", "y", "x"), ("a",))
IDENTIFIERS = Identifiers("structured", CODES, tuple("012345"), ("a", "b", "x", "y", "z"))
PICTURE = Image.new("RGB", (8, 8), "red")


def picture(row: int) -> Image.Image:
    return PICTURE


def test_rows_below_a_prefix_come_in_the_order_of_their_names():
    assert rows_below(IDENTIFIERS, ()) == [5, 0, 4, 2, 3, 1]
    assert rows_below(IDENTIFIERS, ("a", "y")) == [4, 2] and rows_below(IDENTIFIERS, ("a", "y"), [2, 3]) == [2]
    assert rows_below(IDENTIFIERS, ("z",)) == []


def test_children_are_counted_and_an_end_is_a_child():
    assert children_below(IDENTIFIERS, ()) == {"a": 4, "b": 2}
    assert children_below(IDENTIFIERS, ("a",)) == {"end": 1, "x": 1, "y": 2}
    assert children_below(IDENTIFIERS, ("a",), [0, 1]) == {"x": 1}


def test_the_figure_names_the_cluster_and_the_rest_of_each_name():
    figure = cluster_figure(IDENTIFIERS, ("a",), picture)
    assert [text.get_text() for text in figure.axes[0].texts] == ["a: 4 pictures", "end", "x", "y x", "y z"]
    assert len(figure.axes[0].images) == 4
    many = Identifiers("atomic", tuple((str(i),) for i in range(60)), tuple(map(str, range(60))), ())
    figure = cluster_figure(many, (), picture)
    assert figure.axes[0].texts[0].get_text() == "the whole gallery: 60 pictures, 40 of them shown"
    assert len(figure.axes[0].images) == module.MOST
    with pytest.raises(ValueError, match="no picture's name begins with q"):
        cluster_figure(IDENTIFIERS, ("q",), picture)
    assert cluster_picture(IDENTIFIERS, ("b", "x"), picture).alt == "1 picture whose name begins with b x."


class Handle:
    """Stands in for what `display(display_id=True)` returns."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, picture) -> None:
        self.shown.append(picture.alt)


def test_menus_lead_down_the_tree_and_start_anew_above_it(monkeypatch):
    pytest.importorskip("ipywidgets")
    displayed, handle = [], Handle()
    monkeypatch.setattr(controls, "display", lambda thing, display_id=None: (displayed.append(thing), handle)[1])
    cluster_browser(IDENTIFIERS, picture, start=("a", "y"))
    menus = displayed[0].children
    assert [menu.value for menu in menus] == ["a", "y", ""] and displayed[1].alt.startswith("2 pictures")
    assert [token for _, token in menus[2].options] == ["", "x", "z"]
    menus[2].value = "z"
    menus[0].value = "b"
    assert handle.shown == ["1 picture whose name begins with a y z.", "2 pictures whose names begin with b."]
    assert [menu.value for menu in menus] == ["b", "", ""] and menus[2].disabled and not menus[1].disabled
    menus[1].value = "x"
    menus[1].value = ""
    menus[0].value = ""
    assert handle.shown[2:] == [
        "1 picture whose name begins with b x.",
        "2 pictures whose names begin with b.",
        "6 pictures whose names begin with any token.",
    ]


def test_without_ipywidgets_the_still_picture_stands_alone(monkeypatch):
    displayed: list = []
    monkeypatch.setattr(controls, "display", displayed.append)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    cluster_browser(IDENTIFIERS, picture, start=("b",))
    assert [shown.alt for shown in displayed] == ["2 pictures whose names begin with b."]
