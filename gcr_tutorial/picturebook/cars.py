"""The cars, buses and trucks of the Picturebook, seen from the side, facing right."""

from __future__ import annotations

from .boats_and_aircraft import DARK, GLASS, STEEL, WHITE
from .canvas import RGB, Canvas, mix, shade
from .things import tone
from .vehicle_parts import BLUE, LAMP, RED, TAIL, YELLOW, beacon, panes, wheel


def car(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A rounded family car."""
    c.blob(((-0.56, -0.42), (-0.42, -0.68), (-0.2, -0.75), (0.12, -0.75), (0.3, -0.66), (0.46, -0.42)), color)
    c.polygon(((-0.46, -0.44), (-0.36, -0.63), (-0.22, -0.68), (-0.09, -0.68), (-0.09, -0.44)), GLASS)
    c.polygon(((-0.03, -0.44), (-0.03, -0.68), (0.13, -0.68), (0.24, -0.61), (0.36, -0.44)), GLASS)
    c.polygon(((0.04, -0.44), (0.14, -0.68), (0.2, -0.65), (0.13, -0.44)), (255, 255, 255, 90))
    c.blob(
        (
            (-0.77, -0.4),
            (-0.6, -0.46),
            (0.0, -0.45),
            (0.46, -0.45),
            (0.74, -0.37),
            (0.79, -0.2),
            (0.7, -0.1),
            (0.0, -0.09),
            (-0.7, -0.1),
            (-0.79, -0.2),
        ),
        color,
    )
    c.polygon(((-0.785, -0.2), (0.785, -0.2), (0.72, -0.1), (-0.72, -0.1)), tone(color))
    c.rect(-0.07, -0.43, -0.05, -0.12, tone(color, 0.7))
    c.rect(0.02, -0.36, 0.11, -0.335, tone(color, 0.6))
    c.ellipse(0.72, -0.31, 0.045, 0.055, LAMP)
    c.ellipse(-0.755, -0.32, 0.03, 0.05, TAIL)
    for x in (-0.46, 0.46):
        c.half_disc(x, -0.16, 0.2, 0.21, tone(color, 0.55))
        wheel(c, x, 0.165)


def police_car(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A white and blue car with a blue light."""
    beacon(c, -0.05, -0.74, (60, 130, 255))
    car(c, WHITE, pose, v)
    c.rect(-0.265, -0.34, 0.265, -0.2, BLUE)
    c.polygon(((-0.76, -0.34), (-0.64, -0.34), (-0.68, -0.2), (-0.78, -0.2)), BLUE)
    c.polygon(((0.66, -0.26), (0.775, -0.26), (0.78, -0.2), (0.67, -0.2)), BLUE)


def bus(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A long bus with a row of windows."""
    c.polygon(
        (
            (-1.13, -1.04),
            (-1.1, -1.11),
            (-1.03, -1.15),
            (0.95, -1.15),
            (1.03, -1.11),
            (1.08, -1.0),
            (1.14, -0.58),
            (1.14, -0.16),
            (1.08, -0.1),
            (-1.08, -0.1),
            (-1.13, -0.16),
        ),
        color,
    )
    c.polygon(((-1.13, -0.28), (1.13, -0.28), (1.1, -0.11), (-1.1, -0.11)), tone(color))
    panes(c, tuple((x, x + 0.3) for x in (-1.02, -0.67, -0.32, 0.03)), -1.0, -0.62)
    c.polygon(((0.82, -1.0), (1.03, -1.0), (1.1, -0.58), (0.82, -0.58)), GLASS)
    c.rect(0.42, -1.02, 0.74, -0.14, tone(color, 0.7))
    panes(c, ((0.45, 0.565), (0.595, 0.71)), -0.98, -0.24)
    c.rect(-1.12, -0.5, 0.4, -0.44, mix(color, WHITE, 0.65))
    c.ellipse(1.09, -0.34, 0.04, 0.055, LAMP)
    c.rect(-1.14, -0.42, -1.1, -0.32, TAIL)
    for x in (-0.68, 0.9):
        c.half_disc(x, -0.17, 0.225, 0.235, tone(color, 0.5))
        wheel(c, x, 0.18)


def _lorry(c: Canvas, color: RGB, cab_x: float) -> None:
    """The cab of a truck, from `cab_x` to 1, and its chassis."""
    c.rect(-0.98, -0.3, 0.98, -0.18, DARK)
    c.blob(
        (
            (cab_x, -0.98),
            (cab_x + 0.12, -1.0),
            (0.72, -1.0),
            (0.82, -0.9),
            (0.94, -0.58),
            (1.0, -0.5),
            (1.0, -0.2),
            (cab_x, -0.18),
        ),
        color,
    )
    c.polygon(((cab_x + 0.14, -0.9), (0.71, -0.9), (0.84, -0.58), (cab_x + 0.14, -0.58)), GLASS)
    c.polygon(((0.6, -0.9), (0.71, -0.9), (0.84, -0.58), (0.7, -0.58)), (255, 255, 255, 90))
    c.rect(cab_x + 0.02, -0.32, 0.98, -0.2, tone(color))
    c.ellipse(0.96, -0.38, 0.04, 0.05, LAMP)


def truck(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A box truck, cab and box of one colour."""
    c.rect(-1.0, -1.16, 0.3, -0.26, color)
    c.rect(-1.0, -1.16, 0.3, -1.09, tone(color, 0.85))
    c.rect(-1.0, -0.36, 0.3, -0.26, tone(color, 0.75))
    for x in (-0.68, -0.35, -0.02):
        c.rect(x - 0.01, -1.09, x + 0.01, -0.36, tone(color, 0.86))
    _lorry(c, color, 0.36)
    for x in (-0.72, -0.34, 0.68):
        wheel(c, x, 0.18)


def fire_truck(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A red fire truck with a ladder."""
    c.rect(-1.0, -0.86, 0.36, -0.22, RED)
    c.rect(-1.0, -0.5, 0.36, -0.42, YELLOW)
    for x in (-0.92, -0.48):
        c.rect(x, -0.8, x + 0.36, -0.55, STEEL)
        for y in (-0.74, -0.68, -0.62):
            c.rect(x, y, x + 0.36, y + 0.014, shade(STEEL, 0.75))
    c.circle(0.12, -0.67, 0.13, DARK)
    c.circle(0.12, -0.67, 0.09, (230, 200, 120))
    c.circle(0.12, -0.67, 0.035, DARK)
    _lorry(c, RED, 0.36)
    c.rect(0.38, -0.5, 0.96, -0.42, YELLOW)
    beacon(c, 0.56, -0.99, (60, 130, 255))
    for x in range(9):
        c.rect(-0.96 + 0.16 * x, -1.06, -0.92 + 0.16 * x, -0.92, shade(STEEL, 0.85))
    for y in (-1.07, -0.93):
        c.rect(-1.02, y, 0.42, y + 0.04, shade(STEEL, 1.4))
    for x in (-0.62, 0.68):
        wheel(c, x, 0.18)


def ambulance(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A white ambulance with a red cross."""
    c.rect(-0.96, -1.12, 0.4, -0.2, WHITE)
    c.rect(-0.96, -0.3, 0.4, -0.2, shade(WHITE, 0.82))
    _lorry(c, WHITE, 0.36)
    c.rect(-0.96, -0.5, 0.98, -0.38, RED)
    c.rect(-0.34, -1.02, -0.22, -0.6, RED)
    c.rect(-0.49, -0.87, -0.07, -0.75, RED)
    panes(c, ((-0.88, -0.6), (0.06, 0.32)), -1.0, -0.68)
    beacon(c, 0.26, -1.12, (60, 130, 255))
    beacon(c, -0.82, -1.12, (60, 130, 255))
    for x in (-0.6, 0.68):
        wheel(c, x, 0.18)
