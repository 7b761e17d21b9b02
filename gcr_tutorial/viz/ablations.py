"""The ablation study made visible: what each step is worth, and what the number and the truth of pseudo-queries are."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gcr_tutorial.viz.pictures import GOOD, INK, LINES, QUIET


def ablation_figure(study: Mapping[str, Any]) -> Figure:
    """R@1 of the runs in an ablations.json (`benchmarks/ablations.py`) in three panels: with one step changed; over the
    number of pseudo-queries of a picture; over the share of them that is true of it. A dot is a run, a cross what BM25
    finds with the same sentences. A panel without runs yet stays empty."""
    figure = Figure(figsize=(10.4, 3.4), dpi=110, layout="constrained")
    steps, counts, truths = figure.subplots(1, 3, width_ratios=(1.5, 1, 1))
    runs, groups = study["runs"], study["groups"]
    _bars(steps, [(name, [run["recall"]["R@1"] for run in runs if run["variant"] == name]) for name in groups["steps"]])
    for axis, group, key, label in (
        (counts, "counts", "pseudo_queries_an_image", "pseudo-queries a picture"),
        (truths, "truths", "true_share", "share of them that is true"),
    ):
        chosen = sorted(
            (run for run in runs if run["variant"] in groups[group] and run[key] is not None), key=lambda run: run[key]
        )
        places = [run[key] for run in chosen]
        axis.plot(places, [run["recall"]["R@1"] for run in chosen], "o", color=GOOD, label="GRACE")
        axis.plot(places, [run["bm25"]["R@1"] for run in chosen], "x", color=LINES[1][0], label="BM25, same sentences")
        axis.set(xlabel=label, ylim=(0, 100), xlim=(-0.05 * max([1, *places]), 1.05 * max([1, *places])))
        axis.grid(axis="y", color="#e5e5e5", linewidth=0.6)
        axis.set_axisbelow(True)
    counts.set_title("How many", fontsize=10, color=INK, loc="left")
    truths.set_title("How true (about ten a picture)", fontsize=10, color=INK, loc="left")
    counts.set_ylabel("R@1 in percent")
    if len(runs):
        truths.legend(frameon=False, fontsize=8.5, loc="lower right")
    for axis in (steps, counts, truths):
        axis.tick_params(labelsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def _bars(axis: Axes, variants: Sequence[tuple[str, Sequence[float]]]) -> None:
    """A bar for the mean of each variant's values, a dot for each value."""
    variants = [(name, values) for name, values in variants if values]
    for place, (_name, values) in enumerate(variants):
        mean = statistics.fmean(values)
        axis.barh(place, mean, color="#cfe3f1", height=0.62)
        axis.plot(values, [place] * len(values), "o", color=GOOD, markersize=4.5)
        axis.text(max(values) + 2.5, place, f"{mean:.1f}", va="center", fontsize=9, color=INK)
    axis.set_yticks(range(len(variants)), [name for name, _ in variants], fontsize=9)
    axis.set(xlim=(0, 100), ylim=(len(variants) - 0.4, -0.6), xlabel="R@1 in percent")
    axis.axvline(0, color=QUIET, linewidth=0.8)
    axis.set_title("One thing changed", fontsize=10, color=INK, loc="left")
