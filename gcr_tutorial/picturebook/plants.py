"""The plants of the Picturebook: how its trees, bushes, flowers, cactus and mushroom are drawn."""

from __future__ import annotations

import math

from .canvas import RGB, Canvas, shade

BARK, LEAF, PINE = (112, 74, 46), (67, 156, 71), (31, 110, 82)


def _trunk(c: Canvas, height: float, width: float, fill: RGB = BARK) -> None:
    """A trunk that widens at its foot, with a shaded right side."""
    w = width / 2
    c.polygon(
        [(-w * 1.6, 0), (-w, -height * 0.3), (-w * 0.8, -height), (w * 0.8, -height), (w, -height * 0.3), (w * 1.6, 0)], fill
    )
    c.polygon([(w * 0.3, 0), (w * 0.2, -height), (w * 0.8, -height), (w, -height * 0.3), (w * 1.6, 0)], shade(fill, 0.8))


def _crown(c: Canvas, fill: RGB, v: float) -> None:
    """The round leafy crown of a tree."""
    lean = (v - 0.5) * 0.08
    dark, light = shade(fill, 0.82), shade(fill, 1.18)
    for x, y, r in ((-0.36, -1.02, 0.3), (0.36, -1.02, 0.3), (0.0, -0.98, 0.36), (0.26, -1.3, 0.34)):
        c.circle(x + lean, y, r, dark)
    for x, y, r in ((-0.26, -1.28, 0.34), (0.04, -1.5, 0.38), (-0.02, -1.15, 0.34), (0.2, -1.28, 0.28)):
        c.circle(x + lean, y, r, fill)
    for x, y, r in ((-0.2, -1.56, 0.13), (-0.38, -1.32, 0.1), (0.08, -1.28, 0.08)):
        c.ellipse(x + lean, y, r * 1.3, r * 0.8, light, -0.4)


