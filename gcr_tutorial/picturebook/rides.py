"""The things that people ride, push, row and swim in: one function draws one, with the arguments of those in `props`."""

from __future__ import annotations

import math

from .canvas import RGB, Canvas, shade
from .people import DARK
from .poses import Joints
from .prop_parts import FOAM, LIGHT_WOOD, STEEL, TIRE, TURN, WATER, ring, wheel


def bicycle(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A bicycle under its rider."""
    r, back, ahead = 0.23, -0.42, 0.42
    for x in (back, ahead):
        ring(c, x, -r, r, 0.045, TIRE)
        c.line(((x - 0.13, -r - 0.12), (x + 0.13, -r + 0.12)), 0.012, STEEL, caps=False)
        c.line(((x + 0.13, -r - 0.12), (x - 0.13, -r + 0.12)), 0.012, STEEL, caps=False)
        c.circle(x, -r, 0.05, shade(color, 0.8))
        c.line([(x + (r + 0.035) * u, -r + (r + 0.035) * w) for u, w in TURN[9:16:2]], 0.05, color)
    seat, bar, crank = (j.hip[0] - 0.03, j.hip[1] + 0.1), (j.hand_back[0], j.hand_back[1]), (-0.02, -0.2)
    c.line(((back, -r), crank), 0.06, color)
    c.line(((back, -r), seat), 0.06, shade(color, 0.85))
    c.line((seat, crank), 0.06, color)
    c.line(((0.29, -0.5), crank), 0.06, color)
    c.line(((0.29, -0.5), (seat[0] + 0.02, seat[1] + 0.06)), 0.06, color)
    c.line(((ahead, -r), (0.3, -0.5), bar), 0.06, shade(color, 0.85))
    c.line((bar, (bar[0] + 0.07, bar[1] - 0.02)), 0.045, DARK)
    c.line(((seat[0] - 0.1, seat[1] - 0.02), (seat[0] + 0.08, seat[1] - 0.01)), 0.06, DARK)
    c.circle(*crank, 0.055, DARK)


def horse(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A saddled brown horse under its rider."""
    coat, dark = (146, 88, 48), (84, 50, 30)
    for x, dx, tone in ((-0.34, -0.1, 0.75), (0.3, 0.14, 0.75), (-0.42, 0.06, 1), (0.24, -0.02, 1)):
        c.line(((x, -0.5), (x + dx, -0.26), (x + dx * 0.6, -0.05)), 0.11, shade(coat, tone))
        c.line(((x + dx * 0.6, -0.06), (x + dx * 0.6 + 0.03, -0.04)), 0.1, dark)
    c.line(((-0.52, -0.68), (-0.68, -0.58), (-0.7, -0.3)), 0.11, dark)
    c.ellipse(-0.06, -0.58, 0.5, 0.2, coat)
    c.polygon(((0.16, -0.68), (0.42, -1.12), (0.6, -1.0), (0.42, -0.5)), coat)
    c.line(((0.52, -1.02), (0.76, -0.86)), 0.17, coat)
    c.circle(0.77, -0.85, 0.08, shade(coat, 1.25))
    c.polygon(((0.4, -1.08), (0.46, -1.26), (0.55, -1.1)), coat)
    c.line(((0.43, -1.12), (0.3, -0.96), (0.17, -0.74)), 0.1, dark)
    c.circle(0.57, -1.03, 0.024, DARK)
    c.line(((0.66, -0.84), j.hand_back), 0.02, DARK, caps=False)
    c.line(((-0.24, -0.75), (0.12, -0.75)), 0.09, (176, 44, 40))


def skateboard(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A skateboard under its rider."""
    for x in (-0.22, 0.22):
        c.circle(x, -0.05, 0.05, DARK)
    c.line(((-0.42, -0.17), (-0.3, -0.11), (0.3, -0.11), (0.42, -0.17)), 0.08, color)


def scooter(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A kick scooter."""
    wheel(c, -0.36, 0.09)
    wheel(c, 0.4, 0.09)
    c.line(((-0.36, -0.13), (0.3, -0.1), (0.37, -0.16), (j.hand_back[0], j.hand_back[1])), 0.085, color)
    c.line(((j.hand_back[0] - 0.06, j.hand_back[1]), (j.hand_back[0] + 0.07, j.hand_back[1] - 0.02)), 0.05, DARK)


def surfboard(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A surfboard on a breaking wave."""
    c.blob(((-0.75, 0.02), (-0.62, -0.2), (-0.42, -0.06), (0.0, -0.03), (0.6, 0.02), (0.0, 0.09)), WATER)
    c.ellipse(0, -0.1, 0.66, 0.085, shade(color, 0.78), -0.12)
    c.ellipse(0, -0.12, 0.65, 0.07, color, -0.12)
    for x, y, r in ((-0.64, -0.12, 0.07), (-0.5, -0.01, 0.09), (-0.3, 0.02, 0.06), (0.25, 0.02, 0.05), (0.45, 0, 0.06)):
        c.circle(x, y, r, FOAM)


def ripples(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """The water around a swimmer."""
    c.ellipse(0, 0.02, 0.46, 0.06, WATER)
    c.ellipse(-0.04, 0.0, 0.34, 0.016, FOAM)
    for x, y, r in ((0.36, -0.05, 0.05), (0.44, 0.0, 0.06), (-0.36, -0.01, 0.05)):
        c.circle(x, y, r, FOAM)


def skis(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A pair of skis and the far pole."""
    c.line(((-0.48, -0.09), (0.5, -0.09), (0.62, -0.17)), 0.06, shade(color, 0.8))
    c.line(((-0.56, -0.02), (0.44, -0.02), (0.58, -0.1)), 0.07, color)
    x, y = j.hand_back
    c.line(((x + 0.03, y - 0.08), (x - 0.3, -0.06)), 0.025, DARK)


def ski_pole(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """The near ski pole."""
    x, y = j.hand_front
    c.line(((x + 0.04, y - 0.08), (x - 0.42, -0.06)), 0.028, DARK)
    c.ellipse(x - 0.38, -0.09, 0.06, 0.02, DARK)


def stroller(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A stroller with a baby in it."""
    x = 0.6
    c.line((j.hand_back, (x - 0.14, -0.34)), 0.035, DARK)
    for axle in (x - 0.18, x + 0.2):
        c.line(((x, -0.3), (axle, -0.1)), 0.035, STEEL)
        wheel(c, axle, 0.1)
    c.half_disc(x + 0.02, -0.46, 0.27, 0.24, shade(color, 0.84), math.pi)
    c.polygon(((x + 0.0, -0.46), (x - 0.25, -0.46), (x - 0.22, -0.6), (x - 0.1, -0.72), (x + 0.06, -0.75)), color)
    c.circle(x + 0.12, -0.5, 0.075, (241, 194, 155))
    c.half_disc(x + 0.02, -0.42, 0.27, 0.25, color, math.pi)


def hull(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """A rowing boat around its rower."""
    c.polygon(((-0.78, -0.34), (0.82, -0.38), (0.6, 0.02), (-0.56, 0.02)), color)
    c.polygon(((-0.69, -0.14), (0.72, -0.17), (0.6, 0.02), (-0.56, 0.02)), shade(color, 0.8))
    c.line(((-0.78, -0.34), (0.82, -0.38)), 0.05, shade(color, 1.35))


def oar(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    """The near oar."""
    x, y = j.hand_front
    c.line(((x + 0.06, y - 0.06), (x - 0.36, y + 0.42)), 0.035, LIGHT_WOOD)
    c.ellipse(x - 0.38, y + 0.44, 0.12, 0.05, LIGHT_WOOD, -0.85)
    c.ellipse(-0.4, 0.02, 0.22, 0.02, FOAM)
