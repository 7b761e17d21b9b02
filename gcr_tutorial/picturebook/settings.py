"""The settings of the scenes, and `finish`, which adds weather and light to the finished page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw

from .backdrop_parts import SKIES, band
from .backdrops import OUTDOORS
from .canvas import RGB, Canvas, Fill, shade

NIGHT, SUNSET, RAIN, LAMP = (0.82, 0.81, 0.94), (1.0, 0.95, 0.88), (0.9, 0.93, 0.96), (1.0, 0.98, 0.94)


@dataclass(frozen=True)
class Setting:
    """A place: its background painter and where on the page things may stand or float."""

    paint: Callable[[Canvas, str, float], None]  # paint(canvas, time, v); time may also be "overcast", for rain by day
    horizon: float  # page y where the ground begins
    ground: tuple[float, float] = (0.64, 0.95)  # page y of feet, far to near
    indoor: bool = False
    water: tuple[float, float] | None = None  # page y of waterlines, far to near
    times: tuple[str, ...] = ("day", "sunset", "night")
    weathers: tuple[str, ...] = ("clear", "rain")


def _window(c: Canvas, x0: float, y0: float, x1: float, y1: float, time: str) -> None:
    """A window whose view tells the time of day."""
    tones = SKIES[time]
    band(c, y0 - 0.02, y1 + 0.02, (250, 248, 242), x0 - 0.02, x1 + 0.02)
    band(c, y0, y1, tones[0 if time == "night" else 1], x0, x1)
    mx, my = (x0 + x1) / 2, (y0 + y1) / 2
    if time == "night":
        c.circle(x1 - 0.05, y0 + 0.055, 0.03, (255, 248, 206))
        c.circle(x1 - 0.062, y0 + 0.048, 0.026, tones[0])
    else:
        band(c, y1 - 0.06, y1, (150, 110, 100) if time == "sunset" else (126, 186, 110), x0, x1)
        c.circle(x1 - 0.055, (y1 - 0.08) if time == "sunset" else (y0 + 0.055), 0.03, (255, 226, 92))
    band(c, y0, y1, (250, 248, 242), mx - 0.007, mx + 0.007)
    band(c, my - 0.007, my + 0.007, (250, 248, 242), x0, x1)


def _curtains(c: Canvas, x0: float, y0: float, x1: float, y1: float, fill: RGB) -> None:
    """A pair of gathered curtains on a rod around a window."""
    for edge, s in ((x0 - 0.03, 1), (x1 + 0.03, -1)):
        c.polygon(
            [
                (edge - 0.03 * s, y0),
                (edge + 0.08 * s, y0),
                (edge + 0.025 * s, (y0 + y1) / 2),
                (edge + 0.04 * s, y1),
                (edge - 0.03 * s, y1),
            ],
            fill,
        )
    c.line([(x0 - 0.08, y0), (x1 + 0.08, y0)], 0.014, (134, 98, 66))


def _boards(c: Canvas, top: float, fill: RGB) -> None:
    """A floor of wooden boards running to the back wall."""
    band(c, top, 1.0, fill)
    for i in range(9):
        x = 0.02 + 0.12 * i
        c.line([(x, top), (0.5 + (x - 0.5) * 1.6, 1.0)], 0.007, shade(fill, 0.86), caps=False)


def _living_room(c: Canvas, time: str, v: float) -> None:
    """A warm wall with a curtained window, pictures, boards and a round carpet."""
    band(c, 0, 0.6, (246, 222, 186))
    for i in range(7):
        band(c, 0, 0.6, (242, 213, 172), 0.04 + 0.15 * i, 0.09 + 0.15 * i)
    _window(c, 0.16, 0.12, 0.42, 0.4, time)
    _curtains(c, 0.16, 0.08, 0.42, 0.52, (206, 112, 92))
    for x, y, w, h, fill in ((0.57, 0.14, 0.16, 0.12, (126, 176, 190)), (0.6, 0.32, 0.1, 0.1, (220, 170, 110))):
        band(c, y, y + h, (128, 88, 56), x, x + w)
        band(c, y + 0.015, y + h - 0.015, fill, x + 0.015, x + w - 0.015)
    c.polygon([(0.57 + 0.025, 0.24), (0.64, 0.18), (0.7, 0.24)], (90, 140, 110))
    band(c, 0.57, 0.61, (250, 246, 236))
    _boards(c, 0.61, (196, 144, 96))
    c.ellipse(0.5, 0.83, 0.4, 0.11, (176, 84, 84))
    c.ellipse(0.5, 0.83, 0.35, 0.088, (226, 190, 150))
    c.ellipse(0.5, 0.83, 0.29, 0.068, (190, 106, 98))


def _kitchen(c: Canvas, time: str, v: float) -> None:
    """Tiles, cupboards, a counter with stove and hood, and a checkered floor."""
    band(c, 0, 0.64, (226, 240, 236))
    for i in range(9):
        band(c, 0.02, 0.64, (206, 226, 222), 0.11 * i + 0.05, 0.11 * i + 0.056)
    for i in range(5):
        band(c, 0.02 + 0.1 * i, 0.026 + 0.1 * i, (206, 226, 222))
    cupboard, dark = (94, 158, 152), (70, 128, 124)
    for x0, x1 in ((0.0, 0.15), (0.155, 0.3), (0.76, 0.88), (0.885, 1.0)):
        band(c, 0.03, 0.26, cupboard, x0, x1)
        band(c, 0.06, 0.23, dark, x0 + 0.025, x1 - 0.025)
    _window(c, 0.37, 0.1, 0.52, 0.34, time)
    c.polygon([(0.56, 0.26), (0.61, 0.14), (0.61, 0.0), (0.69, 0.0), (0.69, 0.14), (0.74, 0.26)], (176, 184, 194))
    band(c, 0.41, 0.64, cupboard)
    for x in (0.02, 0.18, 0.36, 0.78, 0.9):
        band(c, 0.47, 0.61, dark, x, x + (0.14 if x < 0.7 else 0.09))
    band(c, 0.41, 0.64, (236, 238, 242), 0.55, 0.75)
    band(c, 0.5, 0.6, (62, 68, 80), 0.58, 0.72)
    for x in (0.59, 0.63, 0.67, 0.71):
        c.circle(x, 0.455, 0.012, (80, 86, 98))
    band(c, 0.39, 0.425, (200, 160, 116), 0, 0.55)
    band(c, 0.39, 0.425, (200, 160, 116), 0.75, 1.0)
    band(c, 0.33, 0.4, (190, 64, 60), 0.58, 0.66)
    c.line([(0.66, 0.35), (0.71, 0.35)], 0.014, (70, 60, 60))
    band(c, 0.64, 1.0, (244, 240, 230))
    for row, (y0, y1) in enumerate(((0.64, 0.71), (0.71, 0.81), (0.81, 1.0))):
        for i in range(-1, 6):
            u = 0.2 * (i + 0.5 * (row % 2)) - 0.5
            k0, k1 = 1 + 2.2 * (y0 - 0.64), 1 + 2.2 * (y1 - 0.64)
            c.polygon(
                [(0.5 + u * k0, y0), (0.5 + (u + 0.1) * k0, y0), (0.5 + (u + 0.1) * k1, y1), (0.5 + u * k1, y1)],
                (190, 204, 206),
            )


def _bedroom(c: Canvas, time: str, v: float) -> None:
    """A lavender wall with a curtained window, a bed at the back, a night table and a soft carpet."""
    band(c, 0, 0.6, (206, 200, 236))
    for i in range(20):
        x, y = 0.06 + 0.21 * (i % 5) + 0.1 * (i // 5 % 2), 0.06 + 0.14 * (i // 5)
        band(c, y, y + 0.018, (226, 222, 246), x, x + 0.018)
    _window(c, 0.62, 0.12, 0.84, 0.36, time)
    _curtains(c, 0.62, 0.08, 0.84, 0.46, (138, 112, 196))
    band(c, 0.57, 0.61, (246, 244, 252))
    band(c, 0.61, 1.0, (150, 168, 206))
    c.ellipse(0.56, 0.84, 0.36, 0.11, (228, 222, 240))
    c.ellipse(0.56, 0.84, 0.29, 0.08, (206, 196, 232))
    c.half_disc(0.06, 0.4, 0.025, 0.025, (150, 104, 70))
    band(c, 0.4, 0.66, (150, 104, 70), 0.035, 0.085)
    band(c, 0.52, 0.65, (128, 88, 58), 0.05, 0.5)
    band(c, 0.44, 0.66, (150, 104, 70), 0.48, 0.52)
    band(c, 0.47, 0.56, (240, 242, 252), 0.085, 0.3)
    c.ellipse(0.145, 0.46, 0.062, 0.042, (255, 255, 255))
    c.blob(
        [(0.21, 0.58), (0.22, 0.45), (0.28, 0.435), (0.4, 0.445), (0.475, 0.47), (0.48, 0.585), (0.33, 0.59)], (104, 136, 206)
    )
    band(c, 0.45, 0.585, (236, 226, 140), 0.255, 0.285)
    band(c, 0.45, 0.585, (236, 226, 140), 0.36, 0.39)
    band(c, 0.52, 0.63, (170, 122, 82), 0.88, 0.99)
    band(c, 0.565, 0.575, (128, 88, 58), 0.89, 0.98)
    c.rect(0.925, 0.45, 0.94, 0.52, (128, 88, 58))
    c.polygon([(0.885, 0.46), (0.91, 0.37), (0.955, 0.37), (0.98, 0.46)], (255, 232, 160))


def _classroom(c: Canvas, time: str, v: float) -> None:
    """A green board with chalk writing, an alphabet strip, a clock and a window over a light floor."""
    band(c, 0, 0.61, (250, 240, 204))
    wood = (176, 122, 72)
    band(c, 0.13, 0.48, wood, 0.05, 0.66)
    band(c, 0.155, 0.455, (44, 104, 82), 0.075, 0.635)
    chalk = (226, 240, 230)
    for y, x0, x1 in ((0.21, 0.12, 0.34), (0.26, 0.12, 0.29), (0.31, 0.12, 0.36)):
        c.line([(x0 + (x1 - x0) * k / 6, y + 0.012 * (k % 2)) for k in range(7)], 0.009, chalk, caps=False)
    c.line([(0.44, 0.37), (0.44, 0.28), (0.51, 0.22), (0.58, 0.28), (0.58, 0.37), (0.44, 0.37)], 0.009, chalk)
    c.circle(0.16, 0.395, 0.025, (250, 214, 110))
    band(c, 0.475, 0.495, shade(wood, 0.8), 0.05, 0.66)
    for x in (0.2, 0.26):
        band(c, 0.462, 0.476, (255, 255, 255), x, x + 0.035)
    flags = ((224, 84, 80), (250, 196, 70), (90, 170, 110), (80, 140, 210), (170, 110, 200))
    for i in range(9):
        x = 0.08 + 0.062 * i
        c.polygon([(x, 0.03), (x + 0.05, 0.03), (x + 0.025, 0.095)], flags[i % 5])
    _window(c, 0.75, 0.22, 0.95, 0.46, time)
    c.circle(0.85, 0.1, 0.06, (70, 76, 92))
    c.circle(0.85, 0.1, 0.05, (255, 255, 252))
    c.line([(0.85, 0.065), (0.85, 0.1), (0.875, 0.112)], 0.009, (70, 76, 92))
    band(c, 0.54, 0.61, (214, 178, 128))
    _boards(c, 0.61, (228, 196, 150))


_ROOMS: dict[str, Callable[[Canvas, str, float], None]] = {
    "living room": _living_room,
    "kitchen": _kitchen,
    "bedroom": _bedroom,
    "classroom": _classroom,
}

_SNOWY = ("clear", "rain", "snow")
SETTINGS: dict[str, Setting] = {
    "beach": Setting(OUTDOORS["beach"], 0.6, (0.67, 0.95), water=(0.47, 0.57), weathers=("clear", "rain")),
    "park": Setting(OUTDOORS["park"], 0.55, weathers=_SNOWY),
    "street": Setting(OUTDOORS["street"], 0.58, (0.66, 0.95), weathers=_SNOWY),
    "lake": Setting(OUTDOORS["lake"], 0.49, (0.87, 0.96), water=(0.55, 0.78)),
    "snow field": Setting(OUTDOORS["snow field"], 0.55, weathers=("clear", "snow")),
    "mountains": Setting(OUTDOORS["mountains"], 0.58, (0.66, 0.95), weathers=_SNOWY),
    "desert": Setting(OUTDOORS["desert"], 0.55, (0.68, 0.95), weathers=("clear",)),
    "city": Setting(OUTDOORS["city"], 0.59, (0.65, 0.95), weathers=_SNOWY),
    "farm": Setting(OUTDOORS["farm"], 0.55, (0.66, 0.95), weathers=_SNOWY),
    "forest": Setting(OUTDOORS["forest"], 0.6, (0.67, 0.95), weathers=_SNOWY),
    "playground": Setting(OUTDOORS["playground"], 0.57, (0.65, 0.95)),
    "sports field": Setting(OUTDOORS["sports field"], 0.58, (0.66, 0.95)),
    "harbor": Setting(OUTDOORS["harbor"], 0.53, (0.82, 0.96), water=(0.58, 0.74)),
    "garden": Setting(OUTDOORS["garden"], 0.57, (0.68, 0.95), weathers=_SNOWY),
    **{
        name: Setting(paint, 0.61, (0.69, 0.95), indoor=True, times=("day", "night"), weathers=("clear",))
        for name, paint in _ROOMS.items()
    },
}


@lru_cache(maxsize=32)
def _tint(gains: tuple[float, float, float]) -> list[int]:
    """The lookup table that multiplies the three channels by `gains`."""
    return [min(255, round(i * gain)) for gain in gains for i in range(256)]


@lru_cache(maxsize=64)
def _falling(size: int, weather: str, phase: int) -> Image.Image:
    """The mask of falling rain or snow for pages of `size` pixels, one of eight."""
    big = size * 2
    mask = Image.new("L", (big, big))
    draw = ImageDraw.Draw(mask)
    for i in range(70):
        x, y = (i * 0.75488 + phase * 0.13) % 1.0 * 1.06, (i * 0.56984 + phase * 0.29) % 1.0 - 0.03
        if weather == "rain":
            draw.line((x * big, y * big, (x - 0.03) * big, (y + 0.075) * big), fill=165, width=round(big * 0.009) or 1)
        else:
            r = (0.007 + 0.005 * (i % 3)) * big
            draw.ellipse((x * big - r, y * big - r, x * big + r, y * big + r), fill=245)
    return mask.reduce(2)


_FALLING_COLORS: dict[str, Fill] = {"rain": (214, 228, 244), "snow": (255, 255, 255)}


def finish(image: Image.Image, time: str, weather: str, v: float, indoor: bool) -> Image.Image:
    """The final-size page under its light (night blue, evening warmth, lamps) and weather; `v` varies the drops."""
    if indoor:
        return image.point(_tint(LAMP)) if time == "night" else image
    gains = {"night": NIGHT, "sunset": SUNSET}.get(time, (1.0, 1.0, 1.0))
    if weather == "rain":
        gains = tuple(a * b for a, b in zip(gains, RAIN))
    image = image.point(_tint(gains)) if min(gains) < 1 else image.copy()
    if weather in _FALLING_COLORS:
        image.paste(_FALLING_COLORS[weather], mask=_falling(image.width, weather, int(v * 8)))
    return image
