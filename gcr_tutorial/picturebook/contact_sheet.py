"""Put many pictures on one page."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image


def contact_sheet(pictures: Sequence[Image.Image], columns: int = 10, size: int = 128, gap: int = 4) -> Image.Image:
    """All pictures at `size` pixels on one white page, row by row."""
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (size + gap) + gap, rows * (size + gap) + gap), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(
            picture.resize((size, size), Image.Resampling.LANCZOS),
            (gap + i % columns * (size + gap), gap + i // columns * (size + gap)),
        )
    return sheet
