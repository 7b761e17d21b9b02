"""TrieIndex against a dictionary trie, its refusals, and its files."""

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from gcr_tutorial.trie import DEAD, TrieIndex, files
from gcr_tutorial.trie.rank_select import RankBitVector

END = 5  # between the other tokens, so that it has to take its place among them
TOKENS = [3, 4, 7, 100]
bodies = st.lists(st.sampled_from(TOKENS), max_size=5).map(tuple)
galleries = st.lists(bodies, min_size=1, max_size=30, unique=True)
ARRAYS = ("alphabet", "codes", "indptr", "rows")


def closed(gallery):
    return [[*body, END] for body in gallery]


def dictionary(rows):
    """{sequence: row} -> nested dictionaries; the end token leads to the row."""
    root = {}
    for sequence, row in rows.items():
        node = root
        for token in sequence[:-1]:
            node = node.setdefault(token, {})
        node[sequence[-1]] = row
    return root


def assert_is(trie, rows):
    """`trie` is the trie of {sequence: row}: every lookup at every node, and the numbers over all."""
    todo, seen, prefixes = [(0, dictionary(rows))], [], 1
    while todo:
        level = dict(todo)
        nodes = np.array(list(level))
        owner, tokens, children = trie.children_of(nodes)
        assert owner.tolist() == sorted(owner) and (trie.rows_at(nodes) == -1).all()
        todo, leaves = [], []
        for i, (node, below) in enumerate(level.items()):
            assert tokens[owner == i].tolist() == sorted(below)
            alone = trie.children(node)
            assert alone[0].tolist() == sorted(below) and alone[1].tolist() == children[owner == i].tolist()
            for token, child in zip(*(a.tolist() for a in alone)):
                assert trie.walk([token], node) == child
                (leaves if token == trie.end_id else todo).append((child, below[token]))
        seen += nodes.tolist()
        seen += [leaf for leaf, _ in leaves]
        for leaf, row in leaves:
            assert trie.row_at(leaf) == row and len(trie.children(leaf)[0]) == 0
        prefixes += len(todo)
    assert sorted(seen) == list(range(trie.num_nodes)) and trie.num_prefixes == prefixes
    assert len(trie) == len(rows) and trie.depth == max(map(len, rows))
    assert trie.alphabet.tolist() == sorted({token for sequence in rows for token in sequence})


def assert_same(a, b):
    """The same trie to the last byte."""
    for name in ARRAYS:
        assert getattr(a, name).dtype == getattr(b, name).dtype and np.array_equal(getattr(a, name), getattr(b, name))
    for name in ("inner", "ends"):
        assert np.array_equal(getattr(a, name).words, getattr(b, name).words)
        assert np.array_equal(getattr(a, name).block_counts, getattr(b, name).block_counts)
    for name in ("depth", "end_id", "next_row", "nbytes"):
        assert getattr(a, name) == getattr(b, name)


@given(galleries)
def test_is_the_dictionary_trie(gallery):
    sequences = closed(gallery)
    trie = TrieIndex.build(sequences)
    assert_is(trie, {tuple(s): i for i, s in enumerate(sequences)})
    assert trie.end_id == END and trie.next_row == len(gallery)
    assert trie.num_nodes == 1 + len({tuple(s[:d]) for s in sequences for d in range(1, len(s) + 1)})


@given(galleries, st.lists(st.sampled_from([END, 3, 4, 6, 7, 100, 10**6, 10**12, -1]), max_size=5))
def test_walk_along_any_tokens(gallery, tokens):
    sequences = closed(gallery)
    trie = TrieIndex.build(sequences)
    node = trie.walk(tokens)
    following = {s[len(tokens)] for s in sequences if s[: len(tokens)] == tokens and len(s) > len(tokens)}
    assert set(trie.children(node)[0].tolist()) == following
    assert (node == DEAD) == (not any(s[: len(tokens)] == tokens for s in sequences))
    assert trie.row_at(node) == (sequences.index(tokens) if tokens in sequences else None)
    assert trie.walk(tokens[1:], trie.walk(tokens[:1])) == node  # in two goes


