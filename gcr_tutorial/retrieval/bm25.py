"""BM25: the baseline that matches the words of a query with an image's captions and pseudo-queries."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

import numpy as np

from gcr_tutorial.errors import UserValueError


def bm25_rankings(documents: Sequence[Sequence[str]], queries: Sequence[str], k: int | None = None) -> list[list[int]]:
    """Rank images by BM25 over their captions: the baseline that only matches words (Robertson & Zaragoza 2009).

    Args:
        documents: for each image its captions or pseudo-queries (none at all is allowed), joined into one document.
        queries: Q texts.
        k: keep so many (default: all). Only documents that share a word with the query are ranked.

    Returns:
        For each query the indices of documents, best first; documents of equal score in the order given.

    Raises:
        ValueError: for k < 1.
    """
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG
    if k is not None and k < 1:
        raise UserValueError(f"k must be at least 1, got {k}")
    words = [_words(" ".join(captions)) for captions in documents]
    if not any(words):  # nothing to match: bm25s cannot index an empty vocabulary
        return [[] for _ in queries]
    index = bm25s.BM25()  # Lucene's BM25, k1 = 1.5, b = 0.75
    index.index(words, show_progress=False)
    rankings = []
    for query in queries:
        known = [word for word in _words(query) if word in index.vocab_dict]
        scores = index.get_scores(known) if known else np.zeros(len(words))
        order = np.argsort(-scores, kind="stable")[:k]
        rankings.append(order[scores[order] > 0].tolist())
    return rankings


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
