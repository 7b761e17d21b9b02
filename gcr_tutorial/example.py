"""The running example: the same ten pictures and three queries in every notebook, to see what each step does to them.

All ten pictures belong to the test gallery, and no captions of these pictures are ever trained on.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from gcr_tutorial import picturebook

NUMBERS = (6, 7, 29, 38, 68, 77, 100, 206, 237, 275)  # of the scenes, in the corpus with seed 0
PICTURES = tuple(f"scene-0-{number:06d}" for number in NUMBERS)  # their names, as in `ImageRecord.id`


@dataclass(frozen=True)
class ExampleQuery:
    """A held-out caption, the picture that it was written for, and those of the ten pictures that it is true of.

    `relevant` contains `picture`, too.
    """

    text: str
    picture: str
    relevant: tuple[str, ...]


CLEAR = ExampleQuery("A man flying a brown kite in a winter landscape.", "scene-0-000038", ("scene-0-000038",))
RELATION = ExampleQuery("A brown rabbit to the left of a brown dog indoors.", "scene-0-000007", ("scene-0-000007",))
AMBIGUOUS = ExampleQuery(
    "There is an apple tree in the garden.",
    "scene-0-000100",
    ("scene-0-000077", "scene-0-000100", "scene-0-000206", "scene-0-000237"),
)
QUERIES = (CLEAR, RELATION, AMBIGUOUS)  # one true picture; one that is true only where the relation holds; four true pictures


def _scene(name: str) -> picturebook.Scene:
    corpus_seed, number = map(int, name.split("-")[1:])
    return picturebook.sample_scene(picturebook.scene_seed("tutorial", corpus_seed, number))


def picture(name: str, size: int = 256) -> Image.Image:
    """The picture of that name, drawn `size` x `size` pixels.

    `name` may be that of any picture of the tutorial's corpus (seed 0), for example "scene-0-000006". Raises ValueError for
    a name of another form.
    """
    return picturebook.render(_scene(name), size)


def captions(name: str) -> list[str]:
    """The five captions of that picture. Raises ValueError as `picture` does."""
    return [caption.text for caption in picturebook.captions(_scene(name))]
