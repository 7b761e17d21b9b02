"""Painters of the backgrounds that people made: streets, parks, playgrounds, farms. Each covers the whole page."""

from __future__ import annotations

from .backdrop_parts import SKIES, band, hills, round_trees, sky
from .canvas import Canvas, mix, shade


def street(c: Canvas, time: str, v: float) -> None:
    """A road with dashes, a pavement and a row of coloured houses behind."""
    sky(c, time, v, 0.5)
    lit = (255, 232, 140) if time == "night" else (206, 230, 242)
    walls = ((222, 178, 150), (196, 208, 190), (232, 214, 168), (184, 196, 216), (226, 188, 176))
    for i, wall in enumerate(walls):
        x0, top = 0.2 * i, 0.29 + 0.035 * ((i * 2 + int(v * 4)) % 3)
        band(c, top, 0.58, wall, x0, x0 + 0.2)
        c.polygon([(x0 - 0.012, top + 0.01), (x0 + 0.1, top - 0.09), (x0 + 0.212, top + 0.01)], shade(wall, 0.62))
        for dx in (0.03, 0.12):
            band(c, top + 0.04, top + 0.1, lit, x0 + dx, x0 + dx + 0.05)
        band(c, 0.485, 0.58, shade(wall, 0.6), x0 + 0.12, x0 + 0.17)
        band(c, 0.485, 0.535, lit, x0 + 0.03, x0 + 0.08)
    band(c, 0.58, 0.7, (206, 204, 200))
    band(c, 0.69, 0.71, (160, 160, 160))
    band(c, 0.71, 1.0, (98, 102, 110))
    for i in range(4):
        x = 0.06 + 0.27 * i
        c.polygon([(x, 0.86), (x + 0.02, 0.835), (x + 0.16, 0.835), (x + 0.14, 0.86)], (244, 240, 226))


def city(c: Canvas, time: str, v: float) -> None:
    """A skyline of high-rises with windows behind a paved square."""
    sky(c, time, v, 0.6)
    lit = (255, 226, 120) if time == "night" else (196, 222, 240)
    far = mix(SKIES[time][2], (90, 104, 136), 0.45)
    for x0, top in ((0.02, 0.28), (0.2, 0.16), (0.42, 0.22), (0.66, 0.14), (0.84, 0.26)):
        band(c, top, 0.6, far, x0, x0 + 0.13)
    towers = (
        (0.0, 0.13, 0.36, (92, 112, 150)),
        (0.14, 0.1, 0.24, (126, 138, 160)),
        (0.28, 0.15, 0.4, (156, 120, 110)),
        (0.47, 0.11, 0.2, (84, 116, 146)),
        (0.61, 0.14, 0.34, (132, 126, 150)),
        (0.77, 0.1, 0.24, (108, 130, 150)),
        (0.89, 0.12, 0.38, (150, 128, 118)),
    )
    for i, (x0, w, top, fill) in enumerate(towers):
        top += 0.03 * ((i + int(v * 5)) % 3)
        band(c, top, 0.6, fill, x0, x0 + w)
        for row in range(int((0.55 - top) / 0.06)):
            y = top + 0.03 + 0.06 * row
            for k in range(2):
                band(c, y, y + 0.03, lit, x0 + w * (0.16 + 0.4 * k), x0 + w * (0.44 + 0.4 * k))
    c.line([(0.525, 0.23), (0.525, 0.12)], 0.01, (84, 116, 146), caps=False)
    band(c, 0.59, 1.0, (190, 188, 194))
    for y in (0.59, 0.66, 0.75, 0.87):
        band(c, y, y + 0.008, (168, 166, 174))
    for x in (0.1, 0.3, 0.5, 0.7, 0.9):
        c.line([(x, 0.6), (0.5 + (x - 0.5) * 2.4, 1.0)], 0.007, (168, 166, 174), caps=False)


