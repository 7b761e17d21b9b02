"""Drawings: each thing in its box and in its colour, each activity, time and weather different, all to be seen."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from gcr_tutorial.picturebook import Entity, Scene, render, sample_scene, scene_seed
from gcr_tutorial.picturebook.__main__ import main
from gcr_tutorial.picturebook.activities import draw_person
from gcr_tutorial.picturebook.canvas import Canvas, mix, shade
from gcr_tutorial.picturebook.catalogue import ACTIVITIES, SETTINGS, THINGS
from gcr_tutorial.picturebook.colors import COLORS
from gcr_tutorial.picturebook.people import HAIR_STYLES, Look
from gcr_tutorial.picturebook.poses import BODIES, Pose, solve
from gcr_tutorial.picturebook.sampling import HEIGHT, bounds
from gcr_tutorial.picturebook.scene import PEOPLE

PAPER = (1, 254, 253)  # a background that no drawing uses
SIZE = 96
LOOK = Look("man", (224, 172, 125), (92, 58, 33), 0, "shirt", COLORS["blue"], "pants", COLORS["green"])


def draw_thing(kind: str, color: str, pose: str | None = None, v: float = 0.3) -> tuple[np.ndarray, float]:
    """The thing alone on paper, standing at (0.5, 0.9), and its scale."""
    thing = THINGS[kind]
    scale = min(0.8 / thing.width, 0.8 / thing.height)
    canvas = Canvas(SIZE, PAPER, supersample=1)
    with canvas.frame(0.5, 0.9, scale):
        thing.draw(canvas, COLORS[color], pose or thing.poses[0], v)
    return np.asarray(canvas.image()).astype(int), scale


def draw_doer(activity: str, look: Look = LOOK, color: str = "red", v: float = 0.3) -> np.ndarray:
    """Someone doing the activity, alone on paper, at (0.5, 0.8), 0.35 pages tall if adult."""
    canvas = Canvas(SIZE, PAPER, supersample=1)
    with canvas.frame(0.5, 0.8, 0.35):
        draw_person(canvas, look, activity, COLORS[color], v)
    return np.asarray(canvas.image()).astype(int)


def inked(pixels: np.ndarray) -> np.ndarray:
    return (pixels != PAPER).any(-1)


def ink_box(pixels: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what is drawn, in page units."""
    ys, xs = np.nonzero(inked(pixels))
    return xs.min() / SIZE, ys.min() / SIZE, (xs.max() + 1) / SIZE, (ys.max() + 1) / SIZE


def page(scene: Scene, size: int = SIZE) -> np.ndarray:
    return np.asarray(render(scene, size)).astype(int)


def differing(a: np.ndarray, b: np.ndarray, by: int = 12) -> int:
    """How many pixels differ visibly."""
    return int((np.abs(a - b).max(-1) > by).sum())


# The canvas


def test_shades_and_mixtures():
    assert shade((100, 200, 50), 0.5) == (50, 100, 25) and shade((100, 200, 50), 2.0) == (255, 255, 255)
    assert shade((10, 20, 30), 1.0) == (10, 20, 30)
    assert mix((0, 0, 0), (100, 200, 50), 0.25) == (25, 50, 12)


def test_shapes_cover_their_area():
    for draw, area in (
        (lambda c: c.circle(0.5, 0.5, 0.3, (0, 0, 0)), math.pi * 0.09),
        (lambda c: c.ellipse(0.5, 0.5, 0.4, 0.2, (0, 0, 0), 0.7), math.pi * 0.08),
        (lambda c: c.half_disc(0.5, 0.7, 0.3, 0.3, (0, 0, 0)), math.pi * 0.045),
        (lambda c: c.rect(0.1, 0.2, 0.5, 0.7, (0, 0, 0)), 0.2),
        (lambda c: c.line(((0.2, 0.5), (0.8, 0.5)), 0.1, (0, 0, 0), caps=False), 0.06),
    ):
        canvas = Canvas(100)
        draw(canvas)
        covered = 1 - np.asarray(canvas.image()).mean() / 255
        assert covered == pytest.approx(area, rel=0.06)


