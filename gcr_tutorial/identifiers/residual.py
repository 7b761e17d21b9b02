"""Residual codes: k-means on the embeddings, then on what is left after subtracting the centroids (residual quantisation).

The recommender TIGER (Rajput et al. 2023) names items in this way, with codes learned by an RQ-VAE and a last code that tells
items with equal codes apart. Unlike in the tree of structured identifiers, all images share one codebook a level: a code
means the same direction whatever codes precede it.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.identifiers.clustering import CHUNK, balanced_kmeans, normalized


def residual_codes(embeddings: np.ndarray, clusters: int = 8, leaf_size: int = 8, seed: int = 0) -> list[tuple[int, ...]]:
    """Each image's residual k-means codes, then its number among the images with the same codes; unique.

    Images with the same codes are a *cell*. There are as many levels as it takes for cells of `leaf_size` images on average.
    The number in the cell is one more code below `leaf_size`, or several (its digits in that base, at least 2) in a larger
    cell. No cluster of a level has more than twice its share of the images, so duplicates are distributed too.

    Args:
        embeddings: (N, D); L2-normalised here.
        clusters: codes of a level, at least 2.
        leaf_size: images in a cell, on average, at most.
        seed: of k-means.

    Raises ValueError for other sizes, and for embeddings that are not (N, D) or hold NaN or infinity.
    """
    if clusters < 2 or leaf_size < 1:
        raise UserValueError(f"need clusters >= 2 and leaf_size >= 1, got {clusters} and {leaf_size}")
    residuals = normalized(embeddings)  # (N, D), embeddings minus the centroids of the codes so far
    n, levels = len(residuals), 1
    while clusters**levels * leaf_size < n:
        levels += 1
    codes = np.empty((n, levels), dtype=np.int32)
    for level in range(levels):
        labels = balanced_kmeans(residuals, clusters, seed + level)
        sizes = np.maximum(np.bincount(labels, minlength=clusters), 1)
        centroids = np.zeros((clusters, residuals.shape[1]))
        for start in range(0, n, CHUNK):
            part = np.s_[start : start + CHUNK]
            members = np.eye(clusters, dtype=np.float32)[labels[part]]  # (chunk, clusters), one-hot
            centroids += members.T @ residuals[part]
        centroids = (centroids / sizes[:, None]).astype(np.float32)
        for start in range(0, n, CHUNK):
            residuals[start : start + CHUNK] -= centroids[labels[start : start + CHUNK]]
        codes[:, level] = labels
    cells = list(map(tuple, codes.tolist()))
    sizes, numbers, base = Counter(cells), Counter(), max(2, leaf_size)
    paths = []
    for cell in cells:
        paths.append(cell + _digits(numbers[cell], base, sizes[cell]))
        numbers[cell] += 1
    return paths


def _digits(number: int, base: int, size: int) -> tuple[int, ...]:
    """`number` (0 .. size - 1) in digits of `base`, most significant first, as many as the largest number needs."""
    digits = [number % base]
    while base ** len(digits) < size:
        digits.append(number // base ** len(digits) % base)
    return tuple(reversed(digits))
