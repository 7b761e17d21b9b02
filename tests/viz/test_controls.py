"""The search box, the beam stepper and the ambiguity slider: controls over a plain function; without ipywidgets, a picture."""

from __future__ import annotations

import sys

import pytest

from gcr_tutorial.viz import controls


class Handle:
    """Stands in for IPython's display handle."""

    def __init__(self, shown: list) -> None:
        self.shown = shown

    def update(self, thing) -> None:
        self.shown.append(thing)


@pytest.fixture
def shown(monkeypatch) -> list:
    """What was displayed or updated, in order."""
    things: list = []

    def display(thing, display_id=None):
        things.append(thing)
        return Handle(things) if display_id else None

    monkeypatch.setattr(controls, "display", display)
    return things


def draw(name, number):
    return f"{name} {number}"


def test_slider_and_choice_draw_again_and_once(shown):
    controls.beam_stepper(draw, {"a cat": 5, "a dog": 3}, start=("a cat", 5))
    which, slider = shown[0].children
    assert shown[1:] == ["a cat 5"] and (slider.min, slider.max, slider.value) == (1, 5, 5)
    slider.value = 4
    assert shown[2:] == ["a cat 4"]
    which.value = "a dog"  # has fewer tokens: the slider moves, and one picture is drawn
    assert shown[3:] == ["a dog 3"] and (slider.max, slider.value) == (3, 3)
    which.value = "a cat"
    assert shown[4:] == ["a cat 3"] and slider.max == 5
    slider.value = 1
    assert shown[5:] == ["a cat 1"]


def test_cuts_start_at_zero(shown):
    controls.ambiguity_slider(draw, {"a cat in the rain": 1, "a dog": 0}, start=("a cat in the rain", 0))
    which, slider = shown[0].children
    assert (slider.min, slider.max, slider.value) == (0, 1, 0) and shown[1] == "a cat in the rain 0"
    which.value = "a dog"
    assert (slider.min, slider.max) == (0, 0) and shown[-1] == "a dog 0"


@pytest.mark.parametrize(
    ("stepper", "start"),
    [
        (controls.beam_stepper, ("a cat", 0)),
        (controls.beam_stepper, ("a cat", 6)),
        (controls.ambiguity_slider, ("a cat", 6)),
        (controls.beam_stepper, ("a bird", 1)),
    ],
)
def test_a_start_that_does_not_exist_is_refused(stepper, start, shown):
    with pytest.raises(ValueError, match="'a cat'"):
        stepper(draw, {"a cat": 5}, start)
    assert shown == []


def test_without_ipywidgets_a_still_picture(monkeypatch, shown):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    controls.ambiguity_slider(draw, {"a cat": 2}, start=("a cat", 1))
    assert shown == ["a cat 1"]


def typed(monkeypatch, answer, note=None):
    """(text field, message, type-a-sentence function) of a search box."""
    import ipywidgets

    made = []
    real = ipywidgets.VBox
    monkeypatch.setattr(ipywidgets, "VBox", lambda children: made.append(children) or real(children))
    controls.search_box(answer, "a cat", note=note)
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
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    controls.search_box(lambda sentence: f"pictures of {sentence}", "a cat")
    assert shown == ["pictures of a cat"]
