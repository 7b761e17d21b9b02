"""Widgets of the notebooks: a search box, a beam search step by step, a caption that loses its details one by one.

Each shows what a plain function draws, and draws again when a reader changes something. Where ipywidgets is missing, on
GitHub and in a saved page, the first picture is all that is shown.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from IPython.display import display

from gcr_tutorial.errors import UserValueError


def show_with_controls(first: Any, make_controls: Callable[[ModuleType, Callable[[Any], None]], Any]) -> None:
    """Show `first`, and above it a widget that may replace it; without ipywidgets only `first`.

    `make_controls(ipywidgets, show)` makes the widget; `show(picture)` puts another picture in the place of the first.
    """
    try:
        import ipywidgets
    except ImportError:
        display(first)
        return
    handle = None

    def show(picture: Any) -> None:
        if handle is not None:  # None outside a notebook
            handle.update(picture)

    display(make_controls(ipywidgets, show))
    handle = display(first, display_id=True)


def search_box(answer: Callable[[str], Any], start: str, note: Callable[[str], str] | None = None) -> None:
    """Show `answer(start)` and above it a text field: a sentence typed there, then Enter, replaces the picture.

    Args:
        answer: makes what is shown from a sentence; the text of a ValueError that it raises is shown as a message.
        start: the first sentence, and what a saved page keeps.
        note: makes a message about a sentence, shown beside the text field.
    """

    def message_on(sentence: str) -> str:
        return "" if note is None else html.escape(note(sentence))

    def make_controls(ipywidgets: ModuleType, show: Callable[[Any], None]) -> Any:
        field = ipywidgets.Text(
            value=start,
            description="Search",
            placeholder="type a sentence, then Enter",
            continuous_update=False,
            layout=ipywidgets.Layout(width="40em", max_width="100%"),
        )
        message = ipywidgets.HTML(message_on(start))

        def changed(change: dict[str, Any]) -> None:
            message.value = "searching ..."
            try:
                show(answer(change["new"]))
                message.value = message_on(change["new"])
            except ValueError as error:
                message.value = html.escape(str(error))

        field.observe(changed, names="value")
        return ipywidgets.VBox([field, message])

    show_with_controls(answer(start), make_controls)


def beam_stepper(draw: Callable[[str, int], Any], tokens: Mapping[str, int], start: tuple[str, int]) -> None:
    """Show `draw(query, token)`, a beam search up to and with that token (from 1), and controls that change both.

    Args:
        draw: makes what is shown, a `Picture` for example.
        tokens: how many tokens the search of each query has.
        start: what is shown first, and what a saved page keeps.

    Raises ValueError for a start that does not exist.
    """
    _name_and_number(draw, tokens, start, 1, "Query", "Token")


def ambiguity_slider(draw: Callable[[str, int], Any], cuts: Mapping[str, int], start: tuple[str, int]) -> None:
    """Show `draw(query, cut)`, the search for a caption of which `cut` details (from 0) were taken away, and controls that
    change both. Arguments as for `beam_stepper`; `cuts` says how many details each query can lose."""
    _name_and_number(draw, {name: most + 1 for name, most in cuts.items()}, start, 0, "Caption", "Cuts")


def _name_and_number(
    draw: Callable[[str, int], Any],
    counts: Mapping[str, int],
    start: tuple[str, int],
    least: int,
    name_label: str,
    number_label: str,
) -> None:
    """A menu of names and a slider of `counts[name]` numbers from `least` on, over what `draw` makes of both."""
    name, number = start
    if name not in counts or not least <= number < least + counts[name]:
        raise UserValueError(f"there is no {start}: start with one of {', '.join(map(repr, counts))} and a number from {least}")

    def make_controls(ipywidgets: ModuleType, show: Callable[[Any], None]) -> Any:
        narrow, wide = {"description_width": "initial"}, ipywidgets.Layout(width="auto", max_width="100%")
        menu = ipywidgets.Dropdown(options=list(counts), value=name, description=name_label, style=narrow, layout=wide)
        last = least + counts[name] - 1
        slider = ipywidgets.IntSlider(number, least, last, description=number_label, continuous_update=False, style=narrow)

        def changed(change: dict[str, Any]) -> None:
            if change["owner"] is menu:
                last = least + counts[menu.value] - 1
                if slider.value > last:  # lowering `max` would move the slider and draw twice
                    slider.unobserve(changed, names="value")
                    slider.value = last
                    slider.observe(changed, names="value")
                slider.max = last
            show(draw(menu.value, slider.value))

        for control in (menu, slider):
            control.observe(changed, names="value")
        return ipywidgets.HBox([menu, slider], layout=ipywidgets.Layout(flex_flow="row wrap"))

    show_with_controls(draw(name, number), make_controls)
