"""How a picture gets into a language model: its patches, the cells that become vectors, and their positions in the prompt."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from PIL import Image

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.viz.canvas import CENTER, Canvas, text_width
from gcr_tutorial.viz.style import GREY_TEXT, INK, QUIET

IMAGE_TOKEN = "<image>"


def patch_figure(picture: Image.Image, patch: int, scale: int, tokens: Sequence[str]) -> Figure:
    """Draw the picture cut into patches (thin lines) and into the cells that become one vector each (thick lines, numbered),
    and below it the prompt, with a cell at the position of each `<image>` token.

    Args:
        picture: at the size the vision tower sees; a multiple of patch * scale.
        patch: pixels a side of a patch.
        scale: patches a side of a cell.
        tokens: the prompt's tokens, an `<image>` for each cell.

    Raises ValueError where the sizes do not fit.
    """
    cell, pixels = patch * scale, picture.width
    if picture.width != picture.height or pixels % cell:
        raise UserValueError(f"a picture of {picture.size} pixels does not divide into cells of {cell}: take another size")
    across = pixels // cell
    if list(tokens).count(IMAGE_TOKEN) != across**2:
        raise UserValueError(f"the prompt has {list(tokens).count(IMAGE_TOKEN)} {IMAGE_TOKEN} tokens for {across**2} cells")
    corners = [(x * cell, y * cell) for y in range(across) for x in range(across)]
    tiles = [picture.crop((x, y, x + cell, y + cell)) for x, y in corners]
    lines = _prompt_lines(tokens, 10.1)
    side, gap = 3.2, 0.9
    canvas = Canvas(10.5, side + (0.75 if IMAGE_TOKEN in dict(lines[-1]) else 0.6) + 0.62 * len(lines))
    for left, step, what in (
        (1.6, patch, f"{(pixels // patch) ** 2} patches of {patch} × {patch} pixels"),
        (1.6 + side + gap, cell, f"{across**2} cells of {scale} × {scale} patches"),
    ):
        canvas.picture(left, 0.35, side, [picture])
        grid, width = [side * i * step / pixels for i in range(1, pixels // step)], 0.5 if step == patch else 1.8
        canvas.axis.vlines([left + at for at in grid], 0.35, 0.35 + side, color=INK, linewidth=width, zorder=7)
        canvas.axis.hlines([0.35 + at for at in grid], left, left + side, color=INK, linewidth=width, zorder=7)
        canvas.text(left + side / 2, 0.2, what, 9, **CENTER)
    disc = {"boxstyle": "circle,pad=0.25", "facecolor": INK, "edgecolor": "none", "alpha": 0.75}
    for i in range(across**2):
        x, y = (side * (at + 0.5) / across for at in (i % across, i // across))
        look = {"fontweight": "bold", "bbox": disc, "zorder": 9}
        canvas.text(1.6 + side + gap + x, 0.35 + y, str(i + 1), 10, "white", **CENTER, **look)
    word = {"boxstyle": "round,pad=0.3", "facecolor": "#F4F4F4", "edgecolor": QUIET, "linewidth": 0.6}
    number = 0
    for row, line in enumerate(lines):
        x, y = 0.2, side + 0.6 + 0.62 * row
        for token, width in line:
            if token == IMAGE_TOKEN:
                canvas.picture(x, y, 0.42, [tiles[number]])
                number += 1
                canvas.text(x + 0.21, y + 0.51, str(number), 7, GREY_TEXT, **CENTER)
            else:
                canvas.text(x + width / 2, y + 0.21, token, 8, family="monospace", bbox=word, **CENTER)
            x += width + 0.12
    return canvas.figure


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
