"""Curves and pseudo-queries: the figures show what they were given, and their words do not overlap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from gcr_tutorial.viz.pseudo_queries import captions_figure, next_word_figure
from gcr_tutorial.viz.style import LINES
from gcr_tutorial.viz.training_curves import (
    curves_figure,
    first_named,
    loss_figure,
    memorization_figure,
    naming_figure,
    ranks_figure,
)

PICTURES = [Image.new("RGB", (96, 96), color) for color in ("red", "green", "blue")]


def words(figure) -> list:
    """Every text that is drawn, with its place on the page."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = list(figure.texts)
    for axis in figure.axes:
        if axis.axison:
            texts += [axis.xaxis.label, axis.yaxis.label]
            for way in (axis.xaxis, axis.yaxis):
                low, high = sorted(way.get_view_interval())
                texts += [tick.label1 for tick in way.get_major_ticks() if low <= tick.get_loc() <= high]
        texts += [*axis.texts, axis.title, axis._left_title, *(axis.get_legend().texts if axis.get_legend() else [])]
    return [
        (text.get_text(), text.get_window_extent(canvas.get_renderer()))
        for text in texts
        if text.get_visible() and text.get_text().strip()
    ]


def assert_legible(figure) -> None:
    """All texts lie on the page, and no two of them overlap."""
    placed = words(figure)
    page = figure.bbox
    for text, box in placed:
        assert box.x0 >= page.x0 - 1 and box.x1 <= page.x1 + 1 and box.y0 >= page.y0 - 1 and box.y1 <= page.y1 + 1, text
    for i, (text, box) in enumerate(placed):
        for other, its in placed[i + 1 :]:
            overlap = min(box.x1, its.x1) - max(box.x0, its.x0) > 1 and min(box.y1, its.y1) - max(box.y0, its.y0) > 1
            assert not overlap, (text, other)


def said(figure) -> list[str]:
    return [text for text, _ in words(figure)]


def test_memorization_figure():
    losses = [10 * math.exp(-i / 20) for i in range(100)]
    figure = memorization_figure(losses, list(range(0, 101, 5)), [min(100, 5 * i) for i in range(21)], plateau=2.3)
    assert_legible(figure)
    above, below = figure.axes
    assert list(above.lines[0].get_ydata()) == losses and below.get_ylabel() == "exact match (%)"
    assert "any name, no idea whose" in said(figure)
    assert "any name, no idea whose" not in said(memorization_figure(losses, [0, 100], [0, 100]))


@given(st.lists(st.booleans(), max_size=12))
def test_first_named_is_the_start_of_the_last_unbroken_run(known):
    at = first_named(known)
    if at is None:
        assert not known or not known[-1]
    else:
        assert all(known[at:]) and known[at:] and (at == 0 or not known[at - 1])


@pytest.mark.parametrize("moments", [1, 5, 21, 41])
def test_naming_figure(moments):
    known = [[i >= 1 for i in range(moments)], [False] * moments, [True] * moments]
    names = ["<img_1006>", "<img_$_x$>", "<l0_1> <l1_3>"]
    figure = naming_figure(PICTURES, names, known, list(range(0, 5 * moments, 5)), "step")
    assert_legible(figure)
    assert set(names) <= set(said(figure)) and "not yet" in said(figure) and "step 0" in said(figure)


def test_naming_figure_wants_equal_lengths():
    with pytest.raises(ValueError, match="one of each"):
        naming_figure(PICTURES, ["a", "b"], [[True]] * 3, [0])
    with pytest.raises(ValueError, match="one of each"):
        naming_figure(PICTURES, ["a", "b", "c"], [[True], [True], [True, False]], [0])


def test_curves_are_told_apart_without_colour():
    curves = {f"token {i}": ([0, 5, 10], [0, 20 * i, 100]) for i in range(1, 6)}
    figure = curves_figure(curves, "step", "right (%)", (-4, 104), markers=True)
    assert_legible(figure)
    [axis] = figure.axes
    assert len({(line.get_color(), line.get_linestyle(), line.get_marker()) for line in axis.lines}) == 5
    assert set(curves) <= set(said(figure))
    assert axis.get_ylim() == (-4, 104) and curves_figure({"a": ([0, 1], [3, 5])}, "x", "y").axes[0].get_legend() is None
    figure = curves_figure({"a": ([1, 2], [3, 4]), "b": ([1, 2], [5, 6])}, "x", "y", xticks=([1, 2], ["one", "two"]))
    assert figure.axes[0].lines[1].get_linestyle() == "--"
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["one", "two"]


def test_next_word_figure_marks_what_cannot_be_sampled():
    shares = {"τ = 0.5: 1 kept": [1.0, 0.0, 0.0], "τ = 1.0: 2 kept": [0.6, 0.4, 0.0], "τ = 2.0: 3 kept": [0.4, 0.3, 0.3]}
    figure = next_word_figure([" dog", " $x$", " photographer"], shares)
    assert_legible(figure)
    assert [len(axis.lines[0].get_xdata()) for axis in figure.axes] == [2, 1, 0]
    assert [[bar.get_width() for bar in axis.patches] for axis in figure.axes] == [list(v) for v in shares.values()]


def test_captions_figure():
    long = "A man in a red coat and a pair of green pants flying a kite to the left of a tall tree while a dog is running in the snow."
    shown = [
        (picture, f"scene-0-00000{i}", [(long, True), ("A $ dog.", False)] * (i + 1)) for i, picture in enumerate(PICTURES)
    ]
    figure = captions_figure(shown)
    assert_legible(figure)
    texts = said(figure)
    assert texts.count("✓") == texts.count("✗") == 6 and "scene-0-000002" in texts and "A $ dog." in texts
    assert captions_figure([(PICTURES[0], "bare", [])]).axes  # a picture without captions


@pytest.mark.parametrize("n", [3, 10, 60, 300])
def test_ranks_figure(n):
    ranks = {"untrained": [n, 2, 1], "memorized": [2, 2, 1], "and retrieve": [1, 1, 1]}
    queries = ["A man flying a brown kite in a winter landscape.", "A cat.", "There is an apple tree in the garden."]
    figure = ranks_figure(queries, ranks, n)
    assert_legible(figure)
    assert [list(line.get_ydata()) for line in figure.axes[0].lines[:3]] == [[n, 2, 1], [2, 2, 1], [1, 1, 1]]
    low, high = figure.axes[0].get_ylim()
    assert low > high  # the top is rank 1


def test_loss_curves_are_running_means():
    axis = loss_figure({"memorize": [4.0, 2.0, 1.0], "retrieve": [3.0]}, smooth=0.5).axes[0]
    memorize, retrieve = axis.lines
    np.testing.assert_allclose(memorize.get_ydata(), [4.0, 3.0, 2.0])
    assert list(memorize.get_xdata()) == [1, 2, 3] and list(retrieve.get_ydata()) == [3.0]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["memorize", "retrieve"]
    assert axis.get_ylim()[0] == 0
    assert (memorize.get_color(), memorize.get_linestyle()) != (retrieve.get_color(), retrieve.get_linestyle())


def test_no_curve_is_left_out_and_none_is_no_error():
    assert len(loss_figure({f"stage {i}": [1.0] for i in range(len(LINES) + 2)}).axes[0].lines) == len(LINES) + 2
    assert loss_figure({}).axes[0].get_legend() is None
