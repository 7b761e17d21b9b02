"""The figures of notebook 02 show what they are given."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from gcr_tutorial.viz.identifiers import identifier_cost_figure, identifier_table, kmeans_figure, residual_figure

PICTURES = [Image.new("RGB", (8, 8), color) for color in ("red", "green")]


def test_names_stand_in_their_columns_and_nothing_overlaps():
    caption = "A woman wearing a gray sweater and a blue skirt reads a yellow book in the stadium while it rains ."
    columns = {
        "atomic": [["<img_1>"], ["<img_2>"]],
        "semantic": [caption.split(), ["A", "dog"]],
        "classifier": [[], []],
        "another": [["A"], caption.split()],
        "structured": [["<l0_1>", "<l1_2>"], ["<l0_1>", "<l1_3>"]],
    }
    figure = identifier_table(PICTURES, columns)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.canvas.draw()
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words.count("(none)") == 2 and "<l0_1> <l1_3>" in words and "A dog" in words
    long = [word for word in words if word.startswith("A woman")]
    assert [2 <= len(word.splitlines()) <= 3 for word in long] == [True, True]
    boxes = [text.get_window_extent(renderer) for text in figure.axes[0].texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert max(box.x1 for box in boxes) <= figure.bbox.x1 and len(figure.axes[0].images) == 2


def test_a_name_too_long_for_three_lines_is_cut():
    figure = identifier_table(PICTURES, {"semantic": [["word"] * 200, ["A"]], "numeric": [["1"], ["2"]]})
    [long] = [text.get_text() for text in figure.axes[0].texts if text.get_text().startswith("word")]
    assert len(long.splitlines()) == 3 and long.endswith("…")


def test_names_for_other_pictures_are_refused():
    with pytest.raises(ValueError, match="1 names of kind atomic for 2 pictures"):
        identifier_table(PICTURES, {"atomic": [["<img_1>"]]})


def test_each_step_of_k_means_has_its_clusters_and_centroids():
    points = np.array([[0.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    figure = kmeans_figure(points, [("step 1", [0, 1, 1], points[:2]), ("end", [0, 0, 1], None)], "abc")
    first, second = figure.axes
    assert [first.get_title(), second.get_title()] == ["step 1", "end"]
    assert [len(dots.get_offsets()) for dots in first.collections] == [1, 1, 2, 1]  # a cluster, its centroid, the next
    assert [len(dots.get_offsets()) for dots in second.collections] == [2, 1]
    assert [text.get_text() for text in first.texts] == ["a", "b", "c"]


def test_residual_arrows_add_up_to_the_copies():
    codebooks = [np.array([[1.0, 1.0], [4.0, 1.0]]), np.array([[-0.5, 0.0], [0.5, 0.0]])]
    figure = residual_figure(np.array([[0.5, 1.0], [4.5, 1.0]]), codebooks, [(0, 0), (1, 1)])
    arrows = [(tuple(text.xyann), tuple(text.xy)) for text in figure.axes[0].texts if not text.get_text()]
    assert arrows == [((0, 0), (1, 1)), ((1, 1), (0.5, 1)), ((0, 0), (4, 1)), ((4, 1), (4.5, 1))]
    assert [text.get_text() for text in figure.axes[0].texts if text.get_text()] == ["0 0", "1 1"]


def test_costs_are_drawn_for_every_kind():
    figure = identifier_cost_figure([10, 100], {"atomic": [(10, 1), (100, 1)], "numeric": [(0, 1), (0, 2)]})
    left, right = figure.axes
    assert [list(line.get_ydata()) for line in left.lines] == [[10, 100], [0, 0]]
    assert [list(line.get_ydata()) for line in right.lines] == [[1, 1], [1, 2]]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["atomic", "numeric"]
