"""Curves over training steps and other scales: losses, exact match, ranks, and when each picture is first named right."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from PIL import Image

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.viz.style import GOOD, INK, LINES, QUIET, draw_curves, legend_beside, panels


def curves_figure(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    xlabel: str,
    ylabel: str,
    ylim: tuple[float | None, float | None] = (0, None),
    markers: bool = False,
    xticks: tuple[Sequence[float], Sequence[str]] | None = None,
) -> Figure:
    """Draw lines, told apart by colour, line style and (with `markers`) marker, with their names beside the plot.

    Args:
        curves: name -> (x, y).
        xlabel: what x is, and its unit.
        ylabel: what y is, and its unit.
        ylim: the least and the largest y; None: from the data.
        markers: whether each point is marked.
        xticks: (x, what is written there), in place of numbers.
    """
    figure, axis = panels(7.6, 3.1)
    draw_curves(axis, [(name, x, y) for name, (x, y) in curves.items()], markers)
    axis.set(xlabel=xlabel, ylabel=ylabel, ylim=ylim)
    if xticks:
        axis.set_xticks(*xticks)
    if len(curves) > 1:
        legend_beside(axis)
    return figure


def loss_figure(losses: Mapping[str, Sequence[float]], smooth: float = 0.9) -> Figure:
    """Draw the training loss against the step, one line a stage.

    Args:
        losses: stage -> the loss of each step, in nats a token.
        smooth: share that the running mean keeps from step to step; 0 draws the losses themselves.
    """
    figure, axis = panels(6.4, 3.0)
    curves = []
    for name, values in losses.items():
        means = []
        for value in values:
            means.append(smooth * means[-1] + (1 - smooth) * value if means else value)
        curves.append((name, range(1, len(means) + 1), means))
    draw_curves(axis, curves, markers=False)
    axis.set(xlabel="step", ylabel="loss (nats a token)", ylim=(0, None))
    if losses:
        axis.legend(frameon=False)
    return figure


def memorization_figure(
    losses: Sequence[float], steps: Sequence[int], exact: Sequence[float], plateau: float | None = None
) -> Figure:
    """Draw how a model memorizes: the loss of every step above, the percentage of identifiers written right below.

    Args:
        losses: of every step, in nats a token.
        steps: the steps at which exact match was measured.
        exact: the percentage of identifiers written right, at each of `steps`.
        plateau: the loss of a model that knows what names look like, but not whose they are (a dotted line).
    """
    figure, (above, below) = panels(6.6, 4.4, 2, 1, sharex=True)
    above.plot(range(1, len(losses) + 1), losses, color=LINES[0][0], linewidth=1)
    above.set(ylabel="loss (nats a token)", ylim=(0, None))
    if plateau is not None:
        above.axhline(plateau, color=INK, linestyle=":", linewidth=1)
        right_edge = {"transform": above.get_yaxis_transform(), "ha": "right", "va": "bottom"}
        above.text(1.0, plateau, "any name, no idea whose", fontsize=9, color=INK, **right_edge)
    below.plot(steps, exact, color=LINES[1][0], linestyle=LINES[1][1], marker="o", markersize=4)
    below.set(xlabel="step", ylabel="exact match (%)", ylim=(-4, 104))
    return figure


def ranks_figure(queries: Sequence[str], ranks: Mapping[str, Sequence[int]], n: int) -> Figure:
    """Draw the rank of each query's picture after each stage of training, on a logarithmic scale with rank 1 on top.

    Args:
        queries: their texts, for the legend.
        ranks: stage -> the rank of each query's picture, from 1 to `n`.
        n: pictures that are ranked.
    """
    stages = range(len(ranks))
    figure, axis = panels(7.6, 3.2)
    by_query = zip(queries, zip(*ranks.values()))
    draw_curves(axis, [(textwrap.shorten(query, 60), stages, values) for query, values in by_query])
    axis.set_yscale("log")
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500) if tick <= n / 1.5] + [n]
    axis.set_yticks(ticks, [str(tick) for tick in ticks])
    axis.set_yticks([], minor=True)
    axis.set_xticks(stages, list(ranks))
    axis.set(ylabel=f"rank among {n}", ylim=(n * 1.15, 0.85), xlim=(-0.25, len(ranks) - 0.75))
    axis.axhline(1, color=QUIET, linewidth=0.6)
    axis.legend(frameon=False, fontsize=8.5, loc="upper center", bbox_to_anchor=(0.5, -0.13))
    return figure


def first_named(known: Sequence[bool]) -> int | None:
    """The first moment from which on a picture was always named right; None where it is not right at the end."""
    wrong = [i for i, right in enumerate(known) if not right]
    at = wrong[-1] + 1 if wrong else 0
    return at if at < len(known) else None


def naming_figure(
    pictures: Sequence[Image.Image],
    names: Sequence[str],
    known: Sequence[Sequence[bool]],
    moments: Sequence[int],
    what: str = "step",
) -> Figure:
    """Draw when each picture is named right: a line for each picture, a dot for each moment, filled where its identifier
    is written right, a ring where not.

    A square marks the moment from which on it stays right (`first_named`); that moment's number stands at the end.

    Args:
        known: `known[i][j]` says whether picture i is named right at `moments[j]`.
        moments: the steps (or epochs: say so in `what`) at which that was measured.

    Raises ValueError where the lengths differ.
    """
    if not len(pictures) == len(names) == len(known) or any(len(row) != len(moments) for row in known):
        raise UserValueError(
            f"{len(pictures)} pictures, {len(names)} names and {len(known)} lines of known, for "
            f"{len(moments)} moments: give one of each for a picture, one truth value for a moment"
        )
    count = len(pictures)
    height = 0.46 * count + 0.8
    figure = Figure(figsize=(8.4, height), dpi=110)
    axis = figure.add_axes((0.2, 0.45 / height, 0.68, 0.46 * count / height), frameon=False)
    axis.set(xlim=(-0.6, len(moments) - 0.4), ylim=(count - 0.5, -0.5), yticks=[])
    every = max(1, -(-len(moments) // 14))
    axis.set_xticks(range(0, len(moments), every), [str(moment) for moment in moments[::every]], fontsize=9)
    axis.set_xlabel(what, fontsize=9)
    axis.tick_params(length=0)
    words = {"transform": axis.get_yaxis_transform(), "va": "center", "fontsize": 8.5, "color": INK, "parse_math": False}
    for row, (picture, name, line) in enumerate(zip(pictures, names, known)):
        inset = axis.inset_axes((-0.075, 1 - (row + 0.95) / count, 0.06, 0.9 / count))
        inset.imshow(picture, aspect="auto")
        inset.axis("off")
        axis.text(-0.09, row, name, ha="right", **words)
        faces = [GOOD if right else "none" for right in line]
        edges = [GOOD if right else QUIET for right in line]
        axis.scatter(range(len(line)), [row] * len(line), s=34, facecolor=faces, edgecolor=edges, linewidth=0.9)
        first = first_named(line)
        if first is not None:
            axis.scatter([first], [row], s=120, marker="s", facecolor="none", edgecolor=INK, linewidth=1.2)
        axis.text(1.02, row, "not yet" if first is None else f"{what} {moments[first]}", **words)
    return figure
