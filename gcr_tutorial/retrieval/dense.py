"""Dense retrieval: rank images by the cosine of embeddings, the baseline of the result tables."""

from __future__ import annotations

from torch import Tensor


def zero_shot_rankings(query_embeddings: Tensor, image_embeddings: Tensor, k: int, block: int = 1024) -> list[list[int]]:
    """For each query embedding (Q, D) the `k` most similar rows of `image_embeddings` (N, D), best first (all N where N
    is less than k; the lower row first among equals). Raises ValueError for other shapes, and for k < 1."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    shapes_fit = query_embeddings.ndim == image_embeddings.ndim == 2
    if not shapes_fit or query_embeddings.shape[1] != image_embeddings.shape[1]:
        raise ValueError(
            f"expected (Q, D) queries and (N, D) images of one D, not {tuple(query_embeddings.shape)} "
            f"and {tuple(image_embeddings.shape)}: were both made by the same CLIP?"
        )
    rankings: list[list[int]] = []
    for queries in query_embeddings.split(block):
        order = (queries @ image_embeddings.T).argsort(dim=1, descending=True, stable=True)
        rankings += order[:, :k].tolist()
    return rankings
