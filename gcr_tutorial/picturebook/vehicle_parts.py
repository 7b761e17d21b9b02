"""What several vehicles of the Picturebook share: wheels, hoops, window panes, warning lights and their colours."""

from __future__ import annotations

import math

from .boats_and_aircraft import DARK, GLASS
from .canvas import RGB, Canvas, Fill

TIRE, HUB, LAMP, TAIL = (44, 44, 50), (196, 200, 206), (255, 236, 150), (226, 60, 50)
RED, BLUE, YELLOW = (214, 40, 40), (38, 96, 214), (252, 211, 45)


def wheel(c: Canvas, x: float, r: float) -> None:
    """A wheel of radius `r` standing on the ground."""
    c.circle(x, -r, r, TIRE)
    c.circle(x, -r, r * 0.56, HUB)
    c.circle(x, -r, r * 0.2, DARK)


def ring(c: Canvas, x: float, y: float, r: float, w: float, fill: Fill) -> None:
    """A thin hoop: a bicycle wheel, a life belt."""
    arc = [i * math.pi / 11 for i in range(24)]
    c.line([(x + r * math.cos(a), y + r * math.sin(a)) for a in arc], w, fill, False)


def panes(c: Canvas, spans: tuple[tuple[float, float], ...], y0: float, y1: float) -> None:
    """Window panes with a slanted gleam."""
    for x0, x1 in spans:
        c.rect(x0, y0, x1, y1, GLASS)
        c.polygon(
            ((x0 + (x1 - x0) * 0.35, y1), (x0 + (x1 - x0) * 0.65, y0), (x0 + (x1 - x0) * 0.9, y0), (x0 + (x1 - x0) * 0.6, y1)),
            (255, 255, 255, 90),
        )


def beacon(c: Canvas, x: float, y: float, fill: RGB) -> None:
    """A flashing light on the roof."""
    c.half_disc(x, y, 0.06, 0.09, fill)
    c.rect(x - 0.075, y - 0.012, x + 0.075, y + 0.012, DARK)
