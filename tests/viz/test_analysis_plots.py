"""Figures of notebooks 05 and 06: what they draw is what they were given."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gcr_tutorial.viz import analysis as plots


def words(figure) -> list[str]:
    figure.canvas.draw()
    return [text.get_text() for axis in figure.axes for text in axis.texts]


def legend(axis) -> list[str]:
    return [text.get_text() for text in axis.get_legend().get_texts()]


def test_search_errors_are_lines_against_widths():
    figure = plots.search_error_figure(
        [1, 2, 5],
        {"best": [30, 10, 2], "five": [float("nan"), float("nan"), 9]},
        [3, 6, 14],
        {"exact": 20.0, "all": 600},
        of=100,
    )
    left, right = figure.axes
    assert [line.get_ydata().tolist() for line in left.lines][0] == [30, 10, 2]
    assert legend(left) == ["best", "five"] and legend(right) == ["beam search", "exact", "all"]
    assert "100" in left.get_ylabel() and [tick.get_text() for tick in right.get_xticklabels()] == ["1", "2", "5"]


def test_comparison_frames_the_target_and_what_is_as_true():
    square = Image.new("RGB", (20, 20), "red")
    rankings = {"atomic": [(square, 1), (square, 2), (square, 3)], "CLIP": [(square, 3), (square, 1), (square, 4)]}
    figure = plots.comparison_figure("a cat for $5", rankings, 1, {1, 3})
    [axis] = figure.axes
    frames = [(patch.get_edgecolor(), patch.get_linestyle()) for patch in axis.patches]
    right = [i for i, patch in enumerate(axis.patches) if patch.get_linewidth() == 4]
    assert len(axis.images) == 6 and right == [0, 2, 3, 4]
    assert frames[0] == frames[4] != frames[2] == frames[3]
    assert {"“a cat for $5”", "atomic", "CLIP"} <= set(words(figure))


def test_levels_show_shares_and_how_many_they_judge():
    figure = plots.level_figure({"structured": [(100, 90.0), (90, 80.0)], "atomic": [(100, 95.0)]})
    assert words(figure) == ["90 %\nof 100", "80 %\nof 90", "95 %\nof 100"]
    assert [round(bar.get_height()) for bar in figure.axes[0].patches] == [90, 80, 95]
    assert legend(figure.axes[0]) == ["structured", "atomic"]


def test_similarities_are_percent_of_their_own_pairs():
    figure = plots.similarity_figure({"wrong": np.linspace(0.3, 0.9, 50), "random": np.linspace(-0.2, 0.4, 500)}, bins=6)
    outlines = figure.axes[0].patches
    assert all(outline.get_xy()[:, 1].max() < 60 for outline in outlines) and legend(figure.axes[0]) == ["wrong", "random"]
    medians = [line.get_xdata()[0] for line in figure.axes[0].lines]
    assert medians == pytest.approx([0.6, 0.1])


def test_anatomy_bars_fill_the_width():
    counts = {
        "greedy": {"right": 50, "equally good": 10, "search error": 30, "model error": 10},
        "CLIP": {"right": 3, "model error": 1},
    }
    figure = plots.anatomy_figure(counts)
    axis = figure.axes[0]
    totals = {}
    for bar in axis.patches:
        totals[round(bar.get_y(), 2)] = totals.get(round(bar.get_y(), 2), 0) + bar.get_width()
    assert list(totals.values()) == pytest.approx([100, 100])
    assert words(figure) == ["50.0", "75.0", "10.0", "30.0", "10.0", "25.0"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(plots.OUTCOMES)


def test_intervals_and_curves():
    figure = plots.interval_figure({"atomic": (77.0, 80.0, 82.5)}, "R@1")
    assert words(figure) == ["80.0"] and figure.axes[0].lines[0].get_xdata().tolist() == [77.0, 82.5]
    figure = plots.curves_figure({"a": ([1, 2], [3, 4]), "b": ([1, 2], [5, 6])}, "x", "y", xticks=([1, 2], ["one", "two"]))
    assert legend(figure.axes[0]) == ["a", "b"] and figure.axes[0].lines[1].get_linestyle() == "--"
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["one", "two"]
