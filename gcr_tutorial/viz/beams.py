"""A beam search unrolling over the trie, and the probability that the trie holds back (GRACE section 3.4).

Both figures draw a `BeamTrace`: nothing is computed here that the search did not compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from gcr_tutorial.decoding.trace import BeamTrace, TracedChild
from gcr_tutorial.viz.canvas import END_LABEL, GREY_TEXT, Lookup, Page, leaf_rows, look_up, shorten, text_width
from gcr_tutorial.viz.pictures import GOOD, INK, QUIET

WINS, LOST = "#D55E00", "#F2B78C"  # Okabe-Ito vermillion, and a tint of it
MARGIN, ROW, BEND = 0.25, 0.215, 0.36  # inches: at the sides, from branch to branch, of the S that starts a branch
LEGEND = 0.22  # inches, from line to line of what the colours mean
MOST_ROWS = 120  # branches under each other on a page
FLOOR = 1e-6  # smaller probabilities are drawn as this


@dataclass(frozen=True)
class _Branch:
    """A child that is drawn: of which node, at which step, and its place among those that live on (1 is best)."""

    child: TracedChild
    parent: int
    step: int
    place: int | None


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
            living = [child.node for child in best if child.survives and child.position is None]
            missed = [child.node for child in best if not child.survives][:near_misses]
            for prefix, child in found:
                if child.survives or child.node in missed or child.node in self.right:
                    place = living.index(child.node) + 1 if child.node in living else None
                    self.branches[child.node] = _Branch(child, prefix.node, at, place)
        children: dict[int, list[int]] = {}
        for node, branch in self.branches.items():  # in token order, like each prefix's children
            children.setdefault(branch.parent, []).append(node)
        self.rows = leaf_rows(self.root, children)
        self.lines = 1 + int(max(self.rows.values()))

    def answers(self, step: int) -> list[tuple[int, int, float]]:
        """(node, position, score) of what is finished after `step`, best first."""
        ends = {branch.child.position: node for node, branch in self.branches.items() if branch.child.survives}
        return [(ends[position], position, score) for position, score in self.trace.steps[step].finished]

    def alive(self, step: int) -> set[int]:
        """The nodes that, after `step`, lead to an answer or to a prefix that lives on."""
        ends = [node for node, _, _ in self.answers(step)]
        ends += [node for node, branch in self.branches.items() if branch.step == step and branch.place]
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
    """The search from left to right: what was kept at each step, the nearest of what was pruned, the answers.

    A branch is as thick as its token is probable (the number beside it); the number in a node is the prefix's place
    among those kept. Branches that lead to an answer or a live prefix are dark, those kept at first and lost later
    pale, pruned ones grey and dotted. Good to read up to 10 beams and 6 tokens.

    Args:
        trace: from `beam_trace`.
        token_names: what to call a token, by vocabulary id; `tokenizer.convert_ids_to_tokens` will do.
        pictures: the picture of an answer, by its position in what the trie was built from.
        names: what to call it, likewise (default: "image 0", "image 1", ...).
        query: a title.
        target: the right identifier as token ids; its path is blue, as far as the search followed it.
        step: draw the search up to and with this step (from 0; default: all). Nothing else moves, so that the
            figures of all steps make an animation.
        near_misses: how many pruned children are drawn a step, the best ones.
        width: of the figure in inches at most; long token names are cut to fit.

    Raises ValueError for a trace without steps, a step it does not have, or a search too large for a page.
    """
    steps = len(trace.steps)
    if not steps:
        raise ValueError("the trace has no steps: make one with beam_trace")
    step = steps - 1 if step is None else step
    if not 0 <= step < steps:
        raise ValueError(f"this search has steps 0 to {steps - 1}, there is no step {step}")
    tree = _Unrolled(trace, near_misses, tuple(target or ()))
    if tree.lines > MOST_ROWS:
        raise ValueError(f"{tree.lines} branches do not fit under each other, {MOST_ROWS} do: trace fewer beams")
    side, slot = (0.44, 0.5) if pictures else (0.0, 0.26)  # of an answer's picture; from answer to answer
    answers_width = 0.75 + side + 1.2
    column = min(1.45, (width - 2 * MARGIN - answers_width) / steps)
    if column < BEND + 0.6:
        raise ValueError(f"{steps} steps do not fit into {width} inches: give the figure a larger width")
    top = 0.45 + (0.4 if query else 0)
    body = max(tree.lines * ROW, len(trace.results) * slot)
    page_width = 2 * MARGIN + steps * column + answers_width
    legend = _legend_lines(near_misses, bool(target), step == steps - 1, page_width)
    page = Page(page_width, top + body + 0.3 + len(legend) * LEGEND)
    shift = top + (body - tree.lines * ROW) / 2
    points = {tree.root: (MARGIN, shift + ROW * (tree.rows[tree.root] + 0.75))}
    for node, branch in tree.branches.items():
        points[node] = (MARGIN + (branch.step + 1) * column, shift + ROW * (tree.rows[node] + 0.75))
    alive = tree.alive(step)

    def color(node: int) -> str:
        if node in tree.right:
            return GOOD
        return WINS if node in alive else LOST if tree.branches[node].child.survives else QUIET

    if query:
        page.text(MARGIN - 0.05, 0.25, shorten(f"“{query}”", 11, page.width - 2 * MARGIN), 11, va="center")
    for at in range(step + 1):
        kept = [child.survives for prefix in trace.steps[at].prefixes for child in prefix.children]
        x = MARGIN + (at + 1) * column - 0.1
        page.text(x, top - 0.25, f"token {at + 1}", 8, ha="right", fontweight="bold")
        page.text(x, top - 0.1, f"{sum(kept)} of {len(kept)} kept", 7, GREY_TEXT, ha="right")
    shown = [(node, branch) for node, branch in tree.branches.items() if branch.step <= step]
    for node, branch in sorted(shown, key=lambda one: (one[1].child.survives, one[0] in alive, one[0] in tree.right)):
        _draw_branch(page, branch, points[branch.parent], points[node], color(node), column, look_up(token_names))
        if branch.child.survives:
            _draw_place(page, *points[node], color(node), branch.place)
        else:
            page.cross(*points[node], color(node))
    page.dot(*points[tree.root])

    left = MARGIN + steps * column  # of the answers
    if tree.answers(step):
        page.text(left + 0.62, top - 0.25, "answers" if step == steps - 1 else "answers so far", 8, fontweight="bold")
    for i, (node, position, score) in enumerate(tree.answers(step)):
        y = top + (body - len(trace.results) * slot) / 2 + (i + 0.5) * slot
        if points[node][0] < left:
            page.lines([[points[node], (left, points[node][1])]], color(node), 0.8, (0, (1.5, 2)))
        page.curve((left, points[node][1]), (left + 0.58, y), color=color(node), width=0.8, name="answer")
        page.text(left + 0.74, y, f"{i + 1}", 8, INK, ha="right", va="center_baseline", fontweight="bold")
        if pictures:
            frame = GOOD if node in tree.right else None
            page.picture(left + 0.82, y - side / 2, side, [look_up(pictures)(position)], frame)
        name = shorten(look_up(names)(position) if names else f"image {position}", 7.5, 1.1)
        page.text(left + 0.9 + side, y - 0.07, name, 7.5, GOOD if node in tree.right else INK, va="center_baseline")
        page.text(left + 0.9 + side, y + 0.07, f"log p = {score:.2f}", 7, GREY_TEXT, va="center_baseline")
    _draw_legend(page, legend, top + body + 0.3)
    return page.figure


def _draw_branch(
    page: Page,
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
    page.curve(start, end, BEND, color, weight, name="kept" if kept else "pruned")
    base = end[1] - weight / 144 - 0.04
    chance = f"{child.probability:.2f}" if child.probability >= 0.005 else "<0.01"
    right = end[0] - 0.1
    page.text(right, base, chance, 7, GREY_TEXT, ha="right")
    right -= text_width(chance, 7) + 0.05
    name = shorten(END_LABEL if child.position is not None else name_of(child.token), 7.5, right - start[0] - BEND * 0.75)
    page.text(right, base, name, 7.5, INK if kept else GREY_TEXT, ha="right")


def _draw_place(page: Page, x: float, y: float, color: str, place: int | None) -> None:
    page.dot(x, y, color, 0.08 if place else 0.035, place, INK if color == LOST else "white")


def _legend_lines(near_misses: int, with_target: bool, whole: bool, width: float) -> list[list[tuple[str, str, float]]]:
    """(colour, words, x) of what the colours mean, in lines that fit into `width` inches."""
    pruned = f"pruned (the best {near_misses} a step are drawn)" if near_misses else "pruned (not drawn)"
    entries = [(WINS, "leads to an answer" if whole else "still alive"), (LOST, "kept, lost later"), (QUIET, pruned)]
    entries += [(GOOD, "the right one")] * with_target + [(INK, "number: place among those kept")]
    lines, x = [[]], MARGIN
    for color, words in entries:
        length = 0.67 + text_width(words if color != WINS else "leads to an answer", 7.5)
        if x > MARGIN and x + length - 0.25 > width - MARGIN:
            lines.append([])
            x = MARGIN
        lines[-1].append((color, words, x))
        x += length
    return lines


def _draw_legend(page: Page, lines: list[list[tuple[str, str, float]]], y: float) -> None:
    for i, line in enumerate(lines):
        for color, words, x in line:
            at = y + i * LEGEND
            if color == INK:
                _draw_place(page, x + 0.3, at, GREY_TEXT, 1)
            else:
                page.lines([[(x, at), (x + 0.3, at)]], color, 2)
            if color == QUIET:
                page.cross(x + 0.3, at, color)
            elif color in (WINS, LOST):
                _draw_place(page, x + 0.3, at, color, None)
            page.text(x + 0.42, at, words, 7.5, va="center_baseline")


def leak_figure(trace: BeamTrace) -> Figure:
    """Where the model's probability goes at each step: to children that are kept, to children that are pruned, out of
    the trie. Left, all live prefixes together, weighted by their probabilities; right, the share outside of each.

    What is outside: everything that names no image of this trie, be it other text or an image that the model has
    memorized and the trie leaves out. Needs a trace with probabilities under the full vocabulary (`normalize` left as
    it is). Raises ValueError for a trace without steps.
    """
    if not trace.steps:
        raise ValueError("the trace has no steps: make one with beam_trace")
    shares, outside, weights = [], [], []
    for step in trace.steps:
        scores = np.array([prefix.score for prefix in step.prefixes])
        weight = np.exp(scores - scores.max())
        weight /= weight.sum()
        kept = np.array([sum(c.probability for c in p.children if c.survives) for p in step.prefixes])
        inside = np.array([sum(c.probability for c in p.children) for p in step.prefixes])
        out = np.array([prefix.outside for prefix in step.prefixes])
        shares.append([float(weight @ part) for part in (kept, inside - kept, out)])
        outside.append(out), weights.append(weight)

    figure = Figure(figsize=(9.5, 1.3 + 0.36 * len(shares)), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2), sharey=True)
    ticks, start = np.arange(1, len(shares) + 1), np.zeros(len(shares))
    looks = (("kept", WINS, None), ("pruned", "#E3E3E3", None), ("outside the trie", "white", "//////"))
    for share, (name, color, hatch) in zip(np.array(shares).T, looks):
        left.barh(
            ticks, share, left=start, height=0.62, color=color, edgecolor=GREY_TEXT, linewidth=0.6, hatch=hatch, label=name
        )
        for at, size, x in zip(ticks, share, start + share / 2):
            if size > 0.07:  # else there is no room for the words
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5} if hatch else None
                left.text(
                    x,
                    at,
                    f"{size:.0%}",
                    fontsize=8,
                    color="white" if color == WINS else INK,
                    ha="center",
                    va="center_baseline",
                    bbox=box,
                )
        start = start + share
    left.set(xlim=(0, 1), yticks=ticks, yticklabels=[f"token {at}" for at in ticks], ylim=(len(ticks) + 0.5, 0.5))
    left.xaxis.set_major_formatter(PercentFormatter(1))
    left.set_xlabel("probability, all live prefixes together", fontsize=8.5)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=3, frameon=False, fontsize=8.5)
    for at, out, weight, share in zip(ticks, outside, weights, shares):
        right.scatter(np.maximum(out, FLOOR), np.full(len(out), at), 14 + 90 * weight, color=GREY_TEXT, alpha=0.45, linewidth=0)
        right.plot([max(share[-1], FLOOR)] * 2, [at - 0.31, at + 0.31], color=WINS, linewidth=2)
    right.set(xscale="log", xlim=(FLOOR / 2, 2))
    right.set_xlabel("probability outside: each live prefix (dots), all (bar)", fontsize=8.5)
    right.grid(axis="x", color="#E3E3E3", linewidth=0.6)
    right.set_axisbelow(True)
    for axis in (left, right):
        axis.tick_params(labelsize=8.5, left=False)
        axis.spines[["top", "right", "left"]].set_visible(False)
    return figure
