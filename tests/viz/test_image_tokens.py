"""The figures of notebook 01 show what they are given, where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from gcr_tutorial.viz.image_tokens import IMAGE_TOKEN, patch_figure

PICTURE = Image.new("RGB", (48, 48), "red")
PICTURE.paste("blue", (24, 0, 48, 24))  # upper right: the second of 2 x 2 cells
TOKENS = ["User", ":", *[IMAGE_TOKEN] * 4, "Describe", "$x$", "."]


def written(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_patches_cells_and_prompt_are_drawn():
    figure = patch_figure(PICTURE, 12, 2, TOKENS)
    words = written(figure)
    assert "16 patches of 12 × 12 pixels" in words and "4 cells of 2 × 2 patches" in words
    assert [word for word in words if word in TOKENS] == ["User", ":", "Describe", "$x$", "."]
    assert [words.count(str(i)) for i in (1, 2, 3, 4, 5)] == [2, 2, 2, 2, 0]  # in the cell and under its tile
    tiles = [np.asarray(image.get_array())[0, 0].tolist() for image in figure.axes[0].images[2:]]
    assert tiles == [[255, 0, 0], [0, 0, 255], [255, 0, 0], [255, 0, 0]]
    figure.canvas.draw()


def test_a_long_prompt_goes_over_several_lines_inside_the_page():
    figure = patch_figure(PICTURE, 12, 2, TOKENS + ["<fake_token_around_image>"] * 12)
    axis, renderer = figure.axes[0], FigureCanvasAgg(figure).get_renderer()
    figure.canvas.draw()
    boxes = [text.get_window_extent(renderer) for text in axis.texts]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 for box in boxes)


@pytest.mark.parametrize(
    ("patch", "scale", "tokens", "said"),
    [(10, 2, TOKENS, "does not divide"), (12, 2, TOKENS[3:], "3 <image> tokens for 4 cells"), (12, 4, TOKENS, "for 1 cells")],
)
def test_what_does_not_fit_is_refused(patch, scale, tokens, said):
    with pytest.raises(ValueError, match=said):
        patch_figure(PICTURE, patch, scale, tokens)
