"""The meaning of a caption as data, and the check whether it is true of a scene (whether the scene is relevant).

A caption is true of a scene if its setting, time and weather are those of the scene, and each thing that it mentions can
be matched to a *different* entity of the scene that has every property and relation the caption tells. So the set of
images that satisfy a query is known exactly, and the oracle Recall@K can be computed.
"""

from __future__ import annotations

from dataclasses import dataclass

from gcr_tutorial.errors import UserValueError

from .catalogue import is_in_sky
from .scene import Entity, Scene

# Distances in page units.
SIDE, NEXT, DEPTH, UNDER = 0.10, 0.36, 0.04, 0.34


@dataclass(frozen=True)
class Mention:
    """One thing that a caption mentions. `None` and `()` mean "not told"; of several kinds, poses or garments, any one holds."""

    kinds: tuple[str, ...]
    count: int = 1
    color: str | None = None
    size: str | None = None
    poses: tuple[str, ...] = ()
    prop_color: str | None = None
    wears: tuple[tuple[tuple[str, ...], str | None], ...] = ()  # ((garments it may be), colour)
    hair: str | None = None


@dataclass(frozen=True)
class Meaning:
    """Everything that a caption says. `relations` holds (index of a mention, relation, index of a mention) triples."""

    mentions: tuple[Mention, ...] = ()
    relations: tuple[tuple[int, str, int], ...] = ()
    settings: tuple[str, ...] = ()
    time: str | None = None
    weather: str | None = None


def describes(mention: Mention, entity: Entity) -> bool:
    """Whether everything that `mention` tells holds for `entity`."""
    return (
        entity.kind in mention.kinds
        and entity.count == mention.count
        and mention.color in (None, entity.color)
        and mention.size in (None, entity.size)
        and (not mention.poses or entity.pose in mention.poses)
        and mention.prop_color in (None, entity.prop_color)
        and mention.hair in (None, entity.hair)
        and all(any(g in garments and color in (None, c) for g, c in entity.wears) for garments, color in mention.wears)
    )


def related(a: Entity, relation: str, b: Entity) -> bool:
    """Whether `a` stands in `relation` (a key of lexicon.RELATIONS) to `b`, as the viewer sees it."""
    dx, dy = a.x - b.x, a.y - b.y
    if relation == "left of":
        return dx < -SIDE
    if relation == "right of":
        return dx > SIDE
    if relation == "above":
        return is_in_sky(a.kind) and not is_in_sky(b.kind) and abs(dx) < UNDER
    if is_in_sky(a.kind) or is_in_sky(b.kind):
        return False
    if relation == "next to":
        return abs(dx) < NEXT
    if relation == "behind":
        return dy < -DEPTH and abs(dx) < NEXT
    if relation == "in front of":
        return dy > DEPTH and abs(dx) < NEXT
    raise UserValueError(f"unknown relation {relation!r}")


def satisfies(scene: Scene, meaning: Meaning) -> bool:
    """Whether a caption with this `meaning` is true of `scene`."""
    if meaning.settings and scene.setting not in meaning.settings:
        return False
    if meaning.time not in (None, scene.time) or meaning.weather not in (None, scene.weather):
        return False
    candidates = [[i for i, e in enumerate(scene.entities) if describes(m, e)] for m in meaning.mentions]
    return all(candidates) and _assign(scene, meaning, candidates, ())


def _assign(scene: Scene, meaning: Meaning, candidates: list[list[int]], chosen: tuple[int, ...]) -> bool:
    """Backtracking search: match the next mention to an entity that is still free, so that the relations so far hold."""
    k = len(chosen)
    if k == len(candidates):
        return True
    for i in candidates[k]:
        if i in chosen:
            continue
        now = chosen + (i,)
        if all(
            related(scene.entities[now[a]], r, scene.entities[now[b]]) for a, r, b in meaning.relations if max(a, b) == k
        ) and _assign(scene, meaning, candidates, now):
            return True
    return False
