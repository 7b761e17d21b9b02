"""The activities of people: the pose and the props of each. `draw_person` draws a person who does one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from . import props, rides
from .canvas import RGB, Canvas
from .people import Look, draw_figure
from .poses import Joints, Pose, solve

Prop = Callable[[Canvas, Joints, RGB, float], None]


@dataclass(frozen=True)
class Activity:
    """`extent`: left, right and top of the drawing of a man, in adult heights. `prop`: the thing whose colour a
    caption may name. The props are drawn `behind` the person, in the `lap` (under the near arm) or in `front`."""

    extent: tuple[float, float, float]
    pose: Pose
    prop: str | None = None
    places: tuple[str, ...] = ("ground",)
    kinds: tuple[str, ...] = ("man", "woman", "boy", "girl")
    behind: Prop | None = None
    lap: Prop | None = None
    front: Prop | None = None
    stride: bool = False  # the legs may be drawn in the other phase
    angle: float = 0.0  # the whole person turned clockwise


_WALK = Pose((0.4, 0.86, 1), (-0.5, 0.76, 1), (-0.42, 0.86, -1), (0.42, 0.88, -1), turn=0.7)
_SIT = Pose((0.55, 0.5, 1), (0.5, 0.55, 1), (0.75, 0.3, -1), (0.68, 0.36, -1), turn=0.8, sway=-0.12)

ACTIVITIES: dict[str, Activity] = {
    "standing": Activity((0.25, 0.25, 1.1), Pose(), places=("ground", "indoor")),
    "walking": Activity((0.3, 0.3, 1.05), _WALK, stride=True, places=("ground", "indoor")),
    "running": Activity(
        (0.35, 0.45, 1),
        Pose((0.55, 0.2, 1), (-0.35, 0.45, 1), (-0.85, 0.3, -1), (0.55, 0.72, -1), turn=1, lean=0.1, lift=0.03),
        stride=True,
    ),
    "jumping": Activity(
        (0.45, 0.45, 1.15),
        Pose((0.74, -0.62, 1), (-0.74, -0.62, -1), (0.42, 0.62, -1), (-0.42, 0.62, 1), lift=0.24),
        behind=props.shadow,
        places=("ground", "indoor"),
    ),
    "sitting": Activity((0.35, 0.3, 0.85), _SIT, places=("ground", "indoor")),
    "waving": Activity((0.25, 0.4, 1.1), Pose(arm_back=(0.62, -0.7, 1)), places=("ground", "indoor")),
    "dancing": Activity(
        (0.5, 0.4, 1.05),
        Pose((0.5, -0.8, 1), (-0.8, 0.1, -1), (0.6, 0.55, -1), (-0.12, 0.97, 1), lean=-0.05),
        places=("ground", "indoor"),
    ),
    "flying a kite": Activity(
        (0.25, 1.05, 1.9),
        Pose((0.8, -0.45, 1), (-0.25, 0.93, 1), (0.1, 0.99, -1), (-0.14, 0.98, 1), 0.4),
        "kite",
        behind=props.kite,
    ),
    "holding an umbrella": Activity((0.35, 0.7, 1.55), Pose(arm_back=(0.45, 0.25, 1)), "umbrella", behind=props.umbrella),
    "throwing a ball": Activity(
        (0.4, 0.8, 1.3),
        Pose((0.8, -0.55, 1), (-0.85, 0.2, 1), (0.35, 0.9, -1), (-0.4, 0.85, -1), 0.6, lean=0.07),
        "ball",
        behind=props.thrown_ball,
    ),
    "kicking a ball": Activity(
        (0.5, 0.8, 1.05),
        Pose((0.75, 0.3, -1), (-0.8, 0.3, 1), (0.85, 0.5, -1), (-0.12, 0.97, -1), 0.6, lean=-0.07),
        "ball",
        behind=props.kicked_ball,
    ),
    "riding a bicycle": Activity(
        (0.7, 0.7, 1.1),
        Pose((0.84, 0.4, 1), (0.86, 0.44, 1), (0.58, 0.45, -1), (0.42, 0.8, -1), 0.9, lean=0.12, lift=0.13, sway=-0.14),
        "bicycle",
        behind=rides.bicycle,
    ),
    "riding a horse": Activity(
        (0.75, 0.85, 1.4),
        Pose((0.75, 0.45, 1), (0.6, 0.6, 1), (0.45, 0.75, -1), (0.4, 0.78, -1), 0.9, lift=0.42, sway=-0.06),
        behind=rides.horse,
    ),
    "riding a skateboard": Activity(
        (0.5, 0.5, 1.1),
        Pose((0.9, 0.05, 1), (-0.9, 0.1, -1), (0.42, 0.72, -1), (-0.38, 0.76, 1), 0.5, lean=0.04, lift=0.13),
        "skateboard",
        behind=rides.skateboard,
    ),
    "riding a scooter": Activity(
        (0.45, 0.5, 1.15),
        Pose((0.85, 0.42, 1), (0.88, 0.46, 1), (-0.7, 0.62, -1), (0.25, 0.94, -1), 0.9, lean=0.05, lift=0.12, sway=-0.1),
        "scooter",
        behind=rides.scooter,
    ),
    "surfing": Activity(
        (0.8, 0.7, 1.1),
        Pose((0.92, -0.1, 1), (-0.9, -0.1, -1), (0.55, 0.62, -1), (-0.48, 0.7, 1), 0.6, lean=0.08, lift=0.13),
        "surfboard",
        ("water",),
        behind=rides.surfboard,
    ),
    "swimming": Activity(
        (0.5, 0.5, 0.45), Pose((0.75, -0.5, 1), (-0.6, 0.25, 1), turn=0.6, swims=True), places=("water",), front=rides.ripples
    ),
    "skiing": Activity(
        (0.6, 0.65, 1.05),
        Pose((0.6, 0.45, 1), (0.4, 0.6, 1), (0.2, 0.8, -1), (0.12, 0.84, -1), 0.9, lean=0.12, lift=0.05),
        "skis",
        ("snow",),
        behind=rides.skis,
        front=rides.ski_pole,
    ),
    "reading a book": Activity(
        (0.35, 0.5, 0.8),
        Pose((0.65, 0.28, 1), (0.75, 0.3, 1), (0.78, 0.2, -1), (0.7, 0.3, -1), 0.6, sway=-0.12),
        "book",
        ("ground", "indoor"),
        lap=props.book,
    ),
    "playing the guitar": Activity(
        (0.35, 0.6, 1.1), Pose((0.72, 0.42, -1), (0.22, 0.66, 1)), places=("ground", "indoor"), lap=props.guitar
    ),
    "eating ice cream": Activity((0.25, 0.4, 1.1), Pose(arm_back=(0.42, 0.14, -1)), front=props.ice_cream),
    "fishing": Activity((0.25, 1, 1.15), Pose((0.65, 0.4, 1), (0.75, 0.42, 1), turn=0.8), front=props.fishing_rod),
    "holding balloons": Activity((0.25, 0.75, 1.85), Pose(arm_back=(0.66, -0.2, 1)), "balloons", behind=props.balloons),
    "pushing a stroller": Activity(
        (0.5, 0.9, 1.05),
        Pose((0.8, 0.5, 1), (0.85, 0.5, 1), (-0.3, 0.92, -1), (0.28, 0.93, -1), 0.9, lean=0.05, sway=-0.25),
        "stroller",
        kinds=("man", "woman"),
        behind=rides.stroller,
    ),
    "sleeping": Activity(
        (0.6, 0.6, 0.95),
        Pose((0.3, 0.9, -1), (-0.35, 0.85, 1), asleep=True),
        places=("ground", "indoor"),
        behind=props.bedding,
        front=props.snores,
        angle=-math.pi / 2,
    ),
    "taking a photo": Activity((0.35, 0.45, 1.15), Pose((0.06, -0.34, 1), (-0.02, -0.34, -1)), lap=props.camera),
    "painting": Activity(
        (0.45, 0.9, 1.1), Pose((0.85, 0.1, 1), (0.35, 0.5, 1), turn=0.6, sway=-0.2), behind=props.easel, front=props.palette
    ),
    "cooking": Activity(
        (0.45, 0.9, 1.1),
        Pose((0.72, 0.35, 1), (-0.3, 0.6, 1), turn=0.5, sway=-0.14),
        places=("indoor",),
        behind=props.stove,
        front=props.pan,
    ),
    "carrying a box": Activity(
        (0.25, 0.35, 1.05),
        Pose((0.2, 0.62, -1), (0.22, 0.66, 1), (0.2, 0.95, -1), (-0.15, 0.96, -1), 0.4),
        places=("ground", "indoor"),
        lap=props.box,
    ),
    "digging": Activity(
        (0.4, 0.85, 1),
        Pose((0.65, 0.7, 1), (0.35, 0.7, 1), (0.35, 0.85, -1), (-0.3, 0.9, -1), 0.7, lean=0.13, sway=-0.15),
        front=props.shovel,
    ),
    "watering flowers": Activity(
        (0.35, 0.95, 1.1), Pose((0.7, 0.5, 1), (-0.25, 0.9, 1), turn=0.5, sway=-0.12), "watering can", front=props.watering_can
    ),
    "rowing a boat": Activity(
        (0.85, 0.85, 0.95),
        Pose((0.8, 0.35, 1), (0.75, 0.42, 1), (0.8, 0.3, -1), (0.75, 0.3, -1), 0.8, lean=-0.06, lift=0.16, sway=-0.08),
        "boat",
        ("water",),
        lap=rides.hull,
        front=rides.oar,
    ),
    "playing tennis": Activity(
        (0.45, 0.9, 1.25), Pose((0.75, -0.4, 1), (-0.8, 0.3, 1), (0.4, 0.85, -1), (-0.4, 0.85, 1), 0.5), behind=props.racket
    ),
    "playing basketball": Activity(
        (0.4, 0.45, 1.35),
        Pose((0.42, -0.85, 1), (-0.65, 0.5, 1), (0.2, 0.95, -1), (-0.25, 0.9, 1), 0.5),
        behind=props.basketball,
        places=("ground", "indoor"),
    ),
}


@cache
def _joints(kind: str, activity: str, swapped: bool) -> Joints:
    pose = ACTIVITIES[activity].pose
    j = solve(kind, pose)
    return j._replace(leg_back=j.leg_front, leg_front=j.leg_back, shoes=j.shoes[::-1]) if swapped else j


def draw_person(c: Canvas, look: Look, activity: str, prop_color: RGB, v: float) -> None:
    """Draw a person with this look who does this activity; `prop_color` is the colour of the prop that the activity names."""
    act = ACTIVITIES[activity]
    j = _joints(look.kind, activity, act.stride and v >= 0.5)
    # Someone who lies is turned about the feet: move the feet half a body to the right, so that the middle is at the origin.
    along, up = (0.5, -0.24) if act.angle else (0.0, 0.0)
    with c.frame(along * j.body.scale, up * j.body.scale, j.body.scale, angle=act.angle):
        if act.behind:
            act.behind(c, j, prop_color, v)
        draw_figure(c, look, j, act.lap and (lambda: act.lap(c, j, prop_color, v)))
        if act.front:
            act.front(c, j, prop_color, v)
