"""Clusters of image embeddings: balanced k-means, and the tree of such clusters whose paths are structured identifiers.

GRACE section 3.2 ("structured identifiers") uses plain hierarchical k-means. Here no cluster may have more than twice its
share of images, so that the depth is logarithmic for any embeddings. Large inputs are processed in chunks, so the only large
array beside the embeddings is one normalised copy of them.
"""

from __future__ import annotations

import numpy as np

from gcr_tutorial.errors import UserValueError

CHUNK = 65_536  # points whose distances are computed at once


def cluster_paths(
    embeddings: np.ndarray, clusters: int = 8, leaf_size: int = 8, seed: int = 0, align: bool = True
) -> list[tuple[int, ...]]:
    """Each image's path through a hierarchical k-means tree, then its number in its leaf; paths are unique.

    No cluster has more than twice its share of its parent's images, so the tree of n images has at most about
    log(n / leaf_size) / log(clusters / 2) levels, also with duplicates (with 2 or 3 clusters: the exact share).

    Hierarchical k-means does not say which number a child gets. With `align` the children of all nodes of a level are
    matched by the direction in which they differ from their parent (one assignment problem a node), so that a token has
    roughly the same meaning under every parent; without it, numbers are in k-means order.

    Args:
        embeddings: (N, D); L2-normalised here.
        clusters: children of a node, at least 2.
        leaf_size: a cluster of at most so many images is not split further.
        seed: of k-means.

    Raises ValueError for other sizes, and for embeddings that are not (N, D) or hold NaN or infinity.
    """
    if clusters < 2 or leaf_size < 1:
        raise UserValueError(f"need clusters >= 2 and leaf_size >= 1, got {clusters} and {leaf_size}")
    points = normalized(embeddings)
    paths: list[list[int]] = [[] for _ in points]
    groups, solved = [np.arange(len(points))], 0
    while groups:  # one level of the tree at a time
        references = np.zeros((max(clusters, leaf_size), points.shape[1]), dtype=np.float32)  # what each number means
        deeper = []
        for group in sorted(groups, key=len, reverse=True):
            members = points if len(group) == len(points) else points[group]  # (n, D)
            if len(group) <= leaf_size:
                children, means = [group[i : i + 1] for i in range(len(group))], members
            else:
                labels = balanced_kmeans(members, clusters, seed + solved)
                children = [group[labels == c] for c in np.unique(labels)]
                means = np.stack([points[child].mean(0) for child in children])  # (children, D)
                deeper += children
                solved += 1
            numbers = _align(means - members.mean(0), references) if align else np.arange(len(children))
            for child, number in zip(children, numbers.tolist()):
                for i in child.tolist():
                    paths[i].append(number)
        groups = deeper
    return [tuple(path) for path in paths]


def normalized(embeddings: np.ndarray) -> np.ndarray:
    """A float32 copy (N, D) of `embeddings` with rows of length 1 (rows of zeros stay). Raises ValueError for another
    shape, for NaN and for infinity."""
    embeddings = np.asarray(embeddings)
    if embeddings.ndim != 2 or 0 in embeddings.shape:
        raise UserValueError(f"embeddings must be (N, D) and not empty, got shape {embeddings.shape}")
    points = np.empty(embeddings.shape, dtype=np.float32)
    for start in range(0, len(points), CHUNK):
        part = embeddings[start : start + CHUNK].astype(np.float32)
        if not np.isfinite(part).all():
            raise UserValueError(f"embeddings {start} to {start + len(part) - 1} hold NaN or infinity: embed these again")
        points[start : start + CHUNK] = part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)
    return points


def _align(differences: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Number the rows of `differences` (c, D) by the best one-to-one match to `references` (C, D), which is updated."""
    from scipy.optimize import linear_sum_assignment

    differences = differences / np.maximum(np.linalg.norm(differences, axis=1, keepdims=True), 1e-12)
    directions = references / np.maximum(np.linalg.norm(references, axis=1, keepdims=True), 1e-12)
    rows, numbers = linear_sum_assignment(-differences @ directions.T)  # rows is 0 .. c - 1
    references[numbers] += differences[rows]
    return numbers


def balanced_kmeans(points: np.ndarray, clusters: int, seed: int = 0) -> np.ndarray:
    """k-means labels (N,) of points (N, D) with at most 2 * ceil(N / clusters) points a cluster (ceil(N / clusters)
    for fewer than 4 clusters), by FAISS.

    A cluster wanted by too many keeps the nearest; the others go to their next choice (deferred acceptance).
    """
    n = len(points)
    clusters = min(clusters, n)
    centroids = _kmeans_centroids(points, clusters, seed)
    distances = np.empty((n, clusters), dtype=np.float32)  # squared, up to a constant per point
    for start in range(0, n, CHUNK):
        distances[start : start + CHUNK] = (centroids**2).sum(1) - points[start : start + CHUNK] @ (2 * centroids.T)
    room = -(-n // clusters) * (2 if clusters > 3 else 1)
    wishes = np.argsort(distances, axis=1, kind="stable")  # (N, clusters) nearest first
    choice = np.zeros(n, dtype=np.int64)  # index into each point's wishes
    while True:
        labels = wishes[np.arange(n), choice]
        sizes = np.bincount(labels, minlength=clusters)
        if sizes.max() <= room:
            return labels
        order = np.lexsort((distances[np.arange(n), labels], labels))  # by cluster, nearest first, then by index
        rank = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        choice[order[rank >= room]] += 1  # room * clusters >= n, so a point turned away still has a wish left


def _kmeans_centroids(points: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """(clusters, D) centroids of a sample of the points, by FAISS from k-means++ seeds; the same seed gives the same ones."""
    import faiss

    rng = np.random.default_rng(seed)
    sample = np.ascontiguousarray(points[rng.permutation(len(points))[: 256 * clusters]], dtype=np.float32)
    seeds = _kmeans_seeds(sample, clusters, rng)
    kmeans = faiss.Kmeans(sample.shape[1], clusters, niter=25, seed=seed, min_points_per_centroid=1)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # the sample is so small that threads would only wait for each other
    try:
        kmeans.train(sample, init_centroids=seeds)
    finally:
        faiss.omp_set_num_threads(threads)
    return kmeans.centroids


def _kmeans_seeds(points: np.ndarray, clusters: int, rng: np.random.Generator) -> np.ndarray:
    """Greedy k-means++ (Arthur & Vassilvitskii 2007): of four points drawn by squared distance, keep the best."""
    chosen = [int(rng.integers(len(points)))]
    nearest = ((points - points[chosen[0]]) ** 2).sum(1).astype(np.float64)  # (N,) to the nearest seed so far
    while len(chosen) < clusters:
        total = nearest.sum()
        drawn = rng.choice(len(points), size=4, p=nearest / total if total > 0 else None)
        trials = np.minimum(nearest, ((points[:, None] - points[drawn]) ** 2).sum(2).T)  # (4, N)
        best = int(trials.sum(1).argmin())
        chosen.append(int(drawn[best]))
        nearest = trials[best]
    return points[chosen]
