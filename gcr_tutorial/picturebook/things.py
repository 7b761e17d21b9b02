"""`Thing`: what the Picturebook knows of an animal, vehicle or object: how to draw it, its size and its colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .canvas import RGB, Canvas, shade


@dataclass(frozen=True)
class Thing:
    """A drawable thing; sizes are in adult heights, the origin is where it touches the ground.

    The drawing stays inside x in [-width/2, width/2] and y in [-height, 0.03].
    `colors` names the colours (of colors.COLORS) it comes in; empty means it has its own fixed colours,
    captions never name one and the colour argument is ignored.
    `places` is "ground", "water" (floats, origin at the waterline), "sky" (origin at its bottom centre) or "indoor".
    """

    draw: Callable[[Canvas, RGB, str, float], None]  # draw(canvas, color, pose, v) with v in [0, 1)
    width: float
    height: float
    colors: tuple[str, ...] = ()
    poses: tuple[str, ...] = ("standing",)
    places: str = "ground"


def tone(color: RGB, factor: float = 0.8) -> RGB:
    """A darker tone of `color` for shadows; a near-black colour gets lighter instead, so that its parts can be told apart."""
    return shade(color, 1 + (1 - factor) * 0.8) if sum(color) < 150 else shade(color, factor)
