"""The vehicles of the picturebook, seen from the side, facing right; boats and aircraft from craft."""

from __future__ import annotations

import math

from . import craft
from .canvas import RGB, Canvas, Fill, mix, shade
from .craft import DARK, GLASS, STEEL, WHITE, WOOD
from .things import Thing, tone

TIRE, HUB, LAMP, TAIL = (44, 44, 50), (196, 200, 206), (255, 236, 150), (226, 60, 50)
RED, BLUE, YELLOW = (214, 40, 40), (38, 96, 214), (252, 211, 45)


def _wheel(c: Canvas, x: float, r: float) -> None:
    """A wheel of radius `r` standing on the ground."""
    c.circle(x, -r, r, TIRE)
    c.circle(x, -r, r * 0.56, HUB)
    c.circle(x, -r, r * 0.2, DARK)


def _ring(c: Canvas, x: float, y: float, r: float, w: float, fill: Fill) -> None:
    """A thin hoop: a bicycle wheel, a life belt."""
    arc = [i * math.pi / 11 for i in range(24)]
    c.line([(x + r * math.cos(a), y + r * math.sin(a)) for a in arc], w, fill, False)


def _panes(c: Canvas, spans: tuple[tuple[float, float], ...], y0: float, y1: float) -> None:
    """Window panes with a slanted gleam."""
    for x0, x1 in spans:
        c.rect(x0, y0, x1, y1, GLASS)
        c.polygon(
            ((x0 + (x1 - x0) * 0.35, y1), (x0 + (x1 - x0) * 0.65, y0), (x0 + (x1 - x0) * 0.9, y0), (x0 + (x1 - x0) * 0.6, y1)),
            (255, 255, 255, 90),
        )


def _beacon(c: Canvas, x: float, y: float, fill: RGB) -> None:
    """A flashing light on the roof."""
    c.half_disc(x, y, 0.06, 0.09, fill)
    c.rect(x - 0.075, y - 0.012, x + 0.075, y + 0.012, DARK)


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
        _wheel(c, x, 0.165)


