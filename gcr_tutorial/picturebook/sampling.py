"""From a seed to a scene: choose a setting, the people and things in it, and where everything stands.

The layout makes sure that captions can be checked by looking at the picture: everything is inside the page, and no thing
is hidden by more than a quarter. A thing for which there is no room is left out.
"""

from __future__ import annotations

import random
from dataclasses import replace

from . import world
from .catalogue import ACTIVITIES, ANIMALS, SETTINGS, THINGS, VEHICLES
from .colors import HAIRS, SKINS
from .scene import PEOPLE, Entity, Scene

Box = tuple[float, float, float, float]  # left, top, right, bottom, in page units

WIDE = ("sleeping", "surfing", "swimming", "rowing a boat", "riding a bicycle", "riding a horse", "skiing", "sitting")
MAX_HIDDEN = 0.25  # share of a thing's box that later things may cover
HEIGHT = {"man": 1.0, "woman": 0.95, "boy": 0.74, "girl": 0.70}
SIZE_FACTOR = {"small": 0.66, "big": 1.4, None: 1.0}


def sample_scene(seed: int) -> Scene:
    """The scene with this seed: always the same one, with at least two things in it."""
    for attempt in range(50):
        scene = _Sampler(seed, random.Random(seed * 61 + attempt)).scene()
        if len(scene.entities) >= 2:
            return scene
    raise RuntimeError(f"no scene of two things for seed {seed}")


def bounds(entity: Entity) -> Box:
    """The box around all that is drawn of `entity`, props included."""
    if entity.is_person:
        before, ahead, above = ACTIVITIES[entity.pose].extent
        left, right, top = (-ahead, before, -above) if entity.flip else (-before, ahead, -above)
    else:
        thing = THINGS[entity.kind]
        half = thing.width / 2 * (1 + 1.05 * (entity.count - 1))
        left, right, top = -half, half, -thing.height
    s = entity.scale * (HEIGHT[entity.kind] if entity.is_person else 1.0)
    return entity.x + left * s, entity.y + top * s, entity.x + right * s, entity.y


def core(entity: Entity) -> Box:
    """The box around the part of `entity` that must stay visible: all of it, but of a person who stands or walks only the
    body, without a kite or other props far from it."""
    box = bounds(entity)
    if not entity.is_person or entity.pose in WIDE:
        return box
    s = entity.scale * HEIGHT[entity.kind]
    left, right = max(box[0], entity.x - 0.3 * s), min(box[2], entity.x + 0.3 * s)
    return left, max(box[1], entity.y - 1.05 * s), right, box[3]


def hidden_share(behind: Box, front: Box) -> float:
    """The share of the box `behind` that `front` covers."""
    w = min(behind[2], front[2]) - max(behind[0], front[0])
    h = min(behind[3], front[3]) - max(behind[1], front[1])
    area = (behind[2] - behind[0]) * (behind[3] - behind[1])
    return max(w, 0.0) * max(h, 0.0) / area if area > 0 else 1.0


