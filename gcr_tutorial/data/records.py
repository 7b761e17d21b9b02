"""One image of a corpus: its name, split, captions and source."""

from __future__ import annotations

from dataclasses import dataclass

from gcr_tutorial.errors import UserValueError

SPLITS = ("train", "val", "test")


def check_utf8(name: str) -> str:
    """`name`, which can be written to a file. Raises UserValueError for the name of a file or a folder that is not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UserValueError(
            f"the file name {name!r} is not UTF-8 and could not be written into the results: rename it "
            "(`convmv -f latin1 -t utf8 -r --notest FOLDER` does so for all files of a folder)"
        ) from None
    return name


@dataclass(frozen=True)
class ImageRecord:
    """One image. id: unique in its corpus; split: "train", "val" or "test"; captions: may be empty;
    source: the file's path relative to the image folder, the seed of a Picturebook scene, or the number of the image in a Hub
    data set. Raises UserValueError for an id that is not UTF-8: it is written into JSON files after training."""

    id: str
    split: str
    captions: tuple[str, ...]
    source: str | int

    def __post_init__(self) -> None:
        check_utf8(self.id)
