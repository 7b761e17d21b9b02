"""The vehicles of the Picturebook, seen from the side, facing right, and the table VEHICLES."""

from __future__ import annotations

import math

from . import boats_and_aircraft, cars
from .boats_and_aircraft import DARK, STEEL, WHITE, WOOD
from .canvas import RGB, Canvas, mix, shade
from .things import Thing, tone
from .vehicle_parts import HUB, LAMP, RED, TIRE, YELLOW, panes, ring, wheel


def motorcycle(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A motorcycle with a big tank and mudguards."""
    for x in (-0.42, 0.42):
        c.half_disc(x, -0.22, 0.25, 0.26, tone(color, 0.85))
        wheel(c, x, 0.21)
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
        ring(c, x, -0.23, 0.2, 0.045, TIRE)
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
        wheel(c, x, 0.14)
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
    panes(c, ((-0.42, -0.18), (-0.13, 0.03)), -0.9, -0.58)
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
    panes(c, ((-1.36, -1.1), (-1.03, -0.77), (-0.7, -0.46)), -0.76, -0.46)
    c.rect(-1.46, -0.34, -0.36, -0.2, tone(color))
    c.rect(-0.36, -0.28, -0.22, -0.22, DARK)
    c.rect(-0.22, -1.0, 0.36, -0.2, color)
    c.rect(-0.28, -1.08, 0.42, -0.98, tone(color, 0.7))
    panes(c, ((-0.1, 0.22),), -0.9, -0.58)
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
        wheel(c, x, r)
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
        wheel(c, x, 0.13)


PAINTS = ("red", "blue", "yellow", "green", "white", "black", "orange", "purple", "pink")
BRIGHT = ("red", "blue", "yellow", "green", "white", "orange", "purple", "pink")
PARKED, FLOATING, FLYING = ("parked",), ("floating",), ("flying",)

VEHICLES: dict[str, Thing] = {
    "car": Thing(cars.car, 1.6, 0.76, PAINTS, PARKED),
    "bus": Thing(cars.bus, 2.3, 1.16, PAINTS, PARKED),
    "truck": Thing(cars.truck, 2.1, 1.16, PAINTS, PARKED),
    "motorcycle": Thing(motorcycle, 1.36, 0.74, PAINTS, PARKED),
    "bicycle": Thing(bicycle, 1.24, 0.75, PAINTS, PARKED),
    "scooter": Thing(scooter, 1.16, 0.77, PAINTS, PARKED),
    "tractor": Thing(tractor, 1.56, 1.06, ("red", "blue", "yellow", "green", "orange"), PARKED),
    "train": Thing(train, 3.02, 1.1, ("red", "blue", "yellow", "green", "black", "orange", "purple")),
    "sailboat": Thing(boats_and_aircraft.sailboat, 1.6, 1.66, BRIGHT, FLOATING, "water"),
    "rowboat": Thing(boats_and_aircraft.rowboat, 1.56, 0.42, BRIGHT, FLOATING, "water"),
    "airplane": Thing(boats_and_aircraft.airplane, 2.0, 0.78, BRIGHT, FLYING, "sky"),
    "helicopter": Thing(boats_and_aircraft.helicopter, 1.96, 0.82, PAINTS, FLYING, "sky"),
    "hot air balloon": Thing(boats_and_aircraft.hot_air_balloon, 1.1, 1.7, BRIGHT, FLYING, "sky"),
    "fire truck": Thing(cars.fire_truck, 2.1, 1.09, (), PARKED),
    "police car": Thing(cars.police_car, 1.6, 0.84, (), PARKED),
    "ambulance": Thing(cars.ambulance, 2.1, 1.21, (), PARKED),
    "sled": Thing(sled, 1.26, 0.36, ("red", "blue", "yellow", "green", "orange", "purple", "pink")),
    "wagon": Thing(wagon, 1.3, 0.58, ("red", "blue", "yellow", "green", "orange", "purple", "pink")),
}
