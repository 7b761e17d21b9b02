"""A beam search over the trie, step by step (GRACE section 3.4), drawn from the `BeamTrace` that the search recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from gcr_tutorial.decoding.trace import BeamTrace, TracedChild
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.viz.canvas import END_LABEL, Canvas, Lookup, leaf_heights, look_up, shorten, text_width
from gcr_tutorial.viz.style import GOOD, GREY_TEXT, INK, QUIET

WINS, LOST = "#D55E00", "#F2B78C"  # Okabe-Ito vermillion, and a tint of it
MARGIN, LINE, BEND = 0.25, 0.215, 0.36  # inches: at the sides, from branch to branch, of the S that starts a branch
LEGEND = 0.22  # inches, from line to line of the legend
MOST_LINES = 120  # branches that fit under each other


@dataclass(frozen=True)
class _Branch:
    """A child that is drawn: its parent's node, its step, and its rank among those that live on (1 is best, else None)."""

    child: TracedChild
    parent: int
    step: int
    rank: int | None


class _Unrolled:
    """The part of a search that is drawn: its branches by the trie node that they lead to, in token order."""

    def __init__(self, trace: BeamTrace, near_misses: int, target: tuple[int, ...]) -> None:
        self.trace, self.root = trace, trace.steps[0].prefixes[0].node
        self.branches: dict[int, _Branch] = {}
        self.right = {self.root} if target else set()  # nodes on the path of the right identifier
        for at, step in enumerate(trace.steps):
            found = [(prefix, child) for prefix in step.prefixes for child in prefix.children]
            self.right |= {c.node for p, c in found if (*p.tokens, c.token) == target[: at + 1]}
            best = sorted((child for _, child in found), key=lambda child: -child.score)
            living = [child.node for child in best if child.survives and child.row is None]
            missed = [child.node for child in best if not child.survives][:near_misses]
            for prefix, child in found:
                if child.survives or child.node in missed or child.node in self.right:
                    rank = living.index(child.node) + 1 if child.node in living else None
                    self.branches[child.node] = _Branch(child, prefix.node, at, rank)
        children: dict[int, list[int]] = {}
        for node, branch in self.branches.items():  # in token order, like each prefix's children
            children.setdefault(branch.parent, []).append(node)
        self.heights = leaf_heights(self.root, children)
        self.lines = 1 + int(max(self.heights.values()))

    def answers(self, step: int) -> list[tuple[int, int, float]]:
        """(node, row, score) of what is finished after `step`, best first."""
        ends = {branch.child.row: node for node, branch in self.branches.items() if branch.child.survives}
        return [(ends[row], row, score) for row, score in self.trace.steps[step].finished]

    def alive(self, step: int) -> set[int]:
        """The nodes that, after `step`, lead to an answer or to a prefix that lives on."""
        ends = [node for node, _, _ in self.answers(step)]
        ends += [node for node, branch in self.branches.items() if branch.step == step and branch.rank]
        alive = {self.root}
        for node in ends:
            while node not in alive:
                alive.add(node)
                node = self.branches[node].parent
        return alive


