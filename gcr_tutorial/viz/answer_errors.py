"""What a search loses and why an answer is wrong: search errors, outcomes of queries, accuracy by level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from gcr_tutorial.evaluation.analysis import OUTCOMES
from gcr_tutorial.viz.style import BARS, GOOD, INK, LINES, draw_curves, legend_beside, panels


def search_error_figure(
    widths: Sequence[int], lost: Mapping[str, Sequence[int]], opened: Sequence[float], levels: Mapping[str, float], of: int
) -> Figure:
    """Draw what beams of several widths lose (left) and how many prefixes they evaluate (right).

    Args:
        widths: of the beams.
        lost: what is lost -> in how many of `of` searches, for each width (NaN: not drawn).
        opened: prefixes evaluated a query, for each width.
        levels: the same for methods without a width, drawn as horizontal lines.
        of: how many searches there were.
    """
    figure, (left, right) = panels(9.5, 3.3, 1, 2)
    draw_curves(left, [(name, widths, counts) for name, counts in lost.items()])
    left.set(ylabel=f"lost in so many of {of} searches", ylim=(0, None))
    left.legend(frameon=False, fontsize=8.5)
    draw_curves(right, [("beam search", widths, opened)])
    for (name, level), (color, style) in zip(levels.items(), LINES[1:]):
        right.axhline(level, color=color, linestyle=style, label=name)
    right.set(yscale="log", ylabel="prefixes evaluated a query")
    legend_beside(right)
    for axis in (left, right):
        axis.set(xscale="log", xticks=widths, xticklabels=widths, xlabel="width of the beam")
        axis.minorticks_off()
    return figure


def level_accuracy_figure(levels: Mapping[str, Sequence[tuple[int, float]]]) -> Figure:
    """Draw, as bars, the percentage of answers with the right token at each level, among those that are right up to there.
    Over each bar stands how many answers it judges.

    Args:
        levels: method -> what `level_accuracy` gives: for each level (answers judged, percent right).
    """
    bars = [
        (f"token {level}", share, method, f"{share:.0f} %\nof {count}")
        for method, values in levels.items()
        for level, (count, share) in enumerate(values, 1)
    ]
    names, shares, methods, labels = zip(*bars)
    figure, axis = panels(8.6, 3.2)
    colors = {method: color for method, (color, _) in zip(levels, BARS)}
    sns.barplot(x=names, y=shares, hue=methods, palette=colors, saturation=1, edgecolor="white", ax=axis)
    words = iter(labels)
    for bars_of_method, (_, hatch), values in zip(axis.containers, BARS, levels.values()):
        for bar in bars_of_method:
            bar.set_hatch(hatch)
        axis.bar_label(bars_of_method, [next(words) for _ in values], padding=2, fontsize=8, color=INK, linespacing=1.15)
    axis.set(ylim=(0, 118), yticks=range(0, 101, 20), ylabel="percent right, if right so far")
    axis.legend_.remove()
    if len(levels) > 1:
        legend_beside(axis)
    return figure


def outcome_figure(counts: Mapping[str, Mapping[str, int]]) -> Figure:
    """Draw what became of all queries as one stacked bar a method, in percent.

    Args:
        counts: method -> outcome (one of `gcr_tutorial.evaluation.OUTCOMES`) -> number of queries.
    """
    figure, axis = panels(8.4, 0.9 + 0.48 * len(counts))
    start = np.zeros(len(counts))
    for outcome, (color, hatch) in zip(OUTCOMES, BARS):
        shares = np.array([100 * found.get(outcome, 0) / sum(found.values()) for found in counts.values()])
        bars = axis.barh(list(counts), shares, 0.66, start, color=color, hatch=hatch, edgecolor="white", label=outcome)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.2} if hatch else None
        words = [f"{share:.1f}" if share >= 2.5 else "" for share in shares]  # narrower bars have no room for a number
        axis.bar_label(bars, words, label_type="center", fontsize=8, color="white" if color == GOOD else INK, bbox=box)
        start += shares
    axis.set(ylim=(len(counts) - 0.5, -0.5), xlim=(0, 100), xlabel="percent of queries")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper right", ncols=4, frameon=False, fontsize=8.5)
    return figure
