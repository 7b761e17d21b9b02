"""People of the Picturebook: how someone looks (`Look`), and drawing the figure over the joints of its pose.

A figure is drawn in its own height (1.0 from sole to crown) and scaled to its kind by the caller. It looks out of the
page or, with `Pose.turn`, towards the right. Its near ("front") limbs hang on the left of the page, its far ("back")
limbs on the right and behind the body.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from .canvas import RGB, Canvas, Point, mix, shade
from .poses import Joints

GARMENTS = ("shirt", "sweater", "jacket", "coat", "dress")
BOTTOMS = ("pants", "shorts", "skirt")
HATS = ("cap", "hat", "winter hat", "helmet")
LONG_SLEEVES = frozenset(("sweater", "jacket", "coat"))
DARK, WHITE, SHOE = (40, 36, 40), (250, 250, 246), (74, 54, 48)


@dataclass(frozen=True)
class Look:
    """Everything that stays the same about a person from activity to activity."""

    kind: str  # "man", "woman", "boy", "girl"
    skin: RGB
    hair: RGB
    hair_style: int  # 0..3, see HAIR_STYLES
    top: str  # one of GARMENTS; a dress ignores the bottom
    top_color: RGB
    bottom: str  # one of BOTTOMS
    bottom_color: RGB
    hat: str | None = None  # one of HATS
    hat_color: RGB | None = None
    glasses: bool = False
    beard: bool = False
    backpack_color: RGB | None = None
    scarf_color: RGB | None = None


# What hair_style means: kind -> the name of each style
HAIR_STYLES: dict[str, tuple[str, str, str, str]] = {
    "man": ("short", "shaggy", "curly", "bald"),
    "boy": ("short", "shaggy", "curly", "spiky"),
    "woman": ("bob", "long", "ponytail", "bun"),
    "girl": ("bob", "long", "pigtails", "bun"),
}


def draw_arm(c: Canvas, look: Look, j: Joints, front: bool) -> None:
    """An arm with its sleeve."""
    (root, elbow, hand), w = (j.arm_front if front else j.arm_back), j.body.arm_width
    sleeve = shade(look.top_color, 0.9 if front else 0.78)
    if look.top in LONG_SLEEVES:
        c.line((elbow, hand), w * 0.78, look.skin)
        wrist = (elbow[0] + 0.8 * (hand[0] - elbow[0]), elbow[1] + 0.8 * (hand[1] - elbow[1]))
        c.line((elbow, wrist), w * 0.95, sleeve)
        c.line((root, elbow), w, sleeve)
    else:
        skin = look.skin if front else shade(look.skin, 0.92)
        c.line((elbow, hand), w * 0.8, skin)
        c.line((root, elbow), w * 0.8, skin)
        c.line((root, (root[0] + 0.7 * (elbow[0] - root[0]), root[1] + 0.7 * (elbow[1] - root[1]))), w * 1.08, sleeve)
    c.circle(*hand, w * 0.52, look.skin)


def draw_leg(c: Canvas, look: Look, j: Joints, front: bool) -> None:
    """A leg with what covers it, and its shoe."""
    (root, knee, foot), w = (j.leg_front if front else j.leg_back), j.body.leg_width
    cloth = shade(look.bottom_color, 1 if front else 0.82)
    bare = look.top == "dress" or look.bottom != "pants"
    skin = look.skin if front else shade(look.skin, 0.92)
    out = -1 if front and j.turn < 0.3 else 1
    angle = j.shoes[1 if front else 0]
    along, up = out * 0.2 * w, -0.05 * w
    cos, sin = math.cos(angle), math.sin(angle)
    c.ellipse(
        foot[0] + along * cos - up * sin,
        foot[1] + along * sin + up * cos,
        w * 0.66,
        w * 0.38,
        SHOE if front else shade(SHOE, 0.8),
        angle,
    )
    if bare:
        c.line((knee, foot), w * 0.66, skin)
        c.line((root, knee), w * 0.8, skin)
        if look.top != "dress" and look.bottom == "shorts":
            c.line((root, (root[0] + 0.85 * (knee[0] - root[0]), root[1] + 0.85 * (knee[1] - root[1]))), w * 1.1, cloth)
    else:
        c.line((knee, (knee[0] + 0.86 * (foot[0] - knee[0]), knee[1] + 0.86 * (foot[1] - knee[1]))), w * 0.9, cloth)
        c.line((root, knee), w, cloth)


def _skirt(c: Canvas, j: Joints, color: RGB, reach: float, flare: float) -> None:
    """Cloth from the waist over both thighs, to `reach` thighs down."""
    (rb, kb, _), (rf, kf, _) = j.leg_back, j.leg_front
    back = (rb[0] + reach * (kb[0] - rb[0]), rb[1] + reach * (kb[1] - rb[1]))
    front = (rf[0] + reach * (kf[0] - rf[0]), rf[1] + reach * (kf[1] - rf[1]))
    right, left = (back, front) if back[0] >= front[0] else (front, back)
    w, (x, y) = j.body.waist * (1 - 0.2 * j.turn), j.hip
    if max(left[1], right[1]) - y < 0.6 * j.body.leg * 0.5 * reach:  # seated: along the thighs
        c.line(((x, y), right), j.body.leg_width * 1.25, color)
        c.line(((x, y), left), j.body.leg_width * 1.25, color)
        return
    c.polygon(
        (
            (x - w, y - 0.1),
            (x + w, y - 0.1),
            (right[0] + flare, right[1]),
            ((right[0] + left[0]) / 2, 0.02 + max(left[1], right[1])),
            (left[0] - flare, left[1]),
        ),
        color,
    )
    c.polygon(
        ((x + 0.3 * w, y - 0.06), (x + w, y - 0.1), (right[0] + flare, right[1]), (right[0], right[1] + 0.01)),
        shade(color, 0.86),
    )


def draw_torso(c: Canvas, look: Look, j: Joints) -> None:
    """Hips, skirt, and the top with its details."""
    b, (hx, hy), (sx, sy) = j.body, j.hip, j.shoulder
    narrow = 1 - 0.2 * j.turn
    sw, ww, pw, color = b.shoulder * narrow, b.waist * narrow, b.hips * narrow, look.top_color

    def at(t: float, w: float) -> Point:
        return hx + (sx - hx) * t + w, hy + (sy - hy) * t

    if look.top != "dress":
        c.line(((hx - 0.45 * pw, hy), (hx + 0.45 * pw, hy)), b.leg_width * 1.12, look.bottom_color)
        if look.bottom == "skirt":
            _skirt(c, j, look.bottom_color, 1.0, 0.075)
    if look.top in ("dress", "coat"):
        _skirt(c, j, color, 1.2 if look.top == "dress" else 1.15, 0.09 if look.top == "dress" else 0.06)
    low = 0.02 if look.top in ("sweater", "jacket") else 0.1
    c.polygon(
        (
            at(low, -max(pw, ww * 0.95)),
            at(0.45, -ww),
            at(0.86, -sw),
            at(1.0, -sw * 0.78),
            at(1.08, -sw * 0.3),
            at(1.08, sw * 0.3),
            at(1.0, sw * 0.78),
            at(0.86, sw),
            at(0.45, ww),
            at(low, max(pw, ww * 0.95)),
        ),
        color,
    )
    s = 0.25 * sw * j.turn
    if look.top == "sweater":
        c.polygon((at(0.02, -pw), at(0.16, -pw * 1.02), at(0.16, pw * 1.02), at(0.02, pw)), shade(color, 0.72))
        c.line((at(1.0, -sw * 0.35), at(1.0, sw * 0.35)), 0.045, shade(color, 0.72))
    elif look.top == "jacket":
        c.polygon((at(1.05, s - sw * 0.38), at(0.02, s - sw * 0.14), at(0.02, s + sw * 0.14), at(1.05, s + sw * 0.38)), WHITE)
        c.polygon((at(1.05, s + sw * 0.34), at(0.6, s + sw * 0.24), at(0.85, s + sw * 0.62)), shade(color, 0.72))
        c.polygon((at(1.05, s - sw * 0.34), at(0.6, s - sw * 0.24), at(0.85, s - sw * 0.62)), shade(color, 0.72))
    elif look.top == "coat":
        c.line((at(0.9, s), at(-0.3, s)), 0.014, shade(color, 0.6), caps=False)
        c.polygon((at(1.1, s - sw * 0.55), at(0.74, s), at(1.1, s + sw * 0.55)), shade(color, 0.7))
        for t in (0.6, 0.35, 0.1):
            c.circle(*at(t, s + 0.03), 0.013, shade(color, 0.45))
    elif look.top == "dress":
        c.polygon((at(0.3, -ww), at(0.42, -ww), at(0.42, ww), at(0.3, ww)), shade(color, 0.75))
    else:
        c.polygon((at(1.08, s - sw * 0.34), at(0.82, s), at(1.08, s + sw * 0.34)), look.skin)
    if look.backpack_color:
        for side in (-1, 1):
            c.line((at(1.0, side * sw * 0.62), at(0.35, side * sw * 0.72)), 0.036, shade(look.backpack_color, 0.85))


def _hair_back(c: Canvas, look: Look, style: str, x: float, y: float, r: float, turn: float) -> None:
    """The hair behind the face."""
    color, dark = look.hair, shade(look.hair, 0.85)
    drop = {"bob": 0.62, "long": 1.75, "shaggy": 0.5}.get(style)
    if drop:
        c.line(((x + 0.78 * r, y - 0.1 * r), (x + (0.86 - 0.4 * turn) * r, y + drop * r)), 0.5 * r, dark)
        c.line(((x - 0.84 * r, y - 0.1 * r), (x - 0.98 * r, y + drop * r)), 0.56 * r, color)
    elif style == "ponytail":
        c.line(((x - 0.8 * r, y - 0.5 * r), (x - 1.4 * r, y - 0.1 * r), (x - 1.3 * r, y + 1.1 * r)), 0.5 * r, color)
    elif style == "pigtails":
        for side in (-1, 1):
            c.line(((x + side * r, y), (x + side * 1.42 * r, y + 0.75 * r)), 0.56 * r, color if side < 0 else dark)
    elif style == "bun" and not look.hat:
        c.circle(x - 0.15 * r, y - 1.15 * r, 0.46 * r, color)
    c.circle(x - 0.07 * r - 0.08 * r * turn, y - (0.02 if style == "bald" else 0.12) * r, 1.03 * r, color)


def _hair_front(c: Canvas, look: Look, style: str, x: float, y: float, r: float, turn: float) -> None:
    """The hair over the forehead."""
    if style == "bald" or look.hat:
        return
    color = look.hair
    c.half_disc(x - 0.06 * r, y - 0.34 * r, 1.02 * r, 0.84 * r, color, -0.1 - 0.22 * turn)
    if style == "curly":
        for dx, dy in ((-0.95, -0.3), (-0.7, -0.85), (0, -1.08), (0.68, -0.82), (0.92, -0.32)):
            c.circle(x + dx * r, y + dy * r, 0.4 * r, color)
    elif style in ("spiky", "shaggy"):
        c.polygon(
            [
                (x + dx * r, y + dy * r)
                for dx, dy in (
                    (-1.05, -0.5),
                    (-0.95, -1.1),
                    (-0.5, -1.0),
                    (-0.3, -1.4),
                    (0.1, -1.08),
                    (0.5, -1.35),
                    (0.6, -0.95),
                    (1.05, -0.95),
                    (0.95, -0.3),
                )
            ],
            color,
        )


def _hat(c: Canvas, look: Look, x: float, y: float, r: float) -> None:
    """What is worn on the head, over the hair."""
    color, dark = look.hat_color, shade(look.hat_color, 0.74)
    if look.hat == "cap":
        c.half_disc(x, y - 0.25 * r, 1.1 * r, 1.0 * r, color)
        c.line(((x + 0.1 * r, y - 0.3 * r), (x + 1.6 * r, y - 0.22 * r)), 0.24 * r, dark)
    elif look.hat == "hat":
        c.half_disc(x, y - 0.4 * r, 0.95 * r, 1.15 * r, color)
        c.rect(x - 0.96 * r, y - 0.68 * r, x + 0.96 * r, y - 0.42 * r, dark)
        c.ellipse(x, y - 0.38 * r, 1.75 * r, 0.24 * r, color)
    elif look.hat == "winter hat":
        c.circle(x, y - 1.3 * r, 0.34 * r, WHITE)
        c.half_disc(x, y - 0.25 * r, 1.1 * r, 1.08 * r, color)
        c.line(((x - 0.98 * r, y - 0.3 * r), (x + 0.98 * r, y - 0.3 * r)), 0.36 * r, dark)
    else:
        c.line(((x - 0.95 * r, y - 0.2 * r), (x - 0.7 * r, y + 0.75 * r)), 0.12 * r, DARK)
        c.half_disc(x, y - 0.12 * r, 1.2 * r, 1.12 * r, color)
        for dx in (-0.45, 0.1, 0.6):
            c.line(((x + dx * r, y - 0.95 * r), (x + dx * 1.3 * r, y - 0.5 * r)), 0.16 * r, dark)


def draw_head(c: Canvas, look: Look, j: Joints) -> None:
    """Neck, hair, face, hat."""
    (x, y), (sx, sy), r, turn = j.head, j.shoulder, j.body.head, j.turn
    style = HAIR_STYLES[look.kind][look.hair_style]
    _hair_back(c, look, style, x, y, r, turn)
    c.line(((sx, sy), (x, y)), 0.56 * r, shade(look.skin, 0.88))
    if look.scarf_color:
        c.line(((sx - 0.5 * r, sy), (sx - 0.75 * r, sy + 1.5 * r)), 0.44 * r, shade(look.scarf_color, 0.82))
        c.line(((sx - 0.7 * r, sy - 0.02), (sx + 0.75 * r, sy - 0.02)), 0.5 * r, look.scarf_color)
    c.ellipse(x, y, 0.95 * r, 0.98 * r, look.skin)
    c.circle(x - (0.93 - 0.5 * turn) * r, y + 0.1 * r, 0.2 * r, shade(look.skin, 0.9))
    shift, ink = 0.3 * r * turn, DARK if sum(look.skin) > 250 else (18, 12, 12)
    if look.beard:
        c.half_disc(x + 0.3 * shift, y + 0.32 * r, 0.88 * r, 0.8 * r, look.hair, math.pi)
    eyes = ((x + shift - 0.36 * r, y + 0.04 * r), (x + shift + 0.36 * r, y + 0.04 * r))
    for ex, ey in eyes:
        if not look.beard:
            c.circle(ex - 0.1 * r + 0.2 * (ex - x), ey + 0.34 * r, 0.17 * r, mix(look.skin, (235, 90, 90), 0.3))
        if look.glasses:
            c.circle(ex, ey, 0.31 * r, DARK)
            c.circle(ex, ey, 0.22 * r, (235, 245, 250))
        if j.asleep:
            c.line(((ex - 0.16 * r, ey), (ex + 0.16 * r, ey)), 0.1 * r, ink)
        else:
            c.ellipse(ex, ey, 0.115 * r, 0.15 * r, ink)
    mx, my = x + 1.1 * shift, y + (0.56 if look.beard else 0.46) * r
    c.half_disc(mx, my - 0.02 * r, 0.27 * r, 0.22 * r, WHITE if look.beard else (165, 50, 50), math.pi)
    _hair_front(c, look, style, x, y, r, turn)
    if look.hat:
        _hat(c, look, x, y, r)


def draw_figure(c: Canvas, look: Look, j: Joints, lap: Callable[[], None] | None = None) -> None:
    """The whole person; `lap` draws what is held before the body, under the near arm."""
    if look.backpack_color and not j.swims:
        (sx, sy), w = j.shoulder, j.body.shoulder
        c.line(((sx - 0.75 * w, sy + 0.07), (j.hip[0] - 0.75 * w, j.hip[1] - 0.1)), 1.5 * w, look.backpack_color)
    draw_arm(c, look, j, front=False)
    if j.swims:
        c.half_disc(j.hip[0], 0.0, 1.05 * j.body.shoulder, -j.shoulder[1] + 0.02, look.top_color)
    else:
        draw_leg(c, look, j, front=False)
        draw_leg(c, look, j, front=True)
        draw_torso(c, look, j)
    draw_head(c, look, j)
    if lap:
        lap()
    draw_arm(c, look, j, front=True)
