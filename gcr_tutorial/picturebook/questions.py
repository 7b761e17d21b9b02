"""Questions about a scene with their answers, and the list of everything in it. Only pretraining trains on them.

A caption tells a small part of a picture. Questions ask for what the captions may leave out, so that a model learns more
from each picture.
"""

from __future__ import annotations

import random

from . import lexicon
from .catalogue import ANIMALS
from .scene import Entity, Scene

Question = tuple[str, str]  # question, answer

INVENTORY = "List everything in the picture."


def _side(entity: Entity) -> str:
    return "left" if entity.x < 0.36 else "right" if entity.x > 0.64 else "middle"


def _name(entity: Entity) -> str:
    noun = lexicon.NOUNS[entity.kind][0].replace("{c} ", "")
    return noun if entity.count == 1 else f"{lexicon.NUMBERS[entity.count][0]} {lexicon.plural(noun)}"


def _activity(entity: Entity) -> str:
    """The most common words for what `entity` does, with the colour of its prop."""
    words = next(p for p, _, poses in lexicon.VERBS if entity.pose in poses)
    return " ".join(words.replace("{c}", entity.prop_color or "").split())


def inventory(scene: Scene) -> Question:
    """Everything that is in `scene`, left to right, as (question, answer)."""
    setting = next(w for w, s in lexicon.PLACE_NOUNS.items() if s == (scene.setting,))
    parts = [f"{setting}, {scene.time}" + (f", {scene.weather}" if scene.weather != "clear" else "")]
    for e in sorted(scene.entities, key=lambda e: e.x):
        words = " ".join(w for w in (e.size, e.color, _name(e)) if w)
        if e.is_person:
            words += f" {_activity(e)}" + "".join(f", {c} {g}" for g, c in e.wears)
        elif e.kind in ANIMALS and e.pose not in ("standing", "flying", "swimming"):
            words += f" {e.pose}"
        parts.append(words)
    return INVENTORY, "; ".join(parts) + "."


def questions(scene: Scene, n: int, rng: random.Random) -> list[Question]:
    """Up to `n` questions about `scene` with short answers, drawn by `rng`."""
    people = [e for e in scene.entities if e.is_person]
    pool: list[Question] = [
        ("Where is this?", next(w for w, s in lexicon.PLACES.items() if s == (scene.setting,))),
        ("What time of day is it?", scene.time),
        ("How many people are there?", str(len(people))),
    ]
    for e in scene.entities:
        alone = sum(o.kind == e.kind for o in scene.entities) == 1
        if not alone:
            continue
        noun = lexicon.NOUNS[e.kind][0].replace("{c} ", "")
        pool.append((f"Where is the {noun}?", _side(e)))
        if e.color:
            pool.append((f"What color is the {noun}?", e.color))
        if e.is_person:
            pool.append((f"What is the {noun} doing?", _activity(e)))
            pool += [(f"What color is the {garment} of the {noun}?", color) for garment, color in e.wears] * 2
        elif e.count > 1 or rng.random() < 0.1:
            pool.append((f"How many {lexicon.plural(noun)} are there?", str(e.count)))
    there = {e.kind for e in scene.entities}
    asked = rng.choice(sorted(there)) if rng.random() < 0.5 else rng.choice(sorted(lexicon.NOUNS))
    noun = lexicon.NOUNS[asked][0].replace("{c} ", "")
    pool.append((f"Is there {'an' if noun[0] in 'aeiou' else 'a'} {noun}?", "yes" if asked in there else "no"))
    rng.shuffle(pool)
    return list(dict.fromkeys(pool))[:n]
