"""Pictures with alt text, the live loss, and the map of the method."""

from __future__ import annotations

import base64
from io import BytesIO

import pytest
from matplotlib.figure import Figure
from PIL import Image

from gcr_tutorial.viz import live as live_outputs
from gcr_tutorial.viz.method import STEPS, method_map


class Handle:
    """Stands in for IPython's display handle; remembers what it showed."""

    def __init__(self, shown: list) -> None:
        self.shown = shown

    def update(self, thing) -> None:
        self.shown[-1] = thing


@pytest.fixture
def shown(monkeypatch) -> list:
    """What was displayed, in order; an update replaces the last."""
    things: list = []

    def display(thing, display_id=None):
        things.append(thing)
        return Handle(things) if display_id else None

    monkeypatch.setattr(live_outputs, "display", display)
    return things


@pytest.mark.parametrize("picture", [Figure(figsize=(1, 1)), Image.new("RGB", (40, 40), "red"), Image.new("RGBA", (8, 8))])
def test_picture_is_a_png_with_alt_text(picture):
    data, metadata = live_outputs.Picture(picture, "A red square.")._repr_mimebundle_()
    opened = Image.open(BytesIO(base64.b64decode(data["image/png"])))
    assert opened.format == "PNG" and opened.width >= 8
    assert (
        data["text/plain"]
        == metadata["image/png"]["alt"]
        == repr(live_outputs.Picture(picture, "A red square."))
        == "A red square."
    )
    with pytest.raises(ValueError, match="alt text"):
        live_outputs.Picture(picture, " ")


def test_picture_keeps_flat_colours():
    image = Image.new("RGB", (64, 64), "#0072B2")
    image.paste("#D55E00", (0, 0, 32, 64))
    png = Image.open(BytesIO(live_outputs.Picture(image, "Two colours.").png)).convert("RGB")
    assert png.getpixel((5, 5)) == (0xD5, 0x5E, 0x00) and png.getpixel((60, 5)) == (0x00, 0x72, 0xB2)


def test_live_loss_keeps_every_step_and_draws_now_and_then(shown):
    live = live_outputs.LiveLoss(seconds=1e9)
    for step in range(1, 9):
        live("memorize", step, 8, 1.0 / step)
    assert live.losses == {"memorize": [1.0 / step for step in range(1, 9)]}
    assert len(shown) == 2  # the line, and the plot at the last step
    live.seconds = 0.0
    live("retrieve", 1, 4, 0.5)
    assert len(shown) == 2 and isinstance(shown[1], live_outputs.Picture)
    assert list(live.losses) == ["memorize", "retrieve"]


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time that the live loss reads, in seconds; a test changes it."""
    now = [1000.0]
    monkeypatch.setattr(live_outputs.time, "monotonic", lambda: now[0])
    return now


def said(shown) -> str:
    return repr(next(thing for thing in shown if isinstance(thing, live_outputs.Line)))


@pytest.fixture
def outputs(monkeypatch) -> dict:
    """What each display handle shows now."""
    shown: dict[int, object] = {}

    class Handle:
        def __init__(self, thing) -> None:
            self.update(thing)

        def update(self, thing) -> None:
            shown[id(self)] = thing

    handles = []

    def display(thing, display_id=None):
        handles.append(Handle(thing))
        return handles[-1]

    monkeypatch.setattr(live_outputs, "display", display)
    return shown


def test_live_loss_counts_from_its_first_step(outputs, clock):
    live = live_outputs.LiveLoss(seconds=0.0)
    clock[0] += 240  # other cells run, or a busy machine prepares the training
    for step in range(1, 6):
        live("memorize", step, 5, 1.0)
        clock[0] += 2
    assert said(outputs.values()).endswith("done; 8 s since the start")
    clock[0] += 100
    live("retrieve", 1, 3, 1.0)
    clock[0] += 5
    live("retrieve", 2, 3, 1.0)
    assert "about 5 s of it left" in said(outputs.values())


def test_live_loss_can_be_used_again_after_a_cell_was_stopped(outputs, clock):
    live = live_outputs.LiveLoss(seconds=0.0)
    for stage in ("memorize", "retrieve"):
        for step in (1, 2, 3):
            live(stage, step, 9, 0.5)
    clock[0] += 3600
    live("retrieve", 1, 2, 0.25)  # only the second stage is trained anew
    clock[0] += 4
    live("retrieve", 2, 2, 0.125)
    assert live.losses == {"memorize": [0.5] * 3, "retrieve": [0.25, 0.125]}
    assert said(outputs.values()).endswith("4 s since the start")
    live("memorize", 1, 2, 0.75)  # then everything
    assert live.losses == {"memorize": [0.75]}
    live("memorize", 2, 2, 0.5)
    live("retrieve", 5, 9, 0.5)  # a stage that goes on from a checkpoint
    live("retrieve", 6, 9, 0.5)
    assert live.losses == {"memorize": [0.75, 0.5], "retrieve": [0.5, 0.5]}


def test_a_status_line_can_be_used_again(outputs):
    progress = live_outputs.status_line()
    for text in ("1 of 2", "interrupted", "1 of 2", "2 of 2"):
        progress(text)
    assert [repr(line) for line in outputs.values()] == ["2 of 2"]


def test_live_loss_outside_a_notebook_only_records(capsys):
    live = live_outputs.LiveLoss(seconds=0.0)
    live("memorize", 1, 1, 0.25)
    assert live.losses == {"memorize": [0.25]}
    assert "training starts" in capsys.readouterr().out


def test_map_lights_the_named_steps():
    def frames(figure):
        return [patch.get_linewidth() > 1 for patch in figure.axes[0].patches if hasattr(patch, "get_boxstyle")]

    assert frames(method_map("memorize", "retrieve")) == [step in ("memorize", "retrieve") for step in STEPS]
    assert all(frames(method_map()))
    with pytest.raises(ValueError, match="backbone, identifiers"):
        method_map("training")