@given(galleries, st.data())
def test_many_nodes_at_once_answer_as_each_alone(gallery, data):
    trie = TrieIndex.build(closed(gallery))
    nodes = data.draw(st.lists(st.integers(DEAD, trie.num_nodes - 1), max_size=20))  # repeats, any order
    owner, tokens, children = trie.children_of(np.array(nodes, dtype=int))
    alone = [(i, *pair) for i, node in enumerate(nodes) for pair in zip(*(a.tolist() for a in trie.children(node)))]
    assert list(zip(owner.tolist(), tokens.tolist(), children.tolist())) == alone
    assert {array.dtype for array in (owner, tokens, children)} == {np.dtype(np.int64)}
    found = trie.rows_at(np.array(nodes, dtype=int)).tolist()
    assert [None if row < 0 else row for row in found] == [trie.row_at(node) for node in nodes]


@given(st.lists(st.booleans(), max_size=300), st.data())
def test_marks_count_what_is_before(flags, data):
    marks = RankBitVector.from_bits(np.array(flags, dtype=bool))
    numbers = data.draw(st.lists(st.integers(0, len(flags)), max_size=20))
    expected = [((flags + [False])[i], sum(flags[:i])) for i in numbers]
    assert [marks.rank(i) for i in numbers] == expected
    marked, counts = marks.ranks(np.array(numbers, dtype=np.int64))
    assert list(zip(marked.tolist(), counts.tolist())) == expected
    assert marks.bits(len(flags)).tolist() == flags


def test_marks_in_full_words_and_counts_past_a_byte():
    marks = RankBitVector.from_bits(np.ones(1000, dtype=bool))
    assert marks.ranks(np.arange(1001))[1].tolist() == list(range(1001))
    assert marks.rank(1000) == (False, 1000)


def test_one_identifier_and_the_empty_one():
    trie = TrieIndex.build([[7, 7, END]])
    assert_is(trie, {(7, 7, END): 0})
    assert trie.walk([7, 7, END]) == trie.num_nodes - 1 == 3
    empty = TrieIndex.build([[END]])
    assert_is(empty, {(END,): 0})
    assert (empty.num_nodes, empty.depth, empty.walk([END])) == (2, 1, 1)


def test_an_array_builds_the_same_trie_as_lists():
    rows = np.array([[5, 3, 1], [4, 3, 1], [5, 9, 1]])
    trie = TrieIndex.build(rows)
    assert_is(trie, {(5, 3, 1): 0, (4, 3, 1): 1, (5, 9, 1): 2})
    for same in (rows.tolist(), rows.astype(np.uint8), rows[:, ::-1].copy()[:, ::-1], np.asfortranarray(rows)):
        assert_same(trie, TrieIndex.build(same))


@given(st.lists(bodies, min_size=1, max_size=30))
def test_keep_first_of_equal_sequences(gallery):
    firsts = {}
    for row, sequence in enumerate(closed(gallery)):
        firsts.setdefault(tuple(sequence), row)
    trie = TrieIndex.build(closed(gallery), keep_first=True)
    assert_is(trie, firsts)
    assert trie.next_row == len(gallery)


def test_long_identifiers_of_many_tokens_sort_rightly():
    """More columns than fit in one 64-bit sort key, and token ids too sparse for a table."""
    rng = np.random.default_rng(1)
    for step in (1, 10**9):
        rows = np.concatenate([rng.integers(1, 700, size=(40, 30)), rng.integers(1, 3, size=(40, 9))], axis=1)
        rows[20:, :30] = rows[:20, :30]
        rows = np.concatenate([rows * step, np.zeros((40, 1), dtype=int)], axis=1)
        assert_is(TrieIndex.build(rows), {tuple(row): i for i, row in enumerate(rows.tolist())})


@pytest.mark.parametrize(
    "sequences, error, message",
    [
        ([], ValueError, "at least one identifier"),
        (np.zeros((0, 3), dtype=int), ValueError, "at least one identifier"),
        (np.zeros((3, 0), dtype=int), ValueError, "sequence 0 is empty"),
        ([[3, END], []], ValueError, "sequence 1 is empty"),
        ([[3, END], [4, 9]], ValueError, f"sequence 1 ends in token 9, the first one in {END}"),
        ([[3, END], [4, END, 9, END]], ValueError, f"sequence 1 has the end-of-identifier token {END} before"),
        ([[3, END], [END, END]], ValueError, f"sequence 1 has the end-of-identifier token {END} before"),
        ([[3, END], [4, END], [3, END]], ValueError, "sequences 0 and 2 are the same"),
        ([[3, END], [9, END], [-4, END]], ValueError, "sequence 2 has a negative"),
        ([[3.5, END]], TypeError, "float"),
        (["34"], TypeError, "str"),
        (np.array([[3.0, 2.0]]), TypeError, "2-D integers"),
        (np.array([3, 2]), TypeError, "2-D integers"),
    ],
)
def test_refuses(sequences, error, message):
    with pytest.raises(error, match=message):
        TrieIndex.build(sequences)


