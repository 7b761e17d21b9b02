"""The buildings of the Picturebook, and the table BUILDINGS, which has the structures of `street_things` too."""

from __future__ import annotations

import math

from .canvas import RGB, Canvas, shade
from .street_things import FRAME, GLASS, METAL, STONE, STREET
from .things import Thing

SLATE, ROOF = (66, 72, 92), (112, 56, 46)


def _roof(color: RGB) -> RGB:
    """A dark roof that contrasts with walls of `color`: slate over warm walls, dark red-brown over the others."""
    return SLATE if color[0] > 1.6 * color[1] else ROOF


def _window(c: Canvas, x: float, y: float, w: float, h: float, glass: RGB = GLASS) -> None:
    """A framed window with a cross, its centre at (x, y)."""
    c.rect(x - w / 2 - 0.04, y - h / 2 - 0.04, x + w / 2 + 0.04, y + h / 2 + 0.04, FRAME)
    c.rect(x - w / 2, y - h / 2, x + w / 2, y + h / 2, glass)
    c.line([(x, y - h / 2), (x, y + h / 2)], 0.03, FRAME, caps=False)
    c.line([(x - w / 2, y), (x + w / 2, y)], 0.03, FRAME, caps=False)


def _walls(c: Canvas, x0: float, x1: float, top: float, color: RGB) -> None:
    """A wall standing on the ground, with a shaded right edge and a foundation."""
    c.rect(x0, top, x1, 0, color)
    c.rect(x1 - (x1 - x0) * 0.14, top, x1, 0, shade(color, 0.86))


def _battlements(c: Canvas, x0: float, x1: float, top: float, count: int, color: RGB) -> None:
    """Teeth along the top of a castle wall."""
    step = (x1 - x0) / (2 * count - 1)
    for i in range(count):
        c.rect(x0 + 2 * i * step, top - 0.12, x0 + (2 * i + 1) * step, top + 0.01, color)


