"""The probability that the trie holds back at each step of a beam search (GRACE section 3.4)."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from gcr_tutorial.decoding.trace import BeamTrace
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.viz.style import GREY_TEXT, GRID, INK, grid_lines, panels

KEPT = "#D55E00"  # vermillion
LEAST = 1e-6  # smaller probabilities are drawn as this, for the scale is logarithmic


def leak_figure(trace: BeamTrace) -> Figure:
    """Draw where the model's probability goes at each step: to children that are kept, to children that are pruned, or
    out of the trie. Left, all live prefixes together, weighted by their probabilities; right, the share outside of each.

    Outside is everything that names no image of this trie: other text, or an image that the model has memorized and the
    trie leaves out.

    Args:
        trace: from `beam_trace` with probabilities under the full vocabulary (`normalize` left as it is).

    Raises ValueError for a trace without steps.
    """
    if not trace.steps:
        raise UserValueError("the trace has no steps: make one with beam_trace")
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

    figure, (left, right) = panels(9.5, 1.3 + 0.36 * len(shares), 1, 2, width_ratios=(3, 2), sharey=True)
    ticks, start = np.arange(1, len(shares) + 1), np.zeros(len(shares))
    looks = (("kept", KEPT, None), ("pruned", GRID, None), ("outside the trie", "white", "//////"))
    for share, (name, color, hatch) in zip(np.array(shares).T, looks):
        edge = {"edgecolor": GREY_TEXT, "linewidth": 0.6, "hatch": hatch}
        bars = left.barh(ticks, share, 0.62, start, color=color, label=name, **edge)
        words = [f"{size:.0%}" if size > 0.07 else "" for size in share]  # narrower bars have no room for words
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5} if hatch else None
        left.bar_label(bars, words, label_type="center", fontsize=8, color="white" if color == KEPT else INK, bbox=box)
        start = start + share
    left.set(xlim=(0, 1), yticks=ticks, yticklabels=[f"token {at}" for at in ticks], ylim=(len(ticks) + 0.5, 0.5))
    left.xaxis.set_major_formatter(PercentFormatter(1))
    left.set_xlabel("probability, all live prefixes together", fontsize=8.5)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=3, frameon=False, fontsize=8.5)
    for at, out, weight, share in zip(ticks, outside, weights, shares):
        right.scatter(np.maximum(out, LEAST), np.full(len(out), at), 14 + 90 * weight, color=GREY_TEXT, alpha=0.45, linewidth=0)
        right.plot([max(share[-1], LEAST)] * 2, [at - 0.31, at + 0.31], color=KEPT, linewidth=2)
    right.set(xscale="log", xlim=(LEAST / 2, 2))
    right.set_xlabel("probability outside: each live prefix (dots), all (bar)", fontsize=8.5)
    grid_lines(right, "x")
    for axis in (left, right):
        axis.tick_params(left=False)
        axis.spines["left"].set_visible(False)
    return figure
