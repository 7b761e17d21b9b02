"""What several props share: colours, rings, balls and wheels."""

from __future__ import annotations

import math

from .canvas import RGB, Canvas, shade

WOOD, LIGHT_WOOD, STEEL, TIRE, STRING = (128, 82, 46), (196, 146, 92), (150, 156, 164), (52, 50, 56), (120, 112, 108)
ORANGE, GRASS, WATER, FOAM = (247, 127, 0), (46, 139, 64), (86, 160, 222), (235, 246, 252)
TURN = tuple((math.cos(math.pi * i / 8), math.sin(math.pi * i / 8)) for i in range(17))  # a circle, clockwise


def ring(c: Canvas, x: float, y: float, r: float, width: float, fill: RGB) -> None:
    """A ring with outer radius `r`."""
    inner = r - width
    outline = [(x + r * u, y + r * v) for u, v in TURN]
    c.polygon(outline + [(x + inner * u, y + inner * v) for u, v in TURN[::-1]], fill)


def ball(c: Canvas, x: float, y: float, r: float, color: RGB) -> None:
    """A shaded ball with a highlight."""
    c.circle(x, y, r, shade(color, 0.8))
    c.circle(x - 0.08 * r, y - 0.1 * r, 0.88 * r, color)
    c.ellipse(x - 0.35 * r, y - 0.42 * r, 0.24 * r, 0.15 * r, shade(color, 1.6), -0.6)


def wheel(c: Canvas, x: float, r: float) -> None:
    """A small wheel that touches the ground at x."""
    c.circle(x, -r, r, TIRE)
    c.circle(x, -r, 0.5 * r, STEEL)
