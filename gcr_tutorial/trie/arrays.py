"""How a trie lies in memory: a few flat arrays in breadth-first order (compressed sparse rows, CSR)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gcr_tutorial.trie.rank_select import RankBitVector


@dataclass(frozen=True, eq=False)
class TrieArrays:
    """The arrays of a `TrieIndex`, and what follows from them alone.

    Nodes 0 .. P - 1 are the prefixes (node 0, the root, is the empty one), and node P + j is leaf j, reached by the end token.

    Attributes:
        alphabet: (A,) int32 (int64 past 2^31), the vocabulary ids that occur, end token included, ascending; a *code*
            is an index into it.
        codes: (P - 1,) the code on each edge, ascending within a node; edge e leads to node e + 1.
        starts: (nodes with children + 1,) where the edges of each node with children start, and the end of the last.
        inner: which of the P nodes have children other than a leaf.
        ends: at which of the P nodes an identifier ends, that is, which have a leaf.
        positions: (N,) the position of each leaf's identifier.
        depth: length of the longest sequence, end-of-identifier included.
        end_id: the end-of-identifier token.
        next_position: the position that the next merged identifier gets.

    `codes`, `starts` and `positions` are of the smallest unsigned type that holds them: convert before calculating.
    """

    alphabet: np.ndarray
    codes: np.ndarray
    starts: np.ndarray
    inner: RankBitVector
    ends: RankBitVector
    positions: np.ndarray
    depth: int
    end_id: int
    next_position: int

    def edge_parents(self) -> np.ndarray:
        """(P - 1,) int64, the node that each edge starts from."""
        return np.repeat(np.flatnonzero(self.inner.flags(self.num_prefixes)), np.diff(self.starts.astype(np.int64)))

    def level_starts(self) -> list[int]:
        """The first node of each level of prefixes: of the root's, its children's, and so on."""
        levels = [0]
        while (after := int(self.starts[self.inner.rank(levels[-1])[1]]) + 1) < self.num_prefixes:
            levels.append(after)
        return levels

    def __len__(self) -> int:
        """Number of identifiers (leaves)."""
        return len(self.positions)

    @property
    def num_prefixes(self) -> int:
        """P: the nodes that are not leaves, root included."""
        return len(self.codes) + 1

    @property
    def num_nodes(self) -> int:
        return self.num_prefixes + len(self)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays in bytes (what `on` made for a device not counted)."""
        parts = (self.alphabet, self.codes, self.starts, self.inner, self.ends, self.positions)
        return sum(part.nbytes for part in parts)
