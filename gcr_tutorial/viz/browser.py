"""The pictures whose identifiers begin with the same tokens, and menus that choose these tokens (GRACE section 3.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from matplotlib.figure import Figure

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.identifiers import Identifiers
from gcr_tutorial.viz.canvas import CENTER, END_LABEL, Canvas, Lookup, look_up, shorten
from gcr_tutorial.viz.controls import show_with_controls
from gcr_tutorial.viz.live import Picture
from gcr_tutorial.viz.style import GREY_TEXT

ACROSS, SIDE, PITCH = 10, 0.94, 1.02  # pictures in a line, inches of a picture, inches from one to the next
MOST = 40  # pictures that are shown at most


def rows_below(identifiers: Identifiers, prefix: Sequence[str], rows: Sequence[int] | None = None) -> list[int]:
    """The rows of `identifiers` (or those among `rows`) whose names begin with `prefix`, in the order of their names."""
    prefix = tuple(prefix)
    chosen = range(len(identifiers)) if rows is None else rows
    order = {token: i for i, token in enumerate(identifiers.new_tokens)}
    found = [row for row in chosen if identifiers.codes[row][: len(prefix)] == prefix]
    return sorted(found, key=lambda row: [(order.get(token, len(order)), token) for token in identifiers.codes[row]])


def children_below(identifiers: Identifiers, prefix: Sequence[str], rows: Sequence[int] | None = None) -> dict[str, int]:
    """The tokens that may follow `prefix` (`END_LABEL` where a name ends) with the number of pictures behind each."""
    depth = len(tuple(prefix))
    below = rows_below(identifiers, prefix, rows)
    return dict(Counter((*identifiers.codes[row], END_LABEL)[depth] for row in below))


def cluster_figure(
    identifiers: Identifiers, prefix: Sequence[str], pictures: Lookup, rows: Sequence[int] | None = None
) -> Figure:
    """Draw the pictures whose names begin with `prefix`, each over the rest of its name; at most MOST of them.

    Args:
        identifiers: of any kind that has tokens.
        prefix: tokens; none means all pictures.
        pictures: the picture of a row of `identifiers`: a function, list or dictionary.
        rows: the rows among which to look (default: all).

    Raises ValueError where no name begins so.
    """
    below = rows_below(identifiers, prefix, rows)
    if not below:
        raise UserValueError(f"no picture's name begins with {' '.join(prefix)}: choose tokens that children_below lists")
    shown = below[:MOST]
    lines = -(-len(shown) // ACROSS)
    canvas = Canvas(ACROSS * PITCH + 0.3, 0.45 + lines * (PITCH + 0.16))
    more = f", {MOST} of them shown" if len(below) > MOST else ""
    title = f"{' '.join(prefix) or 'the whole gallery'}: {len(below):,} picture{'s' if len(below) > 1 else ''}{more}"
    canvas.text(0.18, 0.22, shorten(title, 10, canvas.width - 0.4), 10, va="center_baseline")
    for i, row in enumerate(shown):
        x, y = 0.18 + i % ACROSS * PITCH, 0.4 + i // ACROSS * (PITCH + 0.16)
        canvas.picture(x, y, SIDE, [look_up(pictures)(row)])
        rest = " ".join(identifiers.codes[row][len(tuple(prefix)) :]) or END_LABEL
        words = shorten(rest, 6.5, PITCH - 0.04)
        canvas.text(x + SIDE / 2, y + SIDE + 0.1, words, 6.5, GREY_TEXT, **CENTER)
    return canvas.figure


def cluster_picture(
    identifiers: Identifiers, prefix: Sequence[str], pictures: Lookup, rows: Sequence[int] | None = None
) -> Picture:
    """`cluster_figure` as a notebook shows it, with alt text."""
    found = rows_below(identifiers, prefix, rows)
    words = f"{len(found)} picture{'s whose names begin' if len(found) != 1 else ' whose name begins'}"
    alt = f"{words} with {' '.join(prefix) or 'any token'}."
    return Picture(cluster_figure(identifiers, prefix, pictures, rows), alt)


def cluster_browser(
    identifiers: Identifiers, pictures: Lookup, rows: Sequence[int] | None = None, start: Sequence[str] = (), levels: int = 3
) -> None:
    """Show the cluster `start`, and above it a menu for each of the first `levels` tokens: choosing one goes down the tree.

    Arguments as of `cluster_figure`. Without ipywidgets only the first picture is shown. Raises ValueError where no name
    begins with `start`.
    """

    def make_controls(ipywidgets: ModuleType, show: Callable[[Any], None]) -> Any:
        layout = ipywidgets.Layout(width="16em", max_width="100%")
        menus = [ipywidgets.Dropdown(description=f"token {level + 1}", layout=layout) for level in range(levels)]

        def fill(level: int, prefix: tuple[str, ...], chosen: Sequence[str] = ()) -> None:
            """Fill the menus from `level` on with the tokens that may follow `prefix`, and select the tokens `chosen`."""
            for at in range(level, levels):
                found = children_below(identifiers, prefix, rows) if len(prefix) == at else {}
                tokens = [(f"{token} ({count})", token) for token, count in found.items() if token != END_LABEL]
                menus[at].options = [("any", ""), *tokens]
                menus[at].value = chosen[at] if at < len(chosen) else ""
                menus[at].disabled = not tokens
                prefix = (*prefix, menus[at].value) if menus[at].value else prefix

        filling = False  # filling a menu also reports a change, which no reader made

        def changed(change: dict[str, Any]) -> None:
            nonlocal filling
            if filling:
                return
            filling = True
            level = menus.index(change["owner"])
            prefix = tuple(menu.value for menu in menus[: level + 1] if menu.value)
            fill(level + 1, prefix)
            filling = False
            show(cluster_picture(identifiers, prefix, pictures, rows))

        fill(0, (), tuple(start)[:levels])
        for menu in menus:
            menu.observe(changed, names="value")
        return ipywidgets.HBox(menus, layout=ipywidgets.Layout(flex_flow="row wrap"))

    show_with_controls(cluster_picture(identifiers, start, pictures, rows), make_controls)
