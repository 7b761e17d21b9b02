"""Pseudo-queries: the probabilities of the next word, and the captions that the model wrote about a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import seaborn as sns
from matplotlib.figure import Figure
from PIL import Image

from gcr_tutorial.viz.canvas import Canvas
from gcr_tutorial.viz.style import GOOD, INK, LINES


def next_word_figure(words: Sequence[str], shares: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the probability of each word as the next one, a panel for each setting of the sampling.

    Words that cannot be sampled (probability 0) have a cross in place of a bar.

    Args:
        words: the candidates.
        shares: title of the panel -> the probability (0 to 1) of each word.
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
        axis.tick_params(labelsize=9)
        axis.set_title(name, fontsize=10, color=INK, loc="left")
    sns.despine(fig=figure)
    axes[0].set_xlabel("probability", fontsize=9)
    return figure


def captions_figure(shown: Sequence[tuple[Image.Image, str, Sequence[tuple[str, bool]]]]) -> Figure:
    """Draw each picture with its captions to the right, a tick before each true one and a cross before each other one.

    Args:
        shown: (picture, its name, [(caption, whether it is true of the picture), ...]).
    """
    wrapped = [[(textwrap.wrap(text, 86) or [""], true) for text, true in captions] for _, _, captions in shown]
    heights = [max(1.35, 0.2 * sum(len(lines) for lines, _ in captions) + 0.35) for captions in wrapped]
    canvas, top = Canvas(8.6, sum(heights)), 0.0
    for (picture, name, _), captions, height in zip(shown, wrapped, heights):
        canvas.axis.imshow(picture, extent=(0.09, 1.19, top + 1.1, top + 0.05), aspect="auto", interpolation="antialiased")
        canvas.text(0.09, top + 1.2, name, 7.5, va="center")
        y = top + 0.17
        for lines, true in captions:
            mark, color = ("✓", GOOD) if true else ("✗", LINES[1][0])
            canvas.text(1.42, y, mark, 10, color, va="center", fontweight="bold")
            for line in lines:
                canvas.text(1.63, y, line, 9, INK if true else "#555555", va="center")
                y += 0.2
        top += height
    return canvas.figure
