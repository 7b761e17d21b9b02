"""The caption writer: captions that tell part of what is in a scene, as people do, together with their meaning.

For each caption it draws one to three things at random (people more often than plants), leaves out part of what could
be told of them, chooses among the lexicon's synonyms and several sentence structures, and records the meaning.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from gcr_tutorial.errors import UserValueError

from . import lexicon
from .catalogue import ANIMALS, VEHICLES
from .meaning import Meaning, Mention, related
from .scene import Entity, Scene

MIN_WORDS, MAX_WORDS = 6, 20


@dataclass(frozen=True)
class Caption:
    """A sentence and its meaning."""

    text: str
    meaning: Meaning


def captions(scene: Scene, n: int = 5, salt: int = 0) -> list[Caption]:
    """`n` different captions of `scene`, all true, of 6 to 20 words; the same for the same scene and `salt`."""
    rng, found = random.Random(scene.seed * 1009 + salt), []
    for _ in range(60 * n):
        caption = _Writer(scene, rng).write()
        clumsy = " by by " in caption.text  # "flies by" + "by the water"
        if MIN_WORDS <= len(caption.text.split()) <= MAX_WORDS and not clumsy and all(caption.text != c.text for c in found):
            found.append(caption)
            if len(found) == n:
                return found
    raise UserValueError(f"scene {scene.seed} has too little in it for {n} different captions")


def sentence(words: str) -> str:
    """The words as one sentence: single spaces, "a" or "an" as the next word needs, a capital and a full stop."""
    words = re.sub(r"\s+", " ", words).strip()
    words = re.sub(r"\ba (?=[aeiou])", "an ", words)
    return words[0].upper() + words[1:] + "."


def salience(entity: Entity) -> float:
    """The weight with which a caption mentions `entity`: highest for people, then animals and vehicles, then the rest."""
    if entity.is_person:
        return 7.0
    return 3.5 if entity.kind in ANIMALS else 2.5 if entity.kind in VEHICLES else 1.5


class _Writer:
    """Writes one caption: each method chooses words and records what they mean in `mentions` and `relations`."""

    def __init__(self, scene: Scene, rng: random.Random):
        self.scene, self.rng = scene, rng
        self.mentions: list[dict] = []
        self.relations: list[tuple[int, str, int]] = []

    def write(self) -> Caption:
        rng, told = self.rng, {}
        things = self._choose()
        body = self._body(things)
        place = ""
        if rng.random() < (0.6 if len(things) > 1 else 0.85):
            place, told["settings"] = rng.choice([(w, s) for w, s in lexicon.PLACES.items() if self.scene.setting in s])
        when = ""
        if rng.random() < (0.04 if self.scene.time == "day" else 0.5):
            when, told["time"] = rng.choice(lexicon.TIMES[self.scene.time]), self.scene.time
        weather = ""
        if self.scene.weather != "clear" and rng.random() < 0.55:
            weather, told["weather"] = rng.choice(lexicon.WEATHERS[self.scene.weather]), self.scene.weather
        if body is None:  # "A beach with ..."
            noun, told["settings"] = rng.choice([(w, s) for w, s in lexicon.PLACE_NOUNS.items() if self.scene.setting in s])
            words = f"{noun} {when} with " + " and ".join(self._noun_phrase(e) for e in things) + f" {weather}"
        elif place and rng.random() < 0.15:
            words = f"{place}, {body} {when} {weather}"
        else:
            words = f"{body} {place} {when} {weather}"
        return Caption(
            sentence(words.replace(" ,", ",")),
            Meaning(tuple(Mention(**m) for m in self.mentions), tuple(self.relations), **told),
        )

    def _choose(self) -> list[Entity]:
        rng, pool = self.rng, list(self.scene.entities)
        chosen: list[Entity] = []
        wanted = rng.choices((1, 2, 3), (0.16, 0.54, 0.3))[0]
        while pool and len(chosen) < wanted:
            chosen.append(rng.choices(pool, [salience(e) for e in pool])[0])
            pool.remove(chosen[-1])
        return sorted(chosen, key=lambda e: not e.is_person)

    def _body(self, things: list[Entity]) -> str | None:
        """The sentence without setting and time, or None where the sentence starts with the setting ("A beach with ...")."""
        rng, first = self.rng, things[0]
        if not first.is_person and rng.random() < 0.12:
            return None
        opening = rng.choice(("", "", "", "there is " if first.count == 1 else "there are "))
        words = opening + self._noun_phrase(first)
        if len(things) == 1:
            return words + " " + self._verb(first, finite=not opening and rng.random() < 0.6)
        second = things[1]
        if not opening and self._acts(first) and self._acts(second) and rng.random() < 0.4:
            words += f" {self._verb(first, finite=True, told=1)} while {self._noun_phrase(second)}"
            words += " " + self._verb(second, finite=True, told=1)
        else:
            words += self._link(first, second, opening)
        for third in things[2:]:
            words += self._too(third) + self._noun_phrase(third)
        return words

    def _too(self, thing: Entity) -> str:
        """The words that join `thing` to what came before: "and" for people and animals, else "and" or "and there is"."""
        if thing.is_person or thing.kind in ANIMALS or self.rng.random() < 0.4:
            return " and "
        return " and there is " if thing.count == 1 else " and there are "

    def _link(self, first: Entity, second: Entity, opening: str) -> str:
        rng = self.rng
        verb = self._verb(first, finite=not opening and rng.random() < 0.5)
        relations = [r for r in lexicon.RELATIONS if related(first, r, second)]
        if relations and rng.random() < 0.5:
            relation = rng.choice(relations)
            self.relations.append((len(self.mentions) - 1, relation, len(self.mentions)))
            copula = "" if verb or opening or rng.random() < 0.5 else ("is" if first.count == 1 else "are")
            return f" {verb or copula} {rng.choice(lexicon.RELATIONS[relation])} {self._noun_phrase(second)}"
        link = " with " if first.is_person and rng.random() < 0.4 else self._too(second)
        return f" {verb}{link}{self._noun_phrase(second)} " + self._verb(second, finite=False, told=0.6)

    def _acts(self, entity: Entity) -> bool:
        return (entity.is_person or entity.kind in ANIMALS) and entity.pose != "standing"

    def _noun_phrase(self, entity: Entity) -> str:
        rng = self.rng
        mention: dict = {"kinds": (entity.kind,), "count": entity.count}
        nouns = lexicon.NOUNS[entity.kind]
        noun = nouns[0] if rng.random() < 0.55 else rng.choice(nouns)
        if entity.is_person and rng.random() < 0.12:
            noun, mention["kinds"] = rng.choice([(w, k) for w, k in lexicon.HYPERNYMS.items() if entity.kind in k])
        if entity.count > 1:
            noun = lexicon.plural(noun)
        color = size = ""
        if entity.color and rng.random() < 0.82:
            color = mention["color"] = entity.color
        if entity.size and rng.random() < 0.6:
            size, mention["size"] = rng.choice(lexicon.SIZES[entity.size]), entity.size
        noun = noun.replace("{c}", color) if "{c}" in noun else f"{color} {noun}"
        determiner = "a" if entity.count == 1 else rng.choice(lexicon.NUMBERS[entity.count])
        self.mentions.append(mention)
        return f"{determiner} {size} {noun} " + (self._clothes(entity, mention) if entity.is_person else "")

    def _clothes(self, person: Entity, mention: dict) -> str:
        rng, words = self.rng, ""
        bare_headed = not any(g in lexicon.HATS for g, _ in person.wears)
        if person.hair in ("blond", "red", "gray") and bare_headed and rng.random() < 0.12:
            words, mention["hair"] = rng.choice(lexicon.HAIR[person.hair]) + " ", person.hair
        count = rng.choices((0, 1, 2), (0.12, 0.48, 0.4))[0]
        worn = rng.sample(person.wears, min(count, len(person.wears)))
        if not worn:
            return words
        if len(worn) == 1 and worn[0][0] in lexicon.ALL_OVER and rng.random() < 0.2:
            mention["wears"] = ((lexicon.ALL_OVER, worn[0][1]),)
            return words + f"dressed in {worn[0][1]} "
        told, phrases = [], []
        for garment, color in worn:
            name, garments = rng.choice([(w, g) for w, g in lexicon.GARMENTS.items() if garment in g])
            article = "" if name in lexicon.PLURAL_GARMENTS else "a "
            color_told = color if garment not in lexicon.HATS or rng.random() < 0.85 else None
            told.append((garments, color_told))
            phrases.append(f"{article}{color_told or ''} {name}")
        mention["wears"] = tuple(told)
        marker = rng.choice(("in", "wearing", "with" if worn[0][0] in lexicon.HATS else "in"))
        return words + f"{marker} {' and '.join(phrases)} "

    def _verb(self, entity: Entity, finite: bool, told: float | None = None) -> str:
        """Words for what `entity` does, or "" where that is left out (told with chance `told`); noted in its mention,
        which is the last."""
        rng = self.rng
        if not (entity.is_person or entity.kind in ANIMALS):
            return ""
        usual = 0.15 if entity.pose == "standing" else 0.92 if entity.is_person else 0.7
        if rng.random() > (usual if told is None else min(told, usual) if told < 1 else 1):
            return ""
        participle, simple, poses = rng.choice([v for v in lexicon.VERBS if entity.pose in v[2]])
        mention = self.mentions[-1]
        mention["poses"] = poses
        color = ""
        if "{c}" in participle and entity.prop_color and rng.random() < 0.8:
            color = mention["prop_color"] = entity.prop_color
        if not finite:
            words = participle
        elif simple and entity.count == 1 and rng.random() < 0.5:
            words = simple
        else:
            words = ("is " if entity.count == 1 else "are ") + participle
        return words.replace("{c}", color)
