"""Dense retrieval: rank images by the cosine of embeddings, the baseline of the result tables."""

from __future__ import annotations

from torch import Tensor

from gcr_tutorial.errors import NonFiniteScoreError, UserValueError


def zero_shot_rankings(query_embeddings: Tensor, image_embeddings: Tensor, k: int, block: int = 1024) -> list[list[int]]:
    """For each query embedding (Q, D) the `k` most similar rows of `image_embeddings` (N, D), best first (all N where N
    is less than k; the lower row first among equals). Raises ValueError for other shapes
    and for k < 1, and FloatingPointError for a query whose similarities are NaN."""
    if k < 1:
        raise UserValueError(f"k must be at least 1, not {k}")
    shapes_fit = query_embeddings.ndim == image_embeddings.ndim == 2
    if not shapes_fit or query_embeddings.shape[1] != image_embeddings.shape[1]:
        raise UserValueError(
            f"expected (Q, D) queries and (N, D) images of one D, not {tuple(query_embeddings.shape)} "
            f"and {tuple(image_embeddings.shape)}: were both made by the same CLIP?"
        )
    rankings: list[list[int]] = []
    for queries in query_embeddings.split(block):
        similarities = queries @ image_embeddings.T
        bad = ~similarities.isfinite().all(dim=1)
        if bad.any():
            raise NonFiniteScoreError(len(rankings) + int(bad.long().argmax()))
        order = similarities.argsort(dim=1, descending=True, stable=True)
        rankings += order[:, :k].tolist()
    return rankings
