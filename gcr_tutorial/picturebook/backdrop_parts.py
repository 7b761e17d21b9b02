"""What several backgrounds of the Picturebook share: the sky at each time of day, clouds, hills and rows of far trees."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .canvas import RGB, Canvas, Fill, Point, shade

SKIES: dict[str, tuple[RGB, ...]] = {
    "day": ((112, 190, 240), (138, 204, 245), (166, 218, 249), (194, 230, 251)),
    "sunset": ((236, 120, 104), (246, 150, 98), (252, 182, 104), (255, 212, 132)),
    "night": ((30, 42, 104), (40, 56, 124), (54, 74, 146), (74, 98, 170)),
    "overcast": ((150, 162, 176), (166, 178, 190), (184, 194, 204), (202, 210, 216)),
}
CLOUDS: dict[str, Fill] = {
    "day": (255, 255, 255),
    "sunset": (255, 214, 190),
    "night": (92, 112, 172),
    "overcast": (226, 230, 234),
}
STARS = (
    (0.08, 0.07),
    (0.21, 0.17),
    (0.33, 0.05),
    (0.42, 0.22),
    (0.55, 0.09),
    (0.63, 0.25),
    (0.93, 0.3),
    (0.13, 0.29),
    (0.49, 0.33),
    (0.97, 0.05),
)
CRESCENT: tuple[Point, ...] = tuple(
    (
        0.79 + 0.075 * depth * math.sin(math.pi * i / 16) - 0.025 * math.cos(math.pi * i / 16),
        0.14 - 0.075 * math.cos(math.pi * i / 16),
    )
    for depth, steps in ((1.0, range(17)), (0.3, range(16, -1, -1)))
    for i in steps
)


def band(c: Canvas, y0: float, y1: float, fill: RGB, x0: float = 0.0, x1: float = 1.0) -> None:
    """A filled rectangle parallel to the page, pasted into the picture because that is much faster than drawing a polygon."""
    side = c.pixels.size[0]
    c.pixels.paste(fill, (int(x0 * side), int(y0 * side), int(x1 * side), int(y1 * side)))


def cloud(c: Canvas, x: float, y: float, s: float, fill: Fill) -> None:
    """A flat-bottomed cloud of size `s`."""
    c.half_disc(x - 0.6 * s, y, 0.5 * s, 0.4 * s, fill)
    c.half_disc(x, y, 0.62 * s, 0.75 * s, fill)
    c.half_disc(x + 0.62 * s, y, 0.5 * s, 0.48 * s, fill)


def sky(c: Canvas, time: str, v: float, horizon: float) -> None:
    """Bands of sky down to the horizon with the sun or the moon and stars, and two clouds."""
    tones = SKIES[time]
    step = horizon / len(tones)
    for i, tone in enumerate(tones):
        band(c, i * step, (i + 1) * step + 0.01, tone)
    if time == "night":
        for x, y in STARS:
            if y < horizon - 0.1:
                c.rect(x - 0.006, y - 0.006, x + 0.006, y + 0.006, (255, 255, 255))
        c.polygon(CRESCENT, (255, 250, 214))
    elif time == "sunset":
        c.circle(0.76, horizon - 0.05, 0.14, (255, 226, 150))
        c.circle(0.76, horizon - 0.05, 0.1, (255, 244, 190))
    elif time == "day":
        c.circle(0.85, 0.13, 0.1, (255, 240, 170))
        c.circle(0.85, 0.13, 0.075, (255, 216, 66))
    cloud(c, 0.16 + 0.3 * v, 0.14, 0.1, CLOUDS[time])
    cloud(c, 0.62 - 0.24 * v, 0.23, 0.07, CLOUDS[time])
    if time == "overcast":
        cloud(c, 0.84, 0.1, 0.12, CLOUDS[time])


def ridge(c: Canvas, base: float, points: Sequence[Point], fill: Fill) -> None:
    """A silhouette over the full width through `points`, filled down to `base`."""
    c.polygon([(0, base), *points, (1, base)], fill)


def hills(c: Canvas, base: float, height: float, v: float, fill: RGB) -> None:
    """Two rounded hills behind the horizon `base`."""
    c.half_disc(0.2 + 0.15 * v, base + 0.01, 0.5, height, fill)
    c.half_disc(0.8 + 0.1 * v, base + 0.01, 0.45, height * 0.8, shade(fill, 0.92))


def round_trees(c: Canvas, base: float, xs: Sequence[float], r: float, fill: RGB) -> None:
    """A row of far round trees."""
    for i, x in enumerate(xs):
        c.rect(x - 0.012, base - r, x + 0.012, base + 0.005, (120, 84, 58))
        c.circle(x, base - r * (1.5 + 0.2 * (i % 2)), r, shade(fill, 1 - 0.1 * (i % 2)))


def pines(c: Canvas, base: float, xs: Sequence[float], height: float, fill: RGB, snow: bool = False) -> None:
    """A row of far pine trees, on request with snowy tips."""
    for i, x in enumerate(xs):
        h = height * (1 - 0.2 * (i % 3))
        c.polygon([(x - h * 0.3, base), (x, base - h), (x + h * 0.3, base)], shade(fill, 1 - 0.1 * (i % 2)))
        if snow:
            c.polygon(
                [(x - h * 0.15, base - h * 0.5), (x, base - h), (x + h * 0.15, base - h * 0.5), (x, base - h * 0.6)],
                (246, 250, 255),
            )
