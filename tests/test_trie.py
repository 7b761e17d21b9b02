"""TrieIndex against a dictionary trie, its refusals, and its files."""

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcr_tutorial.trie import DEAD, TrieIndex

END = 2
bodies = st.lists(st.sampled_from([3, 4, 7, 100]), max_size=5).map(tuple)
galleries = st.lists(bodies, min_size=1, max_size=30, unique=True)


def closed(gallery):
    return [[*body, END] for body in gallery]


def leaves_below(trie, node=0, prefix=()):
    """Every (sequence, position) under `node`, by walking children."""
    tokens, nodes = trie.children(node)
    assert list(tokens) == sorted(set(tokens.tolist()))
    if len(tokens) == 0:
        yield prefix, trie.sequence_at(node)
    for token, child in zip(tokens.tolist(), nodes.tolist()):
        assert trie.sequence_at(node) is None
        yield from leaves_below(trie, child, (*prefix, token))


@given(galleries)
def test_holds_exactly_the_given_sequences(gallery):
    sequences = closed(gallery)
    trie = TrieIndex.build(sequences)
    assert dict(leaves_below(trie)) == {tuple(s): i for i, s in enumerate(sequences)}
    assert len(trie) == len(sequences) and trie.end_id == END
    assert trie.depth == max(map(len, sequences))
    assert trie.num_nodes == 1 + len({tuple(s[:d]) for s in sequences for d in range(1, len(s) + 1)})


@given(galleries, st.lists(st.sampled_from([END, 3, 4, 5, 7, 100, 10**6, -1]), max_size=5))
def test_walk_and_children_agree_with_a_dictionary(gallery, tokens):
    sequences = closed(gallery)
    trie = TrieIndex.build(sequences)
    node = trie.walk(tokens)
    following = {s[len(tokens)] for s in sequences if s[: len(tokens)] == tokens and len(s) > len(tokens)}
    assert set(trie.children(node)[0].tolist()) == following
    assert (node == DEAD) == (not any(s[: len(tokens)] == tokens for s in sequences))
    assert trie.sequence_at(node) == (sequences.index(tokens) if tokens in sequences else None)
    assert trie.walk(tokens[1:], trie.walk(tokens[:1])) == node  # in two goes


@settings(max_examples=25)
@given(galleries)
def test_save_and_load(tmp_path_factory, gallery):
    folder = tmp_path_factory.mktemp("trie")
    trie = TrieIndex.build(closed(gallery))
    trie.save(folder)
    again = TrieIndex.load(folder)
    assert dict(leaves_below(again)) == dict(leaves_below(trie))
    assert (again.depth, again.end_id) == (trie.depth, trie.end_id)
    assert sorted(os.listdir(folder)) == ["trie.json", "trie.safetensors"]


def test_an_array_builds_the_same_trie_as_lists():
    rows = np.array([[5, 3, 1], [4, 3, 1], [5, 9, 1]])
    a, b = TrieIndex.build(rows), TrieIndex.build(rows.tolist())
    assert dict(leaves_below(a)) == dict(leaves_below(b)) == {(5, 3, 1): 0, (4, 3, 1): 1, (5, 9, 1): 2}
    assert a.nbytes == b.nbytes > 0


def test_keep_first_of_equal_sequences():
    trie = TrieIndex.build([[4, END], [3, END], [4, END]], keep_first=True)
    assert dict(leaves_below(trie)) == {(4, END): 0, (3, END): 1}
    assert len(trie) == 2


@pytest.mark.parametrize(
    "sequences, error, message",
    [
        ([], ValueError, "at least one identifier"),
        (np.zeros((0, 3), dtype=int), ValueError, "at least one identifier"),
        ([[3, END], []], ValueError, "sequence 1 is empty"),
        ([[3, END], [4, 5]], ValueError, "sequence 1 ends in token 5"),
        ([[3, END], [4, END, 5, END]], ValueError, "sequence 1 has the end-of-identifier token 2 before"),
        ([[3, END], [4, END], [3, END]], ValueError, "sequences 0 and 2 are the same"),
        ([[3, END], [-4, END]], ValueError, "sequence 1 has a negative"),
        ([[3.5, END]], TypeError, "float"),
        (["34"], TypeError, "str"),
        (np.array([[3.0, 2.0]]), TypeError, "2-D integers"),
    ],
)
def test_refuses(sequences, error, message):
    with pytest.raises(error, match=message):
        TrieIndex.build(sequences)


def test_children_of_an_unknown_node():
    with pytest.raises(IndexError, match="node 99"):
        TrieIndex.build([[3, END]]).children(99)


def test_load_refuses_missing_damaged_and_mixed_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="trie.json"):
        TrieIndex.load(tmp_path)
    TrieIndex.build([[3, END], [4, END]]).save(tmp_path / "a")
    TrieIndex.build([[3, END], [5, END]]).save(tmp_path / "b")
    os.replace(tmp_path / "b" / "trie.safetensors", tmp_path / "a" / "trie.safetensors")
    with pytest.raises(ValueError, match="do not fit together"):
        TrieIndex.load(tmp_path / "a")
    (tmp_path / "a" / "trie.safetensors").write_bytes(b"torn")
    with pytest.raises(ValueError, match="cannot be read"):
        TrieIndex.load(tmp_path / "a")
    TrieIndex.build([[3, END], [4, END]]).save(tmp_path / "a")
    (tmp_path / "a" / "trie.json").write_text(json.dumps({"version": 1}))
    with pytest.raises(ValueError, match="cannot be read"):
        TrieIndex.load(tmp_path / "a")


def test_arrays_that_are_no_trie_are_not_sound():
    trie = TrieIndex.build(closed([(3, 4), (3, 7), (4,)]))
    assert trie._is_sound()
    for name, change in (("codes", lambda a: a[::-1]), ("leaf_sequence", lambda a: np.full_like(a, -1)),
                         ("offsets", lambda a: a[::-1]), ("alphabet", lambda a: a[:1])):
        arrays = {n: getattr(trie, n) for n in ("alphabet", "offsets", "codes", "leaf_sequence")}
        arrays[name] = change(arrays[name]).copy()
        assert not TrieIndex(**arrays, depth=trie.depth, end_id=END)._is_sound(), name


def test_a_hundred_thousand_identifiers_build_without_a_loop_over_them():
    rng = np.random.default_rng(0)
    rows = np.unique(rng.integers(10, 60, size=(100_000, 4)), axis=0)
    rows = np.concatenate([rows, np.full((len(rows), 1), END)], axis=1)
    trie = TrieIndex.build(rows)
    assert len(trie) == len(rows)
    for i in rng.integers(len(rows), size=50):
        assert trie.sequence_at(trie.walk(rows[i].tolist())) == i
