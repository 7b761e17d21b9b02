"""What moves in a notebook: pictures with alt text, a loss curve that grows while training, a search box.

Everything falls back to a still picture: on GitHub, in CI and where ipywidgets is missing, that is what people see.
"""

from __future__ import annotations

import base64
import html
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image

from gcr_tutorial.viz.pictures import loss_figure


class Picture:
    """A figure or an image as a notebook shows it: PNG with alt text, which is also its plain-text form.

    Leave it as the last expression of a cell, or `display` it; no plotting backend is needed.
    """

    def __init__(self, picture: Figure | Image.Image, alt: str) -> None:
        if not alt.strip():
            raise ValueError("a picture needs alt text: say in a sentence what it shows")
        if isinstance(picture, Figure):
            drawn = BytesIO()
            picture.savefig(drawn, format="png")
            picture = Image.open(drawn)
        # 256 colours, without a grain of dots: a third of the size in the saved notebook.
        small = picture.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        stream = BytesIO()
        small.save(stream, format="png", optimize=True)
        self.png, self.alt = stream.getvalue(), alt

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        data = {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt}}

    def __repr__(self) -> str:
        return self.alt


class Line:
    """One line of plain text that can be updated in place (a string would be shown in quotes)."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def status_line() -> Callable[[str], None]:
    """A function that shows its text on one line, each time in the place of the last: for `progress=` arguments."""
    handle = display(Line(""), display_id=True)
    return print if handle is None else lambda text: handle.update(Line(text))


class LiveLoss:
    """A loss plot and one progress line, both updated in place: give it to `fine_tune(progress=...)`.

    `losses` holds every step's loss by stage. Draws at most every `seconds`, so that it costs training next to nothing.
    """

    def __init__(self, seconds: float = 1.5) -> None:
        self.seconds, self.losses = seconds, {}
        self._began = self._stage_began = self._drawn = time.monotonic()
        self._line = display(Line("training starts ..."), display_id=True)
        self._plot = None

    def __call__(self, stage: str, step: int, total: int, loss: float) -> None:
        now = time.monotonic()
        if stage not in self.losses:
            self._stage_began = now  # its first step is not counted in the time left
        self.losses.setdefault(stage, []).append(loss)
        if step < total and now - self._drawn < self.seconds:
            return
        left = (now - self._stage_began) / max(1, step - 1) * (total - step)
        state = f"about {left:.0f} s of it left" if step < total else "done"
        self._show(f"{stage}: step {step} of {total}, loss {loss:.3f}, {state}; {now - self._began:.0f} s since the start")
        self._drawn = time.monotonic()

    def _show(self, text: str) -> None:
        if self._line is None:  # outside a notebook
            return
        self._line.update(Line(text))
        picture = Picture(loss_figure(self.losses), "Training loss against training step, one line for each stage.")
        if self._plot is None:
            self._plot = display(picture, display_id=True)
        else:
            self._plot.update(picture)


def search_box(answer: Callable[[str], Any], start: str, note: Callable[[str], str] | None = None) -> None:
    """Show `answer(start)` and above it a text field: a sentence typed there, then Enter, replaces the picture.

    `answer` makes what is shown from a sentence; a ValueError it raises is shown as a message, as is what `note`
    returns. Without ipywidgets the still picture stands alone.
    """
    first = answer(start)
    try:
        import ipywidgets
    except ImportError:
        display(first)
        return
    field = ipywidgets.Text(
        value=start,
        description="Search",
        placeholder="type a sentence, then Enter",
        continuous_update=False,
        layout=ipywidgets.Layout(width="40em", max_width="100%"),
    )
    message = ipywidgets.HTML(_said(note, start))
    display(ipywidgets.VBox([field, message]))
    shown = display(first, display_id=True)

    def changed(change: dict[str, Any]) -> None:
        message.value = "searching ..."
        try:
            picture, said = answer(change["new"]), _said(note, change["new"])
        except ValueError as error:
            message.value = html.escape(str(error))
            return
        if shown is not None:
            shown.update(picture)
        message.value = said

    field.observe(changed, names="value")


def _said(note: Callable[[str], str] | None, sentence: str) -> str:
    return "" if note is None else html.escape(note(sentence))
