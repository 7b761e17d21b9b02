"""The caption parser: from words to their meaning, so that the caption of a *model* can be checked against the scene.

The words are split from left to right into the longest phrases that the lexicon knows, and each phrase adds to the
meaning. A word that the lexicon does not know, or that does not fit what came before, makes the caption unreadable:
`parse` returns None, and the caption counts as not true.
"""

from __future__ import annotations

import re
from functools import lru_cache

from . import lexicon
from .colors import COLORS
from .meaning import Meaning, Mention
from .scene import PEOPLE

FILLERS = ("is", "are", "there", "while", "and", "with", "in", "wearing")
Phrase = tuple[str, ...]


def _tokens(text: str) -> Phrase:
    words = re.sub(r"[.,]", " ", text.lower()).split()
    return tuple("a" if w == "an" else w for w in words)


@lru_cache(maxsize=1)
def _phrases() -> tuple[dict[Phrase, tuple[str, object]], int]:
    """Every phrase of the lexicon with (its role, its meaning), and the number of words of the longest phrase."""
    table: dict[Phrase, tuple[str, object]] = {}

    def add(words: str, role: str, meaning: object) -> None:
        table[_tokens(words)] = (role, meaning)

    def add_colored(words: str, role: str, meaning: tuple) -> None:
        for color in (None, *COLORS) if "{c}" in words else (None,):
            add(words.replace("{c}", color or ""), role, (*meaning, color))

    for filler in FILLERS:
        add(filler, "filler", filler)
    add("a", "number", 1)
    for count, names in lexicon.NUMBERS.items():
        for name in names:
            add(name, "number", count)
    for color in COLORS:
        add(color, "color", color)
        add(f"dressed in {color}", "wears", (lexicon.ALL_OVER, color))
    for size, names in lexicon.SIZES.items():
        for name in names:
            add(name, "size", size)
    nouns = [(noun, (kind,)) for kind, names in lexicon.NOUNS.items() for noun in names] + list(lexicon.HYPERNYMS.items())
    for noun, kinds in nouns:
        add_colored(lexicon.plural(noun), "noun", (kinds, "many"))
    for noun, kinds in nouns:  # after the plurals: "sheep" alone is either
        add_colored(noun, "noun", (kinds, "either" if lexicon.plural(noun) == noun else "one"))
    for garment, garments in lexicon.GARMENTS.items():
        add(garment, "garment", garments)
    for hair, names in lexicon.HAIR.items():
        for name in names:
            add(name, "hair", hair)
    for participle, simple, poses in lexicon.VERBS:
        add_colored(participle, "verb", (poses,))
        if simple:
            add_colored(simple, "verb", (poses,))
    for place, settings in (*lexicon.PLACES.items(), *lexicon.PLACE_NOUNS.items()):
        add(place, "settings", settings)
    for role, entries in (("time", lexicon.TIMES), ("weather", lexicon.WEATHERS), ("relation", lexicon.RELATIONS)):
        for meaning, names in entries.items():
            for name in names:
                add(name, role, meaning)
    return table, max(map(len, table))


def parse(text: str) -> Meaning | None:
    """The meaning of a caption in the Picturebook's language, or None where it cannot be read."""
    table, longest = _phrases()
    words, at, reader = _tokens(text), 0, _Reader()
    while at < len(words):
        for length in range(min(longest, len(words) - at), 0, -1):
            entry = table.get(words[at : at + length])
            if entry is not None:
                break
        else:
            return None
        if not reader.take(*entry):
            return None
        at += length
    return reader.meaning()


class _Reader:
    """Builds the meaning of a caption, phrase by phrase."""

    def __init__(self) -> None:
        self.mentions: list[dict] = []
        self.relations: list[tuple[int, str, int]] = []
        self.told: dict = {}
        self.pending: dict = {}  # number, size and colour whose noun has not come yet
        self.relation: str | None = None
        self.open: str | None = None  # the last word, where something must follow it

    def take(self, role: str, value: object) -> bool:
        """Add one phrase; False where it does not fit what came before."""
        if role == "filler":
            if self.pending or self.open in ("in", "wearing"):
                return False
            self.open = value
            return True
        if self.open in ("in", "wearing") and role not in ("number", "color", "garment"):
            return False
        if role in ("noun", "garment") or role not in ("number", "color", "size"):
            self.open = None
        if role in ("number", "color", "size"):
            if role in self.pending:
                return False
            self.pending[role] = value
            return True
        if role == "noun":
            return self._noun(*value)
        if role == "garment":
            color, number = self.pending.pop("color", None), self.pending.pop("number", 1)
            return number == 1 and not self.pending and self._wear((value, color))
        if self.pending:
            return False
        if role == "wears":
            return self._wear(value)
        if role == "relation":
            if not self.mentions or self.relation:
                return False
            self.relation = value
            return True
        if role == "verb":
            poses, color = value
            if not self.mentions or self.mentions[-1].get("poses"):
                return False
            self.mentions[-1]["poses"] = poses
            if color:
                self.mentions[-1]["prop_color"] = color
            return True
        if role == "hair":
            return self._person() and self.mentions[-1].setdefault("hair", value) == value
        return self.told.setdefault(role, value) == value

    def _noun(self, kinds: tuple[str, ...], number: str, color: str | None) -> bool:
        count = self.pending.pop("number", None)
        color = self.pending.pop("color", None) or color
        size = self.pending.pop("size", None)
        if count is None or (number == "one" and count != 1) or (number == "many" and count == 1):
            return False
        self.mentions.append({"kinds": kinds, "count": count, "color": color, "size": size})
        if self.relation:
            self.relations.append((len(self.mentions) - 2, self.relation, len(self.mentions) - 1))
            self.relation = None
        return True

    def _person(self) -> bool:
        return bool(self.mentions) and self.mentions[-1]["kinds"][0] in PEOPLE

    def _wear(self, garment: tuple) -> bool:
        if not self._person():
            return False
        self.mentions[-1]["wears"] = (*self.mentions[-1].get("wears", ()), garment)
        return True

    def meaning(self) -> Meaning | None:
        """The meaning of all phrases together, or None where the sentence is incomplete or empty."""
        if self.pending or self.relation or self.open or not self.mentions:
            return None
        return Meaning(tuple(Mention(**m) for m in self.mentions), tuple(self.relations), **self.told)
