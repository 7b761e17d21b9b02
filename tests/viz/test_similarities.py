"""Heat maps and histograms of similarities show what they are given, where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from gcr_tutorial.viz.similarities import similarity_heatmap, similarity_histogram
from gcr_tutorial.viz.style import GOOD

PICTURE = Image.new("RGB", (48, 48), "red")


def test_similarities_are_written_the_best_in_bold_true_ones_framed():
    values = np.array([[0.5, -0.25, 0.1], [0.0, 0.3, 0.9]])
    figure = similarity_heatmap(
        ["a dog", "a very long query that has to be broken over lines " * 3], [PICTURE] * 3, values, [[0], [1, 2]]
    )
    words, pictures = figure.axes[0].texts, figure.axes[0].child_axes
    assert {"0.50", "−0.25", "0.10", "0.00", "0.30", "0.90"} <= {text.get_text() for text in words}
    assert [text.get_text() for text in words if text.get_fontweight() == "bold"] == ["0.50", "0.90"]
    frames = [patch for patch in figure.axes[0].patches if patch.get_gid() == "true"]
    assert len(frames) == 3 and {to_hex(frame.get_edgecolor()).upper() for frame in frames} == {GOOD}
    figure.canvas.draw()
    assert [len(above.images) for above in pictures] == [1, 1, 1]


def test_similarities_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 2\) similarities for 1 queries and 3 pictures"):
        similarity_heatmap(["a"], [PICTURE] * 3, np.zeros((1, 2)))


def test_similarities_are_percent_of_their_own_pairs():
    figure = similarity_histogram({"wrong": np.linspace(0.3, 0.9, 50), "random": np.linspace(-0.2, 0.4, 500)}, bins=6)
    outlines, medians = figure.axes[0].lines[::2], [line.get_xdata()[0] for line in figure.axes[0].lines[1::2]]
    assert all(0 < outline.get_ydata().max() < 60 for outline in outlines)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["wrong", "random"]
    assert [outline.get_linestyle() for outline in outlines] == ["-", "--"]
    assert medians == pytest.approx([0.6, 0.1])
