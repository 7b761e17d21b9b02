"""Draw a scene as a picture of any size."""

from __future__ import annotations

from PIL import Image

from .activities import draw_person
from .canvas import Canvas
from .catalogue import SETTINGS, THINGS
from .colors import COLORS, HAIRS, SKINS
from .people import Look
from .scene import Entity, Scene
from .settings import finish

NO_COLOR = COLORS["gray"]  # given to things that have colours of their own and ignore it


def render(scene: Scene, size: int = 256, supersample: int = 3) -> Image.Image:
    """`scene` as a (size, size) RGB picture; the same bytes for the same scene and size."""
    canvas, setting = Canvas(size, supersample=supersample), SETTINGS[scene.setting]
    overcast = scene.weather != "clear" and scene.time == "day"
    setting.paint(canvas, "overcast" if overcast else scene.time, scene.v)
    for entity in scene.entities:
        _draw(canvas, entity)
    return finish(canvas.image(), scene.time, scene.weather, scene.v, setting.indoor)


def _draw(canvas: Canvas, entity: Entity) -> None:
    if entity.is_person:
        with canvas.frame(entity.x, entity.y, entity.scale, flip=entity.flip):
            draw_person(canvas, look(entity), entity.pose, COLORS.get(entity.prop_color, NO_COLOR), entity.v)
        return
    thing, color = THINGS[entity.kind], COLORS.get(entity.color, NO_COLOR)
    step = thing.width * 1.05 * entity.scale
    for i in range(entity.count):
        x = entity.x + (i - (entity.count - 1) / 2) * step
        with canvas.frame(x, entity.y, entity.scale, flip=entity.flip):
            thing.draw(canvas, color, entity.pose, (entity.v + i * 0.37) % 1.0)


def look(person: Entity) -> Look:
    """How a person of a scene looks, for the drawing."""
    worn = dict(person.wears)
    top = next((g for g in worn if g in ("shirt", "sweater", "jacket", "coat", "dress")), "shirt")
    bottom = next((g for g in worn if g in ("pants", "shorts", "skirt")), "pants")
    hat = next((g for g in worn if g in ("cap", "hat", "winter hat", "helmet")), None)
    return Look(
        kind=person.kind,
        skin=SKINS[person.skin],
        hair=HAIRS[person.hair or "brown"],
        hair_style=person.hair_style,
        top=top,
        top_color=COLORS[worn.get(top, "gray")],
        bottom=bottom,
        bottom_color=COLORS[worn.get(bottom, "gray")],
        hat=hat,
        hat_color=COLORS[worn[hat]] if hat else None,
        glasses="glasses" in person.extras,
        beard="beard" in person.extras,
    )
