"""What people do: for each activity the pose, the props, and where it makes sense. `draw_person` draws one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Callable

from .canvas import RGB, Canvas, Point, shade
from .people import DARK, SHOE, WHITE, Joints, Look, Pose, draw_figure, solve

Prop = Callable[[Canvas, Joints, RGB, float], None]
WOOD, LIGHT_WOOD, STEEL, TIRE, STRING = (128, 82, 46), (196, 146, 92), (150, 156, 164), (52, 50, 56), (120, 112, 108)
ORANGE, GRASS, WATER, FOAM = (247, 127, 0), (46, 139, 64), (86, 160, 222), (235, 246, 252)
_TURN = tuple((math.cos(math.pi * i / 8), math.sin(math.pi * i / 8)) for i in range(17))


@dataclass(frozen=True)
class Activity:
    """`extent`: left, right and top of the drawing of a man, in adult heights. `prop`: the thing whose colour a
    caption may name. The props are drawn `behind` the person, in the `lap` (under the near arm) or in `front`."""
    extent: tuple[float, float, float]
    pose: Pose
    prop: str | None = None
    places: tuple[str, ...] = ("ground",)
    kinds: tuple[str, ...] = ("man", "woman", "boy", "girl")
    behind: Prop | None = None
    lap: Prop | None = None
    front: Prop | None = None
    stride: bool = False  # the legs may be drawn in the other phase
    angle: float = 0.0  # the whole person turned clockwise


def _ring(c: Canvas, x: float, y: float, r: float, width: float, fill: RGB) -> None:
    inner = r - width
    outline = [(x + r * u, y + r * v) for u, v in _TURN]
    c.polygon(outline + [(x + inner * u, y + inner * v) for u, v in _TURN[::-1]], fill)


def _ball(c: Canvas, x: float, y: float, r: float, color: RGB) -> None:
    c.circle(x, y, r, shade(color, 0.8))
    c.circle(x - 0.08 * r, y - 0.1 * r, 0.88 * r, color)
    c.ellipse(x - 0.35 * r, y - 0.42 * r, 0.24 * r, 0.15 * r, shade(color, 1.6), -0.6)


def _wheel(c: Canvas, x: float, r: float) -> None:
    c.circle(x, -r, r, TIRE)
    c.circle(x, -r, 0.5 * r, STEEL)


def _shadow(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    c.ellipse(0, 0, 0.26, 0.035, (40, 50, 60, 90))


def _kite(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = 0.72, -1.42 - 0.08 * v
    c.line((j.hand_back, (0.5, -1.0), (x, y + 0.1)), 0.012, STRING, caps=False)
    tail = ((x - 0.02, y + 0.34), (x + 0.07, y + 0.46), (x - 0.02, y + 0.57), (x + 0.07, y + 0.68))
    c.line(tail, 0.018, shade(color, 0.7), caps=False)
    for px, py in tail[1:]:
        c.polygon(((px - 0.06, py - 0.03), (px + 0.06, py + 0.03), (px + 0.06, py - 0.03), (px - 0.06, py + 0.03)),
                  color)
    top, right, low, left = (x + 0.04, y - 0.36), (x + 0.28, y - 0.06), (x - 0.02, y + 0.34), (x - 0.26, y - 0.1)
    c.polygon((top, right, low, left), color)
    c.polygon((top, right, (x, y - 0.08)), shade(color, 0.84))
    c.polygon((low, left, (x, y - 0.08)), shade(color, 0.84))


def _umbrella(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    (x, y), top = j.hand_back, j.head[1] - 0.62
    c.line(((x, y + 0.06), (x - 0.06, top)), 0.026, WOOD)
    x, base = x - 0.1, j.head[1] - 0.16
    c.half_disc(x, base, 0.52, 0.44, shade(color, 0.86))
    c.half_disc(x, base, 0.3, 0.44, color)
    c.half_disc(x, base, 0.1, 0.44, shade(color, 0.86))
    c.line(((x, base - 0.42), (x, base - 0.49)), 0.03, WOOD)


def _thrown_ball(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = 0.62, -1.06 - 0.06 * v
    for dy in (-0.07, 0.0, 0.07):
        c.line(((x - 0.3 + abs(dy), y + dy + 0.06), (x - 0.19, y + dy + 0.03)), 0.016, (255, 255, 255, 200), caps=False)
    _ball(c, x, y, 0.15, color)


def _kicked_ball(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    _ball(c, 0.62, -0.2 - 0.12 * v, 0.16, color)


def _bicycle(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    r, back, ahead = 0.23, -0.42, 0.42
    for x in (back, ahead):
        _ring(c, x, -r, r, 0.045, TIRE)
        c.line(((x - 0.13, -r - 0.12), (x + 0.13, -r + 0.12)), 0.012, STEEL, caps=False)
        c.line(((x + 0.13, -r - 0.12), (x - 0.13, -r + 0.12)), 0.012, STEEL, caps=False)
        c.circle(x, -r, 0.05, shade(color, 0.8))
        c.line([(x + (r + 0.035) * u, -r + (r + 0.035) * w) for u, w in _TURN[9:16:2]], 0.05, color)
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


def _horse(c: Canvas, j: Joints, color: RGB, v: float) -> None:
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


def _skateboard(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    for x in (-0.22, 0.22):
        c.circle(x, -0.05, 0.05, DARK)
    c.line(((-0.42, -0.17), (-0.3, -0.11), (0.3, -0.11), (0.42, -0.17)), 0.08, color)


def _scooter(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    _wheel(c, -0.36, 0.09)
    _wheel(c, 0.4, 0.09)
    c.line(((-0.36, -0.13), (0.3, -0.1), (0.37, -0.16), (j.hand_back[0], j.hand_back[1])), 0.085, color)
    c.line(((j.hand_back[0] - 0.06, j.hand_back[1]), (j.hand_back[0] + 0.07, j.hand_back[1] - 0.02)), 0.05, DARK)


def _surfboard(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    c.blob(((-0.75, 0.02), (-0.62, -0.2), (-0.42, -0.06), (0.0, -0.03), (0.6, 0.02), (0.0, 0.09)), WATER)
    c.ellipse(0, -0.1, 0.66, 0.085, shade(color, 0.78), -0.12)
    c.ellipse(0, -0.12, 0.65, 0.07, color, -0.12)
    for x, y, r in ((-0.64, -0.12, 0.07), (-0.5, -0.01, 0.09), (-0.3, 0.02, 0.06), (0.25, 0.02, 0.05), (0.45, 0, 0.06)):
        c.circle(x, y, r, FOAM)


def _ripples(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    c.ellipse(0, 0.02, 0.46, 0.06, WATER)
    c.ellipse(-0.04, 0.0, 0.34, 0.016, FOAM)
    for x, y, r in ((0.36, -0.05, 0.05), (0.44, 0.0, 0.06), (-0.36, -0.01, 0.05)):
        c.circle(x, y, r, FOAM)


def _skis(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    c.line(((-0.48, -0.09), (0.5, -0.09), (0.62, -0.17)), 0.06, shade(color, 0.8))
    c.line(((-0.56, -0.02), (0.44, -0.02), (0.58, -0.1)), 0.07, color)
    x, y = j.hand_back
    c.line(((x + 0.03, y - 0.08), (x - 0.3, -0.06)), 0.025, DARK)


def _ski_pole(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = j.hand_front
    c.line(((x + 0.04, y - 0.08), (x - 0.42, -0.06)), 0.028, DARK)
    c.ellipse(x - 0.38, -0.09, 0.06, 0.02, DARK)


def _book(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = j.hand_back[0] + 0.02, j.hand_back[1] - 0.04
    c.polygon(((x - 0.22, y - 0.19), (x, y - 0.13), (x + 0.22, y - 0.19), (x + 0.2, y + 0.09), (x, y + 0.14),
               (x - 0.2, y + 0.09)), WHITE)
    c.polygon(((x - 0.25, y - 0.15), (x, y - 0.09), (x, y + 0.17), (x - 0.25, y + 0.11)), color)
    c.polygon(((x + 0.25, y - 0.15), (x, y - 0.09), (x, y + 0.17), (x + 0.25, y + 0.11)), shade(color, 0.82))


def _guitar(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = j.hip[0] - 0.04, j.hip[1] - 0.06
    c.line(((x, y), (x + 0.5, y - 0.24)), 0.055, SHOE)
    c.line(((x + 0.48, y - 0.23), (x + 0.56, y - 0.27)), 0.085, SHOE)
    c.ellipse(x - 0.1, y + 0.05, 0.2, 0.175, (200, 122, 50), -0.45)
    c.ellipse(x + 0.1, y - 0.05, 0.14, 0.13, (200, 122, 50), -0.45)
    c.circle(x + 0.04, y - 0.02, 0.06, (66, 38, 24))
    c.line(((x - 0.16, y + 0.01), (x - 0.12, y + 0.12)), 0.03, SHOE)


def _ice_cream(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = j.hand_back
    c.polygon(((x - 0.085, y - 0.12), (x + 0.085, y - 0.12), (x + 0.01, y + 0.1)), (226, 166, 92))
    c.circle(x, y - 0.17, 0.1, (255, 160, 190))
    c.circle(x + 0.01, y - 0.29, 0.085, (255, 246, 222))
    c.circle(x + 0.01, y - 0.385, 0.03, (214, 40, 40))


def _fishing_rod(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = j.hand_back
    c.line(((x - 0.16, y + 0.1), (x + 0.2, y - 0.3), (0.86, -1.12)), 0.03, WOOD)
    c.line(((0.86, -1.12), (0.9, -0.26)), 0.012, STRING, caps=False)
    c.ellipse(0.9, -0.16, 0.07, 0.12, (110, 150, 180))
    c.polygon(((0.9, -0.08), (0.84, 0.01), (0.96, 0.01)), (110, 150, 180))
    c.circle(0.88, -0.2, 0.018, DARK)


def _balloons(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = j.hand_back
    for dx, dy, tone in ((0.02, -0.86, 0.8), (-0.19, -0.64, 0.9), (0.22, -0.66, 0.88), (0.03, -0.52, 1)):
        c.line(((x, y), (x + dx, y + dy)), 0.012, STRING, caps=False)
        c.ellipse(x + dx, y + dy, 0.145, 0.175, shade(color, tone))
        c.ellipse(x + dx - 0.05, y + dy - 0.07, 0.03, 0.05, shade(color, 1.55), 0.4)


def _stroller(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x = 0.6
    c.line((j.hand_back, (x - 0.14, -0.34)), 0.035, DARK)
    for wheel in (x - 0.18, x + 0.2):
        c.line(((x, -0.3), (wheel, -0.1)), 0.035, STEEL)
        _wheel(c, wheel, 0.1)
    c.half_disc(x + 0.02, -0.46, 0.27, 0.24, shade(color, 0.84), math.pi)
    c.polygon(((x + 0.0, -0.46), (x - 0.25, -0.46), (x - 0.22, -0.6), (x - 0.1, -0.72), (x + 0.06, -0.75)), color)
    c.circle(x + 0.12, -0.5, 0.075, (241, 194, 155))
    c.half_disc(x + 0.02, -0.42, 0.27, 0.25, color, math.pi)


def _bedding(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = j.head  # turned with the sleeper: x is up
    c.rect(-0.24, -1.04, -0.1, 0.06, (176, 196, 222))
    c.rect(-0.12, -1.04, 0.08, 0.06, (206, 220, 238))
    c.blob(((-0.16, y - 0.1), (0.19, y - 0.1), (0.19, y + 0.11), (-0.16, y + 0.11)), WHITE)


def _snores(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    for x, y, s in ((0.3, -0.8, 0.05), (0.42, -0.66, 0.065), (0.57, -0.49, 0.085)):
        c.line(((x + s, y - s), (x + s, y + s), (x - s, y - s), (x - s, y + s)), 0.03, (70, 84, 150), caps=False)


def _camera(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = j.head[0] + 0.05, j.head[1] + 0.02
    c.rect(x - 0.02, y - 0.12, x + 0.06, y, DARK)
    c.rect(x - 0.13, y - 0.08, x + 0.14, y + 0.09, DARK)
    c.circle(x + 0.01, y + 0.01, 0.075, STEEL)
    c.circle(x + 0.01, y + 0.01, 0.05, (70, 120, 170))
    flash = [(x + 0.24 + d * u, y - 0.16 + d * w) for (u, w), d in zip(_TURN[:16], (0.12, 0.04) * 8)]
    c.polygon(flash, (255, 232, 130))


def _easel(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    c.line(((0.62, -1.0), (0.44, 0)), 0.04, WOOD)
    c.line(((0.66, -1.0), (0.86, 0)), 0.04, WOOD)
    c.polygon(((0.4, -0.92), (0.88, -0.92), (0.88, -0.38), (0.4, -0.38)), LIGHT_WOOD)
    c.polygon(((0.43, -0.89), (0.85, -0.89), (0.85, -0.41), (0.43, -0.41)), WHITE)
    c.polygon(((0.43, -0.41), (0.43, -0.52), (0.64, -0.66), (0.85, -0.52), (0.85, -0.41)), GRASS)
    c.circle(0.73, -0.76, 0.07, (252, 200, 45))
    c.line((j.hand_back, (j.hand_back[0] + 0.14, j.hand_back[1] - 0.1)), 0.03, WOOD)


def _palette(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = j.hand_front
    c.ellipse(x, y, 0.13, 0.09, LIGHT_WOOD)
    for dx, dy, paint in ((-0.06, -0.02, (214, 40, 40)), (0.0, -0.045, (38, 96, 214)), (0.06, -0.01, (252, 211, 45))):
        c.circle(x + dx, y + dy, 0.026, paint)


def _stove(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    c.rect(0.3, -0.46, 0.84, 0, (222, 226, 230))
    c.rect(0.28, -0.5, 0.86, -0.43, DARK)
    c.rect(0.38, -0.31, 0.76, -0.07, (86, 92, 104))
    c.rect(0.42, -0.27, 0.72, -0.17, (247, 160, 60))
    for x in (0.38, 0.48, 0.66, 0.76):
        c.circle(x, -0.375, 0.026, STEEL)


def _pan(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = j.hand_back
    c.line(((x - 0.04, y), (0.4, -0.56)), 0.045, DARK)
    c.half_disc(0.58, -0.6, 0.21, 0.11, DARK, math.pi)
    y = -0.8 - 0.06 * v
    c.ellipse(0.58, y, 0.17, 0.07, WHITE)
    c.ellipse(0.59, y - 0.02, 0.075, 0.05, (252, 190, 30))


def _box(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = j.hand_front[0] + 0.13, j.hand_front[1] - 0.1
    c.rect(x - 0.2, y - 0.17, x + 0.2, y + 0.17, (190, 136, 82))
    c.rect(x - 0.2, y - 0.17, x + 0.2, y - 0.09, (160, 108, 62))
    c.rect(x - 0.04, y - 0.17, x + 0.04, y + 0.0, (226, 196, 150))


def _shovel(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    c.half_disc(0.56, 0.02, 0.26, 0.2, (110, 72, 44))
    (x0, y0), (x1, y1) = j.hand_front, j.hand_back
    c.line(((x0 - 0.06, y0 - 0.08), (x1 + 0.12, y1 + 0.16)), 0.04, LIGHT_WOOD)
    x, y = x1 + 0.17, y1 + 0.22
    c.polygon(((x - 0.12, y - 0.01), (x + 0.03, y - 0.13), (x + 0.15, y + 0.02), (x + 0.13, y + 0.13), (x, y + 0.12)),
              STEEL)


def _watering_can(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = j.hand_back
    for fx, petals in ((0.7, (240, 70, 110)), (0.86, (252, 211, 45))):
        c.line(((fx, 0), (fx, -0.16)), 0.03, GRASS)
        c.circle(fx, -0.2, 0.075, petals)
        c.circle(fx, -0.2, 0.03, WHITE if fx < 0.8 else WOOD)
    _ring(c, x - 0.02, y + 0.02, 0.1, 0.035, shade(color, 0.8))
    c.line(((x + 0.1, y + 0.2), (x + 0.3, y + 0.0)), 0.06, shade(color, 0.85))
    c.polygon(((x - 0.15, y + 0.04), (x + 0.14, y + 0.07), (x + 0.14, y + 0.29), (x - 0.15, y + 0.26)), color)
    for dx, dy in ((0.36, 0.08), (0.42, 0.05), (0.4, 0.19), (0.46, 0.15)):
        c.line(((x + dx, y + dy), (x + dx + 0.02, y + dy + 0.07)), 0.028, (70, 150, 230))


def _hull(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    c.polygon(((-0.78, -0.34), (0.82, -0.38), (0.6, 0.02), (-0.56, 0.02)), color)
    c.polygon(((-0.69, -0.14), (0.72, -0.17), (0.6, 0.02), (-0.56, 0.02)), shade(color, 0.8))
    c.line(((-0.78, -0.34), (0.82, -0.38)), 0.05, shade(color, 1.35))


def _oar(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = j.hand_front
    c.line(((x + 0.06, y - 0.06), (x - 0.36, y + 0.42)), 0.035, LIGHT_WOOD)
    c.ellipse(x - 0.38, y + 0.44, 0.12, 0.05, LIGHT_WOOD, -0.85)
    c.ellipse(-0.4, 0.02, 0.22, 0.02, FOAM)


def _racket(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y = j.hand_back
    c.line(((x, y), (x + 0.09, y - 0.13)), 0.04, DARK)
    c.ellipse(x + 0.19, y - 0.27, 0.13, 0.17, (206, 52, 48), 0.55)
    c.ellipse(x + 0.19, y - 0.27, 0.095, 0.135, (236, 236, 226), 0.55)
    for d in (-0.05, 0.03):
        c.line(((x + 0.11 + d, y - 0.3 + d), (x + 0.24 + d, y - 0.22 + d)), 0.012, STRING, caps=False)
    _ball(c, 0.78, -0.72 - 0.1 * v, 0.08, (214, 232, 60))


def _basketball(c: Canvas, j: Joints, color: RGB, v: float) -> None:
    x, y, r = j.hand_back[0] + 0.04, j.hand_back[1] - 0.17, 0.16
    c.circle(x, y, r, ORANGE)
    for line in (((x - r, y), (x + r, y)), ((x, y - r), (x, y + r))):
        c.line(line, 0.02, (110, 52, 10), caps=False)
    for side in (-1, 1):
        seam = [(x + side * r * k, y + r * h) for k, h in ((0.62, -0.75), (0.36, 0.0), (0.62, 0.75))]
        c.line(seam, 0.018, (110, 52, 10), caps=False)


_WALK = Pose((0.4, 0.86, 1), (-0.5, 0.76, 1), (-0.42, 0.86, -1), (0.42, 0.88, -1), turn=0.7)
_SIT = Pose((0.55, 0.5, 1), (0.5, 0.55, 1), (0.75, 0.3, -1), (0.68, 0.36, -1), turn=0.8, sway=-0.12)

ACTIVITIES: dict[str, Activity] = {
    "standing": Activity((0.25, 0.25, 1.1), Pose(), places=("ground", "indoor")),
    "walking": Activity((0.3, 0.3, 1.05), _WALK, stride=True, places=("ground", "indoor")),
    "running": Activity(
        (0.35, 0.45, 1), Pose((0.55, 0.2, 1), (-0.35, 0.45, 1), (-0.85, 0.3, -1), (0.55, 0.72, -1), turn=1, lean=0.1,
        lift=0.03), stride=True),
    "jumping": Activity(
        (0.45, 0.45, 1.15), Pose((0.74, -0.62, 1), (-0.74, -0.62, -1), (0.42, 0.62, -1), (-0.42, 0.62, 1),
        lift=0.24), behind=_shadow, places=("ground", "indoor")),
    "sitting": Activity((0.35, 0.3, 0.85), _SIT, places=("ground", "indoor")),
    "waving": Activity((0.25, 0.4, 1.1), Pose(arm_back=(0.62, -0.7, 1)), places=("ground", "indoor")),
    "dancing": Activity(
        (0.5, 0.4, 1.05), Pose((0.5, -0.8, 1), (-0.8, 0.1, -1), (0.6, 0.55, -1), (-0.12, 0.97, 1), lean=-0.05),
        places=("ground", "indoor")),
    "flying a kite": Activity(
        (0.25, 1.05, 1.9), Pose((0.8, -0.45, 1), (-0.25, 0.93, 1), (0.1, 0.99, -1), (-0.14, 0.98, 1), 0.4), "kite",
        behind=_kite),
    "holding an umbrella": Activity((0.35, 0.7, 1.55), Pose(arm_back=(0.45, 0.25, 1)), "umbrella", behind=_umbrella),
    "throwing a ball": Activity(
        (0.4, 0.8, 1.3), Pose((0.8, -0.55, 1), (-0.85, 0.2, 1), (0.35, 0.9, -1), (-0.4, 0.85, -1), 0.6, lean=0.07),
        "ball", behind=_thrown_ball),
    "kicking a ball": Activity(
        (0.5, 0.8, 1.05), Pose((0.75, 0.3, -1), (-0.8, 0.3, 1), (0.85, 0.5, -1), (-0.12, 0.97, -1), 0.6, lean=-0.07),
        "ball", behind=_kicked_ball),
    "riding a bicycle": Activity(
        (0.7, 0.7, 1.1), Pose((0.84, 0.4, 1), (0.86, 0.44, 1), (0.58, 0.45, -1), (0.42, 0.8, -1), 0.9, lean=0.12,
        lift=0.13, sway=-0.14), "bicycle", behind=_bicycle),
    "riding a horse": Activity(
        (0.75, 0.85, 1.4), Pose((0.75, 0.45, 1), (0.6, 0.6, 1), (0.45, 0.75, -1), (0.4, 0.78, -1), 0.9, lift=0.42,
        sway=-0.06), behind=_horse),
    "riding a skateboard": Activity(
        (0.5, 0.5, 1.1), Pose((0.9, 0.05, 1), (-0.9, 0.1, -1), (0.42, 0.72, -1), (-0.38, 0.76, 1), 0.5, lean=0.04,
        lift=0.13), "skateboard", behind=_skateboard),
    "riding a scooter": Activity(
        (0.45, 0.5, 1.15), Pose((0.85, 0.42, 1), (0.88, 0.46, 1), (-0.7, 0.62, -1), (0.25, 0.94, -1), 0.9, lean=0.05,
        lift=0.12, sway=-0.1), "scooter", behind=_scooter),
    "surfing": Activity(
        (0.8, 0.7, 1.1), Pose((0.92, -0.1, 1), (-0.9, -0.1, -1), (0.55, 0.62, -1), (-0.48, 0.7, 1), 0.6, lean=0.08,
        lift=0.13), "surfboard", ("water",), behind=_surfboard),
    "swimming": Activity(
        (0.5, 0.5, 0.45), Pose((0.75, -0.5, 1), (-0.6, 0.25, 1), turn=0.6, swims=True), places=("water",),
        front=_ripples),
    "skiing": Activity(
        (0.6, 0.65, 1.05), Pose((0.6, 0.45, 1), (0.4, 0.6, 1), (0.2, 0.8, -1), (0.12, 0.84, -1), 0.9, lean=0.12,
        lift=0.05), "skis", ("snow",), behind=_skis, front=_ski_pole),
    "reading a book": Activity(
        (0.35, 0.5, 0.8), Pose((0.65, 0.28, 1), (0.75, 0.3, 1), (0.78, 0.2, -1), (0.7, 0.3, -1), 0.6, sway=-0.12),
        "book", ("ground", "indoor"), lap=_book),
    "playing the guitar": Activity(
        (0.35, 0.6, 1.1), Pose((0.72, 0.42, -1), (0.22, 0.66, 1)), places=("ground", "indoor"), lap=_guitar),
    "eating ice cream": Activity((0.25, 0.4, 1.1), Pose(arm_back=(0.42, 0.14, -1)), front=_ice_cream),
    "fishing": Activity((0.25, 1, 1.15), Pose((0.65, 0.4, 1), (0.75, 0.42, 1), turn=0.8), front=_fishing_rod),
    "holding balloons": Activity((0.25, 0.75, 1.85), Pose(arm_back=(0.66, -0.2, 1)), "balloons", behind=_balloons),
    "pushing a stroller": Activity(
        (0.5, 0.9, 1.05), Pose((0.8, 0.5, 1), (0.85, 0.5, 1), (-0.3, 0.92, -1), (0.28, 0.93, -1), 0.9, lean=0.05,
        sway=-0.25), "stroller", kinds=("man", "woman"), behind=_stroller),
    "sleeping": Activity(
        (0.6, 0.6, 0.95), Pose((0.3, 0.9, -1), (-0.35, 0.85, 1), asleep=True), places=("ground", "indoor"),
        behind=_bedding, front=_snores, angle=-math.pi / 2),
    "taking a photo": Activity((0.35, 0.45, 1.15), Pose((0.06, -0.34, 1), (-0.02, -0.34, -1)), lap=_camera),
    "painting": Activity(
        (0.45, 0.9, 1.1), Pose((0.85, 0.1, 1), (0.35, 0.5, 1), turn=0.6, sway=-0.2), behind=_easel, front=_palette),
    "cooking": Activity(
        (0.45, 0.9, 1.1), Pose((0.72, 0.35, 1), (-0.3, 0.6, 1), turn=0.5, sway=-0.14), places=("indoor",),
        behind=_stove, front=_pan),
    "carrying a box": Activity(
        (0.25, 0.35, 1.05), Pose((0.2, 0.62, -1), (0.22, 0.66, 1), (0.2, 0.95, -1), (-0.15, 0.96, -1), 0.4),
        places=("ground", "indoor"), lap=_box),
    "digging": Activity(
        (0.4, 0.85, 1), Pose((0.65, 0.7, 1), (0.35, 0.7, 1), (0.35, 0.85, -1), (-0.3, 0.9, -1), 0.7, lean=0.13,
        sway=-0.15), front=_shovel),
    "watering flowers": Activity(
        (0.35, 0.95, 1.1), Pose((0.7, 0.5, 1), (-0.25, 0.9, 1), turn=0.5, sway=-0.12), "watering can",
        front=_watering_can),
    "rowing a boat": Activity(
        (0.85, 0.85, 0.95), Pose((0.8, 0.35, 1), (0.75, 0.42, 1), (0.8, 0.3, -1), (0.75, 0.3, -1), 0.8, lean=-0.06,
        lift=0.16, sway=-0.08), "boat", ("water",), lap=_hull, front=_oar),
    "playing tennis": Activity(
        (0.45, 0.9, 1.25), Pose((0.75, -0.4, 1), (-0.8, 0.3, 1), (0.4, 0.85, -1), (-0.4, 0.85, 1), 0.5),
        behind=_racket),
    "playing basketball": Activity(
        (0.4, 0.45, 1.35), Pose((0.42, -0.85, 1), (-0.65, 0.5, 1), (0.2, 0.95, -1), (-0.25, 0.9, 1), 0.5),
        behind=_basketball, places=("ground", "indoor")),
}


@lru_cache(maxsize=None)
def _joints(kind: str, activity: str, swapped: bool) -> Joints:
    pose = ACTIVITIES[activity].pose
    j = solve(kind, pose)
    return j._replace(leg_back=j.leg_front, leg_front=j.leg_back, shoes=j.shoes[::-1]) if swapped else j


def draw_person(c: Canvas, look: Look, activity: str, prop_color: RGB, v: float) -> None:
    """Draw someone with the look doing the activity; `prop_color` is for the prop that the activity names."""
    act = ACTIVITIES[activity]
    j = _joints(look.kind, activity, act.stride and v >= 0.5)
    along, up = (0.5, -0.24) if act.angle else (0.0, 0.0)  # a sleeper's feet are half a body to the right
    with c.frame(along * j.body.scale, up * j.body.scale, j.body.scale, angle=act.angle):
        if act.behind:
            act.behind(c, j, prop_color, v)
        draw_figure(c, look, j, act.lap and (lambda: act.lap(c, j, prop_color, v)))
        if act.front:
            act.front(c, j, prop_color, v)