def police_car(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A white and blue car with a blue light."""
    _beacon(c, -0.05, -0.74, (60, 130, 255))
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
    _panes(c, tuple((x, x + 0.3) for x in (-1.02, -0.67, -0.32, 0.03)), -1.0, -0.62)
    c.polygon(((0.82, -1.0), (1.03, -1.0), (1.1, -0.58), (0.82, -0.58)), GLASS)
    c.rect(0.42, -1.02, 0.74, -0.14, tone(color, 0.7))
    _panes(c, ((0.45, 0.565), (0.595, 0.71)), -0.98, -0.24)
    c.rect(-1.12, -0.5, 0.4, -0.44, mix(color, WHITE, 0.65))
    c.ellipse(1.09, -0.34, 0.04, 0.055, LAMP)
    c.rect(-1.14, -0.42, -1.1, -0.32, TAIL)
    for x in (-0.68, 0.9):
        c.half_disc(x, -0.17, 0.225, 0.235, tone(color, 0.5))
        _wheel(c, x, 0.18)


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
        _wheel(c, x, 0.18)


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
    _beacon(c, 0.56, -0.99, (60, 130, 255))
    for x in range(9):
        c.rect(-0.96 + 0.16 * x, -1.06, -0.92 + 0.16 * x, -0.92, shade(STEEL, 0.85))
    for y in (-1.07, -0.93):
        c.rect(-1.02, y, 0.42, y + 0.04, shade(STEEL, 1.4))
    for x in (-0.62, 0.68):
        _wheel(c, x, 0.18)


def ambulance(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A white ambulance with a red cross."""
    c.rect(-0.96, -1.12, 0.4, -0.2, WHITE)
    c.rect(-0.96, -0.3, 0.4, -0.2, shade(WHITE, 0.82))
    _lorry(c, WHITE, 0.36)
    c.rect(-0.96, -0.5, 0.98, -0.38, RED)
    c.rect(-0.34, -1.02, -0.22, -0.6, RED)
    c.rect(-0.49, -0.87, -0.07, -0.75, RED)
    _panes(c, ((-0.88, -0.6), (0.06, 0.32)), -1.0, -0.68)
    _beacon(c, 0.26, -1.12, (60, 130, 255))
    _beacon(c, -0.82, -1.12, (60, 130, 255))
    for x in (-0.6, 0.68):
        _wheel(c, x, 0.18)


def motorcycle(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A motorcycle with a big tank and mudguards."""
    for x in (-0.42, 0.42):
        c.half_disc(x, -0.22, 0.25, 0.26, tone(color, 0.85))
        _wheel(c, x, 0.21)
    c.line(((-0.42, -0.21), (-0.02, -0.2), (0.2, -0.32)), 0.07, STEEL)
    c.ellipse(-0.02, -0.25, 0.15, 0.13, shade(STEEL, 0.75))
    for y in (-0.3, -0.25, -0.2):
        c.rect(-0.12, y, 0.08, y + 0.02, shade(STEEL, 1.3))
    c.line(((0.42, -0.21), (0.26, -0.66), (0.16, -0.7)), 0.05, shade(STEEL, 0.8))
    c.line(((-0.04, -0.12), (-0.58, -0.1)), 0.06, shade(STEEL, 1.2))
    c.blob(((-0.64, -0.52), (-0.4, -0.46), (-0.08, -0.44), (-0.1, -0.32), (-0.36, -0.34), (-0.56, -0.42)), color)
    c.blob(((-0.5, -0.53), (-0.3, -0.51), (-0.06, -0.5), (-0.08, -0.43), (-0.34, -0.44)), TIRE)
    c.blob(((-0.14, -0.4), (-0.06, -0.56), (0.12, -0.6), (0.28, -0.52), (0.24, -0.38), (0.04, -0.32)), color)
    c.blob(((-0.02, -0.51), (0.1, -0.56), (0.2, -0.52), (0.06, -0.49)), mix(color, WHITE, 0.4))
    c.circle(0.33, -0.58, 0.085, color)
    c.ellipse(0.385, -0.58, 0.04, 0.07, LAMP)


def bicycle(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A parked bicycle with a sturdy painted frame."""
    for x in (-0.34, 0.34):
        _ring(c, x, -0.23, 0.2, 0.045, TIRE)
        for i in range(3):
            dx, dy = 0.19 * math.cos(i * 1.05 + v), 0.19 * math.sin(i * 1.05 + v)
            c.line(((x - dx, -0.23 - dy), (x + dx, -0.23 + dy)), 0.012, STEEL, False)
        guard = (3.5, 3.9, 4.3, 4.7, 5.1, 5.5)
        c.line([(x + 0.255 * math.cos(a), -0.23 + 0.255 * math.sin(a)) for a in guard], 0.05, color)
    c.line(((-0.34, -0.23), (-0.02, -0.22), (0.24, -0.55), (-0.12, -0.52), (-0.34, -0.23)), 0.062, color)
    c.line(((-0.02, -0.22), (-0.15, -0.62)), 0.062, color)
    c.line(((0.34, -0.23), (0.22, -0.6), (0.2, -0.68)), 0.062, color)
    c.line(((0.14, -0.72), (0.24, -0.7), (0.3, -0.66)), 0.045, DARK)
    c.ellipse(-0.16, -0.65, 0.11, 0.04, DARK)
    c.circle(-0.02, -0.22, 0.055, STEEL)
    c.line(((-0.02, -0.22), (0.03, -0.11), (0.08, -0.11)), 0.03, DARK)


def scooter(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A motor scooter with a leg shield."""
    for x in (-0.34, 0.38):
        _wheel(c, x, 0.14)
    c.line(((0.38, -0.14), (0.26, -0.66)), 0.06, STEEL)
    c.blob(((-0.56, -0.34), (-0.4, -0.46), (-0.12, -0.46), (-0.06, -0.2), (-0.2, -0.12), (-0.36, -0.24), (-0.54, -0.22)), color)
    c.blob(
        ((-0.1, -0.22), (0.14, -0.2), (0.19, -0.5), (0.24, -0.64), (0.33, -0.6), (0.32, -0.3), (0.24, -0.12), (-0.16, -0.11)),
        color,
    )
    c.half_disc(0.38, -0.15, 0.18, 0.19, tone(color, 0.85))
    c.ellipse(-0.34, -0.32, 0.13, 0.06, tone(color, 0.82))
    c.blob(((-0.46, -0.53), (-0.2, -0.54), (-0.06, -0.5), (-0.08, -0.44), (-0.44, -0.45)), TIRE)
    c.line(((0.16, -0.74), (0.27, -0.7)), 0.045, DARK)
    c.circle(0.28, -0.66, 0.075, color)
    c.ellipse(0.33, -0.66, 0.035, 0.055, LAMP)


def tractor(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A farm tractor with a huge rear wheel."""
    c.line(((0.42, -0.6), (0.42, -0.94)), 0.06, DARK)
    c.rect(-0.5, -0.98, 0.1, -0.5, tone(color, 0.85))
    _panes(c, ((-0.42, -0.18), (-0.13, 0.03)), -0.9, -0.58)
    c.rect(-0.58, -1.06, 0.16, -0.96, color)
    c.blob(((0.0, -0.64), (0.56, -0.64), (0.7, -0.54), (0.7, -0.28), (0.5, -0.2), (-0.3, -0.2), (-0.4, -0.5)), color)
    c.rect(0.1, -0.34, 0.68, -0.26, tone(color))
    for x in (0.3, 0.4, 0.5):
        c.rect(x, -0.54, x + 0.04, -0.4, tone(color, 0.6))
    c.ellipse(0.68, -0.48, 0.035, 0.05, LAMP)
    c.half_disc(-0.36, -0.33, 0.41, 0.41, tone(color, 0.75))
    for x, r in ((-0.36, 0.36), (0.5, 0.22)):
        c.circle(x, -r, r, TIRE)
        c.circle(x, -r, r * 0.6, YELLOW if color[0] < 240 else WHITE)
        c.circle(x, -r, r * 0.22, DARK)


def train(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A steam engine with a carriage on a piece of track."""
    c.rect(-1.5, -0.02, 1.5, 0.02, STEEL)
    c.rect(-1.46, -0.86, -0.36, -0.2, color)
    c.rect(-1.5, -0.95, -0.32, -0.86, tone(color, 0.7))
    _panes(c, ((-1.36, -1.1), (-1.03, -0.77), (-0.7, -0.46)), -0.76, -0.46)
    c.rect(-1.46, -0.34, -0.36, -0.2, tone(color))
    c.rect(-0.36, -0.28, -0.22, -0.22, DARK)
    c.rect(-0.22, -1.0, 0.36, -0.2, color)
    c.rect(-0.28, -1.08, 0.42, -0.98, tone(color, 0.7))
    _panes(c, ((-0.1, 0.22),), -0.9, -0.58)
    c.rect(0.3, -0.72, 1.22, -0.26, color)
    c.ellipse(1.22, -0.49, 0.09, 0.23, tone(color, 0.85))
    c.rect(-0.22, -0.34, 1.24, -0.22, tone(color))
    for x in (0.52, 0.8):
        c.rect(x, -0.72, x + 0.04, -0.34, YELLOW)
    c.polygon(((0.94, -0.7), (0.9, -1.0), (0.86, -1.08), (1.16, -1.08), (1.12, -1.0), (1.08, -0.7)), DARK)
    c.half_disc(0.66, -0.71, 0.1, 0.13, (230, 180, 60))
    c.polygon(((1.22, -0.24), (1.48, -0.05), (1.2, -0.05)), tone(RED, 0.9))
    c.circle(1.27, -0.6, 0.05, LAMP)
    for x, r in ((-1.24, 0.13), (-0.6, 0.13), (0.04, 0.2), (0.52, 0.2), (0.96, 0.13)):
        _wheel(c, x, r)
    c.line(((0.04, -0.2), (0.66, -0.16)), 0.05, HUB)


def sled(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A sled on curved runners, painted all over."""
    c.line(((-0.5, -0.04), (0.3, -0.04), (0.46, -0.1), (0.52, -0.2), (0.46, -0.27)), 0.05, shade(WOOD, 0.8))
    for x in (-0.34, 0.0, 0.28):
        c.rect(x - 0.03, -0.22, x + 0.03, -0.05, tone(color, 0.7))
    c.polygon(((-0.54, -0.3), (0.4, -0.3), (0.5, -0.2), (-0.5, -0.18)), color)
    c.polygon(((-0.52, -0.21), (0.5, -0.23), (0.48, -0.15), (-0.5, -0.15)), tone(color, 0.8))
    c.line(((-0.48, -0.25), (0.4, -0.26)), 0.02, mix(color, WHITE, 0.45))
    c.line(((0.47, -0.25), (0.56, -0.34), (0.62, -0.28)), 0.02, shade(WOOD, 1.4))


def wagon(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A toy pull wagon with its handle up."""
    c.line(((0.36, -0.2), (0.56, -0.54)), 0.035, DARK)
    c.line(((0.5, -0.56), (0.62, -0.52)), 0.04, DARK)
    c.polygon(((-0.52, -0.44), (0.46, -0.44), (0.42, -0.15), (-0.48, -0.15)), color)
    c.polygon(((-0.5, -0.24), (0.435, -0.24), (0.42, -0.15), (-0.48, -0.15)), tone(color))
    c.rect(-0.55, -0.47, 0.49, -0.41, mix(color, WHITE, 0.35))
    for x in (-0.32, 0.26):
        _wheel(c, x, 0.13)


PAINTS = ("red", "blue", "yellow", "green", "white", "black", "orange", "purple", "pink")
BRIGHT = ("red", "blue", "yellow", "green", "white", "orange", "purple", "pink")
PARKED, FLOATING, FLYING = ("parked",), ("floating",), ("flying",)

VEHICLES: dict[str, Thing] = {
    "car": Thing(car, 1.6, 0.76, PAINTS, PARKED),
    "bus": Thing(bus, 2.3, 1.16, PAINTS, PARKED),
    "truck": Thing(truck, 2.1, 1.16, PAINTS, PARKED),
    "motorcycle": Thing(motorcycle, 1.36, 0.74, PAINTS, PARKED),
    "bicycle": Thing(bicycle, 1.24, 0.75, PAINTS, PARKED),
    "scooter": Thing(scooter, 1.16, 0.77, PAINTS, PARKED),
    "tractor": Thing(tractor, 1.56, 1.06, ("red", "blue", "yellow", "green", "orange"), PARKED),
    "train": Thing(train, 3.02, 1.1, ("red", "blue", "yellow", "green", "black", "orange", "purple")),
    "sailboat": Thing(craft.sailboat, 1.6, 1.66, BRIGHT, FLOATING, "water"),
    "rowboat": Thing(craft.rowboat, 1.56, 0.42, BRIGHT, FLOATING, "water"),
    "airplane": Thing(craft.airplane, 2.0, 0.78, BRIGHT, FLYING, "sky"),
    "helicopter": Thing(craft.helicopter, 1.96, 0.82, PAINTS, FLYING, "sky"),
    "hot air balloon": Thing(craft.hot_air_balloon, 1.1, 1.7, BRIGHT, FLYING, "sky"),
    "fire truck": Thing(fire_truck, 2.1, 1.09, (), PARKED),
    "police car": Thing(police_car, 1.6, 0.84, (), PARKED),
    "ambulance": Thing(ambulance, 2.1, 1.21, (), PARKED),
    "sled": Thing(sled, 1.26, 0.36, ("red", "blue", "yellow", "green", "orange", "purple", "pink")),
    "wagon": Thing(wagon, 1.3, 0.58, ("red", "blue", "yellow", "green", "orange", "purple", "pink")),
}
