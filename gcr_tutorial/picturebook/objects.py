"""Toys, luggage and other objects, and the table OBJECTS, which has the furniture of `furniture` too."""

from __future__ import annotations

import math

from . import furniture
from .canvas import RGB, Canvas, mix, shade
from .furniture import CREAM, DARK, FUR, STEEL, WHITE, WICKER, WOOD
from .things import Thing, tone


def ball(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A play ball with a pale band."""
    c.circle(0, -0.15, 0.15, tone(color, 0.78))
    c.ellipse(-0.008, -0.16, 0.138, 0.135, color)
    with c.frame(0, -0.155, angle=v * 1.5 - 1.2):
        c.blob(
            ((-0.135, -0.025), (0, 0.02), (0.135, -0.025), (0.138, 0.02), (0, 0.065), (-0.138, 0.02)),
            mix(color, WHITE, 0.7) if sum(color) < 600 else shade(color, 0.75),
        )
    c.ellipse(-0.05, -0.225, 0.035, 0.022, (255, 255, 255, 170), -0.5)


def basket(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A wicker basket with a cloth and a handle."""
    c.line(
        [(0.2 * math.cos(a), -0.24 + 0.2 * math.sin(a)) for a in (3.14, 3.6, 4.1, 4.71, 5.3, 5.8, 6.28)],
        0.035,
        shade(WICKER, 0.8),
    )
    c.blob(((-0.22, -0.25), (-0.1, -0.33), (0.06, -0.3), (0.22, -0.25), (0.0, -0.22)), (226, 70, 66))
    c.polygon(((-0.26, -0.26), (0.26, -0.26), (0.2, 0), (-0.2, 0)), WICKER)
    for i, y in enumerate((-0.2, -0.14, -0.08)):
        for k in range(4):
            x = -0.18 + 0.1 * k + 0.04 * (i % 2)
            c.rect(x, y, x + 0.055, y + 0.03, shade(WICKER, 0.78))
    c.rect(-0.28, -0.28, 0.28, -0.22, shade(WICKER, 0.85))


def box(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A cardboard box."""
    card = (200, 150, 96)
    c.polygon(((-0.25, -0.34), (-0.16, -0.43), (0.3, -0.43), (0.21, -0.34)), shade(card, 1.25))
    c.polygon(((0.21, -0.34), (0.3, -0.43), (0.3, -0.07), (0.21, 0)), shade(card, 0.72))
    c.rect(-0.25, -0.34, 0.21, 0, card)
    c.polygon(((-0.06, -0.34), (0.03, -0.43), (0.1, -0.43), (0.02, -0.34)), (232, 206, 150))
    c.rect(-0.06, -0.34, 0.02, -0.22, (226, 196, 140))
    c.rect(-0.2, -0.1, -0.1, -0.05, shade(card, 0.7))


def suitcase(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A suitcase with straps."""
    c.line(((-0.09, -0.42), (-0.09, -0.5), (0.09, -0.5), (0.09, -0.42)), 0.04, DARK)
    for x in (-0.2, 0.2):
        c.circle(x, -0.02, 0.03, DARK)
    c.blob(
        ((-0.3, -0.42), (0, -0.44), (0.3, -0.42), (0.32, -0.22), (0.3, -0.03), (0, -0.02), (-0.3, -0.03), (-0.32, -0.22)), color
    )
    c.polygon(((-0.31, -0.12), (0.31, -0.12), (0.29, -0.03), (-0.29, -0.03)), tone(color))
    for x in (-0.19, 0.14):
        c.rect(x, -0.43, x + 0.05, -0.025, tone(color, 0.6))
        c.rect(x - 0.005, -0.3, x + 0.055, -0.24, (236, 204, 110))


def parasol(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A beach umbrella with pale panels."""
    c.line(((0, -0.01), (0, -1.2)), 0.04, shade(WHITE, 0.85))
    pale = mix(color, WHITE, 0.75) if sum(color) < 600 else shade(color, 0.82)
    c.half_disc(0, -0.78, 0.66, 0.5, color)
    for a, b in ((-0.42, -0.2), (0.2, 0.42)):
        c.blob(((a, -0.78), (a * 0.85, -0.98), (0, -1.28), (b * 0.85, -0.98), (b, -0.78), ((a + b) / 2, -0.77)), pale)
    for x in (-0.54, -0.31, 0.0, 0.31, 0.54):
        c.half_disc(x, -0.779, 0.2 if x == 0 else 0.11, -0.05, color if abs(x) != 0.31 else pale)
    c.circle(0, -1.29, 0.03, tone(color, 0.7))


def bucket(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A toy bucket with its handle up."""
    handle = (3.14, 3.7, 4.2, 4.71, 5.2, 5.7, 6.28)
    c.line([(0.17 * math.cos(a), -0.28 + 0.13 * math.sin(a)) for a in handle], 0.025, STEEL)
    c.polygon(((-0.19, -0.28), (0.19, -0.28), (0.14, 0), (-0.14, 0)), color)
    c.polygon(((0.06, -0.28), (0.19, -0.28), (0.14, 0), (0.05, 0)), tone(color, 0.84))
    c.ellipse(0, -0.28, 0.2, 0.04, tone(color, 0.6))
    c.polygon(((-0.165, -0.14), (0.165, -0.14), (0.158, -0.1), (-0.158, -0.1)), mix(color, WHITE, 0.5))


def cake(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A two-tier birthday cake with candles on a plate."""
    c.ellipse(0, -0.03, 0.33, 0.03, shade(WHITE, 0.88))
    for x in (-0.1, 0.0, 0.1):
        c.rect(x - 0.012, -0.47, x + 0.012, -0.36, (90, 160, 220))
        c.ellipse(x, -0.49, 0.018, 0.03, (255, 180, 40))
    for half, top, bottom in ((0.26, -0.22, -0.04), (0.17, -0.38, -0.22)):
        c.rect(-half, top, half, bottom, color)
        c.rect(half * 0.5, top, half, bottom, tone(color, 0.88))
        cream = CREAM if sum(color) < 640 else (240, 160, 180)
        c.rect(-half, top - 0.015, half, top + 0.035, cream)
        for i in range(5):
            c.ellipse(-half * 0.82 + i * half * 0.41, top + 0.035, half * 0.15, 0.035, cream)
    c.circle(0, -0.1, 0.03, (214, 40, 40))
    c.circle(-0.15, -0.1, 0.03, (214, 40, 40))
    c.circle(0.15, -0.1, 0.03, (214, 40, 40))


def balloons(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A bunch of balloons tied to a small weight."""
    spots = ((-0.2, -0.86, 0.86), (0.2, -0.88, 0.86), (0.0, -1.08, 0.93), (0.01 + 0.04 * v, -0.78, 1.0))
    for x, y, _ in spots:
        c.line(((0, -0.06), (x, y)), 0.012, (120, 120, 124), False)
    for x, y, tint in spots:
        c.ellipse(x, y, 0.155, 0.185, tone(color, tint))
        c.polygon(((x - 0.03, y + 0.21), (x, y + 0.17), (x + 0.03, y + 0.21)), tone(color, tint * 0.8))
        c.ellipse(x - 0.06, y - 0.075, 0.025, 0.045, (255, 255, 255, 150), 0.4)
    c.polygon(((-0.05, -0.08), (0.05, -0.08), (0.07, 0), (-0.07, 0)), DARK)


def blanket(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A checked picnic blanket spread on the ground."""
    c.polygon(((-0.56, -0.36), (0.6, -0.36), (0.76, 0), (-0.76, 0)), color)
    pale = mix(color, WHITE, 0.7) if sum(color) < 600 else shade(color, 0.8)
    for i in range(4):
        t = 0.14 + 0.21 * i
        a, b = -0.56 + 1.16 * t, -0.76 + 1.52 * t
        c.polygon(((a, -0.36), (a + 0.07, -0.36), (b + 0.1, 0), (b, 0)), (*pale, 170))
    for y, h in ((-0.29, 0.05), (-0.15, 0.07)):
        x0, x1 = -0.76 - 0.2 * y / 0.36, 0.76 + 0.16 * y / 0.36
        c.polygon(((x0 + 0.01, y), (x1 - 0.01, y), (x1 + 0.02, y + h), (x0 - 0.02, y + h)), (*pale, 170))


def drum(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A toy drum with cords and two sticks."""
    c.rect(-0.22, -0.32, 0.22, -0.03, color)
    c.ellipse(0, -0.03, 0.22, 0.045, tone(color, 0.7))
    for x in (-0.22, -0.07, 0.08):
        c.line(((x, -0.29), (x + 0.07, -0.04), (x + 0.14, -0.29)), 0.018, CREAM, False)
    c.ellipse(0, -0.31, 0.235, 0.065, tone(color, 0.7))
    c.ellipse(0, -0.325, 0.22, 0.055, CREAM)
    for x0, x1 in ((-0.06, 0.2), (0.06, -0.2)):
        c.line(((x0, -0.34), (x1, -0.46)), 0.026, WOOD)
        c.circle(x0, -0.345, 0.026, shade(WOOD, 1.3))


def teddy_bear(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A sitting brown teddy bear."""
    for s in (-1, 1):
        c.circle(s * 0.11, -0.44, 0.055, shade(FUR, 0.85))
        c.circle(s * 0.11, -0.44, 0.03, (226, 184, 136))
        c.ellipse(s * 0.16, -0.2, 0.05, 0.095, shade(FUR, 0.85), -s * 0.6)
    c.ellipse(0, -0.14, 0.14, 0.14, FUR)
    c.ellipse(0, -0.14, 0.085, 0.09, (226, 184, 136))
    c.circle(0, -0.36, 0.135, FUR)
    c.ellipse(0, -0.32, 0.07, 0.055, (226, 184, 136))
    c.ellipse(0, -0.345, 0.028, 0.02, DARK)
    for s in (-1, 1):
        c.circle(s * 0.055, -0.395, 0.018, DARK)
        c.circle(s * 0.14, -0.07, 0.07, shade(FUR, 0.9))
        c.circle(s * 0.14, -0.065, 0.04, (226, 184, 136))
        c.polygon(((0, -0.235), (s * 0.08, -0.27), (s * 0.08, -0.2)), (214, 40, 40))


def robot(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A friendly toy robot."""
    c.line(((0, -0.5), (0, -0.58)), 0.02, DARK)
    c.circle(0, -0.585, 0.03, (255, 200, 60))
    for s in (-1, 1):
        c.line(((s * 0.16, -0.29), (s * 0.23, -0.24), (s * 0.23, -0.16)), 0.05, STEEL)
        c.circle(s * 0.23, -0.15, 0.036, tone(color, 0.7))
        c.rect(s * 0.08 - 0.04, -0.12, s * 0.08 + 0.04, -0.04, STEEL)
        c.rect(s * 0.09 - 0.06, -0.06, s * 0.09 + 0.06, 0, tone(color, 0.7))
        c.rect(s * 0.15 - 0.03, -0.45, s * 0.15 + 0.03, -0.39, STEEL)
    c.rect(-0.15, -0.33, 0.15, -0.1, color)
    c.rect(-0.15, -0.14, 0.15, -0.1, tone(color))
    c.rect(-0.09, -0.28, 0.09, -0.18, CREAM)
    for x, fill in ((-0.05, (214, 40, 40)), (0.0, (252, 190, 45)), (0.05, (46, 139, 64))):
        c.circle(x, -0.23, 0.02, fill)
    c.rect(-0.05, -0.36, 0.05, -0.32, DARK)
    c.rect(-0.14, -0.51, 0.14, -0.35, color)
    for x in (-0.06, 0.06):
        c.circle(x, -0.445, 0.036, WHITE)
        c.circle(x, -0.445, 0.018, DARK)
    c.rect(-0.06, -0.395, 0.06, -0.375, DARK)


def mailbox(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A mailbox with a letter slot, on a post."""
    c.rect(-0.04, -0.5, 0.04, 0, DARK)
    c.rect(-0.12, -0.03, 0.12, 0, DARK)
    c.rect(-0.22, -0.85, 0.22, -0.36, color)
    c.half_disc(0, -0.84, 0.22, 0.17, color)
    c.rect(0.12, -0.84, 0.22, -0.36, tone(color, 0.84))
    c.rect(-0.25, -0.85, 0.25, -0.81, tone(color, 0.7))
    c.rect(-0.14, -0.76, 0.14, -0.71, DARK)
    c.rect(-0.1, -0.62, 0.1, -0.48, WHITE)
    c.line(((-0.1, -0.62), (0, -0.54), (0.1, -0.62)), 0.016, STEEL, False)


def trash_can(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A ribbed bin with a domed lid."""
    c.polygon(((-0.22, -0.54), (0.22, -0.54), (0.17, 0), (-0.17, 0)), color)
    for x in (-0.11, 0.0, 0.11):
        c.polygon(
            ((x - 0.018, -0.48), (x + 0.018, -0.48), (x * 0.8 + 0.016, -0.05), (x * 0.8 - 0.016, -0.05)), tone(color, 0.76)
        )
    c.half_disc(0, -0.56, 0.23, 0.12, tone(color, 0.88))
    c.rect(-0.25, -0.58, 0.25, -0.52, tone(color, 0.7))
    c.line(((-0.05, -0.67), (0.05, -0.67)), 0.03, tone(color, 0.6))


TOYS = ("red", "blue", "yellow", "green", "orange", "purple", "pink")
FABRICS = ("red", "blue", "yellow", "green", "orange", "purple", "pink", "white", "gray", "brown", "black")
JOINERY = ("brown", "white", "red", "blue", "yellow", "green", "black")

OBJECTS: dict[str, Thing] = {
    "ball": Thing(ball, 0.3, 0.3, (*TOYS, "white")),
    "table": Thing(furniture.table, 1.16, 0.5, JOINERY),
    "chair": Thing(furniture.chair, 0.5, 0.75, JOINERY),
    "armchair": Thing(furniture.armchair, 0.8, 0.62, FABRICS, places="indoor"),
    "sofa": Thing(furniture.sofa, 1.42, 0.62, FABRICS, places="indoor"),
    "lamp": Thing(furniture.lamp, 0.5, 1.14, (*TOYS, "white"), places="indoor"),
    "bookshelf": Thing(furniture.bookshelf, 0.8, 1.2, places="indoor"),
    "bed": Thing(furniture.bed, 1.94, 0.82, (*TOYS, "gray", "brown"), places="indoor"),
    "television": Thing(furniture.television, 1.08, 0.95, places="indoor"),
    "plant": Thing(furniture.plant, 0.6, 0.72),
    "basket": Thing(basket, 0.56, 0.47),
    "box": Thing(box, 0.62, 0.44),
    "suitcase": Thing(suitcase, 0.68, 0.53, (*TOYS, "brown", "black", "gray")),
    "parasol": Thing(parasol, 1.34, 1.33, (*TOYS, "white")),
    "bucket": Thing(bucket, 0.42, 0.44, TOYS),
    "cake": Thing(cake, 0.68, 0.53, ("pink", "brown", "white", "yellow", "blue")),
    "balloons": Thing(balloons, 0.74, 1.28, (*TOYS, "white")),
    "blanket": Thing(blanket, 1.54, 0.38, TOYS),
    "drum": Thing(drum, 0.5, 0.49, TOYS),
    "piano": Thing(furniture.piano, 1.3, 1.06, places="indoor"),
    "teddy bear": Thing(teddy_bear, 0.5, 0.5),
    "robot": Thing(robot, 0.56, 0.62, ("red", "blue", "gray", "yellow", "green")),
    "fridge": Thing(furniture.fridge, 0.7, 1.25, places="indoor"),
    "stove": Thing(furniture.stove, 0.8, 0.92, places="indoor"),
    "clock": Thing(furniture.clock, 0.54, 1.48, places="indoor"),
    "rug": Thing(furniture.rug, 1.8, 0.34, TOYS, places="indoor"),
    "mailbox": Thing(mailbox, 0.5, 1.02, ("red", "blue")),
    "bin": Thing(trash_can, 0.5, 0.7, ("green", "gray")),
}
