"""The wild animals of the Picturebook. All except the bear have one fixed colour."""

from __future__ import annotations

import math

from .animal_parts import CREAM, DARK, GRASS, MUZZLE, ORANGE, TAN, WHITE, body, equine, eye, quad
from .canvas import RGB, Canvas, mix, shade
from .things import tone

GRAY, FOX, FAWN, SAND, GOLD = (140, 148, 158), (232, 106, 32), (184, 116, 62), (214, 168, 104), (226, 166, 64)
BROWN, SPOT, MANE, SHELL = (121, 76, 44), (178, 104, 40), (146, 78, 26), (112, 122, 50)


def zebra(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A striped horse."""
    equine(c, WHITE, DARK, pose, v)
    for i in range(6):
        x = -0.38 + 0.1 * i
        c.polygon(((x - 0.02, -0.83), (x + 0.035, -0.83), (x + 0.02, -0.7), (x + 0.03, -0.58), (x - 0.005, -0.7)), DARK)
    for y in (-1.04, -0.94, -0.84, -0.75):
        c.line(((0.2 - 0.36 * (y + 0.84), y), (0.42, y + 0.03)), 0.035, DARK, caps=False)
    for x, y in ((-0.34, -0.42), (-0.34, -0.3), (0.34, -0.42), (0.34, -0.3)):
        c.line(((x - 0.04, y), (x + 0.04, y)), 0.035, DARK, caps=False)


def elephant(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A gray elephant with a big ear, a tusk and a hanging trunk."""
    c.line(((-0.56, -0.9), (-0.67, -0.75), (-0.67, -0.5)), 0.035, shade(GRAY, 0.8))
    quad(c, GRAY, (1.2, -1.14, -0.4, 0.2), pose, v)
    for x in (-0.49, -0.44, -0.39, 0.4, 0.45, 0.5):
        c.ellipse(x, -0.02, 0.024, 0.02, CREAM)
    c.ellipse(0.54, -0.94, 0.25, 0.27, GRAY)
    for x, y, x1, y1, w in (
        (0.7, -0.84, 0.77, -0.66, 0.2),
        (0.77, -0.66, 0.78, -0.45, 0.16),
        (0.78, -0.45, 0.75, -0.28, 0.12),
        (0.75, -0.28, 0.82, -0.2, 0.1),
    ):
        c.line(((x, y), (x1, y1)), w, GRAY)
    c.polygon(((0.6, -0.76), (0.69, -0.74), (0.84, -0.58), (0.74, -0.6)), CREAM)
    c.blob(((0.24, -1.14), (0.48, -1.16), (0.56, -0.96), (0.5, -0.72), (0.36, -0.62), (0.22, -0.84)), shade(GRAY, 0.74))
    c.blob(((0.3, -1.07), (0.44, -1.09), (0.5, -0.95), (0.45, -0.78), (0.36, -0.7), (0.28, -0.86)), shade(GRAY, 0.88))
    eye(c, 0.66, -0.98, 0.032)


def giraffe(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A tall spotted giraffe."""
    coat = (246, 200, 96)
    c.line(((-0.36, -1.0), (-0.44, -0.88), (-0.44, -0.68)), 0.03, SPOT)
    quad(c, coat, (0.8, -1.08, -0.68, 0.085), pose, v, foot=(120, 80, 50))
    c.polygon(((0.1, -1.04), (0.4, -1.72), (0.52, -1.66), (0.4, -0.9), (0.36, -0.76)), coat)
    c.line(((0.1, -1.04), (0.4, -1.74)), 0.045, SPOT)
    for x in (0.42, 0.49):
        c.line(((x, -1.76), (x - 0.01, -1.87)), 0.028, SPOT)
        c.circle(x - 0.01, -1.88, 0.028, SPOT)
    c.ellipse(0.36, -1.72, 0.08, 0.035, shade(coat, 0.85), 0.2)
    body(c, ((0.4, -1.78), (0.52, -1.8), (0.66, -1.7), (0.69, -1.62), (0.62, -1.58), (0.44, -1.62)), coat)
    c.ellipse(0.655, -1.63, 0.04, 0.045, shade(CREAM, 0.94))
    eye(c, 0.53, -1.71, 0.03)
    for x, y, r in (
        (-0.28, -0.96, 0.08),
        (-0.1, -1.01, 0.07),
        (-0.12, -0.84, 0.075),
        (0.08, -0.93, 0.085),
        (-0.29, -0.77, 0.055),
        (0.06, -0.76, 0.05),
        (0.25, -0.82, 0.06),
        (0.25, -1.03, 0.07),
        (0.33, -1.2, 0.06),
        (0.34, -1.36, 0.05),
        (0.41, -1.5, 0.045),
    ):
        c.ellipse(x, y, r, r * 0.85, SPOT, v)


def bear(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A big bear on all fours."""
    quad(c, color, (1.02, -0.74, -0.2, 0.18), pose, v)
    c.circle(-0.52, -0.54, 0.055, tone(color))
    for x, tint in ((0.3, 0.7), (0.52, 0.85)):
        c.circle(x, -0.79, 0.065, tone(color, tint))
    c.line(((0.26, -0.52), (0.4, -0.6)), 0.3, color)
    c.circle(0.42, -0.62, 0.19, color)
    c.ellipse(0.55, -0.56, 0.1, 0.08, mix(color, MUZZLE, 0.65) if sum(color) < 600 else shade(color, 0.88))
    c.ellipse(0.62, -0.59, 0.034, 0.028, DARK)
    eye(c, 0.48, -0.68, 0.026)


def camel(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A camel with two humps."""
    c.line(((-0.5, -0.78), (-0.58, -0.68), (-0.57, -0.5)), 0.035, shade(SAND, 0.8))
    for x in (-0.24, 0.12):
        c.blob(((x - 0.2, -0.78), (x - 0.08, -1.04), (x + 0.04, -1.05), (x + 0.17, -0.78)), SAND)
        c.ellipse(x - 0.02, -1.01, 0.075, 0.055, shade(SAND, 0.74))
    quad(c, SAND, (1.04, -0.86, -0.5, 0.095), pose, v, foot=shade(SAND, 0.6))
    c.line(((0.36, -0.7), (0.52, -0.64), (0.58, -0.82), (0.56, -1.08)), 0.15, SAND)
    c.ellipse(0.52, -1.16, 0.05, 0.035, shade(SAND, 0.7), 0.8)
    body(c, ((0.48, -1.18), (0.6, -1.2), (0.73, -1.12), (0.74, -1.03), (0.64, -1.0), (0.5, -1.04)), SAND)
    c.ellipse(0.71, -1.07, 0.035, 0.05, shade(SAND, 0.8))
    eye(c, 0.59, -1.12, 0.026)


def penguin(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A penguin with a white belly."""
    for x in (-0.05, 0.09):
        c.ellipse(x, -0.022, 0.07, 0.025, ORANGE)
    c.ellipse(-0.16, -0.27, 0.045, 0.14, shade(DARK, 1.15), 0.35 + 0.2 * v)
    c.blob(((-0.12, -0.46), (0.0, -0.55), (0.13, -0.46), (0.17, -0.2), (0.1, -0.035), (-0.1, -0.035), (-0.17, -0.2)), DARK)
    c.blob(((0.03, -0.36), (0.13, -0.36), (0.155, -0.18), (0.1, -0.05), (-0.03, -0.05), (-0.07, -0.2)), WHITE)
    c.ellipse(0.075, -0.43, 0.06, 0.055, WHITE)
    c.polygon(((0.11, -0.45), (0.2, -0.41), (0.11, -0.39)), ORANGE)
    c.circle(0.07, -0.445, 0.019, DARK)
    c.ellipse(0.165, -0.24, 0.035, 0.12, shade(DARK, 1.15), -0.3 - 0.2 * v)


def deer(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A fawn-coloured deer with antlers."""
    c.ellipse(-0.39, -0.69, 0.04, 0.07, WHITE, 0.4)
    quad(c, FAWN, (0.76, -0.74, -0.44, 0.065), pose, v, foot=DARK)
    for x, y in ((-0.2, -0.66), (-0.08, -0.6), (-0.28, -0.58), (0.04, -0.67)):
        c.circle(x, y, 0.022, CREAM)
    c.polygon(((0.16, -0.72), (0.27, -0.96), (0.4, -0.92), (0.37, -0.6), (0.26, -0.54)), FAWN)
    c.blob(((0.3, -0.78), (0.38, -0.84), (0.37, -0.62), (0.32, -0.58)), CREAM)
    for dx, tint in ((0.0, 0.75), (0.09, 1.0)):
        bone = shade((150, 112, 78), tint)
        c.line(((0.31 + dx, -0.98), (0.25 + dx, -1.08), (0.29 + dx, -1.17)), 0.032, bone)
        c.line(((0.26 + dx, -1.07), (0.37 + dx, -1.12)), 0.028, bone)
    c.ellipse(0.25, -0.96, 0.08, 0.035, shade(FAWN, 0.75), 0.35)
    body(c, ((0.27, -0.98), (0.39, -1.0), (0.52, -0.9), (0.53, -0.84), (0.45, -0.82), (0.3, -0.86)), FAWN)
    c.circle(0.52, -0.875, 0.026, DARK)
    eye(c, 0.4, -0.94, 0.024)


def fox(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """An orange fox with a bushy white-tipped tail."""
    c.blob(((-0.2, -0.28), (-0.34, -0.34), (-0.45, -0.26), (-0.46, -0.14), (-0.36, -0.17), (-0.22, -0.21)), FOX)
    c.blob(((-0.42, -0.27), (-0.465, -0.2), (-0.46, -0.13), (-0.4, -0.16)), WHITE)
    quad(c, FOX, (0.5, -0.32, -0.16, 0.05), pose, v, foot=(70, 42, 34))
    c.polygon(((0.16, -0.28), (0.28, -0.3), (0.26, -0.16), (0.2, -0.14)), WHITE)
    for x, tint in ((0.17, 0.7), (0.29, 1.0)):
        c.polygon(((x - 0.05, -0.36), (x - 0.01, -0.48), (x + 0.06, -0.38)), shade(FOX, tint))
    c.polygon(((0.28, -0.38), (0.285, -0.44), (0.32, -0.38)), DARK)
    c.ellipse(0.24, -0.34, 0.1, 0.082, FOX)
    c.polygon(((0.27, -0.4), (0.45, -0.29), (0.24, -0.26)), FOX)
    c.polygon(((0.16, -0.3), (0.32, -0.32), (0.44, -0.285), (0.25, -0.25)), WHITE)
    c.circle(0.44, -0.295, 0.02, DARK)
    eye(c, 0.29, -0.36, 0.019)


def monkey(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A sitting brown monkey with a long curling tail."""
    c.line(((-0.1, -0.05), (-0.26, -0.05), (-0.3, -0.18), (-0.27, -0.32), (-0.2, -0.3)), 0.042, shade(BROWN, 0.85))
    for x in (-0.12, 0.16):
        c.circle(x, -0.44, 0.055, shade(BROWN, 0.85))
        c.circle(x, -0.44, 0.032, TAN)
    body(c, ((-0.1, -0.3), (0.1, -0.3), (0.16, -0.12), (0.12, -0.02), (-0.12, -0.02), (-0.16, -0.12)), BROWN)
    c.ellipse(0.04, -0.16, 0.085, 0.115, TAN)
    c.line(((-0.09, -0.27), (-0.13, -0.13), (-0.02, -0.1)), 0.05, shade(BROWN, 0.78))
    c.line(((0.1, -0.27), (0.19, -0.16), (0.23, -0.27 - 0.08 * v)), 0.05, shade(BROWN, 0.9))
    for x in (-0.08, 0.12):
        c.ellipse(x, -0.028, 0.075, 0.032, TAN)
    c.circle(0.02, -0.44, 0.125, BROWN)
    for x in (-0.01, 0.08):
        c.circle(x, -0.46, 0.055, TAN)
    c.ellipse(0.04, -0.395, 0.09, 0.065, TAN)
    c.line(((0.0, -0.375), (0.05, -0.36), (0.09, -0.38)), 0.014, DARK)
    for x in (0.0, 0.08):
        c.circle(x, -0.455, 0.02, DARK)


def turtle(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A green turtle under a patterned dome."""
    for x in (-0.18, 0.13):
        c.line(((x, -0.1), (x + 0.02, -0.035)), 0.075, shade(GRASS, 0.8))
    c.polygon(((-0.26, -0.1), (-0.36, -0.06), (-0.24, -0.05)), GRASS)
    c.line(((0.2, -0.12), (0.27, -0.2)), 0.09, GRASS)
    c.ellipse(0.275, -0.22, 0.08, 0.065, GRASS)
    c.half_disc(-0.02, -0.09, 0.27, 0.28, SHELL)
    for x, y, r in (
        (-0.15, -0.17, 0.055),
        (-0.02, -0.19, 0.06),
        (0.11, -0.17, 0.055),
        (-0.08, -0.29, 0.045),
        (0.05, -0.29, 0.045),
    ):
        c.ellipse(x, y, r, r * 0.9, shade(SHELL, 1.3))
    c.line(((-0.27, -0.09), (0.23, -0.09)), 0.05, (200, 190, 110))
    eye(c, 0.3, -0.24, 0.022)


def frog(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A bright green frog with bulging eyes."""
    c.ellipse(-0.14, -0.1, 0.11, 0.1, shade(GRASS, 0.78))
    c.line(((-0.2, -0.025), (-0.04, -0.025)), 0.045, shade(GRASS, 0.78))
    body(c, ((-0.2, -0.1), (-0.1, -0.22), (0.04, -0.32), (0.2, -0.3), (0.24, -0.2), (0.16, -0.08), (0.0, -0.03)), GRASS)
    c.ellipse(0.11, -0.12, 0.08, 0.075, (206, 226, 150))
    c.line(((0.03, -0.14), (0.06, -0.03), (0.14, -0.025)), 0.045, shade(GRASS, 0.88))
    c.line(((0.08, -0.215), (0.16, -0.2), (0.235, -0.225)), 0.015, shade(GRASS, 0.45))
    for x in (0.06, 0.18):
        c.circle(x, -0.32, 0.055, GRASS)
        eye(c, x + 0.005, -0.325, 0.036)


def lion(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A golden lion with a great mane."""
    c.line(((-0.46, -0.58), (-0.6, -0.5), (-0.58, -0.3)), 0.045, GOLD)
    c.ellipse(-0.58, -0.27, 0.05, 0.075, MANE)
    quad(c, GOLD, (0.96, -0.66, -0.28, 0.12), pose, v)
    for i in range(9):
        a = 2 * math.pi * i / 9 + 0.1
        c.circle(0.4 + 0.175 * math.cos(a), -0.61 + 0.175 * math.sin(a), 0.088, shade(MANE, 0.85))
    c.circle(0.4, -0.61, 0.21, MANE)
    for x in (0.3, 0.53):
        c.circle(x, -0.73, 0.042, GOLD)
    c.ellipse(0.42, -0.61, 0.135, 0.14, GOLD)
    c.ellipse(0.47, -0.555, 0.085, 0.06, CREAM)
    c.polygon(((0.44, -0.6), (0.53, -0.6), (0.49, -0.555)), DARK)
    eye(c, 0.4, -0.655, 0.024)
    eye(c, 0.51, -0.655, 0.024)
