"""The identifier trie: what keeps generation inside the gallery (GRACE section 3.4, constrained generation).

Every identifier is a path from the root to a leaf, so "which tokens may come next" is "which children has this node".
The trie is three flat arrays in CSR form instead of nested dictionaries: nodes are numbered breadth first with children
in token order, so the edge number e always leads to node e + 1 and needs no pointer of its own.
"""

from __future__ import annotations

import json
import operator
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

FORMAT_VERSION = 1
DEAD = -1  # "no such node": the walk has left the trie


@dataclass(frozen=True, eq=False)
class TrieIndex:
    """A prefix tree over token sequences that all end in the same end-of-identifier token.

    Make one with `TrieIndex.build`; node 0 is the root. A trie over part of the gallery is simply another build.

    Attributes:
        alphabet: (A,) int64, the vocabulary ids that occur, ascending; a *code* is an index into it.
        offsets: (nodes + 1,) int32 (int64 past 2^31 edges); node n owns the edges offsets[n] .. offsets[n + 1] - 1.
        codes: (edges,) int32, the code on each edge, ascending within a node; edge e leads to node e + 1.
        leaf_sequence: (nodes,) int32, position in the build input of the sequence that ends at this node, else -1.
        depth: length of the longest sequence, end-of-identifier included.
        end_id: the end-of-identifier token.
    """

    alphabet: np.ndarray
    offsets: np.ndarray
    codes: np.ndarray
    leaf_sequence: np.ndarray
    depth: int
    end_id: int

    @classmethod
    def build(cls, sequences: Sequence[Sequence[int]] | np.ndarray, *, keep_first: bool = False) -> TrieIndex:
        """Build the trie of `sequences`, each a list of token ids that ends in the end-of-identifier token.

        The end token is what the first sequence ends in; it closes every sequence and occurs nowhere else, which is
        what lets one identifier be a prefix of another. `keep_first=True` keeps the first of equal sequences instead
        of refusing them. Raises ValueError (TypeError for ids that are not integers) naming the offending position.
        """
        flat, lengths = _flatten(sequences)
        n = len(lengths)
        ends = np.cumsum(lengths) - 1
        end_id = int(flat[ends[0]])
        owner = np.repeat(np.arange(n), lengths)
        bad = flat[ends] != end_id
        if bad.any():
            raise ValueError(
                f"sequence {int(bad.argmax())} ends in token {int(flat[ends][bad.argmax()])}, the first one in "
                f"{end_id}: close every identifier with the same end-of-identifier token"
            )
        inner = flat == end_id
        inner[ends] = False
        if inner.any():
            raise ValueError(
                f"sequence {int(owner[inner.argmax()])} has the end-of-identifier token {end_id} before its end: "
                "use a token that no identifier contains"
            )
        if flat.min() < 0:
            raise ValueError(f"sequence {int(owner[(flat < 0).argmax()])} has a negative token id")

        alphabet, codes = np.unique(flat, return_inverse=True)
        depth = int(lengths.max())
        rows = np.full((n, depth), -1, dtype=np.int32)  # (N, depth), -1 past the end
        rows[np.arange(depth) < lengths[:, None]] = codes
        order = np.lexsort(rows.T[::-1])  # by column 0, then 1, ...; stable, so equal rows keep their input order
        rows = rows[order]
        fresh = np.ones((n, depth), dtype=bool)  # does row i's prefix of length d + 1 differ from row i - 1's?
        fresh[1:] = np.logical_or.accumulate(rows[1:] != rows[:-1], axis=1)
        if not fresh[:, -1].all():
            if not keep_first:
                i = int((~fresh[:, -1]).argmax())
                first, second = sorted((int(order[i - 1]), int(order[i])))
                raise ValueError(f"sequences {first} and {second} are the same identifier: identifiers must be unique")
            keep = fresh[:, -1]
            rows, order, fresh = rows[keep], order[keep], fresh[keep]
        return cls._from_sorted(rows, fresh, order, alphabet, depth, end_id)

    @classmethod
    def _from_sorted(cls, rows, fresh, order, alphabet, depth: int, end_id: int) -> TrieIndex:
        node = np.zeros(len(rows), dtype=np.int64)  # the node of each row's prefix, level by level
        next_id, edge_codes, parents, leaves = 1, [], [], []
        for d in range(depth):
            new = fresh[:, d] & (rows[:, d] >= 0)
            edge_codes.append(rows[new, d])
            parents.append(node[new])
            node = next_id - 1 + np.cumsum(new)
            next_id += int(new.sum())
            done = (rows[:, d] >= 0) & ((rows[:, d + 1] < 0) if d + 1 < depth else True)
            leaves.append((node[done], order[done]))
        index_type = np.int32 if next_id < 2**31 else np.int64
        offsets = np.zeros(next_id + 1, dtype=index_type)
        np.cumsum(np.bincount(np.concatenate(parents), minlength=next_id), out=offsets[1:])
        leaf_sequence = np.full(next_id, -1, dtype=np.int32)
        for nodes, positions in leaves:
            leaf_sequence[nodes] = positions
        return cls(alphabet, offsets, np.concatenate(edge_codes), leaf_sequence, depth, end_id)

    def __len__(self) -> int:
        """Number of identifiers (leaves)."""
        return int((self.leaf_sequence >= 0).sum())

    @property
    def num_nodes(self) -> int:
        return len(self.leaf_sequence)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays in bytes."""
        return sum(array.nbytes for array in (self.alphabet, self.offsets, self.codes, self.leaf_sequence))

    def children(self, node: int) -> tuple[np.ndarray, np.ndarray]:
        """(token ids, nodes) of the children of `node`, in token order; both empty at a leaf and at DEAD (-1)."""
        if not DEAD <= node < self.num_nodes:
            raise IndexError(f"node {node} is not in this trie of {self.num_nodes} nodes")
        start, stop = (0, 0) if node == DEAD else (int(self.offsets[node]), int(self.offsets[node + 1]))
        return self.alphabet[self.codes[start:stop]], np.arange(start + 1, stop + 1)

    def walk(self, tokens: Sequence[int], node: int = 0) -> int:
        """The node reached from `node` (default: the root) along `tokens`, or DEAD (-1) where no such path exists."""
        for token in tokens:
            labels, nodes = self.children(node)
            i = int(np.searchsorted(labels, token))
            if i == len(labels) or labels[i] != token:
                return DEAD
            node = int(nodes[i])
        return node

    def sequence_at(self, node: int) -> int | None:
        """Position in the build input of the sequence that ends at `node`, or None where none does."""
        return None if node == DEAD or self.leaf_sequence[node] < 0 else int(self.leaf_sequence[node])

    def save(self, folder: str | Path) -> None:
        """Write trie.safetensors (the arrays) and trie.json (the rest) into `folder`."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: getattr(self, name) for name in _ARRAYS}, folder / "trie.safetensors.writing")
        about = {"version": FORMAT_VERSION, "depth": self.depth, "end_id": self.end_id, "crc32": self._checksum()}
        (folder / "trie.json.writing").write_text(json.dumps(about, indent=1), encoding="utf-8")
        for name in ("trie.safetensors", "trie.json"):
            os.replace(folder / f"{name}.writing", folder / name)

    @classmethod
    def load(cls, folder: str | Path) -> TrieIndex:
        """Read what `save` wrote. Raises FileNotFoundError, or ValueError where the files do not fit together."""
        folder = Path(folder)
        for name in ("trie.json", "trie.safetensors"):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder / name} is missing: save a trie there with TrieIndex.save")
        try:
            about = json.loads((folder / "trie.json").read_text(encoding="utf-8"))
            arrays = load_file(folder / "trie.safetensors")
            trie = cls(**{name: arrays[name] for name in _ARRAYS}, depth=about["depth"], end_id=about["end_id"])
            sound = about["version"] == FORMAT_VERSION and about["crc32"] == trie._checksum() and trie._is_sound()
        except Exception as error:  # safetensors, JSON, missing keys: to the reader it is all one damaged trie
            raise ValueError(f"the trie in {folder} cannot be read ({error}): build and save it again") from error
        if not sound:
            raise ValueError(f"trie.json and trie.safetensors in {folder} do not fit together: build and save it again")
        return trie

    def _checksum(self) -> int:
        crc = 0
        for name in _ARRAYS:
            crc = zlib.crc32(np.ascontiguousarray(getattr(self, name)), crc)
        return crc

    def _is_sound(self) -> bool:
        edges, nodes, codes, offsets = len(self.codes), self.num_nodes, self.codes, self.offsets
        if len(offsets) != nodes + 1 or edges != nodes - 1 or offsets[0] != 0 or offsets[-1] != edges:
            return False
        if (np.diff(offsets) < 0).any() or codes.min() < 0 or codes.max() >= len(self.alphabet):
            return False
        if (np.diff(self.alphabet) <= 0).any() or self.end_id not in self.alphabet:
            return False
        first_child = offsets[:-1][np.diff(offsets) > 0]
        rising = np.diff(codes) > 0
        rising[first_child[1:] - 1] = True  # the first edge of a node may carry any code
        parent_first = (np.repeat(np.arange(nodes), np.diff(offsets)) < np.arange(1, nodes)).all()  # so no cycles
        return bool(rising.all() and parent_first and ((self.leaf_sequence >= 0) == (np.diff(offsets) == 0)).all())


_ARRAYS = ("alphabet", "offsets", "codes", "leaf_sequence")


def _flatten(sequences) -> tuple[np.ndarray, np.ndarray]:
    """All tokens in one array, and the length of each sequence; the checks that need no end token."""
    if len(sequences) == 0:
        raise ValueError("a trie needs at least one identifier, got none: build it over a non-empty gallery")
    if isinstance(sequences, np.ndarray):
        if sequences.ndim != 2 or not np.issubdtype(sequences.dtype, np.integer):
            raise TypeError(f"an array of sequences must be 2-D integers, got {sequences.dtype} {sequences.shape}")
        flat, lengths = sequences.reshape(-1).astype(np.int64), np.full(len(sequences), sequences.shape[1])
    else:
        lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
        tokens = map(operator.index, chain.from_iterable(sequences))  # operator.index refuses floats and strings
        flat = np.fromiter(tokens, dtype=np.int64, count=int(lengths.sum()))
    if (lengths == 0).any():
        raise ValueError(f"sequence {int((lengths == 0).argmax())} is empty: it needs at least the end token")
    return flat, lengths
