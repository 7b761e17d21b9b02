"""How a trie lies in memory: a few flat arrays in breadth-first order (compressed sparse rows, CSR)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gcr_tutorial.trie.rank_select import RankBitVector


@dataclass(frozen=True, eq=False)
class TrieArrays:
    """The arrays of a `TrieIndex`, and what can be calculated from them alone.

    Nodes 0 .. P - 1 are the prefixes (node 0, the root, is the empty prefix). Node P + j is leaf j, which the end token
    leads to. *Inner* nodes are the prefixes that a token other than the end token may follow.

    Attributes:
        alphabet: (A,) int32 (int64 from 2^31 on), the vocabulary ids that occur, end token included, ascending. A *code*
            is an index into it.
        codes: (P - 1,) the code on each edge between prefixes, ascending within a node; edge e leads to node e + 1. These
            are the column indices of CSR.
        indptr: (inner nodes + 1,) the row pointers of CSR: the first edge of each inner node, then the number of edges.
        inner: marks which of the P prefixes are inner nodes.
        ends: marks which of the P prefixes are a whole identifier, that is, have a leaf.
        rows: (N,) the row of each leaf's identifier in what the trie was built from (see `TrieIndex`).
        depth: length of the longest sequence, end token included.
        end_id: the end-of-identifier token.
        next_row: the row that the next merged identifier gets.

    `codes`, `indptr` and `rows` are of the smallest unsigned type that holds them: convert them before calculating.
    """

    alphabet: np.ndarray
    codes: np.ndarray
    indptr: np.ndarray
    inner: RankBitVector
    ends: RankBitVector
    rows: np.ndarray
    depth: int
    end_id: int
    next_row: int

    def edge_parents(self) -> np.ndarray:
        """(P - 1,) int64, the node that each edge starts from."""
        return np.repeat(np.flatnonzero(self.inner.bits(self.num_prefixes)), np.diff(self.indptr.astype(np.int64)))

    def level_starts(self) -> list[int]:
        """The first prefix of each level: the root's level, that of its children, and so on."""
        starts = [0]
        while (following := int(self.indptr[self.inner.rank(starts[-1])[1]]) + 1) < self.num_prefixes:
            starts.append(following)
        return starts

    def __len__(self) -> int:
        """Number of identifiers, which is also the number of leaves."""
        return len(self.rows)

    @property
    def num_prefixes(self) -> int:
        """P, the number of nodes that are not leaves, root included."""
        return len(self.codes) + 1

    @property
    def num_nodes(self) -> int:
        """Number of prefixes and leaves together."""
        return self.num_prefixes + len(self)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays in bytes, without the tensors that `TrieIndex.on` made for a device."""
        parts = (self.alphabet, self.codes, self.indptr, self.inner, self.ends, self.rows)
        return sum(part.nbytes for part in parts)
