"""The trie on a torch device answers as the trie itself."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_trie import END, TOKENS, closed, galleries

from gcr_tutorial.trie import DEAD, TrieIndex

rows = st.lists(st.lists(st.sampled_from([*TOKENS, END, 0, 6, 10**6]), min_size=6, max_size=6), min_size=1, max_size=8)


@given(galleries, st.data())
def test_lookups_are_those_of_the_trie(gallery, data):
    trie = TrieIndex.build(closed(gallery))
    nodes = data.draw(st.lists(st.integers(DEAD, trie.num_nodes - 1), max_size=20))
    tensors, at = trie.on("cpu"), torch.tensor(nodes, dtype=torch.long)
    for ours, theirs in zip(tensors.children_of(at), trie.children_of(np.array(nodes, dtype=int))):
        assert ours.dtype == torch.long and ours.tolist() == theirs.tolist()
    assert tensors.rows_at(at).tolist() == trie.rows_at(np.array(nodes, dtype=int)).tolist()
    for token in (*TOKENS, END, 0, 6, 10**6):
        stepped = tensors.step(at, torch.full_like(at, token))
        assert stepped.tolist() == [trie.walk([token], node) for node in nodes]


@given(galleries, rows)
def test_rows_of_tokens_walk_at_once(gallery, rows):
    sequences = closed(gallery)
    rows = rows + [(s + [0] * 6)[:6] for s in sequences]  # padded after the end
    trie = TrieIndex.build(sequences)
    tokens = torch.tensor(rows)
    for length in range(7):
        walked = trie.on("cpu").walk(tokens[:, :length])
        assert walked.tolist() == [trie.walk(row[:length]) for row in rows]
    found = trie.on("cpu").rows_of(tokens).tolist()
    assert found == [next((i for i, s in enumerate(sequences) if row[: len(s)] == s), -1) for row in rows]
    assert set(found[-len(sequences) :]) == set(range(len(sequences)))


def test_tensors_are_made_once_a_device():
    trie = TrieIndex.build([[3, END]])
    assert trie.on("cpu") is trie.on(torch.device("cpu")) is not TrieIndex.build([[3, END]]).on("cpu")


def test_rows_that_are_slices_of_a_wider_tensor():
    trie = TrieIndex.build([[3, 4, END], [7, END]])
    wide = torch.tensor([[9, 3, 4, END], [9, 7, END, END]])
    assert trie.on("cpu").rows_of(wide[:, 1:]).tolist() == [0, 1]
