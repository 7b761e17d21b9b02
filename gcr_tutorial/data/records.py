"""One image of a corpus: its name, split, captions and source."""

from __future__ import annotations

from dataclasses import dataclass

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class ImageRecord:
    """One image. id: unique in its corpus; split: "train", "val" or "test"; captions: may be empty;
    source: the file's path relative to the image folder, the seed of a Picturebook scene, or the row of a Hub data set."""

    id: str
    split: str
    captions: tuple[str, ...]
    source: str | int
