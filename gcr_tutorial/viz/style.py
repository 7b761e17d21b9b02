"""What all figures share: colours that colour-blind readers can tell apart (Okabe and Ito), line styles, plain axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, QUIET = "#222222", "#999999"
GREY_TEXT = "#6B6B6B"  # the lightest grey that is readable on white
GOOD = "#0072B2"  # blue marks what is right
LIGHT_BLUE = "#CFE3F1"
GRID = "#E3E3E3"
# A curve has a colour, a line style and a marker of its own, so that it can be told apart without colour too.
LINES = (
    ("#0072B2", "-"),
    ("#D55E00", "--"),
    ("#009E73", "-."),
    ("#CC79A7", ":"),
    ("#56B4E9", (0, (5, 1))),
    ("#222222", (0, (3, 1, 1, 1))),
)
MARKERS = ("o", "s", "^", "D", "v", "P")
# Bars have a colour and a hatch.
BARS = (("#0072B2", ""), ("#56B4E9", "//"), ("#E69F00", "xx"), ("#EDEDED", ""))


def panels(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, Any]:
    """An empty figure of `width` x `height` inches and its plots, without frame lines at the top and the right.

    `options` go to matplotlib's `subplots`; as there, one plot comes as Axes and several as an array of Axes.
    """
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    axes = figure.subplots(rows, columns, **options)
    for axis in figure.axes:
        axis.tick_params(labelsize=8.5)
    sns.despine(fig=figure)
    return figure, axes


def draw_curves(axis: Axes, curves: Iterable[tuple[str, Sequence[Any], Sequence[float]]], markers: bool = True) -> None:
    """Draw a line for each (name, x, y) of `curves`; `markers` also marks the points."""
    for (name, x, y), (color, style), marker in zip(curves, cycle(LINES), cycle(MARKERS if markers else [None])):
        axis.plot(x, y, color=color, linestyle=style, marker=marker, markersize=4, label=name)


def legend_beside(axis: Axes) -> None:
    """Write the legend to the right of the plot."""
    axis.legend(frameon=False, fontsize=8.5, loc="center left", bbox_to_anchor=(1, 0.5))


def grid_lines(axis: Axes, direction: str) -> None:
    """Thin grid lines behind the data, across the `direction` "x" or "y"."""
    axis.grid(axis=direction, color=GRID, linewidth=0.6)
    axis.set_axisbelow(True)
