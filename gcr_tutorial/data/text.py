"""One form for what people write, so that a query and the same words in a caption are equal."""

from __future__ import annotations

import unicodedata


def normalize_text(text: str) -> str:
    """`text` on one line, without white space around it and with single spaces within, in Unicode's composed form (NFC).

    So "e" followed by a combining accent becomes "é". Half a surrogate pair, which no file can hold, becomes "?".
    """
    return " ".join(unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode()).split())
