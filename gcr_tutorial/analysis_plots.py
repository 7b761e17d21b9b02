"""Figures of what a search loses and why an answer is wrong (notebooks 05 and 06). Colour-blind-safe, with line styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .plots import LINES


def search_error_figure(widths: Sequence[int], lost: Mapping[str, Sequence[int]], opened: Sequence[float],
                        levels: Mapping[str, float], of: int) -> Figure:
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


def _plain(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8.5)