def test_an_unknown_node_is_named():
    trie = TrieIndex.build([[3, END]])
    for ask in (
        trie.children,
        trie.row_at,
        lambda node: trie.walk([3], node),
        lambda node: trie.children_of(np.array([0, node])),
        lambda node: trie.rows_at(np.array([0, node])),
    ):
        for node in (3, -2):
            with pytest.raises(IndexError, match=f"node {node} is not in this trie of 3 nodes"):
                ask(node)


@settings(max_examples=25)
@given(galleries, st.booleans())
def test_save_and_load(tmp_path_factory, gallery, mmap):
    folder = tmp_path_factory.mktemp("trie")
    trie = TrieIndex.build(closed(gallery))
    trie.save(folder)
    again = TrieIndex.load(folder, mmap=mmap)
    assert_same(trie, again)
    assert_is(again, {tuple(s): i for i, s in enumerate(closed(gallery))})
    assert sorted(os.listdir(folder)) == ["trie.json", "trie.safetensors"]


def test_the_keys_in_the_files_stay(tmp_path):
    """Tries that were saved by earlier versions can be read."""
    TrieIndex.build([[3, END], [4, END]]).save(tmp_path)
    stored = load_file(tmp_path / "trie.safetensors")
    assert set(stored) == {"alphabet", "codes", "starts", "inner", "ends", "positions"}
    assert set(json.loads((tmp_path / "trie.json").read_text())) == {"version", "depth", "end_id", "next_position", "crc32"}


def test_a_mapped_trie_stays_in_its_file_and_can_change(tmp_path):
    trie = TrieIndex.build(closed([(3, 4), (3, 7), (4,)]))
    trie.save(tmp_path)
    mapped = TrieIndex.load(tmp_path, mmap=True)
    for name in ARRAYS:
        assert not getattr(mapped, name).flags.writeable and not getattr(mapped, name).flags.owndata
    assert_same(mapped.merge([[100, END]]).without([0]), trie.merge([[100, END]]).without([0]))


@pytest.mark.parametrize("mmap", [False, True])
def test_load_refuses_missing_damaged_and_mixed_files(tmp_path, mmap):
    with pytest.raises(FileNotFoundError, match="trie.json"):
        TrieIndex.load(tmp_path, mmap=mmap)
    good = TrieIndex.build([[3, END], [4, END]])
    good.save(tmp_path / "a")
    TrieIndex.build([[3, END], [7, END]]).save(tmp_path / "b")
    os.replace(tmp_path / "b" / "trie.safetensors", tmp_path / "a" / "trie.safetensors")
    with pytest.raises(ValueError, match="do not fit together"):
        TrieIndex.load(tmp_path / "a", mmap=mmap)
    for torn in (b"", b"torn", b"\xff" * 8, b"\x02" + b"\0" * 7 + b"{}"):
        (tmp_path / "a" / "trie.safetensors").write_bytes(torn)
        with pytest.raises(ValueError, match="cannot be read.*build and save it again"):
            TrieIndex.load(tmp_path / "a", mmap=mmap)
    for facts, message in (({"version": 1}, "format 1, this package reads 2"), ({"version": 2}, "crc32|depth"), ([], "")):
        good.save(tmp_path / "a")
        (tmp_path / "a" / "trie.json").write_text(json.dumps(facts))
        with pytest.raises(ValueError, match=f"cannot be read.*{message}"):
            TrieIndex.load(tmp_path / "a", mmap=mmap)