def house(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A house with a gabled roof, a door and two windows."""
    roof = _roof(color)
    c.rect(0.42, -1.86, 0.64, -1.3, (150, 82, 66))
    c.rect(0.39, -1.92, 0.67, -1.84, (116, 62, 52))
    _walls(c, -0.95, 0.95, -1.2, color)
    c.polygon([(-0.95, -1.19), (0, -1.86), (0.95, -1.19)], shade(color, 0.9))
    c.polygon([(-1.15, -1.1), (0, -2.0), (1.15, -1.1), (0.98, -1.06), (0, -1.72), (-0.98, -1.06)], roof)
    c.circle(0, -1.38, 0.15, FRAME)
    c.circle(0, -1.38, 0.11, GLASS)
    _window(c, -0.58, -0.68, 0.36, 0.4)
    _window(c, 0.58, -0.68, 0.36, 0.4)
    c.rect(-0.22, -0.8, 0.22, 0, FRAME)
    c.rect(-0.18, -0.76, 0.18, 0, shade(roof, 0.9))
    c.circle(0.11, -0.36, 0.03, (250, 210, 90))


def barn(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A barn with a gambrel roof and a crossed double door."""
    trim = FRAME if sum(color) < 600 else (170, 60, 50)
    c.polygon([(-1.1, 0), (-1.1, -0.95), (-0.8, -1.45), (0, -1.8), (0.8, -1.45), (1.1, -0.95), (1.1, 0)], color)
    c.polygon([(0.92, 0), (0.92, -1.2), (1.1, -0.95), (1.1, 0)], shade(color, 0.84))
    c.line([(-1.16, -0.9), (-0.82, -1.48), (0, -1.84), (0.82, -1.48), (1.16, -0.9)], 0.12, SLATE)
    for x in (-0.8, -0.6, 0.6, 0.8):
        c.line([(x, -1.2), (x, -0.02)], 0.02, shade(color, 0.8), caps=False)
    c.rect(-0.48, -0.86, 0.48, 0, shade(color, 0.72))
    for x0, x1 in ((-0.46, 0.0), (0.0, 0.46)):
        for points in (
            ((x0, -0.84), (x1, -0.84), (x1, -0.02), (x0, -0.02), (x0, -0.84)),
            ((x0, -0.84), (x1, -0.02)),
            ((x1, -0.84), (x0, -0.02)),
        ):
            c.line(points, 0.055, trim, caps=False)
    c.rect(-0.2, -1.42, 0.2, -1.08, trim)
    c.rect(-0.15, -1.37, 0.15, -1.12, (70, 50, 44))


def castle(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A gray castle with two pointed towers, battlements and a gate."""
    c.rect(-0.4, -1.75, 0.4, -1.0, shade(STONE, 0.88))
    _battlements(c, -0.44, 0.44, -1.75, 4, shade(STONE, 0.88))
    _walls(c, -1.0, 1.0, -1.15, STONE)
    _battlements(c, -0.78, 0.78, -1.15, 6, STONE)
    for x in (-0.95, 0.95):
        c.rect(x - 0.27, -1.7, x + 0.27, 0, shade(STONE, 1.16))
        c.rect(x + 0.12, -1.7, x + 0.27, 0, shade(STONE, 0.84))
        c.polygon([(x - 0.36, -1.68), (x, -2.36), (x + 0.36, -1.68)], (70, 92, 160))
        c.polygon([(x + 0.1, -1.68), (x, -2.36), (x + 0.36, -1.68)], (52, 70, 130))
        c.rect(x - 0.06, -1.35, x + 0.06, -1.05, (62, 66, 80))
        c.line([(x, -2.34), (x, -2.6)], 0.03, METAL)
        c.polygon([(x, -2.6), (x + 0.24, -2.52), (x, -2.44)], (220, 52, 54))
    c.half_disc(0, -0.5, 0.3, 0.3, (82, 56, 40))
    c.rect(-0.3, -0.51, 0.3, 0, (82, 56, 40))
    for x in (-0.15, 0.0, 0.15):
        c.line([(x, -0.72), (x, 0)], 0.03, (52, 36, 28), caps=False)
    for x, y in ((-0.5, -0.85), (0.45, -0.9), (-0.48, -0.3), (0.5, -0.4), (0.0, -1.0)):
        c.rect(x - 0.08, y - 0.04, x + 0.08, y + 0.03, shade(STONE, 0.86))
    for x in (-0.17, 0.17):
        c.rect(x - 0.05, -1.55, x + 0.05, -1.33, (62, 66, 80))


def lighthouse(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A tall white lighthouse with three broad coloured stripes."""
    for i in range(6):
        y0, y1 = -0.31 * i, -0.31 * (i + 1)
        w0, w1 = 0.4 + 0.092 * y0, 0.4 + 0.092 * y1
        fill = color if i % 2 == 0 else (246, 246, 242)
        c.polygon([(-w0, y0), (-w1, y1), (w1, y1), (w0, y0)], fill)
        c.polygon([(w0 * 0.45, y0), (w1 * 0.45, y1), (w1, y1), (w0, y0)], shade(fill, 0.84))
    c.rect(-0.34, -1.94, 0.34, -1.85, METAL)
    c.rect(-0.17, -2.2, 0.17, -1.94, (255, 232, 130))
    c.line([(-0.17, -2.2), (-0.17, -1.94)], 0.04, METAL)
    c.line([(0.17, -2.2), (0.17, -1.94)], 0.04, METAL)
    c.half_disc(0, -2.19, 0.26, 0.22, color)
    c.circle(0, -2.42, 0.05, METAL)
    c.half_disc(0, -0.28, 0.12, 0.12, (84, 60, 48))
    c.rect(-0.12, -0.29, 0.12, 0, (84, 60, 48))


def windmill(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A windmill tower with four lattice sails."""
    c.polygon([(-0.5, 0), (-0.3, -1.4), (0.3, -1.4), (0.5, 0)], color)
    c.polygon([(0.2, 0), (0.14, -1.4), (0.3, -1.4), (0.5, 0)], shade(color, 0.84))
    c.half_disc(0, -1.38, 0.36, 0.32, _roof(color))
    _window(c, -0.06, -0.86, 0.16, 0.2)
    c.rect(-0.15, -0.42, 0.13, 0, (104, 66, 44))
    with c.frame(0, -1.42, 1.0, False, 0.3 + v * 0.9):
        for i in range(4):
            with c.frame(0, 0, 1.0, False, math.pi / 2 * i):
                c.rect(0.0, -0.95, 0.22, -0.22, (250, 240, 214))
                c.line([(0.11, -0.94), (0.11, -0.24)], 0.02, (178, 150, 112), caps=False)
                c.line([(0, -0.58), (0.22, -0.58)], 0.02, (178, 150, 112), caps=False)
                c.line([(0, 0), (0, -0.97)], 0.05, (112, 74, 48))
        c.circle(0, 0, 0.08, METAL)


def church(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A church with a steeple and a cross."""
    _walls(c, -0.5, 1.05, -0.95, color)
    c.polygon([(-0.6, -0.9), (-0.3, -1.5), (0.9, -1.5), (1.17, -0.9)], ROOF)
    c.rect(-0.95, -1.6, -0.3, 0, shade(color, 0.97))
    c.rect(-0.42, -1.6, -0.3, 0, shade(color, 0.82))
    c.polygon([(-1.04, -1.56), (-0.625, -2.3), (-0.21, -1.56)], ROOF)
    c.line([(-0.625, -2.28), (-0.625, -2.58)], 0.05, (92, 76, 60))
    c.line([(-0.72, -2.46), (-0.53, -2.46)], 0.05, (92, 76, 60))
    for x, y in ((-0.62, -1.2), (0.0, -0.42), (0.4, -0.42), (0.8, -0.42)):
        c.half_disc(x, y, 0.1, 0.14, (74, 120, 190))
        c.rect(x - 0.1, y - 0.01, x + 0.1, y + 0.2, (74, 120, 190))
    c.half_disc(-0.62, -0.44, 0.18, 0.18, (112, 66, 44))
    c.rect(-0.8, -0.45, -0.44, 0, (112, 66, 44))


def tent(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A ridge tent seen from its open end."""
    c.polygon([(-0.75, 0), (-0.15, -0.95), (0.5, -0.82), (0.98, 0)], shade(color, 0.78))
    c.polygon([(-0.75, 0), (-0.15, -0.95), (0.45, 0)], color)
    c.polygon([(-0.38, 0), (-0.15, -0.62), (0.12, 0)], (58, 46, 48))
    c.polygon([(-0.15, -0.62), (0.12, 0), (0.24, 0)], shade(color, 1.3))
    for x0, y0, x1 in ((-0.45, -0.48, -0.95), (0.72, -0.45, 1.15)):
        c.line([(x0, y0), (x1, 0)], 0.02, (236, 226, 200))
    c.line([(-0.15, -0.94), (-0.12, -1.0)], 0.035, METAL)


def shop(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A shop with a large striped awning over its window and a sign of the same colour."""
    wall = (236, 222, 196)
    _walls(c, -1.05, 1.05, -1.7, wall)
    c.rect(-1.12, -1.8, 1.12, -1.68, shade(wall, 0.75))
    c.rect(-0.85, -1.62, 0.85, -1.34, color)
    c.rect(-0.45, -1.51, 0.45, -1.45, (250, 248, 240))
    c.rect(-0.92, -0.88, 0.3, -0.2, FRAME)
    c.rect(-0.87, -0.85, 0.25, -0.25, GLASS)
    for x, fill in ((-0.65, (240, 160, 60)), (-0.3, (200, 70, 90)), (0.05, (110, 160, 80))):
        c.rect(x - 0.11, -0.46, x + 0.11, -0.25, fill)
    c.rect(0.44, -0.9, 0.88, 0, shade(color, 0.7))
    c.rect(0.51, -0.82, 0.81, -0.4, GLASS)
    for i in range(7):
        x0, x1 = -1.05 + 0.3 * i, -0.75 + 0.3 * i
        fill = color if i % 2 == 0 else (250, 248, 242)
        c.polygon([(x0 * 0.9, -1.26), (x1 * 0.9, -1.26), (x1 * 1.09, -0.84), (x0 * 1.09, -0.84)], fill)
        c.ellipse((x0 + x1) / 2 * 1.09, -0.84, 0.163, 0.08, shade(fill, 0.9))


BUILDINGS: dict[str, Thing] = {
    "house": Thing(house, width=2.3, height=2.0, colors=("red", "blue", "yellow", "white", "green", "pink", "orange")),
    "barn": Thing(barn, width=2.44, height=1.9, colors=("red", "white", "brown")),
    "castle": Thing(castle, width=2.62, height=2.61),
    "lighthouse": Thing(lighthouse, width=0.82, height=2.48, colors=("red", "blue")),
    "windmill": Thing(windmill, width=1.96, height=2.41, colors=("white", "red")),
    "church": Thing(church, width=2.34, height=2.6, colors=("white",)),
    "tent": Thing(tent, width=2.32, height=1.02, colors=("orange", "blue", "green", "red", "yellow")),
    "shop": Thing(shop, width=2.3, height=1.8, colors=("red", "green", "blue", "yellow")),
    **STREET,
}
