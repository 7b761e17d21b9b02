"""Painters of the outdoor backgrounds of the Picturebook, and the table OUTDOORS of all of them.

Each painter covers the whole page with sky, landmarks and ground. This module paints landscapes; `built_backdrops`
paints the settings that people made."""

from __future__ import annotations

from collections.abc import Callable

from . import built_backdrops
from .backdrop_parts import SKIES, band, hills, pines, ridge, sky
from .canvas import Canvas, mix, shade


def beach(c: Canvas, time: str, v: float) -> None:
    """Sea between sky and sand, with a far island, foam and shells."""
    sky(c, time, v, 0.42)
    c.half_disc(0.18 + 0.1 * v, 0.425, 0.16, 0.06, (96, 160, 130))
    for y0, y1, fill in ((0.42, 0.5, (34, 128, 190)), (0.49, 0.56, (52, 160, 206)), (0.55, 0.61, (98, 200, 218))):
        band(c, y0, y1, fill)
    band(c, 0.6, 1.0, (242, 216, 154))
    ridge(c, 0.66, [(0, 0.6), (0.2, 0.625), (0.42, 0.605), (0.66, 0.63), (0.85, 0.61), (1, 0.625)], (242, 216, 154))
    c.line([(0, 0.6), (0.2, 0.622), (0.42, 0.603), (0.66, 0.627), (0.85, 0.608), (1, 0.622)], 0.016, (252, 254, 255))
    for x, y in ((0.1, 0.47), (0.4, 0.52), (0.7, 0.46), (0.86, 0.55)):
        c.rect(x, y, x + 0.08, y + 0.007, (196, 232, 244))
    ridge(c, 1.0, [(0, 0.88), (0.3, 0.84), (0.6, 0.9), (1, 0.85)], (234, 202, 136))
    for x, y, fill in ((0.1, 0.72, (236, 120, 110)), (0.82, 0.93, (250, 240, 224)), (0.46, 0.95, (214, 160, 120))):
        c.half_disc(x, y, 0.02, 0.022, fill)


def lake(c: Canvas, time: str, v: float) -> None:
    """A wide lake with wooded hills beyond and a grassy shore with reeds in front."""
    sky(c, time, v, 0.47)
    hills(c, 0.47, 0.16, v, (120, 172, 140))
    pines(c, 0.48, (0.04, 0.11, 0.19, 0.26, 0.7, 0.78, 0.86, 0.93), 0.1, (52, 122, 92))
    band(c, 0.47, 0.49, (170, 190, 120))
    for y0, y1, fill in ((0.49, 0.58, (120, 190, 226)), (0.57, 0.69, (88, 166, 214)), (0.68, 0.85, (64, 146, 202))):
        band(c, y0, y1, fill)
    for x, y, w in ((0.1, 0.55, 0.14), (0.62, 0.53, 0.18), (0.35, 0.63, 0.16), (0.74, 0.7, 0.14), (0.08, 0.73, 0.18)):
        c.rect(x, y, x + w, y + 0.008, (176, 220, 240))
    ridge(c, 1.0, [(0, 0.8), (0.2, 0.83), (0.5, 0.82), (0.8, 0.84), (1, 0.79)], (198, 186, 128))
    ridge(c, 1.0, [(0, 0.84), (0.25, 0.86), (0.55, 0.85), (0.8, 0.87), (1, 0.82)], (120, 176, 82))
    for x in (0.03, 0.07, 0.93, 0.97):
        c.line([(x, 0.86), (x + 0.005, 0.73)], 0.008, (84, 136, 66), caps=False)
        c.line([(x + 0.005, 0.75), (x + 0.005, 0.7)], 0.018, (124, 84, 50))


def snow_field(c: Canvas, time: str, v: float) -> None:
    """White drifts and snow-laden pines."""
    sky(c, time, v, 0.55)
    hills(c, 0.55, 0.15, v, (214, 226, 244))
    pines(c, 0.56, (0.06, 0.17, 0.3, 0.72, 0.83, 0.95), 0.22, (64, 124, 112), snow=True)
    band(c, 0.55, 1.0, (240, 246, 255))
    ridge(c, 1.0, [(0, 0.68), (0.25, 0.64), (0.5, 0.68), (0.75, 0.72), (1, 0.66)], (228, 238, 252))
    ridge(c, 1.0, [(0, 0.84), (0.3, 0.87), (0.65, 0.81), (1, 0.86)], (246, 250, 255))


