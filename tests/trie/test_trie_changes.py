"""Adding identifiers to a trie and removing them: as if it had been built anew, with rows that stay."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_trie import ARRAYS, END, assert_is, assert_same, bodies, closed, galleries

from gcr_tutorial.trie import TrieIndex


def numbered(gallery, first=0):
    return {tuple(sequence): first + i for i, sequence in enumerate(closed(gallery))}


@given(galleries, st.data())
def test_merge_is_the_build_of_both(gallery, data):
    cut = data.draw(st.integers(1, len(gallery)))
    sequences = closed(gallery)
    whole, part = TrieIndex.build(sequences), TrieIndex.build(sequences[:cut])
    before = [getattr(part, name).copy() for name in ARRAYS]
    assert_same(part.merge(sequences[cut:]), whole)
    assert all(np.array_equal(getattr(part, name), array) for name, array in zip(ARRAYS, before))  # left as it was


@given(st.lists(bodies, min_size=1, max_size=20), st.lists(bodies, max_size=20))
def test_merge_keeps_the_first(gallery, batch):
    sequences = closed(gallery + batch)
    part = TrieIndex.build(sequences[: len(gallery)], keep_first=True)
    assert_same(part.merge(sequences[len(gallery) :], keep_first=True), TrieIndex.build(sequences, keep_first=True))


@given(galleries, st.data())
def test_without_is_the_build_of_the_rest(gallery, data):
    removed = data.draw(st.sets(st.integers(0, len(gallery) - 1), max_size=len(gallery) - 1))
    sequences = closed(gallery)
    rest = [i for i in range(len(gallery)) if i not in removed]
    trie = TrieIndex.build(sequences).without(removed)
    assert_is(trie, {tuple(sequences[i]): i for i in rest})
    anew = TrieIndex.build([sequences[i] for i in rest])
    for name in ("alphabet", "codes", "indptr"):
        assert np.array_equal(getattr(trie, name), getattr(anew, name))
    assert np.array_equal(np.array(rest)[anew.rows], trie.rows)  # rows stay: nothing is renumbered
    assert trie.next_row == len(gallery)


@given(st.data())
def test_any_series_of_changes(data):
    """Batches come and go; a removed identifier that comes back gets a new row."""
    start = data.draw(galleries)
    trie, held, given_out = TrieIndex.build(closed(start)), numbered(start), len(start)
    for _ in range(data.draw(st.integers(1, 5))):
        if data.draw(st.booleans()):
            batch = data.draw(st.lists(bodies.filter(lambda body: (*body, END) not in held), max_size=8, unique=True))
            trie = trie.merge(closed(batch))
            held |= numbered(batch, given_out)
            given_out += len(batch)
        elif len(held) > 1:
            gone = data.draw(st.lists(st.sampled_from(sorted(held.values())), max_size=len(held) - 1))
            trie = trie.without(gone)
            held = {sequence: row for sequence, row in held.items() if row not in gone}
        assert trie.next_row == given_out
        assert_is(trie, held)


def test_merge_takes_arrays_new_tokens_and_longer_identifiers():
    trie = TrieIndex.build([[7, END], [9, END]]).merge(np.array([[3, 8, 1, END], [9, 9, 9, END]]))
    assert_is(trie, {(7, END): 0, (9, END): 1, (3, 8, 1, END): 2, (9, 9, 9, END): 3})
    assert_is(trie.merge([[END]]), {(7, END): 0, (9, END): 1, (3, 8, 1, END): 2, (9, 9, 9, END): 3, (END,): 4})
    assert trie.merge([]) is trie


@pytest.mark.parametrize(
    "batch, error, message",
    [
        ([[8, END], [4, END], [3, END]], ValueError, "sequence 1 of the batch is the identifier that row 1 already"),
        ([[8, END], [9, END], [8, END]], ValueError, "sequences 0 and 2 are the same"),
        ([[8, 9], [7, 9]], ValueError, f"the batch ends in token 9, this trie's identifiers in {END}"),
        ([[8, END], []], ValueError, "sequence 1 is empty"),
        ([[8.5, END]], TypeError, "float"),
    ],
)
def test_merge_refuses(batch, error, message):
    with pytest.raises(error, match=message):
        TrieIndex.build([[3, END], [4, END], [5000, END]]).merge(batch)


@pytest.mark.parametrize(
    "rows, error, message",
    [
        ([0, 1, 2], ValueError, "nothing would be left"),
        ([0, 3], ValueError, "no identifier has row 3"),
        ([-1], ValueError, "no identifier has row -1"),
        ([1.0], TypeError, "float"),
        (np.array([True, False, False]), TypeError, "1-D array of integers"),
        (np.array([[0]]), TypeError, "1-D array of integers"),
    ],
)
def test_without_refuses(rows, error, message):
    with pytest.raises(error, match=message):
        TrieIndex.build([[3, END], [4, END], [3, 4, END]]).without(rows)


def test_a_removed_row_stays_gone(tmp_path):
    trie = TrieIndex.build([[3, END], [4, END]]).without(np.array([1, 1]))
    trie.save(tmp_path)
    again = TrieIndex.load(tmp_path)
    with pytest.raises(ValueError, match="no identifier has row 1"):
        again.without([1])
    assert_is(again.merge([[4, END]]), {(3, END): 0, (4, END): 2})


def test_removing_the_longest_shortens_the_trie():
    trie = TrieIndex.build([[3, END], [4, 4, 4, 4, END]])
    assert (trie.depth, trie.without([1]).depth, trie.without([1]).alphabet.tolist()) == (5, 2, [3, END])
