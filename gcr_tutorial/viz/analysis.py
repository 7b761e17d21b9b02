"""Figures of what a search loses and why an answer is wrong (notebooks 05 and 06). Colour-blind-safe, with line styles."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from gcr_tutorial.evaluation.analysis import OUTCOMES
from gcr_tutorial.viz.pictures import GOOD, INK, LINES, QUIET

ALSO = "#009E73"  # Okabe-Ito green, always dashed: as true as the blue one
SHADES = {
    "right": ("#0072B2", ""),
    "equally good": ("#56B4E9", "//"),
    "search error": ("#E69F00", "xx"),
    "model error": ("#EDEDED", ""),
}


def search_error_figure(
    widths: Sequence[int], lost: Mapping[str, Sequence[int]], opened: Sequence[float], levels: Mapping[str, float], of: int
) -> Figure:
    """What beams of several widths lose, and what they cost.

    Args:
        widths: of the beams.
        lost: what is lost -> in how many of `of` searches, for each width (NaN: not drawn).
        opened: prefixes evaluated a query, for each width.
        levels: the same for methods without a width, drawn as level lines.
    """
    figure = Figure(figsize=(9.5, 3.3), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, counts), (color, style) in zip(lost.items(), LINES):
        left.plot(widths, counts, color=color, linestyle=style, marker="o", label=name)
    left.set(ylabel=f"lost in so many of {of} searches", ylim=(0, None))
    left.legend(frameon=False, fontsize=8.5)
    right.plot(widths, opened, color=LINES[0][0], marker="o", label="beam search")
    for (name, level), (color, style) in zip(levels.items(), LINES[1:]):
        right.axhline(level, color=color, linestyle=style, label=name)
    right.set(yscale="log", ylabel="prefixes evaluated a query")
    right.legend(frameon=False, fontsize=8.5, loc="center left", bbox_to_anchor=(1, 0.5))
    for axis in (left, right):
        axis.set(xscale="log", xticks=widths, xticklabels=widths, xlabel="width of the beam")
        axis.minorticks_off()
        _plain(axis)
    return figure


def comparison_figure(
    query: str, rankings: Mapping[str, Sequence[tuple[Image.Image, Any]]], target: Any, relevant: Sequence[Any] = ()
) -> Figure:
    """What several methods answer to one query, a row each, best first.

    Args:
        rankings: method -> (picture, what it is called) pairs.
        target: the name of the picture that the query was written for, framed in blue.
        relevant: names of the others that the query is true of, framed in dashed green.
    """
    count = max(map(len, rankings.values()))
    left, side, gap, top = 0.95, 1.22, 0.14, 0.48
    width, height = left + count * (side + gap), top + len(rankings) * (side + gap) + 0.28
    figure = Figure(figsize=(width, height), dpi=100)
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, width), ylim=(height, 0))
    axis.axis("off")
    title = textwrap.shorten(f"“{query}”", int(width * 11), placeholder=" ...”")
    axis.text(left, top / 2, title, fontsize=10.5, color=INK, va="center", parse_math=False)
    for row, (method, found) in enumerate(rankings.items()):
        y = top + row * (side + gap)
        axis.text(left - 0.12, y + side / 2, method, fontsize=10, color=INK, ha="right", va="center", parse_math=False)
        for column, (picture, name) in enumerate(found):
            x = left + column * (side + gap)
            color, style, line = (
                (GOOD, "-", 4) if name == target else (ALSO, (0, (2.2, 1.2)), 4) if name in relevant else (QUIET, "-", 0.7)
            )
            axis.imshow(picture, extent=(x, x + side, y + side, y), aspect="auto", interpolation="antialiased")
            axis.add_patch(Rectangle((x, y), side, side, facecolor="none", edgecolor=color, linestyle=style, linewidth=line))
    y, words = height - 0.17, ((GOOD, "-", "what it was written for"), (ALSO, (0, (2.2, 1.2)), "as true"))
    for x, (color, style, what) in zip((left, left + 2.2), words):
        axis.plot([x, x + 0.32], [y, y], color=color, linestyle=style, linewidth=3)
        axis.text(x + 0.4, y, what, fontsize=8.5, color=INK, va="center")
    return figure


def level_figure(levels: Mapping[str, Sequence[tuple[int, float]]]) -> Figure:
    """Percent of answers with the right token at each level, among those right so far; `levels`: method -> what
    `level_accuracy` gives. Over each bar stands how many answers it judges."""
    figure = Figure(figsize=(8.6, 3.2), dpi=100, layout="constrained")
    axis = figure.subplots()
    wide = 0.8 / len(levels)
    for at, ((name, values), (color, hatch)) in enumerate(zip(levels.items(), SHADES.values())):
        x = np.arange(1, len(values) + 1) + (at - (len(levels) - 1) / 2) * wide
        axis.bar(x, [share for _, share in values], wide * 0.94, color=color, hatch=hatch, edgecolor="white", label=name)
        for place, (count, share) in zip(x, values):
            axis.text(place, share + 1.5, f"{share:.0f} %\nof {count}", fontsize=8, ha="center", color=INK, linespacing=1.15)
    most = max(map(len, levels.values()))
    axis.set(
        xticks=range(1, most + 1),
        xticklabels=[f"token {level}" for level in range(1, most + 1)],
        ylim=(0, 118),
        yticks=range(0, 101, 20),
        ylabel="percent right, if right so far",
    )
    if len(levels) > 1:
        axis.legend(frameon=False, fontsize=8.5, loc="center left", bbox_to_anchor=(1, 0.5))
    _plain(axis)
    return figure


def similarity_figure(similarities: Mapping[str, Sequence[float]], bins: int = 30) -> Figure:
    """How similar pairs of pictures are: one outlined histogram a kind of pairs, with its median."""
    figure = Figure(figsize=(7.6, 3.0), dpi=100, layout="constrained")
    axis = figure.subplots()
    every = np.concatenate([np.asarray(values) for values in similarities.values()])
    edges = np.linspace(every.min(), every.max(), bins + 1)
    for (name, values), (color, style) in zip(similarities.items(), LINES):
        weights = np.full(len(values), 100 / len(values))
        axis.hist(values, edges, weights=weights, histtype="step", color=color, linestyle=style, linewidth=1.8, label=name)
        axis.axvline(np.median(values), color=color, linestyle=style, linewidth=0.9, ymax=0.97)
    axis.set(xlabel="cosine similarity of two pictures (CLIP); thin lines: medians", ylabel="percent of pairs")
    axis.legend(frameon=False, fontsize=8.5, loc="center left", bbox_to_anchor=(1, 0.5))
    _plain(axis)
    return figure


def anatomy_figure(counts: Mapping[str, Mapping[str, int]]) -> Figure:
    """What became of all queries, a stacked bar a method; `counts`: method -> kind (of `analysis.OUTCOMES`) -> queries."""
    figure = Figure(figsize=(8.4, 0.9 + 0.48 * len(counts)), dpi=100, layout="constrained")
    axis = figure.subplots()
    start = np.zeros(len(counts))
    for kind in OUTCOMES:
        color, hatch = SHADES[kind]
        shares = np.array([100 * found.get(kind, 0) / sum(found.values()) for found in counts.values()])
        axis.barh(range(len(counts)), shares, 0.66, start, color=color, hatch=hatch, edgecolor="white", label=kind)
        for at, share in enumerate(shares):
            if share >= 2.5:
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1.2} if hatch else None
                axis.text(
                    start[at] + share / 2,
                    at,
                    f"{share:.1f}",
                    fontsize=8,
                    ha="center",
                    va="center_baseline",
                    color="white" if kind == "right" else INK,
                    bbox=box,
                )
        start += shares
    axis.set(
        yticks=range(len(counts)),
        yticklabels=list(counts),
        ylim=(len(counts) - 0.5, -0.5),
        xlim=(0, 100),
        xlabel="percent of queries",
    )
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper right", ncols=4, frameon=False, fontsize=8.5)
    _plain(axis)
    return figure


def interval_figure(intervals: Mapping[str, tuple[float, float, float]], xlabel: str) -> Figure:
    """A point and its interval for each name: (low, value, high)."""
    figure = Figure(figsize=(7.6, 0.8 + 0.34 * len(intervals)), dpi=100, layout="constrained")
    axis = figure.subplots()
    for at, (low, value, high) in enumerate(intervals.values()):
        axis.plot([low, high], [at, at], color=LINES[0][0], linewidth=2)
        axis.plot(value, at, "o", color=LINES[0][0])
        axis.annotate(f"{value:.1f}", (value, at), (0, 6), textcoords="offset points", fontsize=8.5, ha="center", color=INK)
    axis.set(yticks=range(len(intervals)), yticklabels=list(intervals), ylim=(len(intervals) - 0.5, -0.7), xlabel=xlabel)
    axis.grid(axis="x", color="#E3E3E3", linewidth=0.6)
    _plain(axis)
    return figure


def curves_figure(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    xlabel: str,
    ylabel: str,
    ylim: tuple[float | None, float | None] = (0, None),
    marker: str | None = None,
    xticks: tuple[Sequence[float], Sequence[str]] | None = None,
) -> Figure:
    """Lines (x, y) with their names beside them."""
    figure = Figure(figsize=(7.6, 3.1), dpi=100, layout="constrained")
    axis = figure.subplots()
    for (name, (x, y)), (color, style) in zip(curves.items(), LINES):
        axis.plot(x, y, color=color, linestyle=style, marker=marker, label=name)
    axis.set(xlabel=xlabel, ylabel=ylabel, ylim=ylim)
    if xticks:
        axis.set_xticks(*xticks)
    axis.legend(frameon=False, fontsize=8.5, loc="center left", bbox_to_anchor=(1, 0.5))
    _plain(axis)
    return figure


def _plain(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8.5)