def mountains(c: Canvas, time: str, v: float) -> None:
    """Snow-capped gray peaks over an alpine meadow."""
    sky(c, time, v, 0.6)
    peaks = ((0.72 + 0.1 * v, 0.2, 0.36), (0.28 + 0.1 * v, 0.1, 0.42), (0.02, 0.3, 0.3), (1.0, 0.32, 0.26))
    for x, top, w in peaks:
        h = 0.58 - top
        c.polygon([(x - w, 0.58), (x, top), (x + w, 0.58)], (142, 152, 178))
        c.polygon([(x, top), (x + w, 0.58), (x + w * 0.1, 0.58), (x - w * 0.08, top + h * 0.5)], (112, 122, 150))
        c.polygon(
            [
                (x - w * 0.34, top + h * 0.34),
                (x, top),
                (x + w * 0.34, top + h * 0.34),
                (x + w * 0.14, top + h * 0.27),
                (x, top + h * 0.38),
                (x - w * 0.16, top + h * 0.28),
            ],
            (250, 252, 255),
        )
    pines(c, 0.6, (0.05, 0.12, 0.88, 0.95), 0.11, (46, 112, 84))
    band(c, 0.59, 1.0, (112, 178, 96))
    ridge(c, 0.62, [(0, 0.57), (0.3, 0.59), (0.6, 0.57), (1, 0.6)], (112, 178, 96))
    ridge(c, 1.0, [(0, 0.78), (0.4, 0.74), (0.7, 0.79), (1, 0.74)], (134, 194, 104))
    for x, y in ((0.1, 0.68), (0.9, 0.69), (0.18, 0.88), (0.8, 0.92)):
        c.half_disc(x, y, 0.03, 0.025, (160, 164, 174))


def desert(c: Canvas, time: str, v: float) -> None:
    """Orange dunes and flat-topped red rocks."""
    sky(c, time, v, 0.55)
    for x, w, top, fill in ((0.2 + 0.1 * v, 0.15, 0.36, (202, 108, 72)), (0.78, 0.1, 0.4, (186, 96, 66))):
        c.polygon([(x - w, 0.57), (x - w * 0.75, top), (x + w * 0.7, top), (x + w, 0.57)], fill)
        c.rect(x - w * 0.78, top + 0.05, x + w * 0.76, top + 0.07, shade(fill, 0.84))
    band(c, 0.55, 1.0, (238, 178, 98))
    c.blob([(-0.1, 0.6), (0.2, 0.53), (0.45, 0.5), (0.7, 0.56), (0.9, 0.63), (0.3, 0.66)], (246, 196, 118))
    ridge(c, 1.0, [(0, 0.62), (0.3, 0.68), (0.6, 0.66), (0.82, 0.58), (1, 0.6)], (230, 160, 82))
    ridge(c, 1.0, [(0, 0.74), (0.2, 0.72), (0.5, 0.8), (0.8, 0.77), (1, 0.81)], (242, 182, 102))
    c.line([(0.06, 0.88), (0.2, 0.865), (0.34, 0.885)], 0.008, (222, 150, 76), caps=False)
    c.line([(0.6, 0.93), (0.74, 0.915), (0.9, 0.935)], 0.008, (222, 150, 76), caps=False)


def forest(c: Canvas, time: str, v: float) -> None:
    """Dense trunks and dark leaves over a mossy floor."""
    band(c, 0.0, 0.64, mix(SKIES[time][2], (70, 140, 96), 0.7))
    for i in range(7):
        x = 0.04 + 0.155 * i + 0.03 * v
        band(c, 0.2, 0.6, (92, 116, 84), x - 0.015, x + 0.02)
    for i, x in enumerate((-0.02, 0.2, 0.4, 0.66, 0.84, 1.0)):
        c.polygon(
            [(x - 0.05, 0.64), (x - 0.028, 0.5), (x - 0.024, 0.1), (x + 0.024, 0.1), (x + 0.028, 0.5), (x + 0.05, 0.64)],
            (104, 76, 56) if i % 2 else (88, 64, 50),
        )
    for i in range(7):
        c.circle(0.0 + 0.17 * i, 0.1 + 0.05 * (i % 2), 0.15, (40, 112, 66) if i % 2 else (52, 130, 72))
    band(c, 0.62, 1.0, (74, 118, 62))
    ridge(c, 0.64, [(0, 0.58), (0.2, 0.615), (0.4, 0.59), (0.62, 0.615), (0.85, 0.58), (1, 0.61)], (58, 104, 58))
    ridge(c, 1.0, [(0, 0.8), (0.35, 0.76), (0.7, 0.82), (1, 0.78)], (92, 130, 66))
    for x, y in ((0.1, 0.7), (0.3, 0.9), (0.72, 0.7), (0.9, 0.88)):
        c.ellipse(x, y, 0.03, 0.012, (150, 108, 60), 0.3)


OUTDOORS: dict[str, Callable[[Canvas, str, float], None]] = {
    "beach": beach,
    "park": built_backdrops.park,
    "street": built_backdrops.street,
    "lake": lake,
    "snow field": snow_field,
    "mountains": mountains,
    "desert": desert,
    "city": built_backdrops.city,
    "farm": built_backdrops.farm,
    "forest": forest,
    "playground": built_backdrops.playground,
    "sports field": built_backdrops.sports_field,
    "harbor": built_backdrops.harbor,
    "garden": built_backdrops.garden,
}
