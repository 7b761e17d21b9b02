"""`TrieIndex`: what keeps generation inside the gallery (GRACE section 3.4, constrained generation).

Every identifier is a path from the root to a leaf, so "which tokens may come next" is "which children has this node".
Instead of nested dictionaries the trie is a few flat arrays, about 11 bytes an identifier at ten million of them:

- nodes are numbered breadth first with children in token order, so edge e always leads to node e + 1 and needs no
  pointer of its own;
- only nodes with children say where their edges start, and two bits a node say who has children and where an identifier
  ends (`RankBitVector` finds a node's entry from these bits in constant time);
- the step to the end token is not stored: it leads from the j-th node where an identifier ends to leaf j.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from gcr_tutorial.trie import files
from gcr_tutorial.trie.arrays import TrieArrays
from gcr_tutorial.trie.builder import Nodes, from_sequences, merged, remaining
from gcr_tutorial.trie.rank_select import RankBitVector
from gcr_tutorial.trie.tensors import TrieTensors

DEAD = -1  # "no such node": the walk has left the trie


@dataclass(frozen=True, eq=False)
class TrieIndex(TrieArrays):
    """A prefix tree over token sequences that all end in the same end-of-identifier token.

    Make one with `TrieIndex.build`. Nodes 0 .. P - 1 are the prefixes (node 0, the root, is the empty one), and node
    P + j is leaf j, reached by the end token; N leaves are N identifiers.

    *Positions* name the identifiers: `build` gives sequence i of its input position i, `merge` gives new ones the
    positions that follow (`next_position` is the first free one), and `without` leaves a gap. A position is never
    renumbered and never given twice.
    """

    _on_device: dict[str, TrieTensors] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def build(cls, sequences: Sequence[Sequence[int]] | np.ndarray, *, keep_first: bool = False) -> TrieIndex:
        """Build the trie of `sequences`, each a list of token ids that ends in the end-of-identifier token.

        The end token is what the first sequence ends in; it closes every sequence and occurs nowhere else, which is
        what lets one identifier be a prefix of another. `keep_first=True` keeps the first of equal sequences instead
        of refusing them. An (N, length) integer array is the fastest input. Raises ValueError (TypeError for ids that
        are not integers) naming the offending position.
        """
        return cls._packed(from_sequences(sequences, keep_first))

    def merge(self, sequences: Sequence[Sequence[int]] | np.ndarray, *, keep_first: bool = False) -> TrieIndex:
        """A trie with `sequences` added, in time linear in this trie and (but for sorting it) in the batch.

        Sequence i of the batch gets position `next_position` + i; the positions of the old identifiers stay.
        `keep_first=True` leaves out what the batch repeats, of the trie or of itself. Raises as `build` does, and
        ValueError for another end token or an identifier that the trie has; the numbers named are places in the batch.
        """
        if len(sequences) == 0:
            return self
        batch = from_sequences(sequences, keep_first)
        if batch.end_id != self.end_id:
            raise ValueError(
                f"the batch ends in token {batch.end_id}, this trie's identifiers in {self.end_id}: close "
                "every identifier with the same end-of-identifier token"
            )
        return self._packed(merged(self._spelled_out(), batch, keep_first))

    def without(self, positions: Collection[int] | np.ndarray) -> TrieIndex:
        """A trie without the identifiers at `positions`, in time linear in this trie; the others keep their position.

        Raises ValueError for a position that no identifier has, or where nothing would be left.
        """
        return self._packed(remaining(self._spelled_out(), positions))

    @classmethod
    def _packed(cls, nodes: Nodes) -> TrieIndex:
        occurs = np.zeros(len(nodes.alphabet), dtype=bool)
        occurs[nodes.codes] = True
        occurs |= nodes.alphabet == nodes.end_id
        alphabet = nodes.alphabet[occurs]
        codes = (np.cumsum(occurs) - 1).astype(_smallest(len(alphabet) - 1))[nodes.codes]
        children = np.bincount(nodes.parents, minlength=len(nodes.ends))
        starts = np.append(0, np.cumsum(children[children > 0]))
        return cls(
            alphabet.astype(np.int32 if alphabet[-1] < 2**31 else np.int64),
            codes,
            starts.astype(_smallest(int(starts[-1]))),
            RankBitVector.of(children > 0),
            RankBitVector.of(nodes.ends),
            nodes.positions.astype(_smallest(nodes.next_position)),
            len(nodes.levels) - 1,
            nodes.end_id,
            nodes.next_position,
        )

    def _spelled_out(self) -> Nodes:
        levels = [*self.level_starts(), self.num_prefixes]
        return Nodes(
            self.alphabet.astype(np.int64),
            self.edge_parents(),
            self.codes,
            self.ends.flags(self.num_prefixes),
            self.positions.astype(np.int64),
            levels,
            self.end_id,
            self.next_position,
        )

    def children(self, node: int) -> tuple[np.ndarray, np.ndarray]:
        """(token ids, nodes) of the children of `node`, in token order; both empty at a leaf and at DEAD (-1)."""
        _, tokens, nodes = self.children_of(np.array([node]))
        return tokens, nodes

    def children_of(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The children of (R,) nodes at once: (owner, token ids, nodes), three (C,) int64 arrays.

        `owner[c]` says whose child c is, as an index into `nodes`; owners ascend, and token ids within an owner. Leaves
        and DEAD (-1) have no children.
        """
        nodes = self._checked(nodes)
        real = (nodes >= 0) & (nodes < self.num_prefixes)
        prefix = np.where(real, nodes, 0)
        has_edges, row = self.inner.ranks(prefix)
        ends, leaf = self.ends.ranks(prefix)
        has_edges, ends = has_edges & real, ends & real
        first, count = np.zeros((2, len(nodes)), dtype=np.int64)  # of the edges of each node
        first[has_edges] = self.starts[row[has_edges]]
        count[has_edges] = self.starts[row[has_edges] + 1] - first[has_edges]
        before = np.cumsum(count) - count
        owner = np.repeat(np.arange(len(nodes)), count)
        edge = np.arange(len(owner)) + (first - before)[owner]
        tokens = self.alphabet[self.codes[edge]].astype(np.int64)
        if not ends.any():
            return owner, tokens, edge + 1
        # The end token takes its place among the tokens of its node, and the greater ones move up by one.
        greater = tokens > self.end_id
        begin = before + np.cumsum(ends) - ends  # (R,) where each node's children start in the result
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
        if token == self.end_id:
            ends, leaf = self.ends.rank(node)
            return self.num_prefixes + leaf if ends else DEAD
        has_edges, row = self.inner.rank(node)
        code = bisect_left(self.alphabet, token)
        if not has_edges or code == len(self.alphabet) or self.alphabet[code] != token:
            return DEAD
        stop = int(self.starts[row + 1])
        edge = bisect_left(self.codes, code, int(self.starts[row]), stop)
        return edge + 1 if edge < stop and self.codes[edge] == code else DEAD

    def sequence_at(self, node: int) -> int | None:
        """Position of the identifier that ends at `node`, a leaf, or None where none does."""
        position = int(self.sequences_at(np.array([node]))[0])
        return None if position < 0 else position

    def sequences_at(self, nodes: np.ndarray) -> np.ndarray:
        """(R,) nodes -> (R,) int64, the position of the identifier that ends at each; -1 at all nodes but leaves."""
        leaf = self._checked(nodes) - self.num_prefixes
        return np.where(leaf >= 0, self.positions[np.maximum(leaf, 0)].astype(np.int64), -1)

    def _checked(self, nodes: Sequence[int] | np.ndarray) -> np.ndarray:
        nodes = np.asarray(nodes, dtype=np.int64)
        unknown = (nodes < DEAD) | (nodes >= self.num_nodes)
        if unknown.any():
            raise IndexError(f"node {int(nodes[unknown][0])} is not in this trie of {self.num_nodes} nodes")
        return nodes

    def on(self, device: torch.device | str) -> TrieTensors:
        """This trie as tensors on `device`, to walk many rows there at once; made at the first call, then kept."""
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
    return np.min_scalar_type(top)
