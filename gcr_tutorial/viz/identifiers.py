"""How identifiers are made and what they cost (GRACE section 3.2): a table of names, k-means step by step, residual codes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.viz.canvas import Canvas, text_width
from gcr_tutorial.viz.style import GREY_TEXT, INK, LINES, MARKERS, QUIET, draw_curves, legend_beside, panels


def identifier_table(pictures: Sequence[Image.Image], columns: Mapping[str, Sequence[Sequence[str]]]) -> Figure:
    """Draw a table with a row for each picture and a column for each kind of identifier; spaces separate the tokens.

    Long names are broken over up to three lines and cut with "…"; a name without tokens is written "(none)".

    Args:
        pictures: one for each row.
        columns: kind -> the tokens of each picture's identifier.

    Raises ValueError where a kind has not one identifier for each picture.
    """
    for kind, names in columns.items():
        if len(names) != len(pictures):
            raise UserValueError(f"{len(names)} names of kind {kind} for {len(pictures)} pictures: give one each")
    side, height, top, room, gap = 0.58, 0.64, 0.4, 9.6, 0.22
    letter = text_width("m" * 20, 7.5, family="monospace") / 20
    written = {kind: [" ".join(name) or "(none)" for name in names] for kind, names in columns.items()}
    wide = {
        kind: gap + max(text_width(kind, 9, weight="bold"), letter * max(map(len, names), default=0))
        for kind, names in written.items()
    }
    long = [kind for kind, width in wide.items() if width > 2.2]
    spare = room - sum(width for kind, width in wide.items() if kind not in long)
    widths = {kind: min(width, max(1.2, spare / len(long))) if kind in long else width for kind, width in wide.items()}
    canvas = Canvas(0.9 + sum(widths.values()), top + height * len(pictures) + 0.1)
    for row, picture in enumerate(pictures):
        y = top + row * height - (height - side) / 2
        if row % 2:
            canvas.axis.fill(
                [0.75, canvas.width, canvas.width, 0.75], [y, y, y + height, y + height], color="#F4F4F4", zorder=0
            )
        canvas.picture(0.1, top + row * height, side, [picture])
    x = 0.9
    for kind, names in written.items():
        canvas.text(x, top / 2, kind, 9, va="center_baseline", fontweight="bold")
        across = max(4, int((widths[kind] - gap) / letter + 1e-6))
        for row, words in enumerate(names):
            lines = textwrap.wrap(words, across)
            if len(lines) > 3:
                lines = [*lines[:2], lines[2][: across - 2] + " …"]
            color = GREY_TEXT if words == "(none)" else INK
            canvas.text(x, top + row * height + side / 2, "\n".join(lines), 7.5, color, va="center", family="monospace")
        x += widths[kind]
    return canvas.figure


def kmeans_figure(
    points: np.ndarray, steps: Sequence[tuple[str, Sequence[int], np.ndarray | None]], names: Sequence[str] | None = None
) -> Figure:
    """Draw the steps of k-means side by side: a cluster has a colour and a marker of its own, a cross is a centroid.

    Args:
        points: (N, 2).
        steps: (title, the cluster of each point, centroids (K, 2) or None).
        names: what is written beside each point.
    """
    points = np.asarray(points, dtype=float)
    figure, axes = panels(2.65 * len(steps), 2.9, 1, len(steps), squeeze=False)
    for axis, (title, labels, centroids) in zip(axes[0], steps):
        for cluster in sorted(set(labels)):
            color, marker = LINES[cluster % len(LINES)][0], MARKERS[cluster % len(MARKERS)]
            axis.scatter(*points[np.asarray(labels) == cluster].T, s=60, color=color, marker=marker, zorder=3)
            if centroids is not None:
                axis.scatter(*np.asarray(centroids)[cluster], s=110, color=color, marker="x", linewidths=2.5, zorder=2)
        for name, point in zip(names or (), points):
            axis.annotate(name, point, (5, 5), textcoords="offset points", fontsize=8.5, color=GREY_TEXT, parse_math=False)
        axis.set_title(title, fontsize=9.5, color=INK)
        _equal_scales(axis, points)
    return figure


def residual_figure(points: np.ndarray, codebooks: Sequence[np.ndarray], codes: Sequence[Sequence[int]]) -> Figure:
    """Draw points and, for each, the sum of code vectors that stands for it: an arrow for each level, from the origin.

    Args:
        points: (N, 2).
        codebooks: for each level its vectors (K, 2).
        codes: for each point its code, a number for each level.
    """
    points = np.asarray(points, dtype=float)
    figure, axis = panels(5.2, 4.6)
    styles = list(zip(range(len(codebooks)), cycle(LINES)))
    for code in codes:
        start = np.zeros(2)
        for number, (level, (color, style)) in zip(code, styles):
            end = start + codebooks[level][number]
            look = {"arrowstyle": "-|>", "color": color, "linestyle": style, "linewidth": 1.3, "shrinkA": 0, "shrinkB": 0}
            axis.annotate("", end, start, arrowprops=look, zorder=2)
            start = end
    for level, (color, style) in styles:
        axis.plot([], [], color=color, linestyle=style, label=f"code {level + 1}")
    axis.scatter(*points.T, s=46, color=INK, zorder=3, label="picture")
    for point, code in zip(points, codes):
        words = " ".join(map(str, code))
        axis.annotate(words, point, (0, 8), textcoords="offset points", fontsize=8.5, color=GREY_TEXT, ha="center")
    legend_beside(axis)
    _equal_scales(axis, np.vstack([points, np.zeros((1, 2))]))
    return figure


def _equal_scales(axis: Axes, points: np.ndarray) -> None:
    """The same scale both ways, room around the points, a frame without numbers."""
    low, high = points.min(0), points.max(0)
    half, middle = 0.62 * max(*(high - low), 1e-3), (low + high) / 2
    limits = {"xlim": (middle[0] - half, middle[0] + half), "ylim": (middle[1] - half, middle[1] + half)}
    axis.set(**limits, aspect="equal", xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set(edgecolor=QUIET, linewidth=0.6, visible=True)


def identifier_cost_figure(sizes: Sequence[int], costs: Mapping[str, Sequence[tuple[float, float]]]) -> Figure:
    """Draw what identifiers cost as a gallery grows: new tokens (left) and tokens a name (right).

    Args:
        sizes: numbers of pictures.
        costs: kind -> (new tokens, tokens a name) at each size.
    """
    figure, (left, right) = panels(9.6, 3.2, 1, 2)
    for axis, index in ((left, 0), (right, 1)):
        draw_curves(axis, [(kind, sizes, [pair[index] for pair in values]) for kind, values in costs.items()])
    left.set(xscale="log", yscale="symlog", ylim=(0, None), xlabel="pictures", ylabel="new tokens")
    right.set(xscale="log", ylim=(0, None), xlabel="pictures", ylabel="tokens a name")
    legend_beside(right)
    return figure
