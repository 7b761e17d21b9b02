"""`Identifiers`: the tokens that name each image of a gallery, checked, and saved as JSON (GRACE section 3.2)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gcr_tutorial.errors import UserFileNotFoundError, UserValueError
from gcr_tutorial.files import write_text

IDENTIFIER_KINDS = ("atomic", "structured", "numeric", "string", "semantic", "residual", "classifier")
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Identifiers:
    """The identifiers of a gallery. *Row* i is the identifier codes[i] of the image image_ids[i].

    Attributes:
        kind: how they were made, one of IDENTIFIER_KINDS.
        codes: for each image its identifier as token strings of the vocabulary, without the end-of-identifier token.
            All empty for "classifier", which names images by their row in a matrix and generates no token.
        image_ids: for each image its name (`ImageRecord.id`).
        new_tokens: every token string that must be added to the tokenizer, in a fixed order; empty for the kinds that
            are written in tokens that the tokenizer already has.

    Raises ValueError where identifiers or images repeat, an identifier is empty, or the lengths differ.
    """

    kind: str
    codes: tuple[tuple[str, ...], ...]
    image_ids: tuple[str, ...]
    new_tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.codes) != len(self.image_ids) or not self.codes:
            raise UserValueError(f"{len(self.codes)} identifiers for {len(self.image_ids)} images: need one each")
        codes = () if self.kind == "classifier" else self.codes
        for name, values in (("image id", self.image_ids), ("new token", self.new_tokens), ("identifier", codes)):
            if len(set(values)) != len(values):
                seen: set = set()
                twice = next(v for v in values if v in seen or seen.add(v))
                raise UserValueError(f"the {name} {twice!r} occurs twice: every one must be unique")
        if not all(codes):
            raise UserValueError(f"image {self.image_ids[codes.index(())]!r} has an empty identifier")
        if self.kind == "classifier" and any(self.codes):
            raise UserValueError("classifier identifiers have no tokens: give every image an empty code")

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def mean_tokens(self) -> float:
        """Tokens of an identifier on average, without the end-of-identifier token."""
        return sum(map(len, self.codes)) / len(self.codes)

    def token_ids(self, tokenizer: Any, end_id: int) -> list[list[int]]:
        """Each identifier as vocabulary ids closed by `end_id`: what the trie and the training targets are made of.

        Raises ValueError where there are no tokens (classifier), the tokenizer lacks one, or an identifier contains the
        end token.
        """
        if self.kind == "classifier":
            raise UserValueError("classifier identifiers have no tokens: they are ranked by ClipClassifier, without a trie")
        vocabulary = tokenizer.get_vocab()
        missing = {token for code in self.codes for token in code} - vocabulary.keys()
        if missing:
            raise UserValueError(
                f"the tokenizer lacks {len(missing)} identifier tokens, {min(missing)!r} for one: "
                "add Identifiers.new_tokens to it and resize the model's embeddings first"
            )
        sequences = [[vocabulary[token] for token in code] + [end_id] for code in self.codes]
        for image_id, ids in zip(self.image_ids, sequences):
            if end_id in ids[:-1]:
                raise UserValueError(f"the identifier of image {image_id!r} contains the end token {end_id}")
        return sequences

    def save(self, path: str | Path) -> None:
        """Write them to the JSON file `path`."""
        write_text(path, json.dumps({"version": FORMAT_VERSION, **asdict(self)}, ensure_ascii=False))

    @classmethod
    def load(cls, path: str | Path) -> Identifiers:
        """Read what `save` wrote. Raises FileNotFoundError, or ValueError for a damaged file."""
        path = Path(path)
        if not path.is_file():
            raise UserFileNotFoundError(f"{path} is missing: make identifiers with make_identifiers and save them there")
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["version"] != FORMAT_VERSION:
                raise UserValueError(f"format version {stored['version']}, this package reads {FORMAT_VERSION}")
            codes = tuple(map(_strings, stored["codes"]))
            return cls(str(stored["kind"]), codes, _strings(stored["image_ids"]), _strings(stored["new_tokens"]))
        except (KeyError, TypeError, ValueError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
            raise UserValueError(f"{path} does not hold identifiers ({error}): make and save them again") from error


def _strings(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise UserValueError("expected a list of strings")
    return tuple(values)
