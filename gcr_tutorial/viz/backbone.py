"""How a picture gets into a language model, drawn: its patches, its vectors in the prompt, and CLIP's view beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from gcr_tutorial.data.image_files import square
from gcr_tutorial.viz.canvas import GREY_TEXT, Page, shorten, text_width
from gcr_tutorial.viz.pictures import GOOD, INK, QUIET

IMAGE_TOKEN = "<image>"


def patch_figure(picture: Image.Image, patch: int, scale: int, tokens: Sequence[str]) -> Figure:
    """The picture cut into patches (thin lines) and into the cells that become one vector each (thick lines, numbered),
    and the prompt below it, with the cells in the places of its `<image>` tokens.

    Args:
        picture: at the size the vision tower sees; a multiple of patch * scale.
        patch: pixels a side of a patch.
        scale: patches a side of a cell.
        tokens: the prompt's tokens, an `<image>` for each cell.

    Raises ValueError where the sizes do not fit.
    """
    cell, pixels = patch * scale, picture.width
    if picture.width != picture.height or pixels % cell:
        raise ValueError(f"a picture of {picture.size} pixels does not divide into cells of {cell}: take another size")
    across = pixels // cell
    if list(tokens).count(IMAGE_TOKEN) != across**2:
        raise ValueError(f"the prompt has {list(tokens).count(IMAGE_TOKEN)} {IMAGE_TOKEN} tokens for {across**2} cells")
    corners = [(x * cell, y * cell) for y in range(across) for x in range(across)]
    tiles = [picture.crop((x, y, x + cell, y + cell)) for x, y in corners]
    lines = _prompt_lines(tokens, 10.1)
    side, gap = 3.2, 0.9
    page = Page(10.5, side + (0.75 if IMAGE_TOKEN in dict(lines[-1]) else 0.6) + 0.62 * len(lines))
    for left, step, what in (
        (1.6, patch, f"{(pixels // patch) ** 2} patches of {patch} × {patch} pixels"),
        (1.6 + side + gap, cell, f"{across**2} cells of {scale} × {scale} patches"),
    ):
        page.picture(left, 0.35, side, [picture])
        grid, width = [side * i * step / pixels for i in range(1, pixels // step)], 0.5 if step == patch else 1.8
        page.axis.vlines([left + at for at in grid], 0.35, 0.35 + side, color=INK, linewidth=width, zorder=7)
        page.axis.hlines([0.35 + at for at in grid], left, left + side, color=INK, linewidth=width, zorder=7)
        page.text(left + side / 2, 0.2, what, 9, ha="center", va="center_baseline")
    for i in range(across**2):
        x, y = (side * (at + 0.5) / across for at in (i % across, i // across))
        disc = {"boxstyle": "circle,pad=0.25", "facecolor": INK, "edgecolor": "none", "alpha": 0.75}
        page.text(
            1.6 + side + gap + x,
            0.35 + y,
            str(i + 1),
            10,
            "white",
            ha="center",
            va="center_baseline",
            zorder=9,
            fontweight="bold",
            bbox=disc,
        )
    number = 0
    for row, line in enumerate(lines):
        x, y = 0.2, side + 0.6 + 0.62 * row
        for token, width in line:
            if token == IMAGE_TOKEN:
                page.picture(x, y, 0.42, [tiles[number]])
                number += 1
                page.text(x + 0.21, y + 0.51, str(number), 7, GREY_TEXT, ha="center", va="center_baseline")
            else:
                page.text(
                    x + width / 2,
                    y + 0.21,
                    token,
                    8,
                    ha="center",
                    va="center_baseline",
                    family="monospace",
                    bbox={"boxstyle": "round,pad=0.3", "facecolor": "#F4F4F4", "edgecolor": QUIET, "linewidth": 0.6},
                )
            x += width + 0.12
    return page.figure


def _prompt_lines(tokens: Sequence[str], width: float) -> list[list[tuple[str, float]]]:
    """The prompt broken into lines of at most `width` inches: (token, its width) pairs."""
    lines: list[list[tuple[str, float]]] = [[]]
    used = 0.0
    for token in tokens:
        wide = 0.42 if token == IMAGE_TOKEN else text_width(token, 8, family="monospace") + 0.14
        if used + wide > width:
            lines.append([])
            used = 0.0
        lines[-1].append((token, wide))
        used += wide + 0.12
    return lines


def patch_similarity_figure(
    queries: Sequence[str], pictures: Sequence[Image.Image], similarities: np.ndarray, true: Sequence[Sequence[int]] = ()
) -> Figure:
    """Cosine of each query (row) with each picture (column) as a heat map: the highest of a row in bold type, blue frames
    where the caption is true.

    Args:
        similarities: (queries, pictures), between -1 and 1.
        true: for each query the columns of the pictures that it is true of.

    Raises ValueError for a matrix of another shape.
    """
    values = np.asarray(similarities, dtype=float)
    if values.shape != (len(queries), len(pictures)):
        raise ValueError(f"{values.shape} similarities for {len(queries)} queries and {len(pictures)} pictures")
    left, side, top = 2.5, min(0.78, 7.8 / len(pictures)), 0.1
    page = Page(left + len(pictures) * side + 0.2, top + (len(queries) + 1) * side + 0.2)
    for column, picture in enumerate(pictures):
        page.picture(left + column * side + 0.03, top, side - 0.06, [square(picture, 128)])
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 1e-6)
    frames = []
    for row, query in enumerate(queries):
        y = top + (row + 1) * side
        words = "\n".join(shorten(line, 8.5, left - 0.3) for line in textwrap.wrap(query, 34)[:4])
        page.text(left - 0.12, y + side / 2, words, 8.5, ha="right", va="center")
        for column in range(len(pictures)):
            x, depth = left + column * side, (values[row, column] - low) / (high - low)
            page.axis.fill(
                [x, x + side, x + side, x],
                [y, y, y + side, y + side],
                zorder=1,
                color=tuple(1 - depth * (1 - c) for c in (0.90, 0.45, 0.0)),
            )  # white to Okabe-Ito orange
            best = values[row, column] == values[row].max()
            page.text(
                x + side / 2,
                y + side / 2,
                f"{values[row, column]:.2f}".replace("-", "−"),
                9,
                ha="center",
                va="center_baseline",
                fontweight="bold" if best else "normal",
                zorder=4,
            )
            if row < len(true) and column in true[row]:
                frames.append((x, y))
    for x, y in frames:
        inner = 0.035
        page.lines(
            [
                [
                    (x + inner, y + inner),
                    (x + side - inner, y + inner),
                    (x + side - inner, y + side - inner),
                    (x + inner, y + side - inner),
                    (x + inner, y + inner),
                ]
            ],
            GOOD,
            2.4,
            name="true",
        )
    return page.figure
