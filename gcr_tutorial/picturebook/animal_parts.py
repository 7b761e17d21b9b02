"""What several animals of the Picturebook share: coats, eyes, legs and the shapes of a quadruped."""

from __future__ import annotations

from collections.abc import Sequence

from .canvas import RGB, Canvas, Point
from .things import tone

DARK, WHITE, CREAM, ORANGE = (38, 32, 34), (248, 247, 243), (244, 224, 190), (245, 140, 30)
PINK, TAN, GRASS, MUZZLE = (244, 160, 170), (205, 150, 90), (92, 160, 70), (200, 160, 120)
# Galloping legs, in leg lengths: (knee dx, knee drop, foot dx, foot lift) of near back, near front, far back, far front
GALLOP = ((-0.1, 0.5, -0.55, 0.12), (0.35, 0.45, 0.62, 0.18), (0.28, 0.5, 0.12, 0.02), (0.15, 0.55, -0.2, 0.12))


def body(c: Canvas, points: Sequence[Point], color: RGB) -> None:
    """A smooth body with a soft darker rim, thicker below."""
    c.blob(points, tone(color, 0.8))
    cx, cy = sum(p[0] for p in points) / len(points), sum(p[1] for p in points) / len(points)
    c.blob([(cx + (x - cx) * 0.96, cy + (y - cy) * 0.9 - abs(y - cy) * 0.05) for x, y in points], color)


def eye(c: Canvas, x: float, y: float, r: float) -> None:
    """A bright eye with a dark pupil looking right."""
    c.circle(x, y, r, WHITE)
    c.circle(x + r * 0.25, y, r * 0.68, DARK)


def leg(c: Canvas, x: float, top: float, w: float, color: RGB, foot: RGB, step: Sequence[float]) -> None:
    """One leg from the hip (x, top) to the ground, with a foot of its own colour."""
    length = -top - w / 2
    knee, end = (x + step[0] * length, top + step[1] * length), (x + step[2] * length, top + length * (1 - step[3]))
    c.line((((x, top), knee, end) if step[0] else ((x, top), end)), w, color)
    if foot != color:
        back = 0.22
        c.line(((end[0] + (knee[0] - end[0]) * back, end[1] + (knee[1] - end[1]) * back), end), w, foot)


def quad(
    c: Canvas,
    color: RGB,
    size: tuple[float, float, float, float],
    pose: str,
    v: float,
    foot: RGB | None = None,
    legs: RGB | None = None,
) -> None:
    """Body and four legs of a quadruped of (length, back y, belly y, leg width)."""
    length, top, belly, w = size
    d, half, legs = belly - top, length / 2, legs or color
    hip, spread, far = belly - 0.25 * d, half * 0.74, tone(legs, 0.74)
    steps = ((0, 0.5, 0, 0),) * 4 if pose != "running" else GALLOP if v < 0.5 else GALLOP[2:] + GALLOP[:2]
    far_foot = tone(foot, 0.74) if foot else far
    leg(c, -spread + w * 1.2, hip, w, far, far_foot, steps[2])
    leg(c, spread - w * 1.2, hip, w, far, far_foot, steps[3])
    body(
        c,
        (
            (-half, top + 0.35 * d),
            (-0.74 * half, top),
            (0, top + 0.06 * d),
            (0.7 * half, top),
            (half, top + 0.35 * d),
            (0.85 * half, belly - 0.12 * d),
            (0.2 * half, belly),
            (-0.35 * half, belly - 0.08 * d),
            (-0.88 * half, belly - 0.1 * d),
        ),
        color,
    )
    leg(c, -spread, hip, w, legs, foot or legs, steps[0])
    leg(c, spread, hip, w, legs, foot or legs, steps[1])


def sit(c: Canvas, color: RGB, w: float) -> None:
    """The upright seated body of a dog or cat, chest at x = 0.1, neck at y = -0.3."""
    c.line(((0.03, -0.2), (0.06, -w / 2)), w, tone(color, 0.74))
    body(c, ((0.14, -0.32), (0.15, -0.16), (0.08, -0.03), (-0.14, -0.005), (-0.2, -0.09), (-0.12, -0.22), (0.02, -0.36)), color)
    c.ellipse(-0.09, -0.085, 0.1, 0.08, tone(color, 0.88))
    c.line(((-0.09, -0.022), (0.0, -0.022)), 0.044, color)
    c.line(((0.11, -0.22), (0.12, -w / 2), (0.14, -w / 2)), w, color)


def equine(c: Canvas, color: RGB, mane: RGB, pose: str, v: float) -> None:
    """A horse's or zebra's shape."""
    c.line(
        ((-0.42, -0.78), (-0.54, -0.7), (-0.56, -0.42))
        if pose != "running"
        else ((-0.42, -0.8), (-0.56, -0.84), (-0.7, -0.74)),
        0.09,
        mane,
    )
    quad(c, color, (0.92, -0.85, -0.5, 0.085), pose, v, foot=DARK)
    c.polygon(((0.14, -0.84), (0.4, -1.13), (0.33, -1.17), (0.24, -1.12), (0.1, -0.9)), mane)
    c.polygon(((0.16, -0.83), (0.32, -1.12), (0.46, -1.08), (0.47, -0.8), (0.44, -0.66), (0.2, -0.68)), color)
    c.polygon(((0.33, -1.08), (0.36, -1.2), (0.42, -1.1)), tone(color, 0.85))
    body(c, ((0.34, -1.11), (0.46, -1.12), (0.6, -0.96), (0.66, -0.87), (0.59, -0.81), (0.48, -0.89), (0.36, -0.93)), color)
    c.ellipse(0.61, -0.865, 0.055, 0.05, tone(color, 0.66))
    c.polygon(((0.36, -1.15), (0.48, -1.11), (0.43, -1.0)), mane)
    eye(c, 0.47, -1.03, 0.026)
