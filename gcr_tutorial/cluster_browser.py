"""Looking into the tree of identifiers: the pictures whose names begin with the same tokens (GRACE section 3.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from IPython.display import display
from matplotlib.figure import Figure

from .identifiers import Identifiers
from .page import END, GREY_TEXT, Lookup, Page, look_up, shorten
from .plots import QUIET
from .widgets import Picture

ACROSS, SIDE, PITCH = 10, 0.94, 1.02  # pictures in a line, inches of one, inches from one to the next
MOST = 40  # pictures that are shown


def rows_below(identifiers: Identifiers, prefix: Sequence[str], rows: Sequence[int] | None = None) -> list[int]:
    """The rows of `identifiers` (or those among `rows`) whose names begin with `prefix`, in the order of their names."""
    prefix = tuple(prefix)
    chosen = range(len(identifiers)) if rows is None else rows
    order = {token: i for i, token in enumerate(identifiers.new_tokens)}
    found = [row for row in chosen if identifiers.codes[row][:len(prefix)] == prefix]
    return sorted(found, key=lambda row: [(order.get(token, len(order)), token) for token in identifiers.codes[row]])


def children_below(identifiers: Identifiers, prefix: Sequence[str], rows: Sequence[int] | None = None) -> dict[str, int]:
    """The tokens that may follow `prefix` (`END` where a name ends) with the number of pictures behind each."""
    depth = len(tuple(prefix))
    below = rows_below(identifiers, prefix, rows)
    return dict(Counter((*identifiers.codes[row], END)[depth] for row in below))


def cluster_figure(identifiers: Identifiers, prefix: Sequence[str], pictures: Lookup,
                   rows: Sequence[int] | None = None) -> Figure:
    """The pictures whose names begin with `prefix`, each over the rest of its name; at most MOST of them.

    Raises ValueError where no name begins so.
    """
    below = rows_below(identifiers, prefix, rows)
    if not below:
        raise ValueError(f"no picture's name begins with {' '.join(prefix)}: choose tokens that children_below lists")
    shown = below[:MOST]
    lines = -(-len(shown) // ACROSS)
    page = Page(ACROSS * PITCH + 0.3, 0.45 + lines * (PITCH + 0.16))
    more = f", {MOST} of them shown" if len(below) > MOST else ""
    path = " ".join(prefix) or "the whole gallery"
    page.text(0.18, 0.22, shorten(f"{path}: {len(below):,} picture{'s' if len(below) > 1 else ''}{more}", 10, page.width - 0.4),
              10, va="center_baseline")
    for i, row in enumerate(shown):
        x, y = 0.18 + i % ACROSS * PITCH, 0.4 + i // ACROSS * (PITCH + 0.16)
        page.picture(x, y, SIDE, [look_up(pictures)(row)], QUIET if len(shown) == 1 else None)
        rest = " ".join(identifiers.codes[row][len(tuple(prefix)):]) or END
        page.text(x + SIDE / 2, y + SIDE + 0.1, shorten(rest, 6.5, PITCH - 0.04), 6.5, GREY_TEXT, ha="center",
                  va="center_baseline")
    return page.figure


def cluster_browser(show: Callable[[tuple[str, ...]], Any], children: Callable[[tuple[str, ...]], dict[str, int]],
                    start: Sequence[str] = (), levels: int = 3) -> None:
    """Show `show(start)`, and above it a menu for each of the first `levels` tokens: choosing one goes down the tree.

    Args:
        show: makes the picture of a prefix (a tuple of tokens).
        children: the tokens that may follow a prefix, with the number of pictures behind each.

    Without ipywidgets the still picture stands alone.
    """
    first = show(tuple(start))
    try:
        import ipywidgets
    except ImportError:
        display(first)
        return
    menus = [ipywidgets.Dropdown(description=f"token {level + 1}", layout=ipywidgets.Layout(width="16em", max_width="100%"))
             for level in range(levels)]
    display(ipywidgets.HBox(menus, layout=ipywidgets.Layout(flex_flow="row wrap")))
    shown = display(first, display_id=True)
    busy = False

    def fill(level: int, prefix: tuple[str, ...], rest: tuple[str, ...]) -> None:
        """Offer in menu `level` and those after it what may follow `prefix`, `rest` being chosen where possible."""
        for at in range(level, levels):
            found = children(prefix) if len(prefix) == at else {}
            options = [("any", "")] + [(f"{token} ({count})", token) for token, count in found.items() if token != END]
            menus[at].options = options
            wanted = rest[at - level] if at - level < len(rest) else ""
            menus[at].value = wanted if wanted in [token for _, token in options] else ""
            menus[at].disabled = len(options) == 1
            if menus[at].value:
                prefix = (*prefix, menus[at].value)

    def chosen() -> tuple[str, ...]:
        tokens = [menu.value or "" for menu in menus]
        return tuple(tokens[: tokens.index("")] if "" in tokens else tokens)

    def changed(change: dict[str, Any]) -> None:
        nonlocal busy
        if busy:  # a menu that is being filled
            return
        busy = True
        try:
            level = menus.index(change["owner"])
            prefix = tuple(menu.value for menu in menus[: level + 1] if menu.value)
            fill(level + 1, prefix, ())
            if shown is not None:
                shown.update(show(chosen()))
        finally:
            busy = False

    fill(0, (), tuple(start))
    for menu in menus:
        menu.observe(changed, names="value")


def browse(identifiers: Identifiers, pictures: Lookup, rows: Sequence[int] | None = None, start: Sequence[str] = ()) -> None:
    """A `cluster_browser` over `identifiers` (or those among `rows`)."""
    def show(prefix: tuple[str, ...]) -> Picture:
        found = rows_below(identifiers, prefix, rows)
        return Picture(cluster_figure(identifiers, prefix, pictures, rows),
                       alt=f"{len(found)} pictures whose names begin with {' '.join(prefix) or 'any token'}.")

    cluster_browser(show, lambda prefix: children_below(identifiers, prefix, rows), start)
