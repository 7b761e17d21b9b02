"""Two widgets of the notebooks: step through a beam search, and take words from a caption one by one.

Both choose a name and a number and show what a plain function draws for them. Where ipywidgets is missing, on GitHub and
in a saved page, the first picture stands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from IPython.display import display


def beam_stepper(draw: Callable[[str, int], Any], tokens: Mapping[str, int], start: tuple[str, int]) -> None:
    """Show `draw(query, token)`, a beam search up to and with that token (from 1), and controls that change both.

    Args:
        draw: makes what is shown, a `Picture` for example.
        tokens: how many tokens the search of each query has.
        start: what is shown first, and what a saved page keeps.

    Raises ValueError for a start that does not exist.
    """
    _stepper(draw, tokens, start, 1, "Query", "Token")


def ambiguity_slider(draw: Callable[[str, int], Any], cuts: Mapping[str, int], start: tuple[str, int]) -> None:
    """Show `draw(query, cut)`, the search for a caption of which `cut` details (from 0) were taken away, and controls that
    change both. Arguments as for `beam_stepper`; `cuts` says how many details each query can lose."""
    _stepper(draw, {name: most + 1 for name, most in cuts.items()}, start, 0, "Caption", "Cuts")


def _stepper(
    draw: Callable[[str, int], Any], counts: Mapping[str, int], start: tuple[str, int], least: int, what: str, how_far: str
) -> None:
    name, number = start
    if name not in counts or not least <= number < least + counts[name]:
        raise ValueError(f"there is no {start}: start with one of {', '.join(map(repr, counts))} and a number from {least}")
    first = draw(name, number)
    try:
        import ipywidgets
    except ImportError:
        display(first)
        return
    narrow = {"description_width": "initial"}
    which = ipywidgets.Dropdown(
        options=list(counts),
        value=name,
        description=what,
        style=narrow,
        layout=ipywidgets.Layout(width="auto", max_width="100%"),
    )
    slider = ipywidgets.IntSlider(
        number, least, least + counts[name] - 1, description=how_far, continuous_update=False, style=narrow
    )
    display(ipywidgets.HBox([which, slider], layout=ipywidgets.Layout(flex_flow="row wrap")))
    shown = display(first, display_id=True)

    def show(change: dict[str, Any]) -> None:
        if change["owner"] is which:
            last = least + counts[which.value] - 1
            if slider.value > last:  # lowering `max` would move the slider and draw twice
                slider.unobserve(show, names="value")
                slider.value = last
                slider.observe(show, names="value")
            slider.max = last
        if shown is not None:
            shown.update(draw(which.value, slider.value))

    which.observe(show, names="value")
    slider.observe(show, names="value")
