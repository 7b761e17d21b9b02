"""Figures of search errors, outcomes and levels draw what they were given."""

from __future__ import annotations

import pytest

from gcr_tutorial.viz import answer_errors as plots


def words(figure) -> list[str]:
    figure.canvas.draw()
    return [text.get_text() for axis in figure.axes for text in axis.texts if text.get_text()]


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


def test_levels_show_shares_and_how_many_they_judge():
    figure = plots.level_accuracy_figure({"structured": [(100, 90.0), (90, 80.0)], "atomic": [(100, 95.0)]})
    assert words(figure) == ["90 %\nof 100", "80 %\nof 90", "95 %\nof 100"]
    assert [[round(bar.get_height()) for bar in bars] for bars in figure.axes[0].containers] == [[90, 80], [95]]
    assert legend(figure.axes[0]) == ["structured", "atomic"]


def test_anatomy_bars_fill_the_width():
    counts = {
        "greedy": {"right": 50, "equally good": 10, "search error": 30, "model error": 10},
        "CLIP": {"right": 3, "model error": 1},
    }
    figure = plots.outcome_figure(counts)
    axis = figure.axes[0]
    totals = {}
    for bar in axis.patches:
        totals[round(bar.get_y(), 2)] = totals.get(round(bar.get_y(), 2), 0) + bar.get_width()
    assert list(totals.values()) == pytest.approx([100, 100])
    assert words(figure) == ["50.0", "75.0", "10.0", "30.0", "10.0", "25.0"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(plots.OUTCOMES)