def park(c: Canvas, time: str, v: float) -> None:
    """A lawn with a winding path and a row of round trees."""
    sky(c, time, v, 0.55)
    hills(c, 0.55, 0.1, v, (150, 204, 140))
    round_trees(c, 0.56, (0.05, 0.19, 0.34, 0.66, 0.8, 0.94), 0.075, (78, 158, 84))
    band(c, 0.55, 1.0, (132, 200, 92))
    band(c, 0.55, 0.6, (116, 184, 84))
    c.blob(
        [
            (0.49, 0.55),
            (0.53, 0.62),
            (0.4, 0.72),
            (0.3, 0.84),
            (0.4, 1.05),
            (0.72, 1.05),
            (0.56, 0.85),
            (0.58, 0.74),
            (0.62, 0.63),
            (0.52, 0.55),
        ],
        (232, 212, 170),
    )
    for x, y in ((0.12, 0.7), (0.2, 0.92), (0.84, 0.7), (0.9, 0.9), (0.75, 0.8)):
        c.line([(x - 0.012, y - 0.014), (x, y), (x + 0.012, y - 0.016)], 0.006, (92, 162, 66), caps=False)


def playground(c: Canvas, time: str, v: float) -> None:
    """A sandy play area with a bright picket fence, a climbing dome and coloured pads."""
    sky(c, time, v, 0.55)
    round_trees(c, 0.52, (0.06, 0.3, 0.94), 0.1, (110, 180, 110))
    steel = (150, 116, 176)
    for r in (0.15, 0.085):
        c.line(
            [
                (0.62 - r, 0.55),
                (0.62 - r * 0.7, 0.55 - r),
                (0.62, 0.55 - 1.35 * r),
                (0.62 + r * 0.7, 0.55 - r),
                (0.62 + r, 0.55),
            ],
            0.013,
            steel,
        )
    c.line([(0.515, 0.4), (0.725, 0.4)], 0.013, steel)
    c.line([(0.62, 0.55), (0.62, 0.35)], 0.013, steel)
    fence = ((236, 110, 104), (250, 176, 84), (250, 222, 110), (130, 196, 120), (110, 168, 226), (176, 132, 206))
    for i in range(18):
        band(c, 0.49, 0.575, fence[i % 6], i / 18 + 0.006, (i + 1) / 18 - 0.004)
    band(c, 0.57, 1.0, (246, 208, 156))
    band(c, 0.57, 0.6, (150, 200, 110))
    for x, y, rx, fill in (
        (0.2, 0.74, 0.17, (246, 160, 140)),
        (0.78, 0.72, 0.16, (140, 200, 214)),
        (0.52, 0.92, 0.26, (250, 186, 110)),
    ):
        c.ellipse(x, y, rx, rx * 0.3, fill)


def sports_field(c: Canvas, time: str, v: float) -> None:
    """A mown pitch with white lines, stands full of people and floodlights."""
    sky(c, time, v, 0.5)
    for x in (0.1, 0.9):
        c.line([(x, 0.5), (x, 0.16)], 0.016, (110, 118, 132), caps=False)
        c.rect(x - 0.07, 0.1, x + 0.07, 0.18, (70, 78, 94))
        for dx in (-0.045, 0.0, 0.045):
            c.circle(x + dx, 0.14, 0.02, (255, 248, 206))
    band(c, 0.34, 0.54, (112, 124, 152))
    crowd = ((226, 110, 100), (240, 214, 120), (236, 238, 242), (110, 160, 214), (60, 66, 84))
    for row in range(3):
        y = 0.36 + 0.055 * row
        band(c, y + 0.035, y + 0.05, (86, 96, 124))
        for i in range(14):
            x = 0.02 + 0.07 * i + 0.03 * (row % 2)
            band(c, y, y + 0.035, crowd[(i * 3 + row * 2 + int(v * 5)) % 5], x, x + 0.03)
    band(c, 0.53, 0.58, (236, 240, 244))
    for i in range(6):
        band(c, 0.57 + 0.08 * i, min(1.0, 0.66 + 0.08 * i), ((66, 168, 76), (84, 186, 88))[i % 2])
    white = (248, 252, 248)
    band(c, 0.63, 0.64, white)
    c.line([(0.5, 0.635), (0.5, 1.0)], 0.014, white, caps=False)
    c.ellipse(0.5, 0.83, 0.3, 0.11, white)
    c.ellipse(0.5, 0.83, 0.285, 0.1, (76, 178, 82))
    c.line([(0.5, 0.72), (0.5, 0.94)], 0.014, white, caps=False)


