"""The tree that identifiers make (GRACE section 3.2), each node shown by some of the images that share its prefix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.identifiers import Identifiers
from gcr_tutorial.viz.canvas import END_LABEL, Canvas, Lookup, look_up, shorten
from gcr_tutorial.viz.style import GOOD, GREY_TEXT, INK

MOST_LINES = 24  # of pictures that fit on a page
WIDTH, MARGIN, TOP = 10.5, 0.15, 0.35  # of the canvas, in inches
HEAD, COLUMN = 0.7, 1.06  # side of a node's picture, from one level to the next
COMB = 0.15  # height above a picture for the branches that lead to it
LINE, LANE = COMB + HEAD + 0.21, 0.14  # height of a line of pictures with words; between two lines of the path


@dataclass(frozen=True)
class _Node:
    """A prefix: the token that leads to it (None at the root, "" where an identifier ends), its rows in identifier
    order, the children that are drawn and how many are not."""

    token: str | None
    rows: list[int]
    children: list[_Node] = field(default_factory=list)
    hidden: int = 0


def cluster_tree_figure(
    identifiers: Identifiers,
    pictures: Lookup,
    rows: Sequence[int] | None = None,
    depth: int = 2,
    *,
    path: int | None = None,
    branches: int = 8,
) -> Figure:
    """Draw the tree that the identifiers make, each node shown by some of its images, and one image's path to its end.

    Up to four images stand for a node, evenly spaced among its identifiers in their order. A number beside a token counts the images that share the prefix.

    Args:
        identifiers: of any kind; "structured" and "residual" ones group images that look alike.
        pictures: the picture of a row of `identifiers`: a function, list or dictionary.
        rows: the rows to show (default: all).
        depth: levels of the tree that are drawn whole.
        path: the row whose whole path is drawn, in blue (default: none).
        branches: children of a node that are drawn at most, the largest and those on the path; the others are counted.

    Raises ValueError for no rows, unknown rows, a path outside them, or a tree too large for a canvas.
    """
    rows = list(dict.fromkeys(range(len(identifiers)) if rows is None else rows))
    if not rows or not all(0 <= row < len(identifiers) for row in rows):
        raise UserValueError(f"rows must be one or more of 0 to {len(identifiers) - 1}, got {rows[:5]}")
    if depth < 1 or branches < 1:
        raise UserValueError(f"depth and branches must be at least 1, got {depth} and {branches}")
    if path is not None and path not in rows:
        raise UserValueError(f"path must be one of the rows shown, and {path} is not")
    if not any(identifiers.codes[row] for row in rows):
        raise UserValueError(f"{identifiers.kind} identifiers have no tokens, so they make no tree: choose another kind")
    order = {token: i for i, token in enumerate(identifiers.new_tokens)}
    rows.sort(key=lambda row: [(order.get(token, len(order)), token) for token in identifiers.codes[row]])
    root = _grow(None, rows, 0, depth, identifiers.codes, path, branches)
    trail = [root]  # the nodes of the path
    while path is not None and trail[-1].children:
        trail.append(next(child for child in trail[-1].children if path in child.rows))
    heads = _heads(root, depth)
    below = [node for node in trail[depth:] if node.children]  # the lines under the tree: the rest of the path
    if len(heads) + len(below) > MOST_LINES:
        raise UserValueError(
            f"{len(heads) + len(below)} lines of pictures do not fit on a page, {MOST_LINES} do: "
            "choose fewer rows, or a smaller depth or number of branches"
        )

    start = MARGIN + (0.6 if depth == 1 and below else 0)  # x of the root, left of which stand the names of the lines
    left = start + (depth - 1) * COLUMN  # x of the last heads
    slots = max(len(node.children) + (node.hidden > 0) for node in [*heads, *below])
    pitch = min((WIDTH - MARGIN - left - COLUMN - HEAD) / max(slots - 1, 1), COLUMN)
    if pitch < 0.45:
        raise UserValueError(f"{slots} pictures do not fit side by side at depth {depth}: choose fewer branches")
    tree_end = TOP + len(heads) * LINE + 0.12
    canvas = Canvas(
        max(left + COLUMN + (slots - 1) * pitch + HEAD + MARGIN, 6),
        tree_end + (0.4 + len(below) * (LINE + LANE) if below else 0),
    )
    drawing = _Drawing(canvas, look_up(pictures), path, depth, start, pitch)
    for level in range(depth + 1):
        canvas.text(start + level * COLUMN, 0.2, f"token {level}" if level else "gallery", 8, GREY_TEXT, va="center")
    drawing.tree(root, 0, TOP)
    if below:
        code = " ".join(identifiers.codes[path])
        canvas.text(
            MARGIN,
            tree_end + 0.2,
            shorten(f"The blue path to its end: {code} is {identifiers.image_ids[path]}", 9, canvas.width - 2 * MARGIN),
            9,
            GOOD,
            va="center",
        )
    for i, node in enumerate(below):
        y = tree_end + 0.4 + i * (LINE + LANE)
        canvas.text(MARGIN, y + COMB + HEAD / 2, f"token {depth + 1 + i}", 8, GREY_TEXT, va="center")
        drawing.node(left, y, node)
        drawing.strip(left, y, node)
        if i:  # from the framed picture above to this line
            x = drawing.slot(left, below[i - 1].children.index(node)) + drawing.side / 2
            middle, lane = left + HEAD / 2, y - LANE / 2
            canvas.lines([[(x, y - LANE), (x, lane), (middle, lane), (middle, y + COMB)]], GOOD, 1.6)
    return canvas.figure


@dataclass(frozen=True)
class _Drawing:
    """Draws nodes on a canvas. Inches: `start` is the x of the root, `pitch` from picture to picture in a strip."""

    canvas: Canvas
    picture_of: Callable[[int], Any]
    path: int | None
    depth: int
    start: float
    pitch: float

    @property
    def side(self) -> float:
        return min(HEAD, self.pitch - 0.12)

    def slot(self, left: float, i: int) -> float:
        """x of the picture i of the strip that belongs to a head at x = `left`."""
        return left + COLUMN + i * self.pitch

    def node(self, x: float, y: float, node: _Node, side: float = HEAD, width: float = COLUMN) -> None:
        """The node's pictures at (x, y + COMB), its token and count under them, at most `width` wide."""
        shown = [node.rows[i] for i in np.unique(np.linspace(0, len(node.rows) - 1, 4).round().astype(int))]
        on_path = self.path in node.rows
        self.canvas.picture(x, y + COMB, side, [self.picture_of(row) for row in shown], GOOD if on_path else None)
        count = f" · {len(node.rows):,}" if len(node.rows) > 1 else ""
        words = f"{len(node.rows):,} images" if node.token is None else (node.token or END_LABEL) + count
        words, color = shorten(words, 7, width - 0.06), GOOD if on_path else INK
        self.canvas.text(x, y + COMB + side + 0.11, words, 7, color, va="center_baseline")

    def strip(self, left: float, y: float, node: _Node) -> None:
        """The children of a head at x = `left` in a line to its right."""
        if not node.children:
            return
        ends = []
        for i, child in enumerate(node.children):
            x = self.slot(left, i)
            ends.append((x + self.side / 2, y + COMB))
            self.node(x, y, child, self.side, self.pitch)
        self.branches((left + HEAD, y + COMB + HEAD / 2), [[(x, y + 0.06), (x, end)] for x, end in ends], node)
        if node.hidden:
            self.more(self.slot(left, len(ends)), y + COMB + self.side / 2, node)

    def tree(self, node: _Node, level: int, y: float) -> tuple[float, float]:
        """The node and all below it, down from y. Returns y of its own line, and where the next may start."""
        x = self.start + level * COLUMN
        if level == self.depth - 1 or not node.children:
            self.node(x, y, node)
            self.strip(x, y, node)
            return y, y + LINE
        heights = []
        for child in node.children:
            at, y = self.tree(child, level + 1, y)
            heights.append(at)
        own = (heights[0] + heights[-1]) / 2
        self.node(x, own, node)
        self.branches((x + HEAD, own + COMB + HEAD / 2), [[(x + COLUMN, at + COMB + HEAD / 2)] for at in heights], node)
        if node.hidden:
            self.more(x, own + LINE + 0.05, node)
        return own, y

    def more(self, x: float, y: float, node: _Node) -> None:
        """How many children of the node are not drawn."""
        self.canvas.text(x, y, f"+ {node.hidden:,} more", 7, GREY_TEXT, va="center_baseline")

    def branches(self, origin: tuple[float, float], ends: list[list[tuple[float, float]]], node: _Node) -> None:
        """One line a child: from `origin`, up or down a vertical line that all share, then through the child's points."""
        bus = origin[0] + (COLUMN - HEAD) / 2
        heights = [origin[1], *(points[0][1] for points in ends)]
        reach = {points[0][1]: points[0][0] for points in ends}  # y -> x of the last child there
        stem = [[origin, (bus, origin[1])], [(bus, min(heights)), (bus, max(heights))]]
        self.canvas.lines(stem + [[(bus, y), (x, y)] for y, x in reach.items()])
        for points, child in zip(ends, node.children):
            if len(points) > 1:
                self.canvas.lines([points])
            if self.path in child.rows:
                self.canvas.lines([[origin, (bus, origin[1]), (bus, points[0][1]), *points]], GOOD, 1.6)


def _heads(node: _Node, depth: int, level: int = 0) -> list[_Node]:
    """The nodes that get a line of their own: those of level depth - 1, and leaves above it."""
    if level == depth - 1 or not node.children:
        return [node]
    return [head for child in node.children for head in _heads(child, depth, level + 1)]


def _grow(
    token: str | None,
    rows: list[int],
    level: int,
    depth: int,
    codes: Sequence[tuple[str, ...]],
    path: int | None,
    branches: int,
) -> _Node:
    """The tree below a prefix of `level` tokens: whole down to `depth`, below that along `path` only."""
    groups: dict[str, list[int]] = {}  # next token ("" where the identifier ends) -> rows
    for row in rows:
        groups.setdefault((*codes[row], "")[level] if token != "" else "", []).append(row)
    if groups.keys() == {""} or (level >= depth and path not in rows):
        return _Node(token, rows)
    largest = sorted(groups, key=lambda one: (path not in groups[one], -len(groups[one])))[:branches]
    children = [_grow(one, groups[one], level + 1, depth, codes, path, branches) for one in groups if one in largest]
    return _Node(token, rows, children, len(groups) - len(largest))
