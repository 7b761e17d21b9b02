"""Memories made visible while they form: loss and exact match, the step at which each picture is first named, levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from gcr_tutorial.viz.pictures import GOOD, INK, LINES, QUIET


def _plain(axis: Axes) -> None:
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def memory_figure(
    losses: Sequence[float], steps: Sequence[int], exact: Sequence[float], plateau: float | None = None
) -> Figure:
    """Above, the loss of every step (nats a token); below, the percentage of identifiers written right, which was
    measured at `steps`. `plateau`: the loss of a model that knows how names look, and not which is whose (dotted)."""
    figure = Figure(figsize=(6.6, 4.4), dpi=110, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(range(1, len(losses) + 1), losses, color=LINES[0][0], linewidth=1)
    above.set(ylabel="loss (nats a token)", ylim=(0, None))
    if plateau is not None:
        above.axhline(plateau, color=INK, linestyle=":", linewidth=1)
        above.text(
            1.0,
            plateau,
            "any name, no idea whose",
            ha="right",
            va="bottom",
            fontsize=9,
            color=INK,
            transform=above.get_yaxis_transform(),
        )
    below.plot(steps, exact, color=LINES[1][0], linestyle=LINES[1][1], marker="o", markersize=4)
    below.set(xlabel="step", ylabel="exact match (%)", ylim=(-4, 104))
    for axis in (above, below):
        _plain(axis)
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
    """One line a picture, one column a moment: filled where its identifier is written right, a ring where not.

    A frame marks the moment from which on it stays right (`first_named`), whose number stands at the end of the line.
    `known[i][j]`: picture i at `moments[j]`. Raises ValueError where the lengths differ.
    """
    if not len(pictures) == len(names) == len(known) or any(len(row) != len(moments) for row in known):
        raise ValueError(
            f"{len(pictures)} pictures, {len(names)} names and {len(known)} lines of known, for "
            f"{len(moments)} moments: give one of each for a picture, one truth value for a moment"
        )
    count = len(pictures)
    figure = Figure(figsize=(8.4, 0.46 * count + 0.8), dpi=110)
    axis = figure.add_axes((0.2, 0.45 / (0.46 * count + 0.8), 0.68, 0.46 * count / (0.46 * count + 0.8)))
    axis.set(xlim=(-0.6, len(moments) - 0.4), ylim=(count - 0.5, -0.5), yticks=[])
    every = max(1, -(-len(moments) // 14))
    axis.set_xticks(range(0, len(moments), every), [str(moment) for moment in moments[::every]], fontsize=9)
    axis.set_xlabel(what, fontsize=9)
    for row, (picture, name, line) in enumerate(zip(pictures, names, known)):
        inset = axis.inset_axes((-0.075, 1 - (row + 0.95) / count, 0.06, 0.9 / count))
        inset.imshow(picture, aspect="auto")
        inset.axis("off")
        axis.text(
            -0.09,
            row,
            name,
            transform=axis.get_yaxis_transform(),
            ha="right",
            va="center",
            fontsize=8.5,
            color=INK,
            parse_math=False,
        )
        for filled in (True, False):
            at = [i for i, right in enumerate(line) if bool(right) == filled]
            axis.scatter(
                at,
                [row] * len(at),
                s=34,
                facecolor=GOOD if filled else "none",
                edgecolor=GOOD if filled else QUIET,
                linewidth=0.9,
            )
        first = first_named(line)
        if first is not None:
            axis.scatter([first], [row], s=120, marker="s", facecolor="none", edgecolor=INK, linewidth=1.2)
        axis.text(
            1.02,
            row,
            "not yet" if first is None else f"{what} {moments[first]}",
            transform=axis.get_yaxis_transform(),
            va="center",
            fontsize=8.5,
            color=INK,
        )
    for spine in axis.spines.values():
        spine.set_visible(False)
    axis.tick_params(length=0)
    return figure


def lines_figure(
    curves: Mapping[str, Sequence[float]], at: Sequence[float], xlabel: str, ylabel: str, percent: bool = True
) -> Figure:
    """Curves over the same moments, told apart by colour, line style and marker; their names stand in the legend."""
    figure = Figure(figsize=(6.6, 3.1), dpi=110, layout="constrained")
    axis = figure.subplots()
    for (name, values), (color, style), marker in zip(curves.items(), cycle(LINES), cycle("os^Dv")):
        axis.plot(at, values, color=color, linestyle=style, marker=marker, markersize=4, label=name)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    if percent:
        axis.set_ylim(-4, 104)
    if len(curves) > 1:
        axis.legend(frameon=False, fontsize=9)
    _plain(axis)
    return figure