def beam_figure(
    trace: BeamTrace,
    token_names: Lookup,
    pictures: Lookup | None = None,
    names: Lookup | None = None,
    *,
    query: str | None = None,
    target: Sequence[int] | None = None,
    step: int | None = None,
    near_misses: int = 3,
    width: float = 10.5,
) -> Figure:
    """Draw the search from left to right: what was kept at each step, the best of what was pruned, the answers.

    A branch is as thick as its token is probable (the number beside it); the number in a node is the prefix's rank
    among those kept. Branches that lead to an answer or a live prefix are dark, those kept at first and lost later
    pale, pruned ones grey and dotted. Good to read up to 10 beams and 6 tokens.

    Args:
        trace: from `beam_trace`.
        token_names: what to call a token, by vocabulary id; `tokenizer.convert_ids_to_tokens` will do.
        pictures: the picture of an answer, by its row in what the trie was built from.
        names: what to call it, likewise (default: "image 0", "image 1", ...).
        query: a title.
        target: the right identifier as token ids; its path is blue, as far as the search followed it.
        step: draw the search up to and with this step (from 0; default: all). Nothing else moves, so that the
            figures of all steps make an animation.
        near_misses: how many pruned children are drawn a step, the best ones.
        width: of the figure in inches at most; long token names are cut to fit.

    Raises ValueError for a trace without steps, a step it does not have, or a search too large for a canvas.
    """
    steps = len(trace.steps)
    if not steps:
        raise UserValueError("the trace has no steps: make one with beam_trace")
    step = steps - 1 if step is None else step
    if not 0 <= step < steps:
        raise UserValueError(f"this search has steps 0 to {steps - 1}, there is no step {step}")
    tree = _Unrolled(trace, near_misses, tuple(target or ()))
    if tree.lines > MOST_LINES:
        raise UserValueError(f"{tree.lines} branches do not fit under each other, {MOST_LINES} do: trace fewer beams")
    side, slot = (0.44, 0.5) if pictures else (0.0, 0.26)  # of an answer's picture; from answer to answer
    answers_width = 0.75 + side + 1.2
    column = min(1.45, (width - 2 * MARGIN - answers_width) / steps)
    if column < BEND + 0.6:
        raise UserValueError(f"{steps} steps do not fit into {width} inches: give the figure a larger width")
    top = 0.45 + (0.4 if query else 0)
    body = max(tree.lines * LINE, len(trace.results) * slot)
    total_width = 2 * MARGIN + steps * column + answers_width
    legend = _legend_lines(near_misses, bool(target), step == steps - 1, total_width)
    canvas = Canvas(total_width, top + body + 0.3 + len(legend) * LEGEND)
    shift = top + (body - tree.lines * LINE) / 2
    points = {tree.root: (MARGIN, shift + LINE * (tree.heights[tree.root] + 0.75))}
    for node, branch in tree.branches.items():
        points[node] = (MARGIN + (branch.step + 1) * column, shift + LINE * (tree.heights[node] + 0.75))
    alive = tree.alive(step)

    def color(node: int) -> str:
        if node in tree.right:
            return GOOD
        return WINS if node in alive else LOST if tree.branches[node].child.survives else QUIET

    if query:
        canvas.text(MARGIN - 0.05, 0.25, shorten(f"“{query}”", 11, canvas.width - 2 * MARGIN), 11, va="center")
    for at in range(step + 1):
        kept = [child.survives for prefix in trace.steps[at].prefixes for child in prefix.children]
        x = MARGIN + (at + 1) * column - 0.1
        canvas.text(x, top - 0.25, f"token {at + 1}", 8, ha="right", fontweight="bold")
        canvas.text(x, top - 0.1, f"{sum(kept)} of {len(kept)} kept", 7, GREY_TEXT, ha="right")
    shown = [(node, branch) for node, branch in tree.branches.items() if branch.step <= step]
    for node, branch in sorted(shown, key=lambda one: (one[1].child.survives, one[0] in alive, one[0] in tree.right)):
        _draw_branch(canvas, branch, points[branch.parent], points[node], color(node), column, look_up(token_names))
        if branch.child.survives:
            _draw_rank(canvas, *points[node], color(node), branch.rank)
        else:
            canvas.cross(*points[node], color(node))
    canvas.dot(*points[tree.root])

    left = MARGIN + steps * column  # of the answers
    if tree.answers(step):
        canvas.text(left + 0.62, top - 0.25, "answers" if step == steps - 1 else "answers so far", 8, fontweight="bold")
    for i, (node, row, score) in enumerate(tree.answers(step)):
        y = top + (body - len(trace.results) * slot) / 2 + (i + 0.5) * slot
        if points[node][0] < left:
            canvas.lines([[points[node], (left, points[node][1])]], color(node), 0.8, linestyle=(0, (1.5, 2)))
        canvas.curve((left, points[node][1]), (left + 0.58, y), color=color(node), width=0.8, gid="answer")
        canvas.text(left + 0.74, y, f"{i + 1}", 8, INK, ha="right", va="center_baseline", fontweight="bold")
        if pictures:
            frame = GOOD if node in tree.right else None
            canvas.picture(left + 0.82, y - side / 2, side, [look_up(pictures)(row)], frame)
        name = shorten(look_up(names)(row) if names else f"image {row}", 7.5, 1.1)
        canvas.text(left + 0.9 + side, y - 0.07, name, 7.5, GOOD if node in tree.right else INK, va="center_baseline")
        canvas.text(left + 0.9 + side, y + 0.07, f"log p = {score:.2f}", 7, GREY_TEXT, va="center_baseline")
    _draw_legend(canvas, legend, top + body + 0.3)
    return canvas.figure


def _draw_branch(
    canvas: Canvas,
    branch: _Branch,
    start: tuple[float, float],
    end: tuple[float, float],
    color: str,
    column: float,
    name_of: Callable[[int], object],
) -> None:
    """The branch with its token and probability above its level part."""
    child, kept = branch.child, branch.child.survives
    weight = 0.8 + 3 * child.probability
    canvas.curve(start, end, BEND, color, weight, gid="kept" if kept else "pruned")
    base = end[1] - weight / 144 - 0.04
    chance = f"{child.probability:.2f}" if child.probability >= 0.005 else "<0.01"
    right = end[0] - 0.1
    canvas.text(right, base, chance, 7, GREY_TEXT, ha="right")
    right -= text_width(chance, 7) + 0.05
    name = shorten(END_LABEL if child.row is not None else name_of(child.token), 7.5, right - start[0] - BEND * 0.75)
    canvas.text(right, base, name, 7.5, INK if kept else GREY_TEXT, ha="right")


def _draw_rank(canvas: Canvas, x: float, y: float, color: str, rank: int | None) -> None:
    canvas.dot(x, y, color, 0.08 if rank else 0.035, rank, INK if color == LOST else "white")


def _legend_lines(near_misses: int, with_target: bool, whole: bool, width: float) -> list[list[tuple[str, str, float]]]:
    """(colour, words, x) of what the colours mean, in lines that fit into `width` inches."""
    pruned = f"pruned (the best {near_misses} a step are drawn)" if near_misses else "pruned (not drawn)"
    entries = [(WINS, "leads to an answer" if whole else "still alive"), (LOST, "kept, lost later"), (QUIET, pruned)]
    entries += [(GOOD, "the right one")] * with_target + [(INK, "number: rank among those kept")]
    lines, x = [[]], MARGIN
    for color, words in entries:
        length = 0.67 + text_width(words if color != WINS else "leads to an answer", 7.5)
        if x > MARGIN and x + length - 0.25 > width - MARGIN:
            lines.append([])
            x = MARGIN
        lines[-1].append((color, words, x))
        x += length
    return lines


def _draw_legend(canvas: Canvas, lines: list[list[tuple[str, str, float]]], y: float) -> None:
    for i, line in enumerate(lines):
        for color, words, x in line:
            at = y + i * LEGEND
            if color == INK:
                _draw_rank(canvas, x + 0.3, at, GREY_TEXT, 1)
            else:
                canvas.lines([[(x, at), (x + 0.3, at)]], color, 2)
            if color == QUIET:
                canvas.cross(x + 0.3, at, color)
            elif color in (WINS, LOST):
                _draw_rank(canvas, x + 0.3, at, color, None)
            canvas.text(x + 0.42, at, words, 7.5, va="center_baseline")
