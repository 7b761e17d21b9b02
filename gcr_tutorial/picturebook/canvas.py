"""A small canvas over Pillow with anti-aliasing: it draws at a multiple of the size, and reduces the picture at the end.

Coordinates: the page is the unit square, x to the right, y *down*, (0, 0) the top left corner. Things are drawn in a
local frame (`Canvas.frame`) whose origin is where the thing touches the ground and whose unit is the height of an
adult, so a man's feet are at (0, 0) and the top of his head is at (0, -1), and everything faces right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from PIL import Image, ImageDraw

RGB = tuple[int, int, int]
Fill = tuple[int, ...]  # RGB, or RGBA for a translucent shape
Point = tuple[float, float]


def shade(color: Fill, factor: float) -> RGB:
    """`color` darkened (`factor` < 1) or lightened towards white (`factor` > 1, at most 2)."""
    if factor <= 1:
        return tuple(int(c * factor) for c in color[:3])
    return tuple(int(c + (255 - c) * (factor - 1)) for c in color[:3])


def mix(a: Fill, b: Fill, t: float) -> RGB:
    """The colour between `a` (at `t` = 0) and `b` (at `t` = 1)."""
    return tuple(int(x + (y - x) * t) for x, y in zip(a[:3], b[:3]))


@lru_cache(maxsize=64)
def _circle(n: int) -> tuple[Point, ...]:
    return tuple((math.cos(2 * math.pi * i / n), math.sin(2 * math.pi * i / n)) for i in range(n))


class Canvas:
    """A square page of `size` pixels a side. All lengths are in the units of the current frame."""

    def __init__(self, size: int, background: RGB = (255, 255, 255), supersample: int = 3):
        self.size, self.supersample = size, supersample
        self.pixels = Image.new("RGB", (size * supersample,) * 2, background)
        self._draw = ImageDraw.Draw(self.pixels, "RGBA")
        side = float(size * supersample)
        # Current frame, local -> supersampled pixels: X = a*x + b*y + tx, Y = c*x + d*y + ty
        self._affine = (side, 0.0, 0.0, side, 0.0, 0.0)

    @contextmanager
    def frame(self, x: float, y: float, scale: float = 1.0, flip: bool = False, angle: float = 0.0) -> Iterator[Canvas]:
        """Draw in a local frame placed at (x, y) of the current one; `flip` mirrors left-right, `angle` turns it
        clockwise (radians)."""
        saved = self._affine
        a, b, c, d, tx, ty = saved
        cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
        fx = -1.0 if flip else 1.0
        m00, m01, m10, m11 = fx * cos, -fx * sin, sin, cos
        self._affine = (
            a * m00 + b * m10,
            a * m01 + b * m11,
            c * m00 + d * m10,
            c * m01 + d * m11,
            a * x + b * y + tx,
            c * x + d * y + ty,
        )
        try:
            yield self
        finally:
            self._affine = saved

    def _map(self, points: Sequence[Point]) -> list[Point]:
        a, b, c, d, tx, ty = self._affine
        return [(a * x + b * y + tx, c * x + d * y + ty) for x, y in points]

    @property
    def _unit(self) -> float:
        a, _, c, _, _, _ = self._affine
        return math.hypot(a, c)

    def polygon(self, points: Sequence[Point], fill: Fill) -> None:
        """A filled polygon."""
        self._draw.polygon(self._map(points), fill=fill)

    def rect(self, x0: float, y0: float, x1: float, y1: float, fill: Fill) -> None:
        """A filled rectangle (it turns with the frame)."""
        self._draw.polygon(self._map(((x0, y0), (x1, y0), (x1, y1), (x0, y1))), fill=fill)

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, fill: Fill, angle: float = 0.0) -> None:
        """A filled ellipse with half-axes `rx`, `ry`, turned clockwise by `angle` radians."""
        n = 12 if max(rx, ry) * self._unit < 8 else (20 if max(rx, ry) * self._unit < 40 else 40)
        cos, sin = math.cos(angle), math.sin(angle)
        self._draw.polygon(
            self._map([(cx + rx * u * cos - ry * v * sin, cy + rx * u * sin + ry * v * cos) for u, v in _circle(n)]), fill=fill
        )

    def circle(self, cx: float, cy: float, r: float, fill: Fill) -> None:
        """A filled circle."""
        self.ellipse(cx, cy, r, r, fill)

    def half_disc(self, cx: float, cy: float, rx: float, ry: float, fill: Fill, angle: float = 0.0) -> None:
        """The upper half of an ellipse on the flat base through (cx, cy): a dome, a cap, an umbrella."""
        cos, sin = math.cos(angle), math.sin(angle)
        arc = [(rx * math.cos(math.pi * i / 14), -ry * math.sin(math.pi * i / 14)) for i in range(15)]
        self._draw.polygon(self._map([(cx + u * cos - v * sin, cy + u * sin + v * cos) for u, v in arc]), fill=fill)

    def line(self, points: Sequence[Point], width: float, fill: Fill, caps: bool = True) -> None:
        """A thick polyline with round joints and, unless `caps` is False, round ends: limbs, ropes, branches."""
        mapped = self._map(points)
        pixels = max(1.0, width * self._unit)
        self._draw.line(mapped, fill=fill, width=round(pixels), joint="curve" if len(mapped) > 2 else None)
        if caps and pixels >= 3:
            r = pixels / 2
            for x, y in (mapped[0], mapped[-1]):
                self._draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)

    def blob(self, points: Sequence[Point], fill: Fill, steps: int = 4) -> None:
        """A smooth closed shape through `points` (Catmull-Rom): bodies, clouds, hair, hills."""
        n, smooth = len(points), []
        for i in range(n):
            p0, p1, p2, p3 = points[i - 1], points[i], points[(i + 1) % n], points[(i + 2) % n]
            for s in range(steps):
                t = s / steps
                t2, t3 = t * t, t * t * t
                w0, w1 = -0.5 * t3 + t2 - 0.5 * t, 1.5 * t3 - 2.5 * t2 + 1
                w2, w3 = -1.5 * t3 + 2 * t2 + 0.5 * t, 0.5 * t3 - 0.5 * t2
                smooth.append(
                    (w0 * p0[0] + w1 * p1[0] + w2 * p2[0] + w3 * p3[0], w0 * p0[1] + w1 * p1[1] + w2 * p2[1] + w3 * p3[1])
                )
        self.polygon(smooth, fill)

    def image(self) -> Image.Image:
        """The finished page, (size, size) RGB."""
        return self.pixels if self.supersample == 1 else self.pixels.reduce(self.supersample)
