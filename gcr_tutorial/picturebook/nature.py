"""Nature in the Picturebook: rocks, snowmen and other outdoor things, and the table NATURE, which has the plants too."""

from __future__ import annotations

import math

from . import plants
from .canvas import RGB, Canvas, shade
from .plants import BARK
from .things import Thing

SNOW = (247, 250, 255)
RAINBOW = ((226, 60, 60), (247, 140, 40), (252, 215, 70), (84, 178, 90), (66, 130, 226), (134, 74, 196))


def rock(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A big gray boulder."""
    c.polygon([(-0.5, 0), (-0.46, -0.2), (-0.24, -0.42), (0.1, -0.46), (0.38, -0.26), (0.5, 0)], (140, 144, 152))
    c.polygon([(-0.46, -0.2), (-0.24, -0.42), (0.1, -0.46), (-0.06, -0.26)], (174, 178, 186))
    c.polygon([(0.1, -0.46), (0.38, -0.26), (0.5, 0), (0.14, 0), (-0.06, -0.26)], (108, 112, 122))
    c.line([(-0.2, -0.1), (-0.12, -0.16)], 0.02, (100, 104, 112))


def snowman(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A snowman with hat, scarf and carrot nose."""
    dark, coal = (204, 216, 236), (40, 42, 50)
    for side in (-1, 1):
        c.line([(0.18 * side, -0.58), (0.46 * side, -0.78), (0.54 * side, -0.9)], 0.035, (110, 74, 46))
        c.line([(0.46 * side, -0.78), (0.57 * side, -0.76)], 0.03, (110, 74, 46))
    for y, r in ((-0.3, 0.32), (-0.66, 0.24), (-0.98, 0.19)):
        c.circle(0, y, r, dark)
        c.circle(-0.025, y - 0.02, r * 0.9, SNOW)
    c.rect(-0.18, -0.86, 0.18, -0.78, (220, 50, 56))
    c.polygon([(0.06, -0.8), (0.18, -0.8), (0.2, -0.54), (0.1, -0.54)], (190, 38, 46))
    c.polygon([(0.02, -1.0), (0.02, -0.93), (0.24, -0.95)], (247, 136, 30))
    for x, y in ((-0.05, -1.03), (0.09, -1.03), (0.02, -0.7), (0.02, -0.58), (0.02, -0.4)):
        c.circle(x, y, 0.028, coal)
    c.rect(-0.25, -1.16, 0.25, -1.11, coal)
    c.rect(-0.15, -1.36, 0.15, -1.13, coal)
    c.rect(-0.15, -1.2, 0.15, -1.16, (220, 50, 56))


def campfire(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A glowing campfire on crossed logs."""
    c.ellipse(0, -0.34, 0.56, 0.34, (255, 190, 70, 60))
    c.ellipse(0, -0.3, 0.42, 0.3, (255, 190, 70, 80))
    sway = (v - 0.5) * 0.1
    for s, fill in ((1.0, (235, 82, 30)), (0.7, (255, 154, 36)), (0.42, (255, 226, 96))):
        c.blob(
            [
                (-0.22 * s, -0.12),
                (-0.2 * s, -0.1 - 0.24 * s),
                (-0.1 * s, -0.1 - 0.2 * s),
                (sway * s, -0.1 - 0.54 * s),
                (0.1 * s, -0.1 - 0.26 * s),
                (0.2 * s, -0.1 - 0.32 * s),
                (0.22 * s, -0.12),
                (0, -0.06),
            ],
            fill,
        )
    c.line([(-0.3, -0.04), (0.26, -0.13)], 0.09, (120, 78, 46))
    c.line([(0.3, -0.04), (-0.26, -0.13)], 0.09, (96, 60, 36))
    for x in (-0.4, 0.4):
        c.ellipse(x, -0.03, 0.09, 0.055, (128, 130, 138))


def log(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A lying log showing its rings."""
    c.line([(-0.42, -0.15), (0.42, -0.15)], 0.3, BARK)
    c.line([(-0.3, -0.2), (0.2, -0.2)], 0.025, shade(BARK, 0.75))
    c.line([(-0.4, -0.1), (0.06, -0.1)], 0.025, shade(BARK, 0.75))
    c.line([(-0.16, -0.28), (-0.22, -0.42)], 0.08, BARK)
    for r, fill in ((1.0, (226, 188, 136)), (0.68, (196, 150, 98)), (0.45, (226, 188, 136)), (0.18, (196, 150, 98))):
        c.ellipse(0.45, -0.15, 0.1 * r, 0.15 * r, fill)


def sandcastle(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A sandcastle with a little flag."""
    sand, dark = (226, 186, 112), (188, 146, 80)
    c.ellipse(0, -0.03, 0.55, 0.06, dark)
    for x, w, h in ((0.0, 0.17, 0.5), (-0.3, 0.14, 0.34), (0.3, 0.14, 0.34)):
        c.polygon([(x - w * 1.15, 0), (x - w, -h), (x + w, -h), (x + w * 1.15, 0)], sand)
        c.polygon([(x + w * 0.4, 0), (x + w * 0.35, -h), (x + w, -h), (x + w * 1.15, 0)], dark)
        for i in (-1.0, -0.25, 0.5):
            c.rect(x + i * w, -h - 0.07, x + (i + 0.5) * w, -h + 0.01, sand)
    c.half_disc(0, 0, 0.07, 0.2, (130, 94, 50))
    c.line([(0, -0.55), (0, -0.8)], 0.022, (110, 80, 50))
    c.polygon([(0, -0.8), (0.2, -0.73), (0, -0.66)], (222, 48, 52))


def pumpkin(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A ribbed orange pumpkin."""
    for x, f in ((-0.17, 0.86), (0.17, 0.8), (-0.09, 1.0), (0.1, 0.92), (0.0, 1.08)):
        c.ellipse(x, -0.19, 0.13, 0.19 if x else 0.195, shade((242, 122, 22), f))
    c.line([(0, -0.36), (0.01, -0.42), (0.06, -0.47)], 0.05, (70, 118, 50))
    c.ellipse(-0.11, -0.38, 0.08, 0.035, (86, 144, 60), 0.4)


def haystack(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A domed stack of golden hay."""
    c.blob(
        [(-0.55, -0.02), (-0.52, -0.4), (-0.25, -0.78), (0.02, -0.92), (0.27, -0.78), (0.52, -0.4), (0.55, -0.02), (0, 0.02)],
        (232, 190, 82),
    )
    c.blob([(0.1, 0.0), (0.2, -0.4), (0.05, -0.9), (0.27, -0.78), (0.52, -0.4), (0.54, -0.02)], (206, 158, 60))
    for x, y, d in (
        (-0.36, -0.3, 0.08),
        (-0.2, -0.6, 0.06),
        (-0.12, -0.2, 0.05),
        (0.05, -0.45, 0),
        (0.3, -0.25, -0.08),
        (0.22, -0.58, -0.06),
        (-0.42, -0.1, 0.1),
    ):
        c.line([(x, y), (x + d, y - 0.15)], 0.025, (180, 132, 44))


def rainbow(c: Canvas, color: RGB, pose: str, v: float) -> None:
    """A rainbow: six stripes on a half circle, two units wide."""
    for i, fill in enumerate(RAINBOW):
        outer, inner = 1.0 - 0.062 * i, 0.938 - 0.062 * i
        arc = [(math.cos(math.pi * k / 20), -math.sin(math.pi * k / 20)) for k in range(21)]
        c.polygon([(x * outer, y * outer) for x, y in arc] + [(x * inner, y * inner) for x, y in reversed(arc)], fill)


NATURE: dict[str, Thing] = {
    "tree": Thing(plants.tree, width=1.3, height=1.9),
    "pine tree": Thing(plants.pine_tree, width=1.24, height=2.1),
    "palm tree": Thing(plants.palm_tree, width=1.58, height=1.92),
    "apple tree": Thing(plants.apple_tree, width=1.3, height=1.9),
    "bare tree": Thing(plants.bare_tree, width=1.2, height=1.85),
    "bush": Thing(plants.bush, width=1.0, height=0.5),
    "flowers": Thing(plants.flowers, width=0.76, height=0.57, colors=("red", "yellow", "pink", "purple", "white", "blue")),
    "sunflower": Thing(plants.sunflower, width=0.68, height=1.17),
    "rock": Thing(rock, width=1.0, height=0.46),
    "cactus": Thing(plants.cactus, width=0.84, height=1.2),
    "mushroom": Thing(plants.mushroom, width=0.62, height=0.54, colors=("red", "brown")),
    "snowman": Thing(snowman, width=1.18, height=1.36),
    "campfire": Thing(campfire, width=1.12, height=0.68),
    "log": Thing(log, width=1.12, height=0.46),
    "sandcastle": Thing(sandcastle, width=1.1, height=0.8),
    "pumpkin": Thing(pumpkin, width=0.6, height=0.49),
    "haystack": Thing(haystack, width=1.18, height=0.92),
    "rainbow": Thing(rainbow, width=2.0, height=1.0, places="sky"),
}
