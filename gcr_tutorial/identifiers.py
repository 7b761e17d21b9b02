"""Image identifiers: the token sequence that stands for an image in the model's vocabulary (GRACE section 3.2).

Two kinds so far. *Atomic*: one new token an image. *Structured*: the image's path through a hierarchical k-means tree
over CLIP image embeddings, then its place in the leaf; images that look alike share a prefix.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("atomic", "structured")
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Identifiers:
    """The identifiers of a gallery, position i belonging to image_ids[i].

    Attributes:
        kind: how they were made, one of KINDS.
        codes: for each image its identifier as token strings, without the end-of-identifier token.
        image_ids: for each image its name (`ImageRecord.id`).
        new_tokens: every token string that must be added to the tokenizer, in a fixed order.

    Raises ValueError where identifiers or images repeat, an identifier is empty, or the lengths differ.
    """

    kind: str
    codes: tuple[tuple[str, ...], ...]
    image_ids: tuple[str, ...]
    new_tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.codes) != len(self.image_ids) or not self.codes:
            raise ValueError(f"{len(self.codes)} identifiers for {len(self.image_ids)} images: need one each")
        for name, values in (("image id", self.image_ids), ("new token", self.new_tokens), ("identifier", self.codes)):
            if len(set(values)) != len(values):
                seen: set = set()
                twice = next(v for v in values if v in seen or seen.add(v))
                raise ValueError(f"the {name} {twice!r} occurs twice: every one must be unique")
        if not all(self.codes):
            raise ValueError(f"image {self.image_ids[self.codes.index(())]!r} has an empty identifier")

    def __len__(self) -> int:
        return len(self.codes)

    def token_ids(self, tokenizer: Any, end_id: int) -> list[list[int]]:
        """Each identifier as vocabulary ids closed by `end_id`: what the trie and the training targets are made of.

        Raises ValueError where the tokenizer lacks a token, or an identifier contains the end token.
        """
        vocabulary = tokenizer.get_vocab()
        missing = {token for code in self.codes for token in code} - vocabulary.keys()
        if missing:
            raise ValueError(
                f"the tokenizer lacks {len(missing)} identifier tokens, {min(missing)!r} for one: "
                "add Identifiers.new_tokens to it and resize the model's embeddings first"
            )
        sequences = [[vocabulary[token] for token in code] + [end_id] for code in self.codes]
        for image_id, ids in zip(self.image_ids, sequences):
            if end_id in ids[:-1]:
                raise ValueError(f"the identifier of image {image_id!r} contains the end token {end_id}")
        return sequences

    def save(self, path: str | Path) -> None:
        """Write them to the JSON file `path`."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(path.name + ".writing")
        aside.write_text(json.dumps({"version": FORMAT_VERSION, **asdict(self)}, ensure_ascii=False), encoding="utf-8")
        os.replace(aside, path)

    @classmethod
    def load(cls, path: str | Path) -> Identifiers:
        """Read what `save` wrote. Raises FileNotFoundError, or ValueError for a damaged file."""
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: make identifiers with make_identifiers and save them there")
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["version"] != FORMAT_VERSION:
                raise ValueError(f"format version {stored['version']}, this package reads {FORMAT_VERSION}")
            codes = tuple(map(_strings, stored["codes"]))
            return cls(str(stored["kind"]), codes, _strings(stored["image_ids"]), _strings(stored["new_tokens"]))
        except (KeyError, TypeError, ValueError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
            raise ValueError(f"{path} does not hold identifiers ({error}): make and save them again") from error


def _strings(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("expected a list of strings")
    return tuple(values)


def make_identifiers(
    kind: str,
    image_ids: Sequence[str],
    embeddings: np.ndarray | None = None,
    clusters: int = 8,
    leaf_size: int = 8,
    seed: int = 0,
) -> Identifiers:
    """Identifiers for the images `image_ids`; the same arguments give the same identifiers.

    Args:
        kind: "atomic" or "structured".
        image_ids: N unique names.
        embeddings: (N, D) image embeddings, needed by "structured"; L2-normalised here.
        clusters: children of a node of the cluster tree, at least 2.
        leaf_size: a cluster of at most so many images is not split further.
        seed: of k-means.
    """
    image_ids = tuple(map(str, image_ids))
    if kind == "atomic":
        codes = tuple((f"<img_{i}>",) for i in range(len(image_ids)))
        return Identifiers(kind, codes, image_ids, tuple(code[0] for code in codes))
    if kind == "structured":
        if embeddings is None or len(embeddings) != len(image_ids):
            given = "none" if embeddings is None else len(embeddings)
            raise ValueError(f"structured identifiers of {len(image_ids)} images need as many embeddings, got {given}")
        paths = cluster_paths(embeddings, clusters, leaf_size, seed)
        codes = tuple(tuple(f"<l{level}_{code}>" for level, code in enumerate(path)) for path in paths)
        used = {(level, code) for path in paths for level, code in enumerate(path)}
        return Identifiers(kind, codes, image_ids, tuple(f"<l{level}_{code}>" for level, code in sorted(used)))
    raise ValueError(f"unknown identifier kind {kind!r}: choose one of {', '.join(KINDS)}")


def cluster_paths(
    embeddings: np.ndarray, clusters: int = 8, leaf_size: int = 8, seed: int = 0, align: bool = True
) -> list[tuple[int, ...]]:
    """Each image's path through a hierarchical k-means tree, then its place in its leaf; paths are unique.

    No cluster takes more than twice its share of its parent's images, so n images are at most about
    log(n / leaf_size) / log(clusters / 2) levels deep, duplicates or not (with 2 or 3 clusters: the exact share).

    Which number a child gets is free in hierarchical k-means. With `align` the children of all nodes of a level are
    matched by the direction in which they differ from their parent (one assignment problem a node), so that one
    token says roughly the same thing under every parent; without it, numbers are in k-means order.
    """
    points = np.ascontiguousarray(embeddings, dtype=np.float32)
    if points.ndim != 2 or 0 in points.shape or not np.isfinite(points).all():
        raise ValueError(f"embeddings must be (N, D), not empty, without NaN or infinity; got shape {points.shape}")
    if clusters < 2 or leaf_size < 1:
        raise ValueError(f"need clusters >= 2 and leaf_size >= 1, got {clusters} and {leaf_size}")
    points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    paths: list[list[int]] = [[] for _ in points]
    groups, solved = [np.arange(len(points))], 0
    while groups:  # one level of the tree at a time
        references = np.zeros((max(clusters, leaf_size), points.shape[1]), dtype=np.float32)  # what each number means
        deeper = []
        for group in sorted(groups, key=len, reverse=True):
            leaf = len(group) <= leaf_size
            if leaf:
                children = [group[i : i + 1] for i in range(len(group))]
            else:
                labels = balanced_kmeans(points[group], clusters, seed + solved)
                children = [group[labels == c] for c in range(clusters) if (labels == c).any()]
                solved += 1
            numbers = range(len(children))
            if align:
                centre = points[group].mean(0)
                numbers = _align(np.stack([points[child].mean(0) for child in children]) - centre, references)
            for child, number in zip(children, numbers):
                for i in child.tolist():
                    paths[i].append(int(number))
            deeper += [] if leaf else children
        groups = deeper
    return [tuple(path) for path in paths]


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
    for fewer than 4 clusters). FAISS where it is installed, else scikit-learn.

    A cluster wanted by too many keeps the nearest; the others go to their next choice (deferred acceptance).
    """
    n = len(points)
    clusters = min(clusters, n)
    centroids = _kmeans_centroids(points, clusters, seed)
    distances = (centroids**2).sum(1) - 2 * points @ centroids.T  # (N, clusters), up to a constant per point
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
    """(clusters, D) centroids of a sample of the points, from k-means++ seeds; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    sample = np.ascontiguousarray(points[rng.permutation(len(points))[: 256 * clusters]], dtype=np.float32)
    seeds = _kmeans_seeds(sample, clusters, rng)
    try:
        import faiss
    except ImportError:
        from sklearn.cluster import KMeans
        from threadpoolctl import threadpool_limits  # comes with scikit-learn

        distinct = np.unique(seeds, axis=0)  # scikit-learn warns of duplicates; repeats stand in for them afterwards
        with threadpool_limits(1):  # the sample is small: threads would only wait for each other
            found = KMeans(len(distinct), init=distinct, n_init=1, max_iter=25).fit(sample).cluster_centers_
        return found[np.arange(clusters) % len(distinct)].astype(np.float32)
    kmeans = faiss.Kmeans(sample.shape[1], clusters, niter=25, seed=seed, min_points_per_centroid=1)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # as above
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
