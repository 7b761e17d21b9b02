"""Identifiers: unique, stable, balanced, saved and checked."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcr_tutorial.identifiers import Identifiers, balanced_kmeans, cluster_paths, make_identifiers
from gcr_tutorial.trie import TrieIndex


def room(n, clusters):
    """The most images that a child of a node of n images may take."""
    clusters = min(clusters, n)
    return math.ceil(n / clusters) * (2 if clusters > 3 else 1)


class Vocabulary:
    """As much of a tokenizer as token_ids needs."""

    def __init__(self, tokens):
        self.tokens = {token: i for i, token in enumerate(tokens)}

    def get_vocab(self):
        return self.tokens


def names(n):
    return [f"image{i}" for i in range(n)]


def blobs(n, d=16, groups=12, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) + 4 * rng.normal(size=(groups, d))[rng.integers(groups, size=n)]).astype("f")


@st.composite
def embeddings(draw):
    """Few or many points, among them many duplicates or nothing but duplicates."""
    distinct = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return rng.normal(size=(distinct, draw(st.integers(1, 6))))[rng.integers(distinct, size=draw(st.integers(1, 150)))]


@settings(max_examples=60, deadline=None)
@given(embeddings(), st.integers(2, 6), st.integers(1, 6), st.integers(0, 3))
def test_structured_identifiers_are_unique_stable_bounded_and_make_a_trie(points, clusters, leaf_size, seed):
    identifiers = make_identifiers("structured", names(len(points)), points, clusters, leaf_size, seed)
    assert len(set(identifiers.codes)) == len(points)
    assert identifiers == make_identifiers("structured", names(len(points)), points, clusters, leaf_size, seed)
    assert {token for code in identifiers.codes for token in code} == set(identifiers.new_tokens)
    for code in identifiers.codes:  # one alphabet a level
        for level, token in enumerate(code):
            at, number = token.strip("<l>").split("_")
            assert int(at) == level and 0 <= int(number) < max(clusters, leaf_size)
    size, bound = len(points), 1
    while size > leaf_size:
        size, bound = room(size, clusters), bound + 1
    assert max(map(len, identifiers.codes)) <= bound
    sequences = identifiers.token_ids(Vocabulary(["</id>", *identifiers.new_tokens]), end_id=0)
    assert len(TrieIndex.build(sequences)) == len(points)


@settings(max_examples=40, deadline=None)
@given(embeddings(), st.integers(2, 6))
def test_no_cluster_is_overfull(points, clusters):
    points = points.astype("f")
    sizes = np.bincount(balanced_kmeans(points, clusters))
    assert sizes.sum() == len(points) and len(sizes) <= clusters
    assert sizes.max() <= room(len(points), clusters)


def test_well_separated_clusters_get_their_own_first_token():
    centres = np.eye(8, 16, dtype="f")
    points = np.repeat(centres, 20, axis=0) + 0.02 * np.random.default_rng(0).normal(size=(160, 16))
    paths = cluster_paths(points, clusters=8, leaf_size=8, seed=0)
    firsts = [{path[0] for path in paths[start : start + 20]} for start in range(0, 160, 20)]
    assert sorted(map(list, firsts)) == [[code] for code in range(8)]


def test_aligned_numbers_mean_the_same_under_every_parent():
    rng = np.random.default_rng(1)
    kinds, places = rng.normal(size=(4, 32)) * 5, rng.normal(size=(4, 32)) * 1.5
    labels = [(a, b) for a in range(4) for b in range(4) for _ in range(6)]
    points = np.stack([kinds[a] + places[b] for a, b in labels]) + 0.05 * rng.normal(size=(len(labels), 32))

    def agreement(align):
        codes = {}
        for (_a, b), path in zip(labels, cluster_paths(points, 4, 8, seed=0, align=align)):
            codes.setdefault(b, []).append(path[1])
        return sum(max(map(c.count, c)) for c in codes.values()) / len(labels)

    assert agreement(True) > 0.9 > agreement(False)


def test_a_realistic_gallery_stays_shallow():
    lengths = [len(path) for path in cluster_paths(blobs(1300, 32), 8, 8)]
    assert max(lengths) <= 6 and sum(lengths) / 1300 < 4.6


@pytest.mark.parametrize("points", [blobs(200), np.ones((50, 4))], ids=["blobs", "equal"])
def test_the_same_seed_gives_the_same_tree_of_unique_paths(points):
    first = cluster_paths(points, 4, 5, seed=3)
    assert len(set(first)) == len(points) and first == cluster_paths(points, 4, 5, seed=3)


def test_another_seed_gives_another_tree():
    points = blobs(200)
    assert cluster_paths(points, seed=0) != cluster_paths(points, seed=1)


def test_atomic_identifiers():
    identifiers = make_identifiers("atomic", names(3))
    assert identifiers.codes == (("<img_0>",), ("<img_1>",), ("<img_2>",))
    assert identifiers.new_tokens == ("<img_0>", "<img_1>", "<img_2>") and len(identifiers) == 3


@pytest.mark.parametrize("kind", ["atomic", "structured"])
def test_save_and_load(tmp_path, kind):
    identifiers = make_identifiers(kind, ["ä.jpg", *names(40)], blobs(41))
    identifiers.save(tmp_path / "deep" / "identifiers.json")
    assert Identifiers.load(tmp_path / "deep" / "identifiers.json") == identifiers
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["identifiers.json"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        json.dumps({"version": 2}),
        json.dumps(dict(version=1, kind="atomic", codes=[["a"], ["a"]], image_ids=["x", "y"], new_tokens=["a"])),
        json.dumps(dict(version=1, kind="atomic", codes=["a"], image_ids=["x"], new_tokens=["a"])),
    ],
)
def test_load_refuses_a_damaged_file(tmp_path, text):
    (tmp_path / "i.json").write_text(text)
    with pytest.raises(ValueError, match="does not hold identifiers"):
        Identifiers.load(tmp_path / "i.json")


def test_load_refuses_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="make_identifiers"):
        Identifiers.load(tmp_path / "i.json")


def test_token_ids():
    identifiers = make_identifiers("atomic", names(2))
    assert identifiers.token_ids(Vocabulary(["<img_1>", "</id>", "<img_0>"]), 1) == [[2, 1], [0, 1]]
    with pytest.raises(ValueError, match="lacks 1 identifier tokens, '<img_1>'"):
        identifiers.token_ids(Vocabulary(["<img_0>", "</id>"]), 1)
    with pytest.raises(ValueError, match="'image1' contains the end token"):
        identifiers.token_ids(Vocabulary(["<img_0>", "<img_1>"]), 1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(kind="atomic", image_ids=[]), "need one each"),
        (dict(kind="atomic", image_ids=["a", "b", "a"]), "image id 'a' occurs twice"),
        (dict(kind="magic", image_ids=["a"]), "choose one of atomic, structured"),
        (dict(kind="structured", image_ids=["a"]), "got none"),
        (dict(kind="structured", image_ids=["a"], embeddings=np.ones((2, 3))), "got 2"),
        (dict(kind="structured", image_ids=["a"], embeddings=np.ones((1, 3)) * np.nan), "NaN"),
        (dict(kind="structured", image_ids=["a"], embeddings=np.ones(1)), r"\(N, D\)"),
        (dict(kind="structured", image_ids=["a"], embeddings=np.ones((1, 3)), clusters=1), "clusters >= 2"),
        (dict(kind="structured", image_ids=["a"], embeddings=np.ones((1, 3)), leaf_size=0), "leaf_size >= 1"),
    ],
)
def test_make_identifiers_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_identifiers(**arguments)


@pytest.mark.parametrize(
    "codes, new_tokens, message",
    [
        ((("a",), ("a",)), ("a",), "identifier .* occurs twice"),
        ((("a",), ()), ("a",), "'y' has an empty"),
        ((("a",),), ("a",), "1 identifiers for 2"),
        ((("a",), ("b",)), ("a", "a"), "new token 'a' occurs twice"),
    ],
)
def test_identifiers_refuse(codes, new_tokens, message):
    with pytest.raises(ValueError, match=message):
        Identifiers("atomic", codes, ("x", "y"), new_tokens)
