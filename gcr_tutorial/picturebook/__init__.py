"""The Picturebook: everyday scenes this project draws itself, with captions whose meaning is known exactly.

`sample_scene(seed)` invents a scene, `render(scene, size)` draws it, `captions(scene)` describes it the way people
caption photographs, `satisfies(scene, meaning)` tells whether a caption is true of a scene, and `parse(text)` reads a
caption back, so that what a *model* says of a picture can be checked too.
"""

from .captions import Caption, captions
from .contact_sheet import contact_sheet
from .meaning import Meaning, Mention, satisfies
from .parsing import parse
from .questions import questions
from .rendering import render
from .sampling import sample_scene
from .scene import Entity, Scene, scene_seed

__all__ = [
    "Caption",
    "Entity",
    "Meaning",
    "Mention",
    "Scene",
    "captions",
    "contact_sheet",
    "parse",
    "questions",
    "render",
    "sample_scene",
    "satisfies",
    "scene_seed",
]
