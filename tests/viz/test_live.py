"""Pictures with alt text, the live loss, and the map of the method."""

from __future__ import annotations

import base64
from io import BytesIO

import pytest
from matplotlib.figure import Figure
from PIL import Image

from gcr_tutorial.viz import live as live_outputs
from gcr_tutorial.viz.method_map import STEPS, method_map


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
