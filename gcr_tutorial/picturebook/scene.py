"""The data of a scene: its setting, and which people and things are where in it. Drawing and captions are elsewhere.

A scene is fully determined by its integer seed. The seeds of the tutorial's scenes and those of the pretraining scenes
are disjoint by construction (`scene_seed`), and `Scene.content` lets a check prove that the scenes are too.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from gcr_tutorial.errors import UserValueError

WORLDS = ("tutorial", "pretraining")
PEOPLE = ("man", "woman", "boy", "girl")


@dataclass(frozen=True)
class Entity:
    """One thing, or one row of `count` equal things, in a scene.

    `x, y` is the point of the page where it touches the ground (sky things: its bottom centre), in page units;
    `scale` is the height of an adult there, in page units.
    """

    kind: str
    x: float
    y: float
    scale: float
    color: str | None = None  # its named colour; None where it has colours of its own
    size: str | None = None  # "small", "big" or None (ordinary)
    count: int = 1
    pose: str = "standing"  # an animal's pose, a person's activity
    prop_color: str | None = None  # colour of the kite, umbrella, bicycle ... of an activity
    wears: tuple[tuple[str, str], ...] = ()  # (garment, colour), top first
    hair: str | None = None
    skin: int = 0
    hair_style: int = 0
    extras: tuple[str, ...] = ()  # "glasses", "beard": drawn, but never mentioned by a caption
    flip: bool = False
    v: float = 0.0  # variation of the drawing, in [0, 1)

    @property
    def is_person(self) -> bool:
        return self.kind in PEOPLE


@dataclass(frozen=True)
class Scene:
    """A whole picture. `entities` are ordered from back to front."""

    seed: int
    setting: str
    time: str  # "day", "sunset", "night"
    weather: str  # "clear", "rain", "snow"
    entities: tuple[Entity, ...] = field(default=())
    v: float = 0.0

    @property
    def content(self) -> tuple:
        """Everything that is drawn; equal for two scenes only if their pictures are equal."""
        return self.setting, self.time, self.weather, self.v, self.entities


def scene_seed(world: str, seed: int, index: int) -> int:
    """The seed of scene `index` of a `world` ("tutorial" or "pretraining") under the user's `seed`.

    The last digit names the world, so that no seed belongs to both. Raises ValueError for another world.
    """
    if world not in WORLDS:
        raise UserValueError(f"world must be one of {WORLDS}, not {world!r}")
    digest = hashlib.sha256(f"{world}/{seed}/{index}".encode()).digest()
    return int.from_bytes(digest[:6], "big") * len(WORLDS) + WORLDS.index(world)