def test_frames_place_scale_flip_and_turn():
    canvas = Canvas(100, supersample=1)
    with canvas.frame(0.5, 0.5, 0.2, flip=True):
        with canvas.frame(1.0, 0.0, angle=math.pi / 2):  # flipped: to the left; turned: its x runs down
            canvas.rect(0, -0.1, 1, 0.1, (0, 0, 0))
    canvas.rect(0.9, 0.9, 1.0, 1.0, (255, 0, 0))  # back in the page's own frame
    pixels = np.asarray(canvas.image())
    ys, xs = np.nonzero((pixels == 0).all(-1))
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == pytest.approx((28, 32, 50, 70), abs=1)
    assert tuple(pixels[95, 95]) == (255, 0, 0)


def test_a_frame_is_left_after_an_error():
    canvas = Canvas(10)
    with pytest.raises(ZeroDivisionError), canvas.frame(0.5, 0.5, 0.1):
        1 / 0
    canvas.rect(0, 0, 1, 1, (0, 0, 0))
    assert not np.asarray(canvas.image()).any()


# Things


@pytest.mark.parametrize("kind", THINGS)
def test_a_thing_stays_in_its_box_and_fills_it(kind):
    thing = THINGS[kind]
    for pose in thing.poses:
        for v in (0.0, 0.5, 0.95):
            pixels, scale = draw_thing(kind, (thing.colors or ("gray",))[0], pose, v)
            left, top, right, bottom = ((edge - at) / scale for edge, at in zip(ink_box(pixels), (0.5, 0.9, 0.5, 0.9)))
            slack = 0.05 * max(thing.width, thing.height) + 1.5 / SIZE / scale
            assert -thing.width / 2 - slack <= left and right <= thing.width / 2 + slack
            assert -thing.height - slack <= top and bottom <= 0.03 + slack
            assert right - left > 0.6 * thing.width and bottom - top > 0.6 * thing.height


@pytest.mark.parametrize("kind", [kind for kind, thing in THINGS.items() if thing.colors])
def test_a_coloured_thing_shows_its_colour(kind):
    drawn = {color: draw_thing(kind, color)[0] for color in THINGS[kind].colors}
    for color, pixels in drawn.items():
        ink = pixels[inked(pixels)]
        close = (np.abs(ink - COLORS[color]).max(-1) <= 24).mean()
        assert close > 0.15, (color, close)
    for a, b in combinations(drawn, 2):
        assert differing(drawn[a], drawn[b]) > 0.25 * inked(drawn[a]).sum(), (a, b)


@pytest.mark.parametrize("kind", [kind for kind, thing in THINGS.items() if not thing.colors])
def test_a_thing_with_colours_of_its_own_ignores_the_argument(kind):
    assert np.array_equal(draw_thing(kind, "red")[0], draw_thing(kind, "green")[0])


def test_kinds_look_different():
    drawn = {kind: draw_thing(kind, "red")[0][::3, ::3] for kind in THINGS}
    for a, b in combinations(THINGS, 2):
        both = inked(drawn[a]) | inked(drawn[b])
        assert differing(drawn[a], drawn[b]) > 0.1 * both.sum(), (a, b)


def test_poses_look_different():
    for kind, thing in THINGS.items():
        for a, b in combinations([p for p in thing.poses if p != "parked"], 2):
            assert differing(draw_thing(kind, "black", a)[0], draw_thing(kind, "black", b)[0]) > 30, (kind, a, b)


# People


def test_activities_differ_from_standing_and_from_each_other():
    drawn = {activity: draw_doer(activity) for activity in ACTIVITIES}
    standing = inked(drawn["standing"]).sum()
    for a, b in combinations(ACTIVITIES, 2):
        assert differing(drawn[a], drawn[b]) > 0.15 * standing, (a, b)


