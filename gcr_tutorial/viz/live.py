"""Outputs of a notebook's cell: pictures with alt text, a status line, and a loss curve, the latter two updated in place."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.viz.training_curves import loss_figure


class Picture:
    """A figure or an image as a notebook shows it: PNG with alt text, which is also its plain-text form.

    Make it the last expression of a cell, or `display` it; no plotting backend is needed. `png` holds the bytes of the PNG
    file. Raises ValueError where the alt text is empty.
    """

    def __init__(self, picture: Figure | Image.Image, alt: str) -> None:
        if not alt.strip():
            raise UserValueError("a picture needs alt text: say in a sentence what it shows")
        if isinstance(picture, Figure):
            drawn = BytesIO()
            picture.savefig(drawn, format="png")
            picture = Image.open(drawn)
        # 256 colours without dithering take a third of the space in the saved notebook.
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
    """One line of plain text as the output of a cell (a string would be shown in quotes)."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def status_line() -> Callable[[str], None]:
    """A function for `progress=` arguments: it shows a text on one line, and replaces the text that it showed before.

    The function can be given to several calls, and again after an interrupted one.
    """
    handle = display(Line(""), display_id=True)
    return print if handle is None else lambda text: handle.update(Line(text))


class LiveLoss:
    """A loss plot and one progress line, both updated in place: give it to `fine_tune(progress=...)`.

    `losses` holds every step's loss (nats a token) by stage. Seconds are counted from the first step that is reported. A
    stage that starts anew, as after an interrupted cell, replaces what was recorded of it and of the stages after it.

    Args:
        seconds: least time between two drawings of the plot, so that they hardly slow down training.
    """

    def __init__(self, seconds: float = 1.5) -> None:
        self.seconds, self.losses = seconds, {}
        self._began = self._stage_began = self._drawn = 0.0
        self._first_step = self._last_step = 0
        self._line = display(Line("training starts ..."), display_id=True)  # None outside a notebook
        self._plot = None

    def __call__(self, stage: str, step: int, total: int, loss: float) -> None:
        """Record the loss of `step` (of `total`, from 1) of a stage, and show it where the last drawing is old enough."""
        now = time.monotonic()
        again = stage in self.losses and step <= self._last_step
        if again:
            stages = list(self.losses)
            self.losses = {name: self.losses[name] for name in stages[: stages.index(stage)]}
        if again or not self.losses:
            self._began = self._drawn = now
        if stage not in self.losses:
            self.losses[stage], self._stage_began, self._first_step = [], now, step
        self.losses[stage].append(loss)
        self._last_step = step
        if step < total and now - self._drawn < self.seconds:
            return
        left = (now - self._stage_began) / max(1, step - self._first_step) * (total - step)
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
