"""The trie of a few identifiers, drawn with the pictures at its leaves (GRACE section 3.4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.trie import TrieIndex
from gcr_tutorial.viz.canvas import END_LABEL, Canvas, Lookup, leaf_heights, look_up, shorten, text_width
from gcr_tutorial.viz.style import GOOD, GREY_TEXT, INK, QUIET

MOST_LEAVES = 60  # of a trie that is still readable


def trie_figure(
    trie: TrieIndex, token_names: Lookup, pictures: Lookup | None = None, names: Lookup | None = None, *, width: float = 10.5
) -> Figure:
    """Draw the whole trie, root on the left, one token an edge; edges that several identifiers share are blue and thick.

    A number in a node counts the identifiers that pass through it.

    Args:
        trie: of at most 60 identifiers.
        token_names: what to call a token, by vocabulary id; `tokenizer.convert_ids_to_tokens` will do.
        pictures: the picture at the end of an identifier, by its row in what the trie was built from.
        names: what to call it, likewise (default: "image 0", "image 1", ...).
        width: of the figure in inches at most; long token names are cut to fit.

    Raises ValueError for a trie that is too large, or too deep for `width`.
    """
    if len(trie) > MOST_LEAVES:
        raise UserValueError(f"{len(trie)} identifiers do not fit on a page: build a TrieIndex of {MOST_LEAVES} or fewer")
    name_of = look_up(token_names)
    all_nodes = range(trie.num_nodes)
    leaves = {node: at for node in all_nodes if (at := trie.row_at(node)) is not None}  # node -> row
    children, depth, labels = {}, {0: 0}, {}
    for node in all_nodes:  # the root is 0, and children have greater numbers than their parent
        tokens, nodes = (array.tolist() for array in trie.children(node))
        children[node] = nodes
        depth |= dict.fromkeys(nodes, depth[node] + 1)
        labels |= {to: END_LABEL if token == trie.end_id else str(name_of(token)) for token, to in zip(tokens, nodes)}
    passing: dict[int, int] = {}  # how many identifiers pass through each node
    for node in reversed(all_nodes):
        passing[node] = (node in leaves) + sum(passing[child] for child in children[node])

    side, line = (0.46, 0.52) if pictures else (0.0, 0.24)
    titles = {node: shorten(look_up(names)(at) if names else f"image {at}", 7.5, 1.6) for node, at in leaves.items()}
    right = 0.35 + side + max(text_width(title, 7.5) for title in titles.values())
    wanted = [
        max(text_width(shorten(label, 8, 9), 8) for node, label in labels.items() if depth[node] == at + 1)
        for at in range(trie.depth)
    ]
    bend, margin, top = 0.42, 0.25, 0.15
    room = _share(wanted, width - margin - right - trie.depth * (bend + 0.2), trie.depth)
    starts = np.cumsum([margin] + [bend + 0.2 + r for r in room]).tolist()  # x of the nodes at each depth

    height = {node: top + line * (at + 0.5) for node, at in leaf_heights(0, children).items()}
    canvas = Canvas(starts[-1] + right, 2 * top + line * len(leaves))
    for parent, nodes in children.items():
        for node in nodes:
            shared = passing[node] > 1
            end, weight = starts[depth[node]], 1 + 0.9 * np.log2(passing[node])
            start = starts[depth[parent]], height[parent]
            canvas.curve(start, (end, height[node]), bend, GOOD if shared else QUIET, weight, gid="edge")
            color, label = GREY_TEXT if labels[node] == END_LABEL else INK, shorten(labels[node], 8, room[depth[node] - 1])
            canvas.text(end - 0.1, height[node] - weight / 144 - 0.02, label, 8, color, ha="right", va="bottom")
    for node, at in height.items():
        look = (GOOD, 0.085, passing[node]) if passing[node] > 1 else (GREY_TEXT, 0.03)
        canvas.dot(starts[depth[node]], at, *look)
    for node, row in leaves.items():
        if depth[node] < trie.depth:
            canvas.lines([[(starts[depth[node]] + 0.06, height[node]), (starts[-1], height[node])]], linestyle=(0, (1, 3)))
        if pictures:
            canvas.picture(starts[-1] + 0.12, height[node] - side / 2, side, [look_up(pictures)(row)])
        canvas.text(starts[-1] + side + 0.2, height[node], titles[node], 7.5, va="center_baseline")
    return canvas.figure


def _share(wanted: Sequence[float], width: float, depth: int) -> list[float]:
    """The widths `wanted`, the largest cut to one common width so that they fit into `width` inches."""
    for cap in np.arange(2.0, 0.25, -0.02):
        room = [min(one, float(cap)) for one in wanted]
        if sum(room) <= width:
            return room
    raise UserValueError(f"identifiers of {depth} tokens do not fit: give the figure a larger width than now")
