"""The tables of everything that can be drawn, by name."""

from __future__ import annotations

from .activities import ACTIVITIES
from .animals import ANIMALS
from .buildings import BUILDINGS
from .nature import NATURE
from .objects import OBJECTS
from .settings import SETTINGS
from .things import Thing
from .vehicles import VEHICLES

THINGS: dict[str, Thing] = {**ANIMALS, **VEHICLES, **OBJECTS, **NATURE, **BUILDINGS}

__all__ = ["ACTIVITIES", "ANIMALS", "SETTINGS", "THINGS", "VEHICLES", "is_in_sky"]


def is_in_sky(kind: str) -> bool:
    """Whether things of this kind fly, so that "next to" and "behind" do not apply to them."""
    return kind in THINGS and THINGS[kind].places == "sky"
