"""The map that every notebook shows: the six steps of the method (after GRACE, figure 2), the current ones in orange."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.viz.canvas import Canvas
from gcr_tutorial.viz.style import GREY_TEXT, INK

# step -> (title, what happens, an example)
STEPS = {
    "backbone": ("01 backbone", "pictures become\nvectors a language\nmodel can read", "16 vectors"),
    "identifiers": ("02 identifiers", "every picture gets\na name made\nof tokens", "<img_17>"),
    "memorize": ("03 memorize", "learn to name\nthe picture\nthat is seen", "picture → <img_17>"),
    "retrieve": ("04 retrieve", "learn to name\nthe picture that a\nsentence describes", "“a cat ...” → <img_17>"),
    "search": ("05 search", "write a name;\na trie allows only\nnames that exist", "<img_17> → picture"),
    "evaluation": ("06 evaluation", "how often is it\nright, and how often\ncould it be?", "Recall@K, oracle"),
}
CURRENT, OTHER = "#F6C65B", "#F4F4F4"  # light orange, light grey


def method_map(*current: str) -> Figure:
    """Draw the six steps in a row, those named in `current` (keys of STEPS; none means all) in orange with a thick frame.

    Raises ValueError for an unknown step.
    """
    unknown = [name for name in current if name not in STEPS]
    if unknown:
        raise UserValueError(f"unknown step {unknown[0]!r}: choose from {', '.join(STEPS)}")
    current = current or tuple(STEPS)
    canvas = Canvas(10.5, 2.1)
    for i, (name, (title, what, example)) in enumerate(STEPS.items()):
        left, on = 0.12 + 1.73 * i, name in current
        ink = INK if on else GREY_TEXT
        look = {"facecolor": CURRENT if on else OTHER, "edgecolor": ink, "linewidth": 1.8 if on else 0.8}
        box = FancyBboxPatch((left, 0.15), 1.42, 1.45, boxstyle="round,pad=0.02,rounding_size=0.1", **look)
        canvas.axis.add_patch(box)
        middle = {"ha": "center", "va": "center"}
        canvas.text(left + 0.71, 0.33, title, 10.5, ink, fontweight="bold", **middle)
        canvas.text(left + 0.71, 1.02, what, 9.5, ink, linespacing=1.35, **middle)
        canvas.text(left + 0.71, 1.86, example, 8.5, ink, family="monospace", **middle)
        if i:
            ends = (left - 0.29, 0.88), (left - 0.01, 0.88)
            canvas.axis.add_patch(FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=12, color=INK))
    return canvas.figure
