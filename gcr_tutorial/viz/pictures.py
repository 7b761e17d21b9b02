"""Pictures of what happens: rankings, contact sheets, loss curves. Colour-blind-safe, readable in a book."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

INK, GOOD, QUIET = "#222222", "#0072B2", "#999999"  # Okabe-Ito blue marks what is right
LINES = (("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", "-."), ("#CC79A7", ":"), ("#56B4E9", (0, (5, 1))))


def ranking_figure(query: str, found: Sequence[tuple[Image.Image, Any]], target: str | None = None) -> Figure:
    """The found pictures in a row, best first, under their query; the picture called `target` gets a frame.

    `found`: (picture, hit) pairs; a hit has `image_id` and `score` (log-probability in nats).
    """
    count = max(1, len(found))
    figure = Figure(figsize=(2.1 * count, 2.9), dpi=110, layout="constrained")
    title = "\n".join(textwrap.wrap(f"“{query}”", 26 * count))
    figure.suptitle(title, fontsize=11, color=INK, parse_math=False)  # a "$" in the query is a dollar
    axes = figure.subplots(1, count, squeeze=False)[0]
    for rank, (axis, (picture, hit)) in enumerate(zip(axes, found), 1):
        axis.imshow(picture)
        axis.set_xticks([]), axis.set_yticks([])
        right = target is not None and hit.image_id == target
        for spine in axis.spines.values():
            spine.set(edgecolor=GOOD if right else QUIET, linewidth=4 if right else 0.8)
        axis.set_title(f"{rank}." + (" right" if right else ""), fontsize=10, color=GOOD if right else INK, loc="left")
        axis.set_xlabel(f"{hit.image_id}\nlog p = {hit.score:.2f}", fontsize=7.5, color=INK, parse_math=False)
    return figure


def save_ranking(path: str | Path, query: str, found: Sequence[tuple[Image.Image, Any]], target: str | None = None) -> None:
    """Write `ranking_figure` to the PNG file `path`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    ranking_figure(query, found, target).savefig(path)


def loss_figure(losses: dict[str, Sequence[float]], smooth: float = 0.9) -> Figure:
    """Training loss against steps, one line a stage, smoothed by a running mean that keeps a share `smooth`."""
    figure = Figure(figsize=(6.4, 3.0), dpi=110, layout="constrained")
    axis = figure.subplots()
    for (name, values), (color, style) in zip(losses.items(), cycle(LINES)):
        running, curve = None, []
        for value in values:
            running = value if running is None else smooth * running + (1 - smooth) * value
            curve.append(running)
        axis.plot(range(1, len(curve) + 1), curve, color=color, linestyle=style, label=name)
    axis.set(xlabel="step", ylabel="loss (nats a token)", ylim=(0, None))
    if losses:
        axis.legend(frameon=False)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    return figure
