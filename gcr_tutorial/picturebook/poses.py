"""Poses of people: the proportions of each kind (`Body`), a pose (`Pose`), and the joints it gives (`solve`)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from .canvas import Point

SOLE = 0.04  # from the ankle to the ground


class Body(NamedTuple):
    """The proportions of a kind of person, in units of its own height; `scale` is that height in adult heights."""

    scale: float
    head: float  # radius
    torso: float  # from hip to shoulder
    shoulder: float  # half widths
    waist: float
    hips: float
    arm: float  # lengths
    leg: float
    arm_width: float
    leg_width: float


BODIES: dict[str, Body] = {
    "man": Body(1.00, 0.116, 0.300, 0.150, 0.130, 0.120, 0.36, 0.385, 0.098, 0.122),
    "woman": Body(0.95, 0.118, 0.290, 0.118, 0.092, 0.118, 0.34, 0.390, 0.080, 0.104),
    "boy": Body(0.74, 0.150, 0.270, 0.132, 0.128, 0.120, 0.31, 0.300, 0.100, 0.128),
    "girl": Body(0.70, 0.154, 0.265, 0.118, 0.108, 0.122, 0.30, 0.300, 0.088, 0.112),
}
Limb = tuple[float, float, int]  # where the hand or foot is, from shoulder or hip in limb lengths; side of the bend


@dataclass(frozen=True)
class Pose:
    """Where the limbs are. The lowest of feet and seat rests on the ground, raised by `lift`."""

    arm_back: Limb = (0.22, 0.95, -1)
    arm_front: Limb = (-0.22, 0.95, 1)
    leg_back: Limb = (0.05, 1.0, -1)
    leg_front: Limb = (-0.05, 1.0, 1)
    turn: float = 0.0  # 0 faces the reader .. 1 faces right
    lean: float = 0.0  # how far right of the hips the shoulders are
    lift: float = 0.0
    sway: float = 0.0  # how far right of the origin the hips are
    asleep: bool = False
    swims: bool = False  # only head, arms and shoulders are above the ground line


class Joints(NamedTuple):
    """Where the joints of a person of some kind are in a pose, in units of the person's own height."""

    body: Body
    turn: float
    asleep: bool
    swims: bool
    hip: Point
    shoulder: Point
    head: Point
    arm_back: tuple[Point, Point, Point]  # shoulder, elbow, hand
    arm_front: tuple[Point, Point, Point]
    leg_back: tuple[Point, Point, Point]  # hip, knee, foot
    leg_front: tuple[Point, Point, Point]
    shoes: tuple[float, float]  # the turn of the back and the front shoe

    @property
    def hand_back(self) -> Point:
        """The far hand."""
        return self.arm_back[2]

    @property
    def hand_front(self) -> Point:
        """The near hand."""
        return self.arm_front[2]


def _bend(root: Point, limb: Limb, length: float) -> tuple[Point, Point, Point]:
    """Root, middle joint and end of a limb of two equal bones."""
    x, y, side = limb
    reach = min(1.0, math.hypot(x, y)) or 1e-6
    norm = math.hypot(x, y) or 1e-6
    x, y = x / norm, y / norm
    out = side * 0.5 * math.sqrt(max(0.0, 1 - reach * reach))
    middle = (root[0] + length * (x * reach / 2 - y * out), root[1] + length * (y * reach / 2 + x * out))
    return root, middle, (root[0] + length * x * reach, root[1] + length * y * reach)


def solve(kind: str, pose: Pose) -> Joints:
    """The joints of `pose` for a `kind` of person."""
    b = BODIES[kind]
    narrow = 1 - 0.55 * pose.turn
    low = max(
        b.leg * pose.leg_back[1] / max(1.0, math.hypot(*pose.leg_back[:2])),
        b.leg * pose.leg_front[1] / max(1.0, math.hypot(*pose.leg_front[:2])),
        b.leg_width * 0.5 - SOLE,
    )
    hip = (pose.sway, 0.75 * b.torso if pose.swims else -low - SOLE - pose.lift)
    shoulder = (hip[0] + pose.lean, hip[1] - math.sqrt(max(0.01, b.torso**2 - pose.lean**2)))
    head = (shoulder[0] + 0.35 * pose.lean + 0.02 * pose.turn, shoulder[1] - b.head - 0.03)
    dx, dh, dy = (b.shoulder - 0.35 * b.arm_width) * narrow, 0.5 * b.hips * narrow, 0.3 * b.arm_width
    legs = (_bend((hip[0] + dh, hip[1]), pose.leg_back, b.leg), _bend((hip[0] - dh, hip[1]), pose.leg_front, b.leg))
    shoes = tuple(max(-1.4, min(1.4, math.atan2(e[1] - k[1], e[0] - k[0]) - math.pi / 2)) for _, k, e in legs)
    return Joints(
        b,
        pose.turn,
        pose.asleep,
        pose.swims,
        hip,
        shoulder,
        head,
        _bend((shoulder[0] + dx, shoulder[1] + dy), pose.arm_back, b.arm),
        _bend((shoulder[0] - dx, shoulder[1] + dy), pose.arm_front, b.arm),
        *legs,
        shoes,
    )
