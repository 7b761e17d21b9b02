"""Pictures with alt text, the live loss, the search box, the map, and what Colab gets installed."""

from __future__ import annotations

import base64
from io import BytesIO

import pytest
from matplotlib.figure import Figure
from PIL import Image

from gcr_tutorial.notebook_tools import colab
from gcr_tutorial.viz import widgets
from gcr_tutorial.viz.map import STEPS, method_map


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

    monkeypatch.setattr(widgets, "display", display)
    return things


@pytest.mark.parametrize("picture", [Figure(figsize=(1, 1)), Image.new("RGB", (40, 40), "red"), Image.new("RGBA", (8, 8))])
def test_picture_is_a_png_with_alt_text(picture):
    data, metadata = widgets.Picture(picture, "A red square.")._repr_mimebundle_()
    opened = Image.open(BytesIO(base64.b64decode(data["image/png"])))
    assert opened.format == "PNG" and opened.width >= 8
    assert (
        data["text/plain"] == metadata["image/png"]["alt"] == repr(widgets.Picture(picture, "A red square.")) == "A red square."
    )
    with pytest.raises(ValueError, match="alt text"):
        widgets.Picture(picture, " ")


def test_picture_keeps_flat_colours():
    image = Image.new("RGB", (64, 64), "#0072B2")
    image.paste("#D55E00", (0, 0, 32, 64))
    png = Image.open(BytesIO(widgets.Picture(image, "Two colours.").png)).convert("RGB")
    assert png.getpixel((5, 5)) == (0xD5, 0x5E, 0x00) and png.getpixel((60, 5)) == (0x00, 0x72, 0xB2)


def test_live_loss_keeps_every_step_and_draws_now_and_then(shown):
    live = widgets.LiveLoss(seconds=1e9)
    for step in range(1, 9):
        live("memorize", step, 8, 1.0 / step)
    assert live.losses == {"memorize": [1.0 / step for step in range(1, 9)]}
    assert len(shown) == 2  # the line, and the plot at the last step
    live.seconds = 0.0
    live("retrieve", 1, 4, 0.5)
    assert len(shown) == 2 and isinstance(shown[1], widgets.Picture)
    assert list(live.losses) == ["memorize", "retrieve"]


def test_live_loss_outside_a_notebook_only_records(capsys):
    live = widgets.LiveLoss(seconds=0.0)
    live("memorize", 1, 1, 0.25)
    assert live.losses == {"memorize": [0.25]}
    assert "training starts" in capsys.readouterr().out


def typed(monkeypatch, answer, note=None):
    """(text field, message, type-a-sentence function) of a search box."""
    import ipywidgets

    made = []
    real = ipywidgets.VBox
    monkeypatch.setattr(ipywidgets, "VBox", lambda children: made.append(children) or real(children))
    widgets.search_box(answer, "a cat", note=note)
    [(field, message)] = made
    return field, message


def test_search_box_answers_what_is_typed(monkeypatch, shown):
    field, message = typed(monkeypatch, lambda sentence: f"pictures of {sentence}", note=lambda sentence: f"<{sentence}>")
    assert shown[-1] == "pictures of a cat" and message.value == "&lt;a cat&gt;"
    field.value = "a dog"
    assert shown[-1] == "pictures of a dog" and message.value == "&lt;a dog&gt;"


def test_search_box_says_what_is_wrong_with_a_query_and_goes_on(monkeypatch, shown):
    def answer(sentence):
        if not sentence.strip():
            raise ValueError("the query is empty")
        return sentence

    field, message = typed(monkeypatch, answer)
    field.value = "  "
    assert message.value == "the query is empty" and shown[-1] == "a cat"
    field.value = "a dog"
    assert shown[-1] == "a dog" and message.value == ""


def test_search_box_without_ipywidgets_is_a_still_picture(monkeypatch, shown):
    import sys

    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    widgets.search_box(lambda sentence: f"pictures of {sentence}", "a cat")
    assert shown == ["pictures of a cat"]


def test_map_lights_the_named_steps():
    def frames(figure):
        return [patch.get_linewidth() > 1 for patch in figure.axes[0].patches if hasattr(patch, "get_boxstyle")]

    assert frames(method_map("memorize", "retrieve")) == [step in ("memorize", "retrieve") for step in STEPS]
    assert all(frames(method_map()))
    with pytest.raises(ValueError, match="backbone, identifiers"):
        method_map("training")


def test_colab_gets_only_what_it_lacks():
    wanted = [
        "numpy>=99",
        "torch>=99",
        "torchvision>=99",
        "ipywidgets>=99",
        "jupyterlab>=4",
        "pillow>=10",
        "bm25s>=0.2.7",
        "peft>=0.18,<1",
        "colorama; sys_platform == 'no-such'",
        "pytest>=8; extra == 'test'",
        "nvidia-cublas>=1",
    ]
    installed = {"numpy": "2.0", "pillow": "11.0", "peft": "0.10.0", "torch": "2.6"}
    assert colab.unmet(wanted, installed) == ["bm25s>=0.2.7", "peft<1,>=0.18"]
    assert colab.unmet(wanted, {**installed, "peft": "0.19", "bm25s": "0.3"}) == []


def test_colab_installs_rounds_without_dependencies_and_then_the_clone(monkeypatch):
    installed, ran = {"peft": "0.19"}, []

    def pip(command):
        ran.append(command)
        installed.update({line.partition(">")[0]: "9.0" for line in command[command.index("--no-deps") + 1 :]})
        return type("Done", (), {"returncode": 0})

    needs = {"bm25s": ["numpy>=1", "numba>=1"]}
    monkeypatch.setattr(colab, "declared_requirements", lambda: ["torch>=2", "bm25s>=0.2", "peft>=0.18"])
    monkeypatch.setattr(colab, "installed_versions", lambda: dict(installed))
    monkeypatch.setattr(colab.metadata, "requires", lambda name: needs.get(name))
    monkeypatch.setattr(colab.subprocess, "run", pip)
    assert colab.main() == 0
    assert [command[command.index("--no-deps") + 1 :] for command in ran] == [
        ["bm25s>=0.2"],
        ["numba>=1"],
        ["-e", str(colab.ROOT)],
    ]
