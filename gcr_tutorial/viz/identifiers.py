"""Identifiers drawn (GRACE section 3.2): seven names of each picture, k-means step by step, residuals, what names cost."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from gcr_tutorial.viz.canvas import GREY_TEXT, Page, shorten, text_width
from gcr_tutorial.viz.pictures import INK, LINES, QUIET

MARKERS = ("o", "s", "^", "D", "v", "P")


def names_figure(pictures: Sequence[Image.Image], columns: Mapping[str, Sequence[Sequence[str]]]) -> Figure:
    """A table: a row for each picture, a column for each kind of identifier, tokens set apart by a space.

    Long names are broken over up to three lines and cut with "…"; a name without tokens is written "(none)". Raises
    ValueError where a kind has not one name for each picture.
    """
    for kind, names in columns.items():
        if len(names) != len(pictures):
            raise ValueError(f"{len(names)} names of kind {kind} for {len(pictures)} pictures: give one each")
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
    page = Page(0.9 + sum(widths.values()), top + height * len(pictures) + 0.1)
    for row, picture in enumerate(pictures):
        y = top + row * height - (height - side) / 2
        if row % 2:
            page.axis.fill([0.75, page.width, page.width, 0.75], [y, y, y + height, y + height], color="#F4F4F4", zorder=0)
        page.picture(0.1, top + row * height, side, [picture])
    x = 0.9
    for kind, names in written.items():
        page.text(x, top / 2, kind, 9, va="center_baseline", fontweight="bold")
        across = max(4, int((widths[kind] - gap) / letter + 1e-6))
        for row, words in enumerate(names):
            lines = textwrap.wrap(words, across)
            if len(lines) > 3:
                lines = [*lines[:2], lines[2][: across - 2] + " …"]
            page.text(
                x,
                top + row * height + side / 2,
                "\n".join(lines),
                7.5,
                GREY_TEXT if words == "(none)" else INK,
                va="center",
                family="monospace",
            )
        x += widths[kind]
    return page.figure


def clusters_figure(
    points: np.ndarray, steps: Sequence[tuple[str, Sequence[int], np.ndarray | None]], names: Sequence[str] | None = None
) -> Figure:
    """Points of the plane, once for each step: (title, label of each point, centroids or None). A cluster has a colour and
    a marker of its own; a cross is a centroid. `names` are written beside the points."""
    points = np.asarray(points, dtype=float)
    figure = Figure(figsize=(2.65 * len(steps), 2.9), dpi=110, layout="constrained")
    for axis, (title, labels, centroids) in zip(figure.subplots(1, len(steps), squeeze=False)[0], steps):
        for cluster in sorted(set(labels)):
            color, marker = LINES[cluster % len(LINES)][0], MARKERS[cluster % len(MARKERS)]
            here = points[np.asarray(labels) == cluster]
            axis.scatter(*here.T, s=60, color=color, marker=marker, zorder=3)
            if centroids is not None:
                axis.scatter(*np.asarray(centroids)[cluster], s=110, color=color, marker="x", linewidths=2.5, zorder=2)
        for name, (x, y) in zip(names or (), points):
            axis.annotate(name, (x, y), (5, 5), textcoords="offset points", fontsize=8.5, color=GREY_TEXT, parse_math=False)
        axis.set_title(title, fontsize=9.5, color=INK)
        _square(axis, points)
    return figure


def residual_figure(points: np.ndarray, codebooks: Sequence[np.ndarray], codes: Sequence[Sequence[int]]) -> Figure:
    """Points of the plane and the sum of code vectors that stands for each: an arrow for each level, from the origin.

    Args:
        points: (N, 2).
        codebooks: for each level its vectors (K, 2).
        codes: for each point its code, a number for each level.
    """
    points = np.asarray(points, dtype=float)
    figure = Figure(figsize=(5.2, 4.6), dpi=110, layout="constrained")
    axis = figure.subplots()
    for code in codes:
        at = np.zeros(2)
        for level, (number, (color, style)) in enumerate(zip(code, cycle(LINES))):
            to = at + codebooks[level][number]
            axis.annotate(
                "",
                to,
                at,
                arrowprops={
                    "arrowstyle": "-|>",
                    "color": color,
                    "linestyle": style,
                    "linewidth": 1.3,
                    "shrinkA": 0,
                    "shrinkB": 0,
                },
                zorder=2,
            )
            at = to
    for level, (color, style) in zip(range(len(codebooks)), cycle(LINES)):
        axis.plot([], [], color=color, linestyle=style, label=f"code {level + 1}")
    axis.scatter(*points.T, s=46, color=INK, zorder=3, label="picture")
    for point, code in zip(points, codes):
        axis.annotate(
            " ".join(map(str, code)), point, (0, 8), textcoords="offset points", fontsize=8.5, color=GREY_TEXT, ha="center"
        )
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    _square(axis, np.vstack([points, np.zeros((1, 2))]))
    return figure


def _square(axis: Any, points: np.ndarray) -> None:
    """The same scale both ways, room around the points, no numbers at the edges."""
    low, high = points.min(0), points.max(0)
    half = 0.62 * max(*(high - low), 1e-3)
    middle = (low + high) / 2
    axis.set(
        xlim=(middle[0] - half, middle[0] + half),
        ylim=(middle[1] - half, middle[1] + half),
        aspect="equal",
        xticks=[],
        yticks=[],
    )
    for spine in axis.spines.values():
        spine.set(edgecolor=QUIET, linewidth=0.6)


def cost_figure(sizes: Sequence[int], costs: Mapping[str, Sequence[tuple[float, float]]]) -> Figure:
    """What names cost as a gallery grows: new tokens (left) and tokens a name (right) against the number of pictures.

    Args:
        sizes: numbers of pictures.
        costs: for each kind, at each size (new tokens, tokens a name).
    """
    figure = Figure(figsize=(9.6, 3.2), dpi=110, layout="constrained")
    axes = figure.subplots(1, 2)
    for (kind, values), (color, style), marker in zip(costs.items(), cycle(LINES), cycle(MARKERS)):
        for axis, series in zip(axes, zip(*values)):
            axis.plot(sizes, series, color=color, linestyle=style, marker=marker, markersize=4, label=kind)
    axes[0].set(xscale="log", yscale="symlog", ylim=(0, None), xlabel="pictures", ylabel="new tokens")
    axes[1].set(xscale="log", ylim=(0, None), xlabel="pictures", ylabel="tokens a name")
    axes[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    for axis in axes:
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    return figure


def recall_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Recall@1 and Recall@10 of each kind as bars, the best on top; `rows` as `comparison_rows` makes them."""
    rows = sorted((row for row in rows if row["R@1"] is not None), key=lambda row: row["R@1"])
    figure = Figure(figsize=(8.2, 0.6 + 0.36 * max(1, len(rows))), dpi=110, layout="constrained")
    axis = figure.subplots()
    at = range(len(rows))
    axis.barh(at, [row["R@10"] for row in rows], color="#D9E6F2", edgecolor=QUIET, linewidth=0.5, label="R@10")
    axis.barh(at, [row["R@1"] for row in rows], color=LINES[0][0], label="R@1")
    for y, row in zip(at, rows):  # inside its bar where there is room
        inside = row["R@1"] >= 10
        axis.text(
            row["R@1"] - 0.8 if inside else row["R@10"] + 0.8,
            y,
            f"{row['R@1']:.1f}",
            fontsize=8.5,
            color="white" if inside else INK,
            ha="right" if inside else "left",
            va="center_baseline",
        )
    axis.set(xlim=(0, 100), xlabel="percent of the queries", yticks=list(at))
    axis.set_yticklabels([shorten(row["kind"], 9, 1.6) for row in rows])
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    return figure
