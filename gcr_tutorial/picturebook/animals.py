"""The animals of house, farm and garden, and the table ANIMALS, which has the wild animals of `wild_animals` too."""

from __future__ import annotations

import math

from . import wild_animals as wild
from .animal_parts import CREAM, DARK, ORANGE, PINK, WHITE, body, equine, eye, quad, sit
from .canvas import RGB, Canvas, mix, shade
from .things import Thing, tone


def dog(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A dog with a hanging ear and a cheerful tail."""
    dx, dy = (-0.14, -0.03) if pose == "sitting" else (0.0, 0.0)
    if pose == "sitting":
        c.line(((-0.15, -0.05), (-0.25, -0.09), (-0.29, -0.2)), 0.045, tone(color, 0.85))
        sit(c, color, 0.055)
    else:
        c.line(((-0.21, -0.29), (-0.28, -0.35), (-0.3, -0.45)), 0.045, color)
        quad(c, color, (0.48, -0.355, -0.18, 0.06), pose, v)
    with c.frame(dx, dy):
        c.line(((0.17, -0.29), (0.23, -0.37)), 0.12, color)
        c.circle(0.24, -0.4, 0.085, color)
        c.ellipse(0.32, -0.375, 0.07, 0.045, mix(color, WHITE, 0.25), 0.1)
        c.ellipse(0.375, -0.395, 0.024, 0.02, DARK)
        c.ellipse(0.185, -0.385, 0.04, 0.085, tone(color, 0.62), 0.25)
        eye(c, 0.275, -0.425, 0.02)


def _cat(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A cat, somewhat too large."""
    dx, dy = (-0.1, -0.05) if pose == "sitting" else (0.03, 0.04)
    dark = tone(color, 0.72)
    if pose == "sitting":
        c.line(((-0.12, -0.03), (-0.24, -0.04), (-0.28, -0.13), (-0.24, -0.19)), 0.042, dark)
        sit(c, color, 0.05)
    else:
        c.line(((-0.2, -0.24), (-0.27, -0.29), (-0.27, -0.38), (-0.21, -0.41)), 0.042, color)
        quad(c, color, (0.44, -0.29, -0.14, 0.052), pose, v)
        for x in (-0.1, -0.02, 0.06):
            c.line(((x, -0.27), (x - 0.01, -0.21)), 0.022, dark)
    with c.frame(dx, dy):
        c.polygon(((0.13, -0.34), (0.125, -0.46), (0.21, -0.4)), dark)
        c.polygon(((0.2, -0.4), (0.285, -0.46), (0.285, -0.34)), color)
        c.polygon(((0.235, -0.4), (0.275, -0.44), (0.275, -0.37)), PINK)
        c.ellipse(0.21, -0.33, 0.1, 0.082, color)
        c.ellipse(0.25, -0.3, 0.045, 0.032, mix(color, WHITE, 0.5))
        c.circle(0.258, -0.32, 0.013, PINK)
        for x in (0.19, 0.285):
            c.ellipse(x, -0.35, 0.019, 0.024, (214, 220, 90))
            c.ellipse(x + 0.003, -0.35, 0.009, 0.022, DARK)


def horse(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A horse with a flowing mane."""
    equine(c, color, (205, 192, 165) if sum(color) > 600 else tone(color, 0.5), pose, v)


def cow(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A white cow with black patches and a pink muzzle."""
    c.line(((-0.5, -0.72), (-0.57, -0.6), (-0.57, -0.36)), 0.035, shade(WHITE, 0.85))
    c.ellipse(-0.57, -0.34, 0.04, 0.06, DARK)
    c.ellipse(-0.2, -0.36, 0.1, 0.08, PINK)
    quad(c, WHITE, (1.06, -0.82, -0.38, 0.11), pose, v, foot=DARK)
    shift = 0.08 * v
    c.blob(((-0.42, -0.76), (-0.2, -0.78), (-0.16, -0.6), (-0.3, -0.5), (-0.42, -0.58)), DARK)
    c.blob(((-0.02 + shift, -0.77), (0.2 + shift, -0.77), (0.2 + shift, -0.58), (0.06 + shift, -0.52)), DARK)
    c.ellipse(-0.06, -0.46, 0.07, 0.05, DARK)
    c.polygon(((0.42, -0.98), (0.4, -1.06), (0.47, -1.0)), CREAM)
    c.polygon(((0.58, -1.0), (0.65, -1.06), (0.64, -0.96)), CREAM)
    c.ellipse(0.38, -0.92, 0.09, 0.045, DARK, 0.3)
    body(c, ((0.42, -1.0), (0.62, -1.0), (0.68, -0.84), (0.68, -0.68), (0.5, -0.66), (0.4, -0.8)), WHITE)
    c.ellipse(0.46, -0.88, 0.06, 0.1, DARK)
    c.ellipse(0.6, -0.7, 0.12, 0.08, PINK)
    for x in (0.57, 0.65):
        c.circle(x, -0.71, 0.014, shade(PINK, 0.55))
    eye(c, 0.59, -0.87, 0.028)


def sheep(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A woolly white sheep with a dark face and legs."""
    for x, tint in ((-0.15, 0.8), (0.17, 0.8), (-0.22, 1.2), (0.1, 1.2)):
        c.line(((x, -0.25), (x, -0.035)), 0.06, shade(DARK, tint))
    puffs = [(0.3 * math.cos(a) - 0.03, -0.4 + 0.13 * math.sin(a)) for a in (0.2, 1.0, 1.9, 2.7, 3.5, 4.3, 5.1, 5.9)]
    for x, y in puffs:
        c.circle(x, y + 0.02, 0.11, shade(WHITE, 0.8))
    for x, y in puffs:
        c.circle(x, y - 0.012, 0.1, WHITE)
    c.ellipse(-0.03, -0.42, 0.28, 0.15, WHITE)
    c.ellipse(0.24, -0.47, 0.07, 0.035, shade(DARK, 1.2), 0.5)
    c.ellipse(0.36, -0.46, 0.085, 0.12, shade(DARK, 1.1), -0.5)
    for x, y in ((0.26, -0.58), (0.34, -0.59), (0.3, -0.54)):
        c.circle(x, y, 0.055, WHITE)
    eye(c, 0.37, -0.49, 0.022)


def pig(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A round pink pig with a curly tail."""
    c.line(((-0.36, -0.38), (-0.43, -0.42), (-0.41, -0.47), (-0.37, -0.43), (-0.45, -0.36)), 0.03, shade(PINK, 0.85))
    quad(c, PINK, (0.76, -0.52, -0.15, 0.085), pose, v, foot=shade(PINK, 0.62))
    c.circle(0.34, -0.38, 0.165, PINK)
    c.polygon(((0.22, -0.48), (0.22, -0.6), (0.33, -0.52)), shade(PINK, 0.78))
    c.polygon(((0.36, -0.52), (0.43, -0.6), (0.44, -0.48)), shade(PINK, 0.85))
    c.ellipse(0.47, -0.35, 0.06, 0.075, shade(PINK, 0.8))
    for y in (-0.375, -0.325):
        c.circle(0.485, y, 0.014, shade(PINK, 0.45))
    eye(c, 0.38, -0.43, 0.024)


def duck(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A duck swimming on its waterline."""
    c.ellipse(0, 0, 0.26, 0.024, (255, 255, 255, 110))
    body(
        c,
        ((-0.28, -0.2), (-0.14, -0.17), (0.05, -0.18), (0.2, -0.2), (0.23, -0.09), (0.1, 0.0), (-0.12, 0.0), (-0.22, -0.07)),
        color,
    )
    c.polygon(((0.05, -0.14), (0.07, -0.34), (0.2, -0.34), (0.22, -0.12)), color)
    c.circle(0.14, -0.34, 0.085, color)
    c.blob(((0.21, -0.37), (0.31, -0.335), (0.3, -0.31), (0.21, -0.3)), ORANGE)
    c.blob(((-0.22, -0.16), (-0.02, -0.16), (0.08, -0.12), (0.0, -0.05), (-0.12, -0.07)), tone(color, 0.8))
    eye(c, 0.17, -0.365, 0.02)


def chicken(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A plump hen with a red comb."""
    for x in (-0.04, 0.04):
        c.line(((x, -0.12), (x, -0.012), (x + 0.05, -0.012)), 0.024, ORANGE)
    for x, y in ((0.1, -0.42), (0.14, -0.435), (0.18, -0.415)):
        c.circle(x, y, 0.028, (214, 40, 40))
    body(
        c,
        (
            (-0.25, -0.37),
            (-0.12, -0.25),
            (0.03, -0.29),
            (0.07, -0.4),
            (0.18, -0.41),
            (0.2, -0.3),
            (0.18, -0.15),
            (0.05, -0.06),
            (-0.12, -0.09),
            (-0.2, -0.22),
        ),
        color,
    )
    c.polygon(((0.2, -0.37), (0.27, -0.335), (0.2, -0.315)), ORANGE)
    c.ellipse(0.19, -0.285, 0.022, 0.035, (214, 40, 40))
    c.blob(((-0.14, -0.22), (0.04, -0.22), (0.06, -0.15), (-0.05, -0.11)), tone(color, 0.78))
    eye(c, 0.15, -0.365, 0.02)


def cat(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A cat with pointed ears and a curling tail."""
    with c.frame(0, 0, 0.88):
        _cat(c, color, pose, v)


def rabbit(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A sitting rabbit with tall ears."""
    c.circle(-0.19, -0.09, 0.05, WHITE if sum(color) < 600 else tone(color, 0.88))
    for x, angle, tint in ((0.06, -0.25, 0.75), (0.12, 0.12 + 0.2 * v, 1.0)):
        c.ellipse(x, -0.38, 0.034, 0.11, tone(color, tint), angle)
    c.ellipse(0.125, -0.37, 0.016, 0.075, PINK, 0.12 + 0.2 * v)
    body(c, ((-0.2, -0.12), (-0.1, -0.24), (0.06, -0.25), (0.16, -0.16), (0.12, -0.03), (-0.02, -0.005), (-0.16, -0.02)), color)
    c.ellipse(-0.08, -0.1, 0.095, 0.085, tone(color, 0.88))
    c.line(((-0.1, -0.025), (0.0, -0.025)), 0.046, color)
    c.line(((0.11, -0.12), (0.14, -0.022)), 0.044, color)
    c.ellipse(0.13, -0.26, 0.095, 0.08, color)
    c.ellipse(0.18, -0.235, 0.045, 0.036, mix(color, WHITE, 0.5))
    c.circle(0.215, -0.255, 0.016, PINK)
    eye(c, 0.15, -0.28, 0.022)


def bird(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A small bird on the wing."""
    up = 0.06 * v
    c.blob(((0.06, -0.18), (-0.02, -0.36), (-0.14, -0.38 + up), (-0.12, -0.2)), tone(color, 0.65))
    c.polygon(((-0.14, -0.17), (-0.3, -0.22), (-0.29, -0.15), (-0.32, -0.1), (-0.14, -0.11)), tone(color, 0.75))
    c.ellipse(0, -0.14, 0.19, 0.09, color)
    c.ellipse(0.03, -0.105, 0.12, 0.05, mix(color, WHITE, 0.55))
    c.circle(0.17, -0.19, 0.085, color)
    c.polygon(((0.24, -0.215), (0.33, -0.18), (0.24, -0.16)), ORANGE)
    c.blob(((0.08, -0.15), (0.02, -0.26), (-0.1, -0.4 + up), (-0.19, -0.4 + up), (-0.16, -0.24), (-0.08, -0.13)), color)
    c.blob(((0.03, -0.15), (-0.04, -0.2), (-0.13, -0.24), (-0.08, -0.13)), tone(color, 0.8))
    eye(c, 0.19, -0.205, 0.021)


def butterfly(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A butterfly with spread wings."""
    with c.frame(0, -0.2, angle=0.25):
        for side in (-1, 1):
            c.blob(((0, -0.02), (side * 0.1, -0.17), (side * 0.23, -0.14), (side * 0.19, -0.0)), color)
            c.blob(((0, 0.0), (side * 0.17, 0.02), (side * 0.16, 0.13), (side * 0.06, 0.14)), tone(color, 0.82))
            c.circle(side * 0.16, -0.09, 0.032, mix(color, WHITE, 0.65))
            c.circle(side * 0.11, 0.075, 0.024, mix(color, WHITE, 0.65))
            c.line(((0, -0.08), (side * 0.05, -0.18)), 0.014, DARK)
        c.ellipse(0, 0.01, 0.024, 0.12, DARK)


ANIMALS: dict[str, Thing] = {
    "dog": Thing(dog, 0.82, 0.53, ("brown", "black", "white", "gray"), ("standing", "running", "sitting")),
    "cat": Thing(cat, 0.62, 0.45, ("black", "white", "gray", "orange"), ("standing", "sitting", "running")),
    "horse": Thing(horse, 1.52, 1.2, ("brown", "black", "white"), ("standing", "running")),
    "cow": Thing(cow, 1.46, 1.06),
    "sheep": Thing(sheep, 0.93, 0.65),
    "pig": Thing(pig, 1.09, 0.6),
    "duck": Thing(duck, 0.64, 0.43, ("yellow", "white", "brown"), ("swimming",), "water"),
    "chicken": Thing(chicken, 0.56, 0.48, ("white", "brown")),
    "bird": Thing(bird, 0.66, 0.41, ("red", "blue", "yellow", "black"), ("flying",), "sky"),
    "rabbit": Thing(rabbit, 0.5, 0.5, ("white", "gray", "brown")),
    "elephant": Thing(wild.elephant, 1.76, 1.25),
    "giraffe": Thing(wild.giraffe, 1.4, 1.92),
    "bear": Thing(wild.bear, 1.34, 0.86, ("brown", "black", "white")),
    "camel": Thing(wild.camel, 1.5, 1.25),
    "penguin": Thing(wild.penguin, 0.5, 0.56),
    "deer": Thing(wild.deer, 1.1, 1.2),
    "fox": Thing(wild.fox, 0.96, 0.5),
    "monkey": Thing(wild.monkey, 0.66, 0.58),
    "turtle": Thing(wild.turtle, 0.72, 0.38),
    "butterfly": Thing(butterfly, 0.54, 0.41, ("yellow", "blue", "orange", "purple"), ("flying",), "sky"),
    "frog": Thing(wild.frog, 0.52, 0.38),
    "lion": Thing(wild.lion, 1.36, 0.9),
    "zebra": Thing(wild.zebra, 1.4, 1.2),
}