def farm(c: Canvas, time: str, v: float) -> None:
    """Green hills with a silo, and ploughed and golden fields in rows."""
    sky(c, time, v, 0.55)
    hills(c, 0.55, 0.13, v, (150, 198, 112))
    band(c, 0.36, 0.56, (196, 202, 210), 0.08, 0.155)
    c.half_disc(0.1175, 0.362, 0.0375, 0.04, (150, 158, 170))
    band(c, 0.55, 0.66, (236, 198, 84))
    for i in range(9):
        x = 0.06 + 0.11 * i
        c.line([(x, 0.55), (0.5 + (x - 0.5) * 1.25, 0.66)], 0.01, (208, 164, 58), caps=False)
    band(c, 0.66, 1.0, (160, 190, 84))
    for i in range(8):
        x = -0.1 + 0.17 * i
        near = 0.5 + (x - 0.5) * 1.7
        c.polygon([(x, 0.66), (x + 0.06, 0.66), (near + 0.136, 1.0), (near - 0.034, 1.0)], (142, 174, 70))


def harbor(c: Canvas, time: str, v: float) -> None:
    """Water with a far quay of cranes and containers, and a stone quay with bollards in front."""
    sky(c, time, v, 0.5)
    for x, s in ((0.2 + 0.1 * v, 1), (0.72, -1)):
        c.line([(x - 0.05, 0.5), (x, 0.24), (x + 0.05, 0.5)], 0.018, (84, 110, 140))
        c.line([(x - 0.08 * s, 0.2), (x + 0.2 * s, 0.2)], 0.02, (236, 150, 60))
        c.line([(x, 0.26), (x, 0.14), (x + 0.18 * s, 0.2)], 0.01, (236, 150, 60))
        c.line([(x + 0.16 * s, 0.2), (x + 0.16 * s, 0.34)], 0.006, (84, 90, 110), caps=False)
    stack = ((196, 104, 92), (92, 140, 180), (206, 170, 96), (110, 160, 130))
    for i in range(9):
        for row in range(1 + (i * 5 + int(v * 3)) % 3):
            y, x = 0.46 - 0.045 * row, 0.03 + 0.107 * i
            band(c, y, y + 0.04, stack[(i + row * 3) % 4], x, x + 0.098)
    band(c, 0.5, 0.53, (140, 144, 152))
    for y0, y1, fill in ((0.53, 0.62, (62, 136, 170)), (0.61, 0.77, (46, 116, 154))):
        band(c, y0, y1, fill)
    for x, y in ((0.06, 0.57), (0.5, 0.59), (0.8, 0.56), (0.24, 0.66), (0.66, 0.68)):
        c.rect(x, y, x + 0.12, y + 0.007, (136, 190, 210))
    band(c, 0.76, 1.0, (178, 172, 164))
    band(c, 0.76, 0.785, (206, 202, 194))
    for x in (0.18, 0.5, 0.82):
        c.line([(0.5 + (x - 0.5) * 0.9, 0.785), (0.5 + (x - 0.5) * 1.2, 1.0)], 0.008, (150, 144, 138), caps=False)
    band(c, 0.88, 0.887, (150, 144, 138))
    for x in (0.08, 0.92):
        c.rect(x - 0.015, 0.72, x + 0.015, 0.78, (70, 76, 88))
        c.ellipse(x, 0.72, 0.026, 0.012, (70, 76, 88))


def garden(c: Canvas, time: str, v: float) -> None:
    """A trimmed hedge, a white fence, flower beds and a lawn with stepping stones."""
    sky(c, time, v, 0.5)
    for i in range(6):
        c.circle(0.02 + 0.19 * i, 0.42, 0.11, (60, 134, 80) if i % 2 else (74, 150, 88))
    band(c, 0.42, 0.58, (60, 134, 80))
    for y in (0.46, 0.53):
        band(c, y, y + 0.015, (226, 230, 234))
    for i in range(13):
        band(c, 0.43, 0.57, (250, 250, 250), 0.012 + 0.078 * i, 0.05 + 0.078 * i)
    band(c, 0.57, 1.0, (120, 196, 84))
    band(c, 0.565, 0.64, (128, 88, 62))
    petals = ((236, 84, 96), (250, 214, 80), (200, 120, 220), (252, 252, 250), (250, 140, 180))
    for i in range(14):
        x, y = 0.035 + 0.072 * i, 0.575 + 0.03 * (i % 2)
        c.line([(x, y), (x, y + 0.035)], 0.02, (82, 160, 74), caps=False)
        c.circle(x, y, 0.023, petals[(i + int(v * 5)) % 5])
    for x, y, rx in ((0.5, 0.7, 0.06), (0.58, 0.78, 0.07), (0.5, 0.87, 0.085), (0.6, 0.97, 0.1)):
        c.ellipse(x, y, rx, rx * 0.35, (206, 206, 200))
