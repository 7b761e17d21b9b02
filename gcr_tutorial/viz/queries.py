"""Pseudo-queries made visible: what may be sampled as the next word, and what the model wrote about a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from PIL import Image

from gcr_tutorial.viz.pictures import GOOD, INK, LINES, QUIET


def next_word_figure(words: Sequence[str], shares: Mapping[str, Sequence[float]]) -> Figure:
    """Side by side, one panel for each entry of `shares`: the probability (0 to 1) of each of `words` there.

    Bars of words that cannot be sampled (probability 0) are missing, with a cross in their place.
    """
    width, height = 2.4 * len(shares) + 1.4, 0.24 * len(words) + 0.9
    figure = Figure(figsize=(width, height), dpi=110)
    axes = figure.subplots(1, len(shares), sharey=True, squeeze=False)[0]
    figure.subplots_adjust(left=1.3 / width, right=1 - 0.2 / width, top=1 - 0.35 / height, bottom=0.55 / height, wspace=0.25)
    for axis, (name, values) in zip(axes, shares.items()):
        axis.barh(range(len(words)), values, color=GOOD, height=0.7)
        barred = [i for i, value in enumerate(values) if value == 0]
        axis.plot([0] * len(barred), barred, linestyle="none", marker="x", color=LINES[1][0], markersize=5, clip_on=False)
        axis.set_yticks(range(len(words)), words, fontsize=9, parse_math=False)
        axis.set(xlim=(0, None), ylim=(len(words) - 0.5, -0.5))
        axis.set_title(name, fontsize=10, color=INK, loc="left")
        axis.tick_params(labelsize=9)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    axes[0].set_xlabel("probability", fontsize=9)
    return figure


def captions_figure(shown: Sequence[tuple[Image.Image, str, Sequence[tuple[str, bool]]]]) -> Figure:
    """For each (picture, its name, [(caption, is it true?), ...]) a picture with its captions to the right, a tick before
    each true one and a cross before each other one."""
    wrapped = [[(textwrap.wrap(text, 86) or [""], true) for text, true in captions] for _, _, captions in shown]
    heights = [max(1.35, 0.2 * sum(len(lines) for lines, _ in captions) + 0.35) for captions in wrapped]
    figure = Figure(figsize=(8.6, sum(heights)), dpi=110)
    top = sum(heights)
    for (picture, name, _), captions, height in zip(shown, wrapped, heights):
        axis = figure.add_axes((0.01, (top - 1.1) / sum(heights), 1.1 / 8.6, 1.05 / sum(heights)))
        axis.imshow(picture, aspect="auto")
        axis.axis("off")
        figure.text(0.01, (top - 1.2) / sum(heights), name, fontsize=7.5, color=INK, va="center", parse_math=False)
        y = top - 0.17
        for lines, true in captions:
            figure.text(
                0.165,
                y / sum(heights),
                "✓" if true else "✗",
                fontsize=10,
                va="center",
                color=GOOD if true else LINES[1][0],
                fontweight="bold",
            )
            for line in lines:
                figure.text(
                    0.19, y / sum(heights), line, fontsize=9, va="center", color=INK if true else "#555555", parse_math=False
                )
                y -= 0.2
        top -= height
    return figure


def ranks_figure(queries: Sequence[str], ranks: Mapping[str, Sequence[int]], n: int) -> Figure:
    """For each query, how far down its picture stands at each stage of `ranks` (1 is the top of `n`); a logarithmic scale."""
    stages = list(ranks)
    figure = Figure(figsize=(7.6, 3.2), dpi=110, layout="constrained")
    axis = figure.subplots()
    for i, query in enumerate(queries):
        color, style = LINES[i % len(LINES)]
        values = [ranks[stage][i] for stage in stages]
        axis.plot(
            range(len(stages)), values, color=color, linestyle=style, marker="os^Dv"[i % 5], label=textwrap.shorten(query, 60)
        )
    axis.set_yscale("log")
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500) if tick <= n / 1.5] + [n]
    axis.set_yticks(ticks, [str(tick) for tick in ticks])
    axis.set_yticks([], minor=True)
    axis.set(ylabel=f"rank among {n}", ylim=(n * 1.15, 0.85), xlim=(-0.25, len(stages) - 0.75))
    axis.set_xticks(range(len(stages)), stages)
    axis.axhline(1, color=QUIET, linewidth=0.6)
    axis.legend(frameon=False, fontsize=8.5, loc="upper center", bbox_to_anchor=(0.5, -0.13))
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    return figure
