"""The named colours of the Picturebook. A colour word in a caption means exactly one of them."""

from __future__ import annotations

from .canvas import RGB

COLORS: dict[str, RGB] = {
    "red": (214, 40, 40),
    "orange": (247, 127, 0),
    "yellow": (252, 211, 45),
    "green": (46, 139, 64),
    "blue": (38, 96, 214),
    "purple": (123, 44, 191),
    "pink": (255, 130, 180),
    "brown": (121, 76, 44),
    "black": (34, 34, 38),
    "white": (246, 246, 242),
    "gray": (140, 145, 150),
}

SKINS: tuple[RGB, ...] = ((255, 224, 196), (241, 194, 155), (224, 172, 125), (198, 134, 88), (141, 85, 54), (92, 56, 36))
HAIRS: dict[str, RGB] = {
    "black": (30, 26, 26),
    "brown": (92, 58, 33),
    "blond": (233, 196, 106),
    "red": (178, 76, 34),
    "gray": (170, 170, 172),
}