@pytest.mark.parametrize("kind", PEOPLE)
def test_a_person_stays_in_the_box_of_the_activity(kind):
    dressed = replace(LOOK, kind=kind, top="dress", hat="winter hat", hat_color=COLORS["red"], hair_style=2)
    for activity in (a for a, act in ACTIVITIES.items() if kind in act.kinds):
        box = bounds(Entity(kind, 0.5, 0.8, 0.35, pose=activity))
        for look, v in ((replace(LOOK, kind=kind), 0.0), (dressed, 0.95)):
            drawn = ink_box(draw_doer(activity, look, v=v))
            slack = 0.08 * 0.35 * HEIGHT[kind] + 1.5 / SIZE
            assert drawn[0] >= box[0] - slack and drawn[2] <= box[2] + slack, activity
            assert drawn[1] >= box[1] - slack and drawn[3] <= box[3] + 2 * slack, activity  # oars reach under water


def test_the_colour_of_a_prop_shows():
    for activity in ACTIVITIES:
        red, green = draw_doer(activity, color="red"), draw_doer(activity, color="green")
        if ACTIVITIES[activity].prop is None:
            assert np.array_equal(red, green), activity
        else:
            assert differing(red, green) > 30, activity
            assert (np.abs(red - COLORS["red"]).max(-1) <= 24).sum() > 15, activity


def test_clothes_hats_and_hair_show():
    plain = draw_doer("standing")
    for change in (
        {"top": "coat"},
        {"top": "sweater"},
        {"top": "jacket"},
        {"top": "dress"},
        {"bottom": "shorts"},
        {"bottom": "skirt"},
        {"top_color": COLORS["red"]},
        {"bottom_color": COLORS["red"]},
        {"skin": (92, 56, 36)},
        {"hair": (233, 196, 106)},
        {"glasses": True},
        {"beard": True},
        {"backpack_color": COLORS["red"]},
        {"scarf_color": COLORS["red"]},
        *({"kind": kind} for kind in ("woman", "boy", "girl")),
    ):
        assert differing(plain, draw_doer("standing", replace(LOOK, **change))) >= 8, change
    for kind in PEOPLE:
        for a, b in combinations(range(len(HAIR_STYLES[kind])), 2):
            styles = [draw_doer("standing", replace(LOOK, kind=kind, hair_style=style)) for style in (a, b)]
            assert differing(*styles) >= 4, (kind, a, b)
        hats = [
            draw_doer("standing", replace(LOOK, kind=kind, hat=hat, hat_color=COLORS["red"]))
            for hat in ("cap", "hat", "winter hat", "helmet")
        ]
        assert all(differing(a, b) >= 10 for a, b in combinations(hats, 2))


def test_joints_keep_the_lengths_of_limbs():
    for kind, body in BODIES.items():
        assert body.scale == HEIGHT[kind]
        for activity, act in ACTIVITIES.items():
            joints = solve(kind, act.pose)
            for limb, length in (
                (joints.arm_back, body.arm),
                (joints.arm_front, body.arm),
                (joints.leg_back, body.leg),
                (joints.leg_front, body.leg),
            ):
                for a, b in zip(limb, limb[1:]):
                    assert math.dist(a, b) == pytest.approx(length / 2), (kind, activity)
            if not act.pose.swims:
                assert max(joints.leg_back[2][1], joints.leg_front[2][1]) <= 0, (kind, activity)
    lifted, grounded = solve("man", Pose(lift=0.2)), solve("man", Pose())
    assert lifted.hip[1] == pytest.approx(grounded.hip[1] - 0.2)


# Pages


def test_a_page_is_the_same_again_and_has_its_size():
    scene = sample_scene(scene_seed("tutorial", 0, 0))
    for size in (64, 96, 256):
        picture = render(scene, size)
        assert picture.size == (size, size) and picture.mode == "RGB"
        assert picture.tobytes() == render(scene, size).tobytes()


def test_sizes_show_the_same_scene():
    for i in range(10):
        scene = sample_scene(scene_seed("tutorial", 0, i))
        small, large = page(scene, 64), np.asarray(render(scene, 256).reduce(4)).astype(int)
        assert np.abs(small - large).mean() < 8


