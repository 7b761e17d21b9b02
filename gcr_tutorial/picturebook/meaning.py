"""What a caption says, as data, and whether a scene makes it true (the relevance check).

A caption is true of a scene if its place, time and weather hold and each thing it mentions can be matched to a
*different* entity of the scene with every told property and relation. Hence the set of images that truly satisfy a
query is known, which is what an oracle Recall@K needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from .catalogue import is_in_sky
from .scene import Entity, Scene

# Distances in page units.
SIDE, NEXT, DEPTH, UNDER = 0.10, 0.36, 0.04, 0.34


@dataclass(frozen=True)
class Mention:
    """One thing a caption speaks of. `None` and `()` mean: not told. `kinds`, `poses`, garments: any of these."""

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
    """The whole of what a caption says. `relations` are (index of a mention, relation, index of a mention)."""

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
    raise ValueError(f"unknown relation {relation!r}")


def satisfies(scene: Scene, meaning: Meaning) -> bool:
    """Whether a caption with this `meaning` is true of `scene`."""
    if meaning.settings and scene.setting not in meaning.settings:
        return False
    if meaning.time not in (None, scene.time) or meaning.weather not in (None, scene.weather):
        return False
    candidates = [[i for i, e in enumerate(scene.entities) if describes(m, e)] for m in meaning.mentions]
    return all(candidates) and _assign(scene, meaning, candidates, ())


def _assign(scene: Scene, meaning: Meaning, candidates: list[list[int]], chosen: tuple[int, ...]) -> bool:
    """Backtracking: give the next mention an entity of its own so that the relations told so far hold."""
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
