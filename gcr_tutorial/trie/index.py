"""`TrieIndex`: what keeps generation inside the gallery (GRACE section 3.4, constrained generation).

Every identifier is a path from the root to a leaf, so the tokens that may come next are those that lead to the children of
a node. Nested dictionaries would say this too; here the trie is a few flat arrays (`TrieArrays`), which take about 11 bytes
an identifier for ten million of them:

- nodes are numbered breadth first with children in token order, so edge e always leads to node e + 1, and the target of an
  edge is not stored;
- the edges of a node are found as in a sparse matrix in CSR form, by its row pointer (`indptr`). Only inner nodes have one;
  two bits a node say which nodes are inner and at which an identifier ends, and `RankBitVector` calculates from these bits
  in constant time which entry is the node's;
- the edge of the end token is not stored: it leads from the j-th node where an identifier ends to leaf j.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.trie import files
from gcr_tutorial.trie.arrays import TrieArrays
from gcr_tutorial.trie.builder import Nodes, from_sequences, merged, remaining
from gcr_tutorial.trie.rank_select import RankBitVector
from gcr_tutorial.trie.tensors import TrieTensors

DEAD = -1  # the node of a sequence that is not in the trie


@dataclass(frozen=True, eq=False)
class TrieIndex(TrieArrays):
    """A prefix tree over token sequences that all end in the same end-of-identifier token.

    Make one with `TrieIndex.build`. Nodes 0 .. P - 1 are the prefixes (node 0, the root, is the empty one), and node
    P + j is leaf j, which the end token leads to; N leaves are N identifiers.

    A *row* is the number of an identifier in what the trie was built from: `build` gives sequence i the row i, `merge` gives
    new ones the rows that follow (`next_row` is the first free one), and `without` leaves a gap. The row of an identifier
    never changes, and no row is given twice.
    """

    _on_device: dict[str, TrieTensors] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def build(cls, sequences: Sequence[Sequence[int]] | np.ndarray, *, keep_first: bool = False) -> TrieIndex:
        """Build the trie of `sequences`, each a list of token ids that ends in the end-of-identifier token.

        The last token of the first sequence is the end token. It must close every sequence and occur nowhere else; so
        one identifier may be a prefix of another. `keep_first=True` keeps the first of equal sequences instead of refusing
        them. An (N, length) integer array is the fastest input.

        Raises ValueError, and TypeError for ids that are not integers; both name the sequence by its row.
        """
        return cls._packed(from_sequences(sequences, keep_first))

    def merge(self, sequences: Sequence[Sequence[int]] | np.ndarray, *, keep_first: bool = False) -> TrieIndex:
        """A trie with `sequences`, the batch of n lists or (n, L), added. Takes time linear in this trie, and n log n in n sequences.

        Sequence i of the batch gets row `next_row` + i; the rows of the old identifiers stay. `keep_first=True` leaves out
        identifiers that this trie has or that the batch repeats. Raises as `build` does, and ValueError for another end
        token or an identifier that this trie has; errors name a sequence by its index in the batch.
        """
        if len(sequences) == 0:
            return self
        batch = from_sequences(sequences, keep_first)
        if batch.end_id != self.end_id:
            raise UserValueError(
                f"the batch ends in token {batch.end_id}, this trie's identifiers in {self.end_id}: close "
                "every identifier with the same end-of-identifier token"
            )
        return self._packed(merged(self._unpacked(), batch, keep_first))

    def without(self, rows: Collection[int] | np.ndarray) -> TrieIndex:
        """A trie without the identifiers of these (n,) rows, in time linear in this trie; the others keep their rows.

        Raises ValueError for a row that no identifier has, or where nothing would be left.
        """
        return self._packed(remaining(self._unpacked(), rows))

    @classmethod
    def _packed(cls, nodes: Nodes) -> TrieIndex:
        """`nodes` in the compact form: only letters that occur, the smallest types, parents as row pointers."""
        occurs = np.zeros(len(nodes.alphabet), dtype=bool)
        occurs[nodes.codes] = True
        occurs |= nodes.alphabet == nodes.end_id
        alphabet = nodes.alphabet[occurs]
        codes = (np.cumsum(occurs) - 1).astype(_smallest(len(alphabet) - 1))[nodes.codes]
        children = np.bincount(nodes.parents, minlength=len(nodes.ends))
        indptr = np.append(0, np.cumsum(children[children > 0]))
        return cls(
            alphabet.astype(np.int32 if alphabet[-1] < 2**31 else np.int64),
            codes,
            indptr.astype(_smallest(int(indptr[-1]))),
            RankBitVector.from_bits(children > 0),
            RankBitVector.from_bits(nodes.ends),
            nodes.rows.astype(_smallest(nodes.next_row)),
            len(nodes.level_starts) - 1,
            nodes.end_id,
            nodes.next_row,
        )

    def _unpacked(self) -> Nodes:
        """The reverse of `_packed`."""
        return Nodes(
            self.alphabet.astype(np.int64),
            self.edge_parents(),
            self.codes,
            self.ends.bits(self.num_prefixes),
            self.rows.astype(np.int64),
            [*self.level_starts(), self.num_prefixes],
            self.end_id,
            self.next_row,
        )

    def children(self, node: int) -> tuple[np.ndarray, np.ndarray]:
        """(token ids, nodes) of the children of `node`, in token order; both empty at a leaf and at DEAD (-1)."""
        _, tokens, nodes = self.children_of(np.array([node]))
        return tokens, nodes

    def children_of(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The children of (R,) nodes at once: (owner, token ids, nodes), three (C,) int64 arrays.

        `owner[c]` is the index in `nodes` of the parent of child c. Owners ascend, and so do the token ids of an owner.
        Leaves and DEAD (-1) have no children.
        """
        # 1. What each node has: a row pointer, a leaf, both, or (leaves and DEAD) nothing.
        nodes = self._checked(nodes)
        is_prefix = (nodes >= 0) & (nodes < self.num_prefixes)
        prefix = np.where(is_prefix, nodes, 0)
        inner, entry = self.inner.ranks(prefix)
        ends, leaf = self.ends.ranks(prefix)
        inner, ends = inner & is_prefix, ends & is_prefix
        # 2. The edges of all nodes: those of node r are first[r] .. first[r] + count[r] - 1.
        first, count = np.zeros((2, len(nodes)), dtype=np.int64)
        first[inner] = self.indptr[entry[inner]]
        count[inner] = self.indptr[entry[inner] + 1] - first[inner]
        before = np.cumsum(count) - count  # edges of the nodes before each
        owner = np.repeat(np.arange(len(nodes)), count)
        edge = np.arange(len(owner)) + (first - before)[owner]
        tokens = self.alphabet[self.codes[edge]].astype(np.int64)
        if not ends.any():
            return owner, tokens, edge + 1
        # 3. Insert the end token among the tokens of each node that has a leaf; greater tokens move up by one.
        greater = tokens > self.end_id
        begin = before + np.cumsum(ends) - ends  # (R,) index of each node's first child in the result
        move = np.arange(len(owner)) + (begin - before)[owner] + (greater & ends[owner])
        end = (begin + np.bincount(owner[~greater], minlength=len(nodes)))[ends]
        result = np.empty((3, len(owner) + len(end)), dtype=np.int64)
        result[:, move] = owner, tokens, edge + 1
        result[:, end] = np.flatnonzero(ends), np.full(len(end), self.end_id), self.num_prefixes + leaf[ends]
        return result[0], result[1], result[2]

    def walk(self, tokens: Sequence[int], node: int = 0) -> int:
        """The node reached from `node` (default: the root) along `tokens`, or DEAD (-1) where no such path exists."""
        self._checked([node])
        for token in tokens:
            if not 0 <= node < self.num_prefixes:
                return DEAD
            node = self._child(node, token)
        return node

    def _child(self, node: int, token: int) -> int:
        """The node that `token` leads to from a prefix, or DEAD."""
        if token == self.end_id:
            ends, leaf = self.ends.rank(node)
            return self.num_prefixes + leaf if ends else DEAD
        inner, entry = self.inner.rank(node)
        code = bisect_left(self.alphabet, token)
        if not inner or code == len(self.alphabet) or self.alphabet[code] != token:
            return DEAD
        stop = int(self.indptr[entry + 1])
        edge = bisect_left(self.codes, code, int(self.indptr[entry]), stop)
        return edge + 1 if edge < stop and self.codes[edge] == code else DEAD

    def row_at(self, node: int) -> int | None:
        """The row of the identifier that ends at `node`, a leaf; None at other nodes."""
        row = int(self.rows_at(np.array([node]))[0])
        return None if row < 0 else row

    def rows_at(self, nodes: np.ndarray) -> np.ndarray:
        """(R,) nodes -> (R,) int64, the row of the identifier that ends at each leaf; -1 at other nodes."""
        leaf = self._checked(nodes) - self.num_prefixes
        return np.where(leaf >= 0, self.rows[np.maximum(leaf, 0)].astype(np.int64), -1)

    def _checked(self, nodes: Sequence[int] | np.ndarray) -> np.ndarray:
        """`nodes` as int64. Raises IndexError for a node that is neither in this trie nor DEAD."""
        nodes = np.asarray(nodes, dtype=np.int64)
        unknown = (nodes < DEAD) | (nodes >= self.num_nodes)
        if unknown.any():
            raise IndexError(f"node {int(nodes[unknown][0])} is not in this trie of {self.num_nodes} nodes")
        return nodes

    def on(self, device: torch.device | str) -> TrieTensors:
        """This trie as tensors on `device`, to walk many sequences there at once; made at the first call, then kept."""
        key = str(device)
        if key not in self._on_device:
            self._on_device[key] = TrieTensors.of(self, device)
        return self._on_device[key]

    def save(self, folder: str | Path) -> None:
        """Write trie.safetensors (the arrays) and trie.json (the rest) into `folder`."""
        files.save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, *, mmap: bool = False) -> TrieIndex:
        """Read what `save` wrote; with `mmap=True` the arrays stay in the file and are shared between processes.

        Raises FileNotFoundError, or ValueError where the files are damaged or do not fit together.
        """
        return cls(**files.load(Path(folder), mmap))


def _smallest(top: int) -> np.dtype:
    """The smallest unsigned type that holds 0 .. top."""
    return np.min_scalar_type(top)
