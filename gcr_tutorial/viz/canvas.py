"""A page measured in inches, for figures of trees: pictures, words and branches stand exactly where they are put."""

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
from gcr_tutorial.viz.pictures import INK, QUIET

DPI = 110  # of a notebook
PICTURE_DPI = 220  # pixels that a picture keeps, for print
END_LABEL = "end"  # what figures call the end-of-identifier token
GREY_TEXT = "#6B6B6B"  # as readable as grey gets on white

Lookup = Callable[[int], Any] | Mapping[int, Any] | Sequence[Any]


class Page:
    """An empty page of `width` x `height` inches; x runs to the right and y *down*, both in inches."""

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
        self,
        lines: Sequence[Sequence[tuple[float, float]]],
        color: str = QUIET,
        width: float = 0.8,
        style: Any = "-",
        name: str | None = None,
    ) -> None:
        """Straight lines from point to point, `width` in typographic points; `name` becomes matplotlib's gid."""
        path = Path.make_compound_path(*(Path(points) for points in lines))
        self.axis.add_patch(
            PathPatch(
                path,
                facecolor="none",
                edgecolor=color,
                linewidth=width,
                linestyle=style,
                capstyle="butt",
                joinstyle="round",
                zorder=1 if color == QUIET else 2,
                gid=name,
            )
        )

    def curve(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        bend: float | None = None,
        color: str = QUIET,
        width: float = 0.8,
        style: Any = "-",
        name: str | None = None,
    ) -> None:
        """An S from `start`, level from x = start + `bend` on (default: at the end), to `end`."""
        (x0, y0), (x1, y1) = start, end
        turn = x1 if bend is None else x0 + bend
        middle = (x0 + turn) / 2
        path = Path(
            [(x0, y0), (middle, y0), (middle, y1), (turn, y1), (x1, y1)],
            [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4, Path.LINETO],
        )
        self.axis.add_patch(
            PathPatch(
                path,
                facecolor="none",
                edgecolor=color,
                linewidth=width,
                linestyle=style,
                capstyle="butt",
                zorder=1 if color == QUIET else 2,
                gid=name,
            )
        )

    def dot(
        self, x: float, y: float, color: str = INK, radius: float = 0.045, number: int | None = None, ink: str = "white"
    ) -> None:
        """A filled dot, with a small number in it if one is given."""
        self.axis.add_patch(Circle((x, y), radius, facecolor=color, edgecolor="white", linewidth=0.6, zorder=3))
        if number is not None:
            self.text(x, y, str(number), 5.8, ink, ha="center", va="center_baseline", fontweight="bold", zorder=4)

    def cross(self, x: float, y: float, color: str = INK, radius: float = 0.035) -> None:
        """A small x: here something ends."""
        self.lines([[(x - radius, y + way * radius), (x + radius, y - way * radius)] for way in (-1, 1)], color, 1.2)

    def picture(self, x: float, y: float, side: float, pictures: Sequence[Image.Image], frame: str | None = None) -> None:
        """A square with its upper left corner at (x, y): one picture, or up to four as a mosaic."""
        pixels = round(side * PICTURE_DPI)
        if len(pictures) == 1:
            image = square(pictures[0].convert("RGB"), pixels)
        else:
            image = Image.new("RGB", (pixels, pixels), "white")
            for i, picture in zip((0, 3) if len(pictures) == 2 else range(4), pictures):
                quarter = square(picture.convert("RGB"), pixels // 2 - 1)
                image.paste(quarter, (i % 2 * (pixels // 2 + 1), i // 2 * (pixels // 2 + 1)))
        self.axis.imshow(image, extent=(x, x + side, y + side, y), aspect="auto", zorder=5, interpolation="antialiased")
        self.axis.add_patch(
            Rectangle(
                (x, y),
                side,
                side,
                facecolor="none",
                edgecolor=frame or QUIET,
                linewidth=2.6 if frame else 0.5,
                zorder=6,
                joinstyle="miter",
            )
        )


def text_width(words: str, size: float, **font: Any) -> float:
    """Width in inches of `words` at `size` points, a little generous."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # it is drawn as an empty box
        return _measured(words, size, **font)


def _measured(words: str, size: float, **font: Any) -> float:
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
    """`source` as a function: it may be one, or a list or dictionary."""
    return source if callable(source) else source.__getitem__


def leaf_rows(root: Hashable, children: Mapping[Any, Sequence[Any]]) -> dict[Any, float]:
    """A row for each node of the tree: the leaves have 0, 1, 2, ... from the top, a parent the middle of its children.

    No two nodes at the same distance from the root share a row, and branches never cross.
    """
    rows: dict[Any, float] = {}
    leaves = 0
    stack = [(root, False)]
    while stack:
        node, children_placed = stack.pop()
        below = children.get(node, ())
        if not below:
            rows[node], leaves = float(leaves), leaves + 1
        elif children_placed:
            rows[node] = (rows[below[0]] + rows[below[-1]]) / 2
        else:
            stack.append((node, True))
            stack += [(child, False) for child in reversed(below)]
    return rows
