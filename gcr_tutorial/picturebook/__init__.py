"""The Picturebook: everyday scenes this project draws itself, with captions whose meaning is known exactly.

`sample_scene(seed)` chooses a scene, `render(scene, size)` draws it, `captions(scene)` writes captions of it like those
that people write for photographs, `satisfies(scene, meaning)` tells whether a caption is true of a scene, and
`parse(text)` turns a caption back into its meaning, so that captions that a *model* writes can be checked too.

The modules, in the order in which a picture is made: `scene` (the data), `world` (which things may be in which setting),
`sampling` (from a seed to a scene), `rendering` (from a scene to a picture; `canvas` draws shapes, `people`, `animals`,
`vehicles`, `objects`, `nature`, `buildings` and `settings` draw what is in it), `lexicon` (words and what they mean),
`captions`, `questions`, `parsing` and `meaning`.
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