class _Sampler:
    """Samples one scene; holds its random generator and the entities placed so far."""

    def __init__(self, seed: int, rng: random.Random):
        self.seed, self.rng, self.placed = seed, rng, []
        self.name = rng.choice(list(SETTINGS))
        self.setting, self.things = SETTINGS[self.name], world.SETTING_THINGS[self.name]
        weights = {"day": 0.6, "sunset": 0.18, "night": 0.22}
        self.time = rng.choices(self.setting.times, [weights[t] for t in self.setting.times])[0]
        wet = [w for w in self.setting.weathers if w != "clear"]
        self.weather = rng.choice(wet) if wet and rng.random() < 0.16 else "clear"

    def scene(self) -> Scene:
        rng = self.rng
        people = rng.choices((0, 1, 2), (0.12, 0.53, 0.35))[0]
        early = rng.random() < 0.4  # large things find room only if they come first
        if early:
            self._add("main", 0.3)
        for _ in range(people):
            self._place(self._person())
        for _ in range(rng.choices((0, 1, 2), (0.45, 0.45, 0.1) if people else (0.05, 0.6, 0.35))[0]):
            self._add("animals", 0.0)
        for _ in range(rng.choices((0, 1, 2), (0.25, 0.55, 0.2))[0] - early):
            self._add("main", 0.3)
        if rng.random() < 0.5:
            self._add("water", 0.0)
        for _ in range(rng.choices((0, 1, 2), (0.25, 0.55, 0.2))[0]):
            self._add("back", 0.0)
        if rng.random() < 0.28:
            self._add("sky", 0.0)
        return Scene(self.seed, self.name, self.time, self.weather, tuple(sorted(self.placed, key=self._depth)), rng.random())

    @staticmethod
    def _depth(entity: Entity) -> float:
        thing = THINGS.get(entity.kind)
        return -1.0 if thing is not None and thing.places == "sky" else entity.y

    def _add(self, row: str, toward_back: float) -> None:
        taken = {e.kind for e in self.placed}
        kinds = [k for k in self.things.get(row, ()) if k in THINGS and k not in taken]
        if kinds:
            self._place(self._thing(self.rng.choice(kinds), row, toward_back))

    def _place(self, entity: Entity | None) -> None:
        """Put `entity` at a free point at its height on the page, or leave it out where there is none."""
        if entity is None:
            return
        left, top, right, _ = bounds(replace(entity, x=0.0))
        low, high = 0.015 - left, 0.985 - right
        if low > high or top < 0.01:
            return
        for _ in range(16):
            here = replace(entity, x=round(self.rng.uniform(low, high), 4))
            if all(self._both_visible(here, other) for other in self.placed):
                self.placed.append(here)
                return

    def _both_visible(self, a: Entity, b: Entity) -> bool:
        behind, front = (a, b) if self._depth(a) < self._depth(b) else (b, a)
        if behind.is_person and front.is_person and abs(a.x - b.x) < 0.13:
            return False
        return (
            hidden_share(core(behind), core(front)) <= MAX_HIDDEN
            and hidden_share(bounds(behind), core(front)) <= MAX_HIDDEN + 0.1
            and hidden_share(core(behind), bounds(front)) <= 2 * MAX_HIDDEN
        )

    def _thing(self, kind: str, row: str, toward_back: float) -> Entity:
        rng, thing = self.rng, THINGS[kind]
        far, near = self.setting.ground
        depth = rng.uniform(0.0, 0.12) if row == "back" else rng.uniform(0.35 - toward_back, 0.95)
        y, scale = far + depth * (near - far), 0.25 + 0.2 * depth
        if thing.places == "sky":
            y, scale = rng.uniform(0.2, 0.36), 0.3
        elif thing.places == "water" and self.setting.water:
            depth = rng.uniform(0.3, 0.9)
            y = self.setting.water[0] + depth * (self.setting.water[1] - self.setting.water[0])
            scale = 0.24 + 0.12 * depth
        scale *= 0.66 if kind in VEHICLES else 1.2 if kind in ANIMALS else 1.1 if row == "main" else 1.0
        count = rng.choice((2, 3)) if kind in world.COUNTABLE and rng.random() < 0.25 else 1
        size = rng.choice(("small", "big")) if count == 1 and kind in world.SIZABLE and rng.random() < 0.3 else None
        scale *= SIZE_FACTOR[size]
        if size != "big" and row != "back":  # keep it large enough to be seen
            scale = max(scale, 0.15 / thing.height if size == "small" else 0.19 / thing.height)
        scale = min(scale, 0.56 / (thing.width * (1 + 1.05 * (count - 1))), (y - 0.02) / thing.height)
        return Entity(
            kind,
            0.5,
            round(y, 4),
            round(scale, 4),
            color=rng.choice(thing.colors) if thing.colors else None,
            size=size,
            count=count,
            pose=rng.choice(thing.poses),
            flip=rng.random() < 0.5,
            v=round(rng.random(), 3),
        )

    def _person(self) -> Entity | None:
        rng, kind = self.rng, self.rng.choice(PEOPLE)
        activity = rng.choice(self._activities(kind))
        far, near = self.setting.ground
        depth = rng.uniform(0.5, 1.0)
        y = far + depth * (near - far)
        if activity in world.ON_WATER:
            y = self.setting.water[0] + rng.uniform(0.5, 0.95) * (self.setting.water[1] - self.setting.water[0])
        before, ahead, above = ACTIVITIES[activity].extent
        height = HEIGHT[kind]
        scale = min(0.40 + 0.13 * depth, (y - 0.02) / (above * height), 0.8 / ((before + ahead) * height))
        if scale < 0.3:
            return None
        wears = self._clothes(kind, activity)
        prop = ACTIVITIES[activity].prop
        hair = rng.choice([h for h in HAIRS if h != "gray" or kind in ("man", "woman")])
        style = rng.randrange(4)
        if kind == "man" and style == 3:
            hair = None  # bald
        extras = tuple(x for x, p in (("glasses", 0.12), ("beard", 0.3 if kind == "man" else 0.0)) if rng.random() < p)
        return Entity(
            kind,
            0.5,
            round(y, 4),
            round(scale, 4),
            pose=activity,
            wears=wears,
            hair=hair,
            prop_color=rng.choice(world.CLOTHES_COLORS) if prop else None,
            skin=rng.randrange(len(SKINS)),
            hair_style=style,
            extras=extras,
            flip=rng.random() < 0.5,
            v=round(rng.random(), 3),
        )

    def _activities(self, kind: str) -> list[str]:
        """What a person of this kind can do here."""
        indoor, water = self.setting.indoor, self.setting.water
        return [
            a
            for a, what in ACTIVITIES.items()
            if kind in what.kinds
            and self.name in world.ONLY_IN.get(a, (self.name,))
            and (not indoor or a in world.INDOOR_ACTIVITIES)
            and (water or a not in world.ON_WATER)
        ]

    def _clothes(self, kind: str, activity: str) -> tuple[tuple[str, str], ...]:
        """What is worn and can be seen: (garment, colour), top first."""
        rng, cold = self.rng, self.name == "snow field" or self.weather == "snow"
        color = lambda: rng.choice(world.CLOTHES_COLORS)  # noqa: E731
        hats = ("winter hat",) if cold else ("helmet",) if activity in world.RIDING and rng.random() < 0.5 else ("cap", "hat")
        hat = ((rng.choice(hats), color()),) if rng.random() < (0.6 if cold else 0.34) else ()
        if activity == "swimming":
            return hat
        if kind in ("woman", "girl") and not cold and rng.random() < 0.4:
            return (("dress", color()), *hat)
        top = rng.choice(("coat", "jacket", "sweater") if cold else ("shirt", "shirt", "sweater", "jacket", "coat"))
        upper = ((top, color()),)
        if activity == "rowing a boat":
            return upper + hat
        bottoms = ("pants",) if cold or top == "coat" else ("pants", "shorts") if kind in ("man", "boy") else world.BOTTOMS
        return (*upper, (rng.choice(bottoms), color()), *hat)
