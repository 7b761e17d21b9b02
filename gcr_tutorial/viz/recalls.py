"""Recall as bars and points: by identifier kind, by method with confidence intervals, and in the ablation study."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gcr_tutorial.viz.canvas import shorten
from gcr_tutorial.viz.style import GOOD, INK, LIGHT_BLUE, LINES, grid_lines, legend_beside, panels


def recall_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw Recall@1 and Recall@10 of each identifier kind as bars, the best on top.

    Args:
        rows: one a kind with its `kind`, `R@1` and `R@10` in percent, as `comparison_rows` makes them; rows whose `R@1` is
            None are left out.
    """
    rows = sorted((row for row in rows if row["R@1"] is not None), key=lambda row: row["R@1"])
    kinds = [shorten(row["kind"], 9, 1.6) for row in rows]
    figure, axis = panels(8.2, 0.6 + 0.36 * max(1, len(rows)))
    for key, color in (("R@10", LIGHT_BLUE), ("R@1", GOOD)):
        sns.barplot(x=[row[key] for row in rows], y=kinds, color=color, saturation=1, label=key, legend=False, ax=axis)
    for y, row in enumerate(rows):  # the number stands inside its bar where there is room
        inside = row["R@1"] >= 10
        x, side, color = (row["R@1"] - 0.8, "right", "white") if inside else (row["R@10"] + 0.8, "left", INK)
        axis.text(x, y, f"{row['R@1']:.1f}", fontsize=8.5, color=color, ha=side, va="center_baseline")
    axis.set(xlim=(0, 100), ylim=(-0.5, len(rows) - 0.5), xlabel="percent of the queries")
    legend_beside(axis)
    return figure


def interval_figure(intervals: Mapping[str, tuple[float, float, float]], xlabel: str) -> Figure:
    """Draw a point with its confidence interval for each name, one under the other.

    Args:
        intervals: name -> (low, value, high), in the unit that `xlabel` names.
    """
    figure, axis = panels(7.6, 0.8 + 0.34 * len(intervals))
    for y, (low, value, high) in enumerate(intervals.values()):
        axis.plot([low, high], [y, y], color=GOOD, linewidth=2)
        axis.plot(value, y, "o", color=GOOD)
        axis.annotate(f"{value:.1f}", (value, y), (0, 6), textcoords="offset points", fontsize=8.5, ha="center", color=INK)
    axis.set(yticks=range(len(intervals)), yticklabels=list(intervals), ylim=(len(intervals) - 0.5, -0.7), xlabel=xlabel)
    grid_lines(axis, "x")
    return figure


def ablation_figure(study: Mapping[str, Any]) -> Figure:
    """Draw R@1 of the runs of the ablation study in three panels: with one step changed; over the number of
    pseudo-queries a picture; over the share of pseudo-queries that are true. A dot is a run, a bar the mean of its runs, a
    cross what BM25 finds with the same sentences. A panel without runs stays empty.

    Args:
        study: what `benchmarks/ablations.py` writes to ablations.json, with `runs` and `groups`.
    """
    runs, groups = study["runs"], study["groups"]
    figure, (steps, counts, truths) = panels(10.4, 3.4, 1, 3, width_ratios=(1.5, 1, 1))
    _variant_bars(steps, [run for name in groups["steps"] for run in runs if run["variant"] == name])
    for axis, group, key, label, title in (
        (counts, "counts", "pseudo_queries_an_image", "pseudo-queries a picture", "How many"),
        (truths, "truths", "true_share", "share of them that is true", "How true (about ten a picture)"),
    ):
        chosen = [run for run in runs if run["variant"] in groups[group] and run[key] is not None]
        chosen.sort(key=lambda run: run[key])
        x = [run[key] for run in chosen]
        axis.plot(x, [run["recall"]["R@1"] for run in chosen], "o", color=GOOD, label="GRACE")
        axis.plot(x, [run["bm25"]["R@1"] for run in chosen], "x", color=LINES[1][0], label="BM25, same sentences")
        axis.set(xlabel=label, ylim=(0, 100), xlim=(-0.05 * max([1, *x]), 1.05 * max([1, *x])))
        axis.set_title(title, fontsize=10, color=INK, loc="left")
        grid_lines(axis, "y")
    counts.set_ylabel("R@1 in percent")
    if runs:
        truths.legend(frameon=False, fontsize=8.5, loc="lower right")
    return figure


def _variant_bars(axis: Axes, runs: Sequence[Mapping[str, Any]]) -> None:
    """A bar for the mean R@1 of each variant's runs, a dot for each run."""
    values: dict[str, list[float]] = {}
    for run in runs:
        values.setdefault(run["variant"], []).append(run["recall"]["R@1"])
    if values:
        data = {"R@1": [run["recall"]["R@1"] for run in runs], "variant": [run["variant"] for run in runs]}
        sns.barplot(data, x="R@1", y="variant", errorbar=None, width=0.62, color=LIGHT_BLUE, saturation=1, ax=axis)
        sns.stripplot(data, x="R@1", y="variant", jitter=False, color=GOOD, size=4.5, ax=axis)
    for y, found in enumerate(values.values()):
        axis.text(max(found) + 2.5, y, f"{statistics.fmean(found):.1f}", va="center", fontsize=9, color=INK)
    axis.set(xlim=(0, 100), xlabel="R@1 in percent", ylabel="")
    axis.set_title("One thing changed", fontsize=10, color=INK, loc="left")
