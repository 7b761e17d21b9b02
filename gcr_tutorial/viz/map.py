"""The map that every notebook shows: the steps of the method (GRACE, figure 2 in spirit), the current ones lit up."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

# step -> (title, what happens, an example)
STEPS = {
    "backbone": ("01 backbone", "pictures become\nvectors a language\nmodel can read", "16 vectors"),
    "identifiers": ("02 identifiers", "every picture gets\na name made\nof tokens", "<img_17>"),
    "memorize": ("03 memorize", "learn to name\nthe picture\nthat is seen", "picture → <img_17>"),
    "retrieve": ("04 retrieve", "learn to name\nthe picture that a\nsentence describes", "“a cat ...” → <img_17>"),
    "search": ("05 search", "write a name;\na trie allows only\nnames that exist", "<img_17> → picture"),
    "evaluation": ("06 evaluation", "how often is it\nright, and how often\ncould it be?", "Recall@K, oracle"),
}
LIT, DARK, INK, QUIET = "#F6C65B", "#F4F4F4", "#222222", "#777777"  # a light Okabe-Ito orange


def method_map(*lit: str) -> Figure:
    """The six steps in a row, those named in `lit` (keys of STEPS; none means all) in orange with a thick frame.

    Raises ValueError for an unknown step.
    """
    unknown = [name for name in lit if name not in STEPS]
    if unknown:
        raise ValueError(f"unknown step {unknown[0]!r}: choose from {', '.join(STEPS)}")
    lit = lit or tuple(STEPS)
    figure = Figure(figsize=(10.5, 2.1), dpi=100)
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, 10.5), ylim=(0, 2.1))
    axis.axis("off")
    for i, (name, (title, what, example)) in enumerate(STEPS.items()):
        left, on = 0.12 + 1.73 * i, name in lit
        ink = INK if on else QUIET
        axis.add_patch(
            FancyBboxPatch(
                (left, 0.5),
                1.42,
                1.45,
                boxstyle="round,pad=0.02,rounding_size=0.1",
                facecolor=LIT if on else DARK,
                edgecolor=ink,
                linewidth=1.8 if on else 0.8,
            )
        )
        axis.text(left + 0.71, 1.77, title, ha="center", va="center", fontsize=10.5, fontweight="bold", color=ink)
        axis.text(left + 0.71, 1.08, what, ha="center", va="center", fontsize=9.5, color=ink, linespacing=1.35)
        axis.text(left + 0.71, 0.24, example, ha="center", va="center", fontsize=8.5, color=ink, family="monospace")
        if i:
            axis.add_patch(
                FancyArrowPatch((left - 0.29, 1.22), (left - 0.01, 1.22), arrowstyle="-|>", mutation_scale=12, color=INK)
            )
    return figure
