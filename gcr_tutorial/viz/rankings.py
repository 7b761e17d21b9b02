"""Rankings: the pictures that one method found, and what several methods found, side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.viz.canvas import Canvas
from gcr_tutorial.viz.style import GOOD, INK, QUIET

ALSO = "#009E73"  # green, always with a dashed line: as true as the blue one
DASHED = (0, (2.2, 1.2))


def ranking_figure(query: str, found: Sequence[tuple[Image.Image, Any]], target: str | None = None) -> Figure:
    """Draw the found pictures in a row, best first, under their query.

    Args:
        query: its text.
        found: (picture, hit) pairs; a hit has `image_id` and `score` (log-probability in nats).
        target: the `image_id` of the right picture, which gets a blue frame.
    """
    count = max(1, len(found))
    figure = Figure(figsize=(2.1 * count, 2.9), dpi=110, layout="constrained")
    title = "\n".join(textwrap.wrap(f"“{query}”", 26 * count, max_lines=4, placeholder=" ...”"))
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
    """Write `ranking_figure` to the file `path`, a PNG or what its ending says; its folder is made where it is missing.

    Raises UserValueError for an ending that names no kind of picture.
    """
    path, figure = Path(path), ranking_figure(query, found, target)
    kinds = figure.canvas.get_supported_filetypes()
    if path.suffix and path.suffix[1:].lower() not in kinds:
        raise UserValueError(f"{path}: no picture can be written as {path.suffix}, choose one of {', '.join(kinds)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def comparison_figure(
    query: str, rankings: Mapping[str, Sequence[tuple[Image.Image, Any]]], target: Any, relevant: Sequence[Any] = ()
) -> Figure:
    """Draw what several methods answer to one query, a row each, best first.

    Args:
        rankings: method -> (picture, what it is called) pairs.
        target: the name of the picture that the query was written for, framed in blue.
        relevant: names of the others that the query is true of, framed in dashed green.
    """
    count = max(map(len, rankings.values()))
    left, side, gap, top = 0.95, 1.22, 0.14, 0.48
    width, height = left + count * (side + gap), top + len(rankings) * (side + gap) + 0.28
    canvas = Canvas(width, height)
    title = textwrap.shorten(f"“{query}”", int(width * 11), placeholder=" ...”")
    canvas.text(left, top / 2, title, 10.5, va="center")
    for row, (method, found) in enumerate(rankings.items()):
        y = top + row * (side + gap)
        canvas.text(left - 0.12, y + side / 2, method, 10, ha="right", va="center")
        for column, (picture, name) in enumerate(found):
            x = left + column * (side + gap)
            color, style, line = (
                (GOOD, "-", 4) if name == target else (ALSO, DASHED, 4) if name in relevant else (QUIET, "-", 0.7)
            )
            canvas.axis.imshow(picture, extent=(x, x + side, y + side, y), aspect="auto", interpolation="antialiased")
            frame = {"edgecolor": color, "linestyle": style, "linewidth": line}
            canvas.axis.add_patch(Rectangle((x, y), side, side, facecolor="none", **frame))
    y, words = height - 0.17, ((GOOD, "-", "what it was written for"), (ALSO, DASHED, "as true"))
    for x, (color, style, what) in zip((left, left + 2.2), words):
        canvas.lines([[(x, y), (x + 0.32, y)]], color, 3, linestyle=style)
        canvas.text(x + 0.4, y, what, 8.5, va="center")
    return canvas.figure
