"""Similarities by CLIP: of queries with pictures as a heat map, of pairs of pictures as histograms."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from gcr_tutorial.data.image_files import square
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.viz.style import GOOD, INK, LINES, legend_beside, panels


def similarity_heatmap(
    queries: Sequence[str], pictures: Sequence[Image.Image], similarities: np.ndarray, true: Sequence[Sequence[int]] = ()
) -> Figure:
    """Draw the cosine of each query (row) with each picture (column) as a heat map: the highest of a row in bold type, a
    blue frame where the query is true of the picture.

    Args:
        similarities: (queries, pictures), between -1 and 1.
        true: for each query the columns of the pictures that it is true of.

    Raises ValueError for a matrix of another shape.
    """
    values = np.asarray(similarities, dtype=float)
    if values.shape != (len(queries), len(pictures)):
        raise UserValueError(f"{values.shape} similarities for {len(queries)} queries and {len(pictures)} pictures")
    side = min(0.78, 7.8 / len(pictures))
    figure, axis = panels(2.7 + len(pictures) * side, 0.2 + (len(queries) + 1) * side)
    sns.heatmap(
        values,
        vmin=min(float(values.min()), 0.0),
        cmap=sns.light_palette("#E69F00", as_cmap=True),
        annot=[[f"{value:.2f}".replace("-", "−") for value in row] for row in values],
        fmt="",
        annot_kws={"fontsize": 9, "color": INK},
        yticklabels=["\n".join(textwrap.wrap(query, 34)[:4]) for query in queries],
        xticklabels=False,
        cbar=False,
        square=True,
        ax=axis,
    )
    axis.tick_params(length=0, labelrotation=0)
    for text, best in zip(axis.texts, (values == values.max(axis=1, keepdims=True)).flat):
        text.set_fontweight("bold" if best else "normal")
    for column, picture in enumerate(pictures):
        above = axis.inset_axes((column + 0.04, -0.96, 0.92, 0.92), transform=axis.transData)
        above.imshow(square(picture.convert("RGB"), 128))
        above.axis("off")
    for row, columns in enumerate(true):
        for column in columns:
            frame = (column + 0.05, row + 0.05), 0.9, 0.9
            axis.add_patch(Rectangle(*frame, facecolor="none", edgecolor=GOOD, linewidth=2.4, gid="true"))
    return figure


def similarity_histogram(similarities: Mapping[str, Sequence[float]], bins: int = 30) -> Figure:
    """Draw how similar pairs of pictures are: an outlined histogram for each kind of pairs, and a thin line at its median.

    Args:
        similarities: kind of pairs -> cosine similarity of each pair.
        bins: how many bars each histogram has.
    """
    figure, axis = panels(7.6, 3.0)
    every = np.concatenate([np.asarray(values) for values in similarities.values()])
    edges = np.linspace(every.min(), every.max(), bins + 1)
    for (name, values), (color, style) in zip(similarities.items(), LINES):
        look = {"color": color, "linestyle": style}
        sns.histplot(
            np.asarray(values),
            bins=edges,
            stat="percent",
            element="step",
            fill=False,
            linewidth=1.8,
            label=name,
            ax=axis,
            **look,
        )
        axis.axvline(np.median(values), linewidth=0.9, ymax=0.97, **look)
    axis.set(xlabel="cosine similarity of two pictures (CLIP); thin lines: medians", ylabel="percent of pairs")
    legend_beside(axis)
    return figure
