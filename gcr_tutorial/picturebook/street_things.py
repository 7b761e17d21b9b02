"""Structures of streets, parks and playgrounds: benches, lamps, fountains, swings."""

from __future__ import annotations

from .canvas import RGB, Canvas, shade
from .things import Thing

GLASS, FRAME, WOOD, STONE, METAL = (176, 216, 238), (250, 250, 246), (134, 88, 52), (158, 162, 172), (72, 78, 90)


def fountain(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A stone fountain of two bowls with arcs of water."""
    water = (120, 196, 236)
    c.polygon([(-0.75, -0.26), (-0.66, 0), (0.66, 0), (0.75, -0.26)], STONE)
    c.polygon([(0.3, -0.26), (0.3, 0), (0.66, 0), (0.75, -0.26)], shade(STONE, 0.84))
    c.ellipse(0, -0.27, 0.78, 0.1, shade(STONE, 1.3))
    c.ellipse(0, -0.27, 0.68, 0.07, water)
    c.rect(-0.08, -0.8, 0.08, -0.27, shade(STONE, 0.9))
    c.polygon([(-0.36, -0.82), (-0.16, -0.66), (0.16, -0.66), (0.36, -0.82)], STONE)
    c.ellipse(0, -0.82, 0.37, 0.05, water)
    for s in (-1, 1):
        c.line([(0, -1.18), (0.1 * s, -1.26), (0.2 * s, -1.12), (0.25 * s, -0.84)], 0.05, (190, 230, 250))
        c.line([(0.36 * s, -0.82), (0.48 * s, -0.66), (0.53 * s, -0.28)], 0.06, (190, 230, 250))
    c.line([(0, -0.82), (0, -1.24)], 0.07, (216, 242, 255))


def bench(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A park bench of slats."""
    for x in (-0.42, 0.42):
        c.line([(x, 0), (x, -0.52)], 0.06, METAL)
    for y0, y1 in ((-0.56, -0.46), (-0.43, -0.33)):
        c.rect(-0.55, y0, 0.55, y1, color)
    c.polygon([(-0.55, -0.3), (0.55, -0.3), (0.6, -0.2), (-0.6, -0.2)], shade(color, 1.12))
    c.rect(-0.6, -0.2, 0.6, -0.14, shade(color, 0.72))
    for x in (-0.5, 0.5):
        c.line([(x, 0), (x, -0.14)], 0.06, METAL)


def fence(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A picket fence."""
    for y in (-0.42, -0.18):
        c.rect(-0.82, y - 0.04, 0.82, y + 0.04, shade(color, 0.78))
    for i in range(7):
        x = -0.72 + 0.24 * i
        c.polygon([(x - 0.075, 0), (x - 0.075, -0.52), (x, -0.62), (x + 0.075, -0.52), (x + 0.075, 0)], color)
        c.rect(x + 0.03, -0.52, x + 0.075, 0, shade(color, 0.87))


def street_lamp(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A street lamp with a glowing lantern."""
    c.polygon([(-0.14, 0), (-0.07, -0.16), (0.07, -0.16), (0.14, 0)], METAL)
    c.line([(0, 0), (0, -1.36)], 0.07, METAL, caps=False)
    c.circle(0, -1.48, 0.24, (255, 226, 120, 70))
    c.polygon([(-0.09, -1.34), (-0.15, -1.58), (0.15, -1.58), (0.09, -1.34)], (255, 234, 140))
    c.line([(-0.09, -1.34), (-0.15, -1.58)], 0.03, METAL)
    c.line([(0.09, -1.34), (0.15, -1.58)], 0.03, METAL)
    c.rect(-0.11, -1.36, 0.11, -1.32, METAL)
    c.polygon([(-0.19, -1.57), (-0.05, -1.69), (0.05, -1.69), (0.19, -1.57)], METAL)


def traffic_light(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A traffic light; one of its three lamps is lit."""
    c.rect(-0.05, -0.85, 0.05, 0, (104, 110, 120))
    c.rect(-0.14, -0.06, 0.14, 0, METAL)
    c.rect(-0.2, -1.55, 0.2, -0.75, (50, 54, 62))
    lit = int(v * 3)
    for i, fill in enumerate(((240, 48, 44), (255, 206, 50), (52, 206, 92))):
        c.circle(0, -1.4 + 0.25 * i, 0.1, fill if i == lit else shade(fill, 0.5))


def swing(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A swing set: a coloured frame with two seats."""
    for x in (-0.78, 0.78):
        for dx in (-0.18, 0.18):
            c.line([(x + dx, -0.03), (x * 0.92, -1.25)], 0.1, shade(color, 0.84 if dx > 0 else 1.0))
    c.line([(-0.74, -1.25), (0.74, -1.25)], 0.12, color)
    for x, d in ((-0.3, (v - 0.5) * 0.3), (0.3, (0.5 - v) * 0.3)):
        for dx in (-0.12, 0.12):
            c.line([(x + dx, -1.22), (x + dx + d, -0.36)], 0.025, METAL, caps=False)
        c.rect(x + d - 0.18, -0.4, x + d + 0.18, -0.31, shade(color, 0.7))


def slide(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A playground slide with its ladder on the left."""
    for x0, x1 in ((-0.72, -0.56), (-0.4, -0.32)):
        c.line([(x0, -0.03), (x1, -1.2)], 0.06, METAL)
    for i in range(5):
        c.line([(-0.69 + 0.03 * i, -0.15 - 0.19 * i), (-0.4 + 0.015 * i, -0.15 - 0.19 * i)], 0.045, (172, 178, 188))
    c.rect(-0.62, -0.98, -0.22, -0.9, shade(color, 0.7))
    c.line([(-0.58, -1.2), (-0.28, -1.2)], 0.06, METAL)
    c.line([(0.12, -0.45), (0.12, -0.03)], 0.05, METAL)
    c.polygon(
        [
            (-0.32, -1.12),
            (-0.05, -0.98),
            (0.3, -0.34),
            (0.48, -0.2),
            (0.78, -0.2),
            (0.78, -0.05),
            (0.4, -0.05),
            (0.14, -0.22),
            (-0.2, -0.82),
            (-0.32, -0.88),
        ],
        color,
    )
    c.polygon(
        [
            (-0.32, -0.98),
            (-0.1, -0.88),
            (0.22, -0.3),
            (0.42, -0.13),
            (0.78, -0.13),
            (0.78, -0.05),
            (0.4, -0.05),
            (0.14, -0.22),
            (-0.2, -0.82),
            (-0.32, -0.88),
        ],
        shade(color, 0.8),
    )


def well(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A stone well with a little roof and a bucket."""
    for x in (-0.38, 0.38):
        c.rect(x - 0.04, -1.0, x + 0.04, -0.36, WOOD)
    c.line([(-0.4, -0.8), (0.46, -0.8)], 0.06, shade(WOOD, 0.8))
    c.line([(0, -0.8), (0, -0.56)], 0.025, (226, 206, 160))
    c.polygon([(-0.11, -0.6), (0.11, -0.6), (0.08, -0.4), (-0.08, -0.4)], shade(WOOD, 1.2))
    c.polygon([(-0.64, -0.92), (-0.36, -1.26), (0.36, -1.26), (0.64, -0.92)], (178, 84, 58))
    c.polygon([(-0.64, -0.92), (-0.58, -0.99), (0.58, -0.99), (0.64, -0.92)], (138, 62, 46))
    c.rect(-0.48, -0.4, 0.48, 0, STONE)
    c.rect(-0.53, -0.46, 0.53, -0.36, shade(STONE, 1.2))
    for x0, y in ((-0.4, -0.3), (-0.02, -0.3), (-0.26, -0.19), (0.16, -0.19), (-0.42, -0.08), (0.0, -0.08)):
        c.rect(x0, y, x0 + 0.26, y + 0.05, shade(STONE, 0.82))


def statue(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A bronze-green statue of a person with a raised arm, on a stone plinth."""
    c.rect(-0.46, -0.12, 0.46, 0, shade(STONE, 0.86))
    c.rect(-0.36, -0.56, 0.36, -0.12, STONE)
    c.rect(0.16, -0.56, 0.36, -0.12, shade(STONE, 0.88))
    c.rect(-0.42, -0.62, 0.42, -0.54, shade(STONE, 1.15))
    bronze = (96, 150, 134)
    c.line([(0.12, -1.2), (0.34, -1.38), (0.36, -1.56)], 0.1, bronze)
    c.polygon([(-0.2, -0.62), (-0.17, -1.2), (0.0, -1.29), (0.17, -1.2), (0.2, -0.62)], bronze)
    c.polygon([(0.04, -0.62), (0.06, -1.27), (0.17, -1.2), (0.2, -0.62)], shade(bronze, 0.82))
    c.line([(-0.15, -1.2), (-0.27, -1.0), (-0.2, -0.85)], 0.1, bronze)
    c.circle(0, -1.41, 0.13, bronze)


def goal(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A white soccer goal with its net."""
    net = (214, 222, 230)
    c.polygon([(-0.95, -0.85), (-0.8, -0.1), (0.8, -0.1), (0.95, -0.85)], (255, 255, 255, 60))
    for i in range(9):
        x = -0.88 + 0.22 * i
        c.line([(x, -0.84), (x * 0.86, -0.1)], 0.018, net, caps=False)
    for y, w in ((-0.68, 0.92), (-0.52, 0.89), (-0.36, 0.86), (-0.22, 0.83), (-0.1, 0.8)):
        c.line([(-w, y), (w, y)], 0.018, net, caps=False)
    for x0 in (-1.0, 1.0):
        c.line([(x0 * 0.97, -0.02), (x0 * 0.8, -0.1)], 0.03, (196, 202, 210))
    c.line([(-0.97, -0.02), (-0.97, -0.88), (0.97, -0.88), (0.97, -0.02)], 0.075, (252, 252, 250))
    c.line([(-0.935, -0.84), (0.935, -0.84)], 0.02, (190, 196, 206), caps=False)


def phone_booth(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A phone booth with paned glass."""
    c.rect(-0.34, -1.25, 0.34, 0, color)
    c.rect(0.24, -1.25, 0.34, 0, shade(color, 0.8))
    c.half_disc(0, -1.24, 0.36, 0.12, shade(color, 0.9))
    c.rect(-0.26, -1.2, 0.26, -1.08, (250, 246, 236))
    c.rect(-0.2, -1.16, 0.2, -1.12, METAL)
    for row in range(4):
        for x in (-0.2, 0.0):
            c.rect(x - 0.02, -1.0 + 0.2 * row, x + 0.14, -0.84 + 0.2 * row, GLASS)
    c.rect(-0.38, -0.05, 0.38, 0, METAL)


def bus_stop(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A bus shelter of glass with a seat, and a round sign with a bus on it."""
    c.rect(-0.9, -1.05, 0.3, -0.12, (190, 222, 238, 150))
    for x in (-0.9, -0.3, 0.3):
        c.line([(x, 0), (x, -1.08)], 0.05, METAL, caps=False)
    c.rect(-1.0, -1.18, 0.42, -1.06, (46, 110, 120))
    c.rect(-0.82, -0.34, 0.22, -0.26, WOOD)
    for x in (-0.7, 0.1):
        c.line([(x, 0), (x, -0.28)], 0.04, METAL, caps=False)
    c.line([(0.74, 0), (0.74, -1.1)], 0.05, METAL, caps=False)
    c.circle(0.74, -1.22, 0.25, (252, 252, 250))
    c.circle(0.74, -1.22, 0.22, (36, 120, 84))
    c.rect(0.6, -1.32, 0.88, -1.14, (252, 252, 250))
    c.rect(0.63, -1.29, 0.85, -1.22, (36, 120, 84))
    for x in (0.66, 0.82):
        c.circle(x, -1.13, 0.035, (252, 252, 250))


STREET: dict[str, Thing] = {
    "fountain": Thing(fountain, width=1.56, height=1.28),
    "bench": Thing(bench, width=1.2, height=0.56, colors=("brown", "green", "red")),
    "fence": Thing(fence, width=1.64, height=0.62, colors=("white", "brown")),
    "street lamp": Thing(street_lamp, width=0.48, height=1.72),
    "traffic light": Thing(traffic_light, width=0.4, height=1.55),
    "swing": Thing(swing, width=2.02, height=1.31, colors=("red", "blue", "yellow")),
    "slide": Thing(slide, width=1.58, height=1.23, colors=("red", "yellow", "blue")),
    "well": Thing(well, width=1.28, height=1.26),
    "statue": Thing(statue, width=0.92, height=1.61),
    "goal": Thing(goal, width=2.02, height=0.92),
    "phone booth": Thing(phone_booth, width=0.76, height=1.36, colors=("red",)),
    "bus stop": Thing(bus_stop, width=2.0, height=1.47),
}
