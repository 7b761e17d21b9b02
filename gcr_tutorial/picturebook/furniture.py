"""The furniture of the Picturebook, and the colours of the materials that `objects` uses too."""

from __future__ import annotations

from .canvas import RGB, Canvas, mix, shade
from .things import tone

WOOD, DARK, WHITE, STEEL, WICKER = (160, 108, 62), (48, 46, 52), (246, 246, 242), (168, 174, 182), (206, 158, 92)
LEAF, CLAY, FUR, GLOW, CREAM = (62, 142, 74), (204, 106, 66), (156, 102, 58), (255, 240, 170), (250, 240, 214)
BOOKS = ((200, 60, 50), (50, 100, 180), (230, 180, 60), (80, 140, 90), (130, 80, 150), (225, 130, 60))


def table(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A table with a thick painted top."""
    for x, tint in ((-0.36, 0.6), (0.36, 0.6), (-0.46, 0.85), (0.46, 0.85)):
        c.rect(x - 0.035, -0.4, x + 0.035, 0 if tint > 0.7 else -0.05, tone(color, tint))
    c.rect(-0.5, -0.4, 0.5, -0.3, tone(color, 0.75))
    c.polygon(((-0.48, -0.5), (0.48, -0.5), (0.57, -0.41), (-0.57, -0.41)), color)
    c.rect(-0.57, -0.42, 0.57, -0.36, tone(color, 0.88))


def chair(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A chair with a tall back, seen half from the side."""
    for x, y in ((-0.1, -0.03), (0.2, -0.03)):
        c.rect(x - 0.022, -0.3, x + 0.022, y, tone(color, 0.65))
    c.rect(-0.2, -0.3, -0.15, 0, tone(color, 0.85))
    c.rect(0.1, -0.3, 0.15, 0, tone(color, 0.85))
    c.polygon(((-0.2, -0.74), (-0.08, -0.71), (-0.08, -0.32), (-0.2, -0.3)), color)
    for y in (-0.6, -0.47):
        c.polygon(((-0.17, y), (-0.11, y + 0.015), (-0.11, y + 0.07), (-0.17, y + 0.06)), tone(color, 0.65))
    c.polygon(((-0.12, -0.38), (0.24, -0.38), (0.18, -0.3), (-0.2, -0.3)), color)
    c.rect(-0.2, -0.31, 0.18, -0.25, tone(color, 0.8))


def _seat(c: Canvas, color: RGB, half: float, cushions: int) -> None:
    """An upholstered seat of half width `half` with so many cushions."""
    for x in (-half + 0.1, half - 0.1):
        c.rect(x - 0.03, -0.08, x + 0.03, 0, shade(WOOD, 0.7))
    inner, back = half - 0.13, (-half + 0.08, -0.5)
    c.blob(
        (
            back,
            (-half + 0.14, -0.59),
            (0, -0.605),
            (half - 0.14, -0.59),
            (half - 0.08, -0.5),
            (half - 0.08, -0.1),
            (-half + 0.08, -0.1),
        ),
        tone(color, 0.86),
    )
    width = 2 * inner / cushions
    for i in range(cushions):
        x = -inner + i * width
        c.blob(
            (
                (x + 0.02, -0.52),
                (x + width / 2, -0.55),
                (x + width - 0.02, -0.52),
                (x + width - 0.015, -0.3),
                (x + 0.015, -0.3),
            ),
            mix(color, WHITE, 0.1),
        )
        c.blob(
            ((x + 0.01, -0.3), (x + width / 2, -0.325), (x + width - 0.01, -0.3), (x + width - 0.01, -0.2), (x + 0.01, -0.2)),
            color,
        )
    c.rect(-inner, -0.2, inner, -0.07, tone(color, 0.75))
    for s in (-1, 1):
        c.blob(
            (
                (s * (half - 0.15), -0.34),
                (s * (half - 0.08), -0.4),
                (s * (half - 0.01), -0.34),
                (s * (half - 0.01), -0.07),
                (s * (half - 0.15), -0.07),
            ),
            color,
        )
        c.circle(s * (half - 0.08), -0.325, 0.045, tone(color, 0.82))


def sofa(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A sofa for two, from the front."""
    _seat(c, color, 0.7, 2)


def armchair(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """An armchair, from the front."""
    _seat(c, color, 0.39, 1)


def lamp(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A floor lamp with a coloured shade."""
    c.ellipse(0, -0.02, 0.15, 0.03, DARK)
    c.rect(-0.018, -0.8, 0.018, -0.02, DARK)
    c.ellipse(0, -0.74, 0.2, 0.05, GLOW)
    c.polygon(((-0.13, -1.12), (0.13, -1.12), (0.24, -0.74), (-0.24, -0.74)), color)
    c.polygon(((0.04, -1.12), (0.13, -1.12), (0.24, -0.74), (0.09, -0.74)), tone(color, 0.85))
    c.polygon(((-0.235, -0.78), (0.235, -0.78), (0.24, -0.74), (-0.24, -0.74)), mix(color, GLOW, 0.5))


def bookshelf(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A wooden bookshelf full of books."""
    c.rect(-0.4, -1.2, 0.4, 0, WOOD)
    for row in range(3):
        y = -0.82 + 0.37 * row
        c.rect(-0.35, y - 0.32, 0.35, y, shade(WOOD, 0.55))
        for i in range(7):
            x, k = -0.34 + 0.085 * i, i * 5 + row * 3 + int(v * 6)
            c.rect(x, y - 0.2 - 0.03 * (k % 4), x + 0.072, y, BOOKS[k % 6])
            c.rect(x, y - 0.16, x + 0.072, y - 0.13, CREAM)


def bed(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A bed from the side with a coloured blanket."""
    for x in (-0.86, 0.84):
        c.rect(x - 0.04, -0.2, x + 0.04, 0, shade(WOOD, 0.8))
    c.blob(((-0.94, -0.74), (-0.82, -0.74), (-0.82, -0.14), (-0.94, -0.14)), WOOD)
    c.rect(-0.9, -0.26, 0.88, -0.12, shade(WOOD, 0.85))
    c.rect(-0.84, -0.38, 0.84, -0.24, WHITE)
    c.blob(((-0.82, -0.4), (-0.74, -0.52), (-0.5, -0.52), (-0.42, -0.4), (-0.5, -0.36), (-0.76, -0.36)), shade(WHITE, 0.93))
    c.blob(
        ((-0.42, -0.4), (-0.2, -0.47), (0.5, -0.47), (0.84, -0.42), (0.88, -0.3), (0.86, -0.16), (0.2, -0.15), (-0.38, -0.16)),
        color,
    )
    c.polygon(((-0.4, -0.25), (0.87, -0.25), (0.85, -0.16), (-0.38, -0.16)), tone(color, 0.82))
    c.polygon(((-0.42, -0.4), (-0.28, -0.45), (-0.26, -0.16), (-0.39, -0.16)), mix(color, WHITE, 0.6))
    c.rect(0.84, -0.5, 0.92, -0.1, WOOD)


def television(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A television on a low cabinet."""
    c.rect(-0.5, -0.3, 0.5, -0.05, WOOD)
    for x in (-0.46, 0.02):
        c.rect(x, -0.26, x + 0.44, -0.09, shade(WOOD, 0.82))
        c.rect(x + 0.18, -0.19, x + 0.26, -0.165, CREAM)
    for x in (-0.42, 0.36):
        c.rect(x, -0.05, x + 0.06, 0, shade(WOOD, 0.6))
    c.polygon(((-0.08, -0.38), (0.08, -0.38), (0.16, -0.3), (-0.16, -0.3)), DARK)
    c.rect(-0.52, -0.94, 0.52, -0.36, DARK)
    c.rect(-0.48, -0.9, 0.48, -0.4, (110, 180, 230))
    c.polygon(
        (
            (-0.48, -0.52),
            (-0.3, -0.58),
            (-0.12, -0.57),
            (0.12, -0.52),
            (0.34, -0.58),
            (0.48, -0.56),
            (0.48, -0.4),
            (-0.48, -0.4),
        ),
        (100, 180, 100),
    )
    c.circle(0.28, -0.78, 0.07, (255, 220, 90))
    c.polygon(((-0.3, -0.9), (-0.14, -0.9), (-0.4, -0.4), (-0.48, -0.4), (-0.48, -0.56)), (255, 255, 255, 60))


def plant(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A leafy plant in a clay pot."""
    for angle, size, tint in (
        (-1.1, 0.3, 0.8),
        (1.1, 0.3, 0.8),
        (-0.65, 0.38, 0.9),
        (0.65, 0.38, 0.9),
        (-0.25, 0.46, 1.0),
        (0.28, 0.44, 1.12),
    ):
        with c.frame(0, -0.24, angle=angle + 0.15 * (v - 0.5)):
            c.blob(((0, 0), (-0.075, -size * 0.55), (0, -size), (0.075, -size * 0.55)), shade(LEAF, tint))
            c.line(((0, -0.04), (0, -size * 0.8)), 0.012, shade(LEAF, tint * 0.8), False)
    c.polygon(((-0.14, -0.24), (0.14, -0.24), (0.1, 0), (-0.1, 0)), CLAY)
    c.polygon(((0.04, -0.24), (0.14, -0.24), (0.1, 0), (0.04, 0)), shade(CLAY, 0.85))
    c.rect(-0.165, -0.29, 0.165, -0.22, shade(CLAY, 1.12))


def piano(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """An upright piano with sheet music."""
    case = (92, 52, 34)
    for x in (-0.56, 0.5):
        c.rect(x, -0.5, x + 0.06, 0, shade(case, 0.7))
    c.rect(-0.6, -1.0, 0.6, -0.08, case)
    c.rect(-0.64, -1.06, 0.64, -0.98, shade(case, 1.2))
    c.rect(-0.5, -0.92, 0.5, -0.66, shade(case, 0.78))
    c.polygon(((-0.16, -0.9), (0.16, -0.9), (0.17, -0.66), (-0.17, -0.66)), WHITE)
    for y in (-0.84, -0.78, -0.72):
        c.rect(-0.12, y, 0.12, y + 0.014, STEEL)
    c.rect(-0.56, -0.4, 0.56, -0.1, shade(case, 0.85))
    c.rect(-0.62, -0.58, 0.62, -0.5, WHITE)
    for i in range(12):
        if i % 7 not in (2, 6):
            c.rect(-0.535 + 0.09 * i, -0.585, -0.485 + 0.09 * i, -0.535, DARK)
    c.rect(-0.64, -0.51, 0.64, -0.43, shade(case, 1.2))
    for x in (-0.06, 0.06):
        c.ellipse(x, -0.06, 0.03, 0.022, (220, 180, 80))


def fridge(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A white two-door fridge with magnets."""
    for x in (-0.28, 0.2):
        c.rect(x, -0.04, x + 0.08, 0, DARK)
    c.rect(-0.34, -1.25, 0.34, -0.03, shade(WHITE, 0.8))
    c.rect(-0.33, -1.24, 0.28, -0.86, WHITE)
    c.rect(-0.33, -0.83, 0.28, -0.05, WHITE)
    for y0, y1 in ((-1.1, -0.94), (-0.76, -0.48)):
        c.rect(0.17, y0, 0.21, y1, STEEL)
    c.rect(-0.22, -0.74, -0.06, -0.56, (255, 222, 120))
    c.circle(-0.14, -0.72, 0.025, (214, 40, 40))
    c.circle(-0.2, -1.08, 0.035, (38, 96, 214))
    c.circle(-0.08, -1.02, 0.035, (46, 139, 64))


def stove(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A kitchen stove with a red pot."""
    body, pot = (214, 218, 222), (210, 70, 56)
    c.rect(-0.36, -0.6, 0.36, -0.02, body)
    c.rect(-0.34, -0.04, 0.34, 0, DARK)
    c.rect(-0.38, -0.64, 0.38, -0.59, DARK)
    c.rect(-0.36, -0.59, 0.36, -0.47, shade(body, 0.84))
    for x in (-0.25, -0.08, 0.08, 0.25):
        c.circle(x, -0.53, 0.035, DARK)
    c.rect(-0.28, -0.36, 0.28, -0.1, DARK)
    c.rect(-0.24, -0.32, 0.24, -0.14, (240, 150, 60))
    c.rect(-0.26, -0.42, 0.26, -0.39, shade(body, 0.6))
    c.line(((0.0, -0.78), (0.38, -0.8)), 0.03, DARK)
    c.rect(-0.24, -0.84, 0.06, -0.64, pot)
    c.rect(-0.26, -0.86, 0.08, -0.81, shade(pot, 0.75))
    c.circle(-0.09, -0.88, 0.03, DARK)


def clock(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A tall grandfather clock."""
    c.rect(-0.22, -0.14, 0.22, 0, shade(WOOD, 0.75))
    c.rect(-0.17, -0.9, 0.17, -0.12, WOOD)
    c.rect(-0.11, -0.8, 0.11, -0.2, shade(WOOD, 0.5))
    swing = 0.1 * (v - 0.5)
    c.line(((0, -0.8), (swing, -0.36)), 0.018, (236, 196, 90), False)
    c.circle(swing, -0.34, 0.06, (236, 196, 90))
    c.rect(-0.23, -1.34, 0.23, -0.88, shade(WOOD, 0.9))
    c.polygon(((-0.26, -1.33), (0, -1.48), (0.26, -1.33)), shade(WOOD, 0.75))
    c.circle(0, -1.11, 0.18, (236, 196, 90))
    c.circle(0, -1.11, 0.155, CREAM)
    c.line(((0, -1.11), (0, -1.23)), 0.02, DARK, False)
    c.line(((0, -1.11), (0.08, -1.07)), 0.022, DARK, False)


def rug(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A rug lying flat on the floor."""
    for i in range(9):
        for s in (-1, 1):
            x, y = 0.72 + 0.022 * i, -0.3 + 0.036 * i
            c.line(((s * (x - 0.08), y), (s * (x - 0.02), y + 0.006)), 0.016, CREAM, False)
    c.polygon(((-0.66, -0.32), (0.66, -0.32), (0.84, 0.01), (-0.84, 0.01)), color)
    c.polygon(((-0.6, -0.285), (0.6, -0.285), (0.74, -0.025), (-0.74, -0.025)), mix(color, CREAM, 0.6))
    c.polygon(((-0.56, -0.265), (0.56, -0.265), (0.68, -0.05), (-0.68, -0.05)), color)
    c.ellipse(0, -0.155, 0.24, 0.065, mix(color, CREAM, 0.6))
    c.ellipse(0, -0.155, 0.16, 0.042, tone(color, 0.8))