def test_flipping_a_thing_mirrors_it():
    scene = Scene(0, "park", "day", "clear", (Entity("dog", 0.5, 0.8, 0.4, color="black"),))
    empty, right = page(replace(scene, entities=())), page(scene)
    left = page(replace(scene, entities=(replace(scene.entities[0], flip=True),)))
    here, mirrored = (np.abs(p - empty).max(-1) > 12 for p in (right, left))
    assert (here != mirrored).sum() > 50
    assert (here[:, ::-1] != mirrored).sum() < 0.15 * here.sum()


@pytest.mark.parametrize("setting", SETTINGS)
def test_times_and_weathers_look_different(setting):
    place = SETTINGS[setting]
    scene = Scene(0, setting, "day", "clear", (Entity("boy", 0.5, 0.9, 0.4, wears=(("shirt", "red"),)),), 0.4)
    times = [page(replace(scene, time=time)) for time in place.times]
    for a, b in combinations(times, 2):
        assert differing(a, b, by=10) > 0.025 * SIZE**2
    for time in place.times:
        weathers = [page(replace(scene, time=time, weather=weather)) for weather in place.weathers]
        assert len(weathers) == 1 or not place.indoor
        for a, b in combinations(weathers, 2):
            assert differing(a, b, by=10) > 0.015 * SIZE**2
    assert times[-1].mean() < times[0].mean()  # night is darker


def test_settings_look_different():
    pages = {setting: page(Scene(0, setting, "day", "clear")) for setting in SETTINGS}
    for a, b in combinations(SETTINGS, 2):
        assert differing(pages[a], pages[b]) > 0.2 * SIZE**2, (a, b)


def test_a_row_shows_as_many_as_it_counts():
    scene = Scene(0, "park", "day", "clear", (Entity("pumpkin", 0.5, 0.8, 0.3),))
    empty, areas = page(replace(scene, entities=())), []
    for count in (1, 2, 3):
        areas.append(differing(empty, page(replace(scene, entities=(replace(scene.entities[0], count=count),)))))
    assert areas[1] / areas[0] == pytest.approx(2, rel=0.1) and areas[2] / areas[0] == pytest.approx(3, rel=0.1)


def test_everything_in_a_scene_can_be_seen_at_the_models_resolution():
    """Taking any entity away, or painting any told colour anew, changes enough of the page's 96 x 96 pixels."""
    for i in range(60):
        scene = sample_scene(scene_seed("tutorial", 0, i))
        whole, all_of_it = page(scene), scene.entities

        def changed(at: int, *instead: Entity) -> int:
            return differing(whole, page(replace(scene, entities=(*all_of_it[:at], *instead, *all_of_it[at + 1 :]))))

        for at, entity in enumerate(all_of_it):
            assert changed(at) >= 50, (scene.seed, entity)
            for n, (garment, color) in enumerate(entity.wears):
                other = (garment, "green" if color != "green" else "purple")
                assert changed(at, replace(entity, wears=(*entity.wears[:n], other, *entity.wears[n + 1 :]))) >= 10
            for field in ("color", "prop_color"):
                if color := getattr(entity, field):
                    assert changed(at, replace(entity, **{field: "green" if color != "green" else "purple"})) >= 25


# The contact sheet


def test_contact_sheet(tmp_path, capsys):
    path = tmp_path / "new" / "sheet.png"
    assert main([str(path), "--count", "5", "--size", "40", "--columns", "3"]) == 0
    sheet = Image.open(path)
    assert sheet.size == (3 * 44 + 4, 2 * 44 + 4) and "5 scenes" in capsys.readouterr().out
    first = sheet.crop((4, 4, 44, 44))
    assert first.tobytes() == render(sample_scene(scene_seed("tutorial", 0, 0)), 40).tobytes()
    assert [p.name for p in path.parent.iterdir()] == ["sheet.png"]


@pytest.mark.parametrize(
    "arguments",
    [["sheet.jpg"], ["sheet.png", "--count", "0"], ["sheet.png", "--size", "-3"], ["sheet.png", "--world", "other"], []],
)
def test_contact_sheet_refuses_bad_arguments(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "error" in capsys.readouterr().err and not list(tmp_path.iterdir())
