"""A canvas measured in inches, for figures that place every picture, word and line themselves (trees, tables, prompts)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Circle, PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from PIL import Image

from gcr_tutorial.data.image_files import square
from gcr_tutorial.viz.style import INK, QUIET

DPI = 110  # pixels an inch in a notebook
PICTURE_DPI = 220  # pixels an inch that a picture keeps, for print
END_LABEL = "end"  # what figures call the end-of-identifier token
CENTER = {"ha": "center", "va": "center_baseline"}  # for `Canvas.text`: centred on (x, y)

Lookup = Callable[[int], Any] | Mapping[int, Any] | Sequence[Any]


class Canvas:
    """An empty figure of `width` x `height` inches; x runs to the right and y *down*, both in inches."""

    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self.figure = Figure(figsize=(width, height), dpi=DPI)
        self.axis = self.figure.add_axes((0, 0, 1, 1))
        self.axis.set(xlim=(0, width), ylim=(height, 0))
        self.axis.axis("off")

    def text(self, x: float, y: float, words: str, size: float = 8, color: str = INK, **style: Any) -> None:
        """`words` at (x, y), as they are (a "$" is a dollar); `style` goes to matplotlib (`ha`, `va`, ...)."""
        self.axis.text(x, y, words, fontsize=size, color=color, parse_math=False, **style)

    def lines(
        self, lines: Sequence[Sequence[tuple[float, float]]], color: str = QUIET, width: float = 0.8, **style: Any
    ) -> None:
        """Straight lines from point to point, `width` in typographic points; `style` goes to matplotlib (`linestyle`, `gid`)."""
        path = Path.make_compound_path(*(Path(points) for points in lines))
        self._stroke(path, color, width, joinstyle="round", **style)

    def curve(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        bend: float | None = None,
        color: str = QUIET,
        width: float = 0.8,
        **style: Any,
    ) -> None:
        """An S-shaped line from `start` to `end`; it is level from x = start + `bend` on (default: at the end only)."""
        (x0, y0), (x1, y1) = start, end
        turn = x1 if bend is None else x0 + bend
        middle = (x0 + turn) / 2
        points = [(x0, y0), (middle, y0), (middle, y1), (turn, y1), (x1, y1)]
        self._stroke(Path(points, [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO]), color, width, **style)

    def _stroke(self, path: Path, color: str, width: float, **style: Any) -> None:
        layer = 1 if color == QUIET else 2
        look = {"facecolor": "none", "edgecolor": color, "linewidth": width, "capstyle": "butt", "zorder": layer}
        self.axis.add_patch(PathPatch(path, **look, **style))

    def dot(
        self, x: float, y: float, color: str = INK, radius: float = 0.045, number: int | None = None, ink: str = "white"
    ) -> None:
        """A filled dot, with a small number in it if one is given."""
        self.axis.add_patch(Circle((x, y), radius, facecolor=color, edgecolor="white", linewidth=0.6, zorder=3))
        if number is not None:
            self.text(x, y, str(number), 5.8, ink, **CENTER, fontweight="bold", zorder=4)

    def cross(self, x: float, y: float, color: str = INK, radius: float = 0.035) -> None:
        """A small x: here something ends."""
        self.lines([[(x - radius, y + way * radius), (x + radius, y - way * radius)] for way in (-1, 1)], color, 1.2)

    def picture(self, x: float, y: float, side: float, pictures: Sequence[Image.Image], frame: str | None = None) -> None:
        """A square with its upper left corner at (x, y): one picture, or up to four as a mosaic, in a frame of that colour."""
        pixels = round(side * PICTURE_DPI)
        if len(pictures) == 1:
            image = square(pictures[0].convert("RGB"), pixels)
        else:
            image = Image.new("RGB", (pixels, pixels), "white")
            for i, picture in zip((0, 3) if len(pictures) == 2 else range(4), pictures):
                quarter = square(picture.convert("RGB"), pixels // 2 - 1)
                image.paste(quarter, (i % 2 * (pixels // 2 + 1), i // 2 * (pixels // 2 + 1)))
        self.axis.imshow(image, extent=(x, x + side, y + side, y), aspect="auto", zorder=5, interpolation="antialiased")
        look = {"edgecolor": frame or QUIET, "linewidth": 2.6 if frame else 0.5, "joinstyle": "miter", "zorder": 6}
        self.axis.add_patch(Rectangle((x, y), side, side, facecolor="none", **look))


def text_width(words: str, size: float, **font: Any) -> float:
    """Width in inches of `words` at `size` points, a little generous."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # it is drawn as an empty box
        return 1.06 * text_to_path.get_text_width_height_descent(words, FontProperties(size=size, **font), False)[0] / 72


def shorten(words: Any, size: float, width: float, **font: Any) -> str:
    """`words` in one line of printable characters, cut with "…" to at most `width` inches at `size` points."""
    words = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(words))
    if text_width(words, size, **font) <= width:
        return words
    while words and text_width(words + "…", size, **font) > width:
        words = words[:-1]
    return words + "…"


def look_up(source: Lookup) -> Callable[[int], Any]:
    """`source` as a function: it is one already, or a list or dictionary that is asked with []."""
    return source if callable(source) else source.__getitem__


def leaf_heights(root: Hashable, children: Mapping[Any, Sequence[Any]]) -> dict[Any, float]:
    """How far down each node of a tree is drawn: the leaves at 0, 1, 2, ..., a parent in the middle of its children.

    So no two nodes of the same depth meet, and branches never cross.
    """
    heights: dict[Any, float] = {}
    leaves = 0
    stack = [(root, False)]
    while stack:
        node, below_is_done = stack.pop()
        below = children.get(node, ())
        if not below:
            heights[node], leaves = float(leaves), leaves + 1
        elif below_is_done:
            heights[node] = (heights[below[0]] + heights[below[-1]]) / 2
        else:
            stack.append((node, True))
            stack += [(child, False) for child in reversed(below)]
    return heights