@settings(max_examples=60)
@given(galleries, st.data())
def test_every_flipped_bit_is_noticed(tmp_path_factory, gallery, data):
    folder = tmp_path_factory.mktemp("trie")
    TrieIndex.build(closed(gallery)).save(folder)
    content = bytearray((folder / "trie.safetensors").read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    content[data.draw(st.integers(start, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (folder / "trie.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="build and save it again"):
        TrieIndex.load(folder, mmap=data.draw(st.booleans()))


WRONG = {  # each breaks one rule and, as far as possible, no other
    "a letter twice": {"alphabet": [4, 4, 5, 7, 100]},
    "a negative letter": {"alphabet": [-3, 4, 5, 7, 100]},
    "no end token": {"end_id": 1000},
    "a code without a letter": {"codes": [0, 1, 1, 3, 5]},
    "the end token inside": {"codes": [0, 1, 1, 2, 4]},
    "children in the wrong order": {"codes": [1, 0, 1, 3, 4]},
    "signed codes": {"codes": np.array([0, 1, 1, 3, 4], dtype=np.int8)},
    "an edge too many": {"codes": [0, 1, 1, 3, 4, 4]},
    "an edge before the first": {"indptr": [1, 2, 4, 5], "depth": 3},
    "an edge after the last": {"indptr": [0, 2, 4, 6]},
    "a start too many": {"indptr": [0, 2, 3, 4, 5]},
    "a leaf nowhere": {"ends": [0, 0, 1, 1, 1, 0], "rows": [2, 0, 1]},
    "a row too few": {"rows": [2, 0, 1]},
    "a row twice": {"rows": [2, 0, 1, 1]},
    "a row that was not given out": {"rows": [2, 0, 1, 4]},
    "rows in a table": {"rows": [[2], [0], [1], [3]]},
    "marks past the last node": {"ends": [0, 0, 1, 1, 1, 1, 1]},
    "marks past the last word": {"ends": [0, 0, 1, 1, 1, 1] + [0] * 60},
    "another depth": {"depth": 5},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_arrays_that_are_no_trie_are_refused_whatever_their_checksum(tmp_path, changes):
    trie = TrieIndex.build(closed([(3, 4), (3, 7), (4,), (3, 4, 100)]))
    parts = {part: getattr(trie, part) for part in (*ARRAYS, "inner", "ends", "depth", "end_id", "next_row")}
    TrieIndex(**parts).save(tmp_path)
    assert TrieIndex.load(tmp_path).num_nodes == trie.num_nodes == 10
    for name, change in changes.items():
        if name == "ends":
            parts[name] = RankBitVector.from_bits(np.array(change))
        else:
            parts[name] = np.array(change, dtype=getattr(change, "dtype", parts[name].dtype)) if name in ARRAYS else change
    TrieIndex(**parts).save(tmp_path)
    with pytest.raises(ValueError, match="build and save it again"):
        TrieIndex.load(tmp_path)


@pytest.mark.parametrize(
    "gallery, starts, inner",
    [
        ([(), (3,), (4,), (4, 7)], [0, 3], [0, 0, 0, 1]),  # all edges start from node 3: nothing hangs on the root
        ([(3, 3), (4, 4), (7,)], [0, 3, 3, 5], [1, 1, 1, 0, 0, 0]),  # node 1 should have a child, and node 2 has both
    ],
)
def test_edges_that_start_from_the_wrong_node_are_refused(gallery, starts, inner):
    """Every other rule holds."""
    trie = TrieIndex.build(closed(gallery))
    parts = {part: getattr(trie, part) for part in (*ARRAYS, "inner", "ends", "depth", "end_id", "next_row")}
    parts |= {"indptr": np.array(starts, dtype=np.uint8), "inner": RankBitVector.from_bits(np.array(inner))}
    assert not files.is_sound(TrieIndex(**parts))


def test_a_hundred_thousand_identifiers_in_ten_bytes_each():
    rng = np.random.default_rng(0)
    rows = np.unique(rng.integers(10, 60, size=(100_000, 4)), axis=0)
    rng.shuffle(rows)
    rows = np.concatenate([rows, np.full((len(rows), 1), END)], axis=1)
    trie = TrieIndex.build(rows)
    assert len(trie) == len(rows) and trie.nbytes < 10 * len(rows)
    for i in rng.integers(len(rows), size=50):
        assert trie.row_at(trie.walk(rows[i].tolist())) == i
    nodes = np.zeros(1, dtype=int)  # all sequences at once, level by level
    for _ in range(5):
        _, tokens, nodes = trie.children_of(nodes)
    assert sorted(trie.rows_at(nodes)) == list(range(len(rows))) and (tokens == END).all()