def tree(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A round leafy tree."""
    _trunk(c, 1.0, 0.2)
    _crown(c, LEAF, v)


def apple_tree(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A round tree full of red apples."""
    _trunk(c, 1.0, 0.2)
    _crown(c, (88, 164, 66), v)
    for x, y in (
        (-0.4, -1.05),
        (-0.12, -0.95),
        (0.2, -1.08),
        (0.42, -0.98),
        (-0.3, -1.4),
        (0.02, -1.32),
        (0.36, -1.4),
        (-0.02, -1.68),
    ):
        c.circle(x, y, 0.085, (216, 38, 40))
        c.circle(x - 0.025, y - 0.03, 0.025, (255, 150, 140))


def pine_tree(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A pine tree of four tiers."""
    _trunk(c, 0.4, 0.18)
    for i, (y, w, h) in enumerate(((-0.25, 0.62, 0.72), (-0.66, 0.52, 0.68), (-1.06, 0.41, 0.6), (-1.46, 0.29, 0.64))):
        fill = shade(PINE, 1 + 0.05 * i)
        c.polygon([(-w, y), (-w * 0.55, y + 0.05), (0, y + 0.07), (0, y - h)], fill)
        c.polygon([(w, y), (w * 0.55, y + 0.05), (0, y + 0.07), (0, y - h)], shade(fill, 0.8))


def palm_tree(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A leaning palm with drooping fronds and coconuts."""
    bark = (166, 118, 70)
    c.polygon([(-0.32, 0), (-0.2, -0.7), (-0.04, -1.45), (0.06, -1.45), (-0.06, -0.7), (-0.1, 0)], bark)
    for y, x in ((-0.2, -0.22), (-0.5, -0.17), (-0.8, -0.11), (-1.1, -0.06)):
        c.line([(x - 0.06, y), (x + 0.07, y - 0.03)], 0.03, shade(bark, 0.75), caps=False)
    x, y = 0.01, -1.45
    for dx, dy, fill in (
        (-0.72, 0.3, 0.8),
        (0.7, 0.34, 0.8),
        (-0.78, -0.08, 1.0),
        (0.76, -0.06, 1.0),
        (-0.42, 0.6, 1.0),
        (0.42, 0.62, 0.9),
        (-0.4, -0.4, 1.12),
        (0.42, -0.38, 1.12),
    ):
        c.polygon(
            [
                (x, y),
                (x + dx * 0.45, y + dy * 0.4 - 0.24),
                (x + dx * 0.85, y + dy * 0.8 - 0.14),
                (x + dx, y + dy),
                (x + dx * 0.7, y + dy * 0.75 + 0.02),
                (x + dx * 0.4, y + dy * 0.4 - 0.02),
            ],
            shade((54, 158, 78), fill),
        )
    for dx in (-0.08, 0.06):
        c.circle(x + dx, y + 0.06, 0.075, (98, 62, 38))


def bare_tree(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A winter tree without leaves."""
    bark = (98, 72, 58)
    _trunk(c, 0.95, 0.2, bark)
    for points, width in (
        (((0, -0.7), (-0.28, -1.15), (-0.36, -1.6)), 0.1),
        (((0, -0.8), (0.26, -1.2), (0.38, -1.62)), 0.1),
        (((0, -0.9), (0.02, -1.4), (-0.04, -1.8)), 0.09),
        (((-0.22, -1.05), (-0.56, -1.32)), 0.06),
        (((0.22, -1.12), (0.58, -1.32)), 0.06),
        (((0.02, -1.3), (0.2, -1.62)), 0.05),
        (((-0.3, -1.3), (-0.16, -1.6)), 0.05),
    ):
        c.line(points, width, bark)


def bush(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A round low bush."""
    for x, y, r, f in (
        (-0.3, -0.17, 0.2, 0.8),
        (0.3, -0.17, 0.2, 0.8),
        (0.12, -0.28, 0.23, 0.88),
        (-0.14, -0.27, 0.23, 1.0),
        (0.0, -0.16, 0.18, 1.0),
    ):
        c.circle(x, y, r, shade((72, 150, 62), f))
    c.rect(-0.34, -0.08, 0.34, 0, shade((72, 150, 62), 0.8))
    for x, y in ((-0.2, -0.36), (0.1, -0.38), (-0.02, -0.2)):
        c.ellipse(x, y, 0.07, 0.04, (112, 186, 92), -0.4)


def flowers(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A clump of three large blossoms."""
    core = (250, 206, 60) if color[0] < 245 or color[1] < 170 or color[2] > 90 else (150, 84, 30)
    for x, y, r in ((-0.24, -0.26, 0.13), (0.25, -0.28, 0.13), (0.0, -0.42, 0.15)):
        c.line([(x * 0.4, 0), (x, y)], 0.04, (58, 138, 62))
        c.ellipse(x * 0.9 + 0.04, -0.08, 0.1, 0.035, (74, 160, 74), -0.5)
        for i in range(5):
            a = 2 * math.pi * (i / 5 + v * 0.2)
            petal = shade(color, 0.86 if i % 2 else 1.0)
            c.circle(x + r * 0.62 * math.cos(a), y + r * 0.62 * math.sin(a), r * 0.5, petal)
        c.circle(x, y, r * 0.36, core)


def sunflower(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A tall sunflower."""
    c.line([(0, 0), (0.02, -0.75)], 0.06, (66, 142, 60))
    c.ellipse(-0.15, -0.3, 0.17, 0.07, (74, 160, 74), 0.5)
    c.ellipse(0.16, -0.42, 0.17, 0.07, (74, 160, 74), -0.5)
    for i in range(11):
        a = 2 * math.pi * i / 11
        c.ellipse(
            0.02 + 0.2 * math.cos(a), -0.85 + 0.2 * math.sin(a), 0.12, 0.065, (252, 206, 42) if i % 2 else (245, 178, 30), a
        )
    c.circle(0.02, -0.85, 0.16, (104, 62, 32))
    c.circle(0.01, -0.86, 0.1, (132, 84, 44))


def cactus(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A tall cactus with two arms and a pink blossom."""
    skin = (62, 148, 88)
    for points, width in (
        (((-0.02, -0.45), (-0.34, -0.48), (-0.34, -0.78)), 0.16),
        (((0.02, -0.32), (0.34, -0.36), (0.34, -0.62)), 0.16),
        (((0, -0.13), (0, -1.0)), 0.27),
    ):
        c.line(points, width, skin)
    c.rect(-0.135, -0.14, 0.135, 0, skin)
    for x, y0, y1 in ((0.07, -1.0, -0.04), (-0.05, -1.02, -0.04), (-0.32, -0.78, -0.54), (0.36, -0.62, -0.42)):
        c.line([(x, y0), (x, y1)], 0.028, shade(skin, 0.74))
    for x, y in ((0.0, -1.13), (-0.34, -0.86)):
        c.circle(x, y, 0.07, (240, 92, 150))


def mushroom(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A toadstool with a spotted cap."""
    c.polygon([(-0.12, 0), (-0.08, -0.3), (0.08, -0.3), (0.12, 0)], (240, 230, 210))
    c.polygon([(0.03, 0), (0.03, -0.3), (0.08, -0.3), (0.12, 0)], (214, 202, 180))
    c.ellipse(0, -0.25, 0.3, 0.06, shade(color, 0.7))
    c.half_disc(0, -0.24, 0.31, 0.3, color)
    for x, y, r in ((-0.17, -0.34, 0.045), (0.02, -0.43, 0.055), (0.18, -0.32, 0.04), (-0.02, -0.29, 0.03)):
        c.ellipse(x, y, r * 1.1, r, (250, 244, 232))
