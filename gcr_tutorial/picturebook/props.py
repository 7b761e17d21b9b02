"""The things that people hold and use: one function draws one prop, from the canvas, the joints of the person who uses
it, its colour and its variation v in [0, 1).

Props are drawn in the frame of the person: the unit is the person's own height, the origin is on the ground, and the
person faces right.
"""

from __future__ import annotations

import math

from .canvas import RGB, Canvas, shade
from .people import DARK, SHOE, WHITE
from .poses import Joints
from .prop_parts import GRASS, LIGHT_WOOD, ORANGE, STEEL, STRING, TURN, WOOD, ball, ring


def shadow(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """The shadow on the ground under someone in mid-air."""
    c.ellipse(0, 0, 0.26, 0.035, (40, 50, 60, 90))


def kite(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A kite with a tail of bows on its string."""
    x, y = 0.72, -1.42 - 0.08 * v
    c.line((j.hand_back, (0.5, -1.0), (x, y + 0.1)), 0.012, STRING, caps=False)
    tail = ((x - 0.02, y + 0.34), (x + 0.07, y + 0.46), (x - 0.02, y + 0.57), (x + 0.07, y + 0.68))
    c.line(tail, 0.018, shade(color, 0.7), caps=False)
    for px, py in tail[1:]:
        c.polygon(((px - 0.06, py - 0.03), (px + 0.06, py + 0.03), (px + 0.06, py - 0.03), (px - 0.06, py + 0.03)), color)
    top, right, low, left = (x + 0.04, y - 0.36), (x + 0.28, y - 0.06), (x - 0.02, y + 0.34), (x - 0.26, y - 0.1)
    c.polygon((top, right, low, left), color)
    c.polygon((top, right, (x, y - 0.08)), shade(color, 0.84))
    c.polygon((low, left, (x, y - 0.08)), shade(color, 0.84))


def umbrella(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """An open umbrella."""
    (x, y), top = j.hand_back, j.head[1] - 0.62
    c.line(((x, y + 0.06), (x - 0.06, top)), 0.026, WOOD)
    x, base = x - 0.1, j.head[1] - 0.16
    c.half_disc(x, base, 0.52, 0.44, shade(color, 0.86))
    c.half_disc(x, base, 0.3, 0.44, color)
    c.half_disc(x, base, 0.1, 0.44, shade(color, 0.86))
    c.line(((x, base - 0.42), (x, base - 0.49)), 0.03, WOOD)


def thrown_ball(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A ball in the air with streaks behind it."""
    x, y = 0.62, -1.06 - 0.06 * v
    for dy in (-0.07, 0.0, 0.07):
        c.line(((x - 0.3 + abs(dy), y + dy + 0.06), (x - 0.19, y + dy + 0.03)), 0.016, (255, 255, 255, 200), caps=False)
    ball(c, x, y, 0.15, color)


def kicked_ball(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A ball off the foot."""
    ball(c, 0.62, -0.2 - 0.12 * v, 0.16, color)


def book(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """An open book, seen from the cover."""
    x, y = j.hand_back[0] + 0.02, j.hand_back[1] - 0.04
    c.polygon(
        ((x - 0.22, y - 0.19), (x, y - 0.13), (x + 0.22, y - 0.19), (x + 0.2, y + 0.09), (x, y + 0.14), (x - 0.2, y + 0.09)),
        WHITE,
    )
    c.polygon(((x - 0.25, y - 0.15), (x, y - 0.09), (x, y + 0.17), (x - 0.25, y + 0.11)), color)
    c.polygon(((x + 0.25, y - 0.15), (x, y - 0.09), (x, y + 0.17), (x + 0.25, y + 0.11)), shade(color, 0.82))


def guitar(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A guitar across the body."""
    x, y = j.hip[0] - 0.04, j.hip[1] - 0.06
    c.line(((x, y), (x + 0.5, y - 0.24)), 0.055, SHOE)
    c.line(((x + 0.48, y - 0.23), (x + 0.56, y - 0.27)), 0.085, SHOE)
    c.ellipse(x - 0.1, y + 0.05, 0.2, 0.175, (200, 122, 50), -0.45)
    c.ellipse(x + 0.1, y - 0.05, 0.14, 0.13, (200, 122, 50), -0.45)
    c.circle(x + 0.04, y - 0.02, 0.06, (66, 38, 24))
    c.line(((x - 0.16, y + 0.01), (x - 0.12, y + 0.12)), 0.03, SHOE)


def ice_cream(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """An ice cream cone."""
    x, y = j.hand_back
    c.polygon(((x - 0.085, y - 0.12), (x + 0.085, y - 0.12), (x + 0.01, y + 0.1)), (226, 166, 92))
    c.circle(x, y - 0.17, 0.1, (255, 160, 190))
    c.circle(x + 0.01, y - 0.29, 0.085, (255, 246, 222))
    c.circle(x + 0.01, y - 0.385, 0.03, (214, 40, 40))


def fishing_rod(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A fishing rod with a fish on the line."""
    x, y = j.hand_back
    c.line(((x - 0.16, y + 0.1), (x + 0.2, y - 0.3), (0.86, -1.12)), 0.03, WOOD)
    c.line(((0.86, -1.12), (0.9, -0.26)), 0.012, STRING, caps=False)
    c.ellipse(0.9, -0.16, 0.07, 0.12, (110, 150, 180))
    c.polygon(((0.9, -0.08), (0.84, 0.01), (0.96, 0.01)), (110, 150, 180))
    c.circle(0.88, -0.2, 0.018, DARK)


def balloons(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """Four balloons on strings."""
    x, y = j.hand_back
    for dx, dy, tone in ((0.02, -0.86, 0.8), (-0.19, -0.64, 0.9), (0.22, -0.66, 0.88), (0.03, -0.52, 1)):
        c.line(((x, y), (x + dx, y + dy)), 0.012, STRING, caps=False)
        c.ellipse(x + dx, y + dy, 0.145, 0.175, shade(color, tone))
        c.ellipse(x + dx - 0.05, y + dy - 0.07, 0.03, 0.05, shade(color, 1.55), 0.4)


def bedding(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """The mattress and the pillow of a sleeper."""
    x, y = j.head  # turned with the sleeper: x is up
    c.rect(-0.24, -1.04, -0.1, 0.06, (176, 196, 222))
    c.rect(-0.12, -1.04, 0.08, 0.06, (206, 220, 238))
    c.blob(((-0.16, y - 0.1), (0.19, y - 0.1), (0.19, y + 0.11), (-0.16, y + 0.11)), WHITE)


def snores(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """Three Zs."""
    for x, y, s in ((0.3, -0.8, 0.05), (0.42, -0.66, 0.065), (0.57, -0.49, 0.085)):
        c.line(((x + s, y - s), (x + s, y + s), (x - s, y - s), (x - s, y + s)), 0.03, (70, 84, 150), caps=False)


def camera(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A camera before the face, with its flash."""
    x, y = j.head[0] + 0.05, j.head[1] + 0.02
    c.rect(x - 0.02, y - 0.12, x + 0.06, y, DARK)
    c.rect(x - 0.13, y - 0.08, x + 0.14, y + 0.09, DARK)
    c.circle(x + 0.01, y + 0.01, 0.075, STEEL)
    c.circle(x + 0.01, y + 0.01, 0.05, (70, 120, 170))
    flash = [(x + 0.24 + d * u, y - 0.16 + d * w) for (u, w), d in zip(TURN[:16], (0.12, 0.04) * 8)]
    c.polygon(flash, (255, 232, 130))


def easel(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A canvas on an easel, and the brush."""
    c.line(((0.62, -1.0), (0.44, 0)), 0.04, WOOD)
    c.line(((0.66, -1.0), (0.86, 0)), 0.04, WOOD)
    c.polygon(((0.4, -0.92), (0.88, -0.92), (0.88, -0.38), (0.4, -0.38)), LIGHT_WOOD)
    c.polygon(((0.43, -0.89), (0.85, -0.89), (0.85, -0.41), (0.43, -0.41)), WHITE)
    c.polygon(((0.43, -0.41), (0.43, -0.52), (0.64, -0.66), (0.85, -0.52), (0.85, -0.41)), GRASS)
    c.circle(0.73, -0.76, 0.07, (252, 200, 45))
    c.line((j.hand_back, (j.hand_back[0] + 0.14, j.hand_back[1] - 0.1)), 0.03, WOOD)


def palette(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A palette with paint."""
    x, y = j.hand_front
    c.ellipse(x, y, 0.13, 0.09, LIGHT_WOOD)
    for dx, dy, paint in ((-0.06, -0.02, (214, 40, 40)), (0.0, -0.045, (38, 96, 214)), (0.06, -0.01, (252, 211, 45))):
        c.circle(x + dx, y + dy, 0.026, paint)


def stove(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A stove."""
    c.rect(0.3, -0.46, 0.84, 0, (222, 226, 230))
    c.rect(0.28, -0.5, 0.86, -0.43, DARK)
    c.rect(0.38, -0.31, 0.76, -0.07, (86, 92, 104))
    c.rect(0.42, -0.27, 0.72, -0.17, (247, 160, 60))
    for x in (0.38, 0.48, 0.66, 0.76):
        c.circle(x, -0.375, 0.026, STEEL)


def pan(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A pan with an egg in the air."""
    x, y = j.hand_back
    c.line(((x - 0.04, y), (0.4, -0.56)), 0.045, DARK)
    c.half_disc(0.58, -0.6, 0.21, 0.11, DARK, math.pi)
    y = -0.8 - 0.06 * v
    c.ellipse(0.58, y, 0.17, 0.07, WHITE)
    c.ellipse(0.59, y - 0.02, 0.075, 0.05, (252, 190, 30))


def box(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A cardboard box."""
    x, y = j.hand_front[0] + 0.13, j.hand_front[1] - 0.1
    c.rect(x - 0.2, y - 0.17, x + 0.2, y + 0.17, (190, 136, 82))
    c.rect(x - 0.2, y - 0.17, x + 0.2, y - 0.09, (160, 108, 62))
    c.rect(x - 0.04, y - 0.17, x + 0.04, y + 0.0, (226, 196, 150))


def shovel(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A shovel and a heap of earth."""
    c.half_disc(0.56, 0.02, 0.26, 0.2, (110, 72, 44))
    (x0, y0), (x1, y1) = j.hand_front, j.hand_back
    c.line(((x0 - 0.06, y0 - 0.08), (x1 + 0.12, y1 + 0.16)), 0.04, LIGHT_WOOD)
    x, y = x1 + 0.17, y1 + 0.22
    c.polygon(((x - 0.12, y - 0.01), (x + 0.03, y - 0.13), (x + 0.15, y + 0.02), (x + 0.13, y + 0.13), (x, y + 0.12)), STEEL)


def watering_can(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A watering can over two flowers."""
    x, y = j.hand_back
    for fx, petals in ((0.7, (240, 70, 110)), (0.86, (252, 211, 45))):
        c.line(((fx, 0), (fx, -0.16)), 0.03, GRASS)
        c.circle(fx, -0.2, 0.075, petals)
        c.circle(fx, -0.2, 0.03, WHITE if fx < 0.8 else WOOD)
    ring(c, x - 0.02, y + 0.02, 0.1, 0.035, shade(color, 0.8))
    c.line(((x + 0.1, y + 0.2), (x + 0.3, y + 0.0)), 0.06, shade(color, 0.85))
    c.polygon(((x - 0.15, y + 0.04), (x + 0.14, y + 0.07), (x + 0.14, y + 0.29), (x - 0.15, y + 0.26)), color)
    for dx, dy in ((0.36, 0.08), (0.42, 0.05), (0.4, 0.19), (0.46, 0.15)):
        c.line(((x + dx, y + dy), (x + dx + 0.02, y + dy + 0.07)), 0.028, (70, 150, 230))


def racket(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A tennis racket and the ball."""
    x, y = j.hand_back
    c.line(((x, y), (x + 0.09, y - 0.13)), 0.04, DARK)
    c.ellipse(x + 0.19, y - 0.27, 0.13, 0.17, (206, 52, 48), 0.55)
    c.ellipse(x + 0.19, y - 0.27, 0.095, 0.135, (236, 236, 226), 0.55)
    for d in (-0.05, 0.03):
        c.line(((x + 0.11 + d, y - 0.3 + d), (x + 0.24 + d, y - 0.22 + d)), 0.012, STRING, caps=False)
    ball(c, 0.78, -0.72 - 0.1 * v, 0.08, (214, 232, 60))


def basketball(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A basketball in the hand."""
    x, y, r = j.hand_back[0] + 0.04, j.hand_back[1] - 0.17, 0.16
    c.circle(x, y, r, ORANGE)
    for line in (((x - r, y), (x + r, y)), ((x, y - r), (x, y + r))):
        c.line(line, 0.02, (110, 52, 10), caps=False)
    for side in (-1, 1):
        seam = [(x + side * r * k, y + r * h) for k, h in ((0.62, -0.75), (0.36, 0.0), (0.62, 0.75))]
        c.line(seam, 0.018, (110, 52, 10), caps=False)
