"""The running example: the same ten pictures and three queries in every notebook, to see what each step does to them.

All ten belong to the test gallery, and nobody's captions of them are ever trained on.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from gcr_tutorial.picturebook import captions, render, sample_scene, scene_seed

NUMBERS = (6, 7, 29, 38, 68, 77, 100, 206, 237, 275)  # of the scenes, in the corpus with seed 0
PICTURES = tuple(f"scene-0-{number:06d}" for number in NUMBERS)  # their names, as in `ImageRecord.id`


@dataclass(frozen=True)
class ExampleQuery:
    """A held-out caption: the picture it was written for, and all of the ten that it is true of (the former among them)."""

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
QUERIES = (CLEAR, RELATION, AMBIGUOUS)  # one true picture, plain; one that hangs on a relation; several true pictures


def _scene(name: str):
    corpus_seed, number = map(int, name.split("-")[1:])
    return sample_scene(scene_seed("tutorial", corpus_seed, number))


def example_picture(name: str, size: int = 256) -> Image.Image:
    """The picture called `name` (any of the tutorial's, "scene-0-000006"), `size` x `size` pixels."""
    return render(_scene(name), size)


def example_captions(name: str) -> list[str]:
    """The five captions of that picture."""
    return [caption.text for caption in captions(_scene(name))]
