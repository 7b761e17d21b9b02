"""The trie on a torch device, to walk all beams of a batch there at once.

This form takes more memory than `TrieArrays` and is simpler: one sorted list of all edges, those to the leaves included, at
12 bytes each. A step along an edge is one binary search for (node, code) in this list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from gcr_tutorial.trie.arrays import TrieArrays


@dataclass(frozen=True, eq=False)
class TrieTensors:
    """Lookups of `TrieIndex` on a device; get one with `TrieIndex.on`. Nodes and token ids are those of the trie.

    Attributes:
        alphabet: (A,) int64 token ids, ascending.
        keys: (E,) int64, parent * A + code of every edge, ascending.
        targets: (E,) int32 (int64 from 2^31 on), the node that each edge leads to.
        rows: (N,) int32 (int64 from 2^31 on), the row of each leaf's identifier.
        num_prefixes: the number of nodes that are not leaves, which is the node of the first leaf.
    """

    alphabet: torch.Tensor
    keys: torch.Tensor
    targets: torch.Tensor
    rows: torch.Tensor
    num_prefixes: int

    @classmethod
    def of(cls, trie: TrieArrays, device: torch.device | str) -> TrieTensors:
        """The tensors of `trie` on `device`."""
        letters, leaf = len(trie.alphabet), trie.num_prefixes
        end_code = int(np.searchsorted(trie.alphabet, trie.end_id))
        edges = trie.edge_parents() * letters + trie.codes
        ends = np.flatnonzero(trie.ends.bits(trie.num_prefixes)) * letters + end_code
        keys = np.concatenate([edges, ends])
        order = np.argsort(keys, kind="stable")  # two ascending runs, which a stable sort merges in linear time
        targets = np.where(order < len(edges), order + 1, order - len(edges) + leaf)
        small = np.int32 if max(trie.num_nodes, trie.next_row) < 2**31 else np.int64
        arrays = trie.alphabet.astype(np.int64), keys[order], targets.astype(small), trie.rows.astype(small)
        return cls(*(torch.from_numpy(array).to(device) for array in arrays), leaf)

    def step(self, nodes: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """(R,) nodes and (R,) token ids, all int64 -> (R,) the nodes they lead to, -1 where there is no such edge."""
        tokens = tokens.contiguous()
        code = torch.searchsorted(self.alphabet, tokens).clamp_(max=len(self.alphabet) - 1)
        key = nodes * len(self.alphabet) + code
        edge = torch.searchsorted(self.keys, key).clamp_(max=len(self.keys) - 1)
        known = (self.alphabet[code] == tokens) & (self.keys[edge] == key)  # node -1 has a negative key, which no edge has
        return torch.where(known, self.targets[edge].long(), -1)

    def walk(self, tokens: torch.Tensor) -> torch.Tensor:
        """(R, steps) int64 token ids -> (R,) the nodes reached from the root, -1 outside the trie."""
        nodes = torch.zeros(len(tokens), dtype=torch.long, device=tokens.device)
        for column in tokens.unbind(dim=1):
            nodes = self.step(nodes, column)
        return nodes

    def children_of(self, nodes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(R,) int64 nodes -> (owner, token ids, nodes), (C,) int64 each: see `TrieIndex.children_of`."""
        letters = len(self.alphabet)
        first = torch.searchsorted(self.keys, nodes * letters)
        count = torch.searchsorted(self.keys, (nodes + 1) * letters) - first  # leaves and -1 have none
        owner = torch.repeat_interleave(count)
        rank = torch.arange(len(owner), device=owner.device) - (count.cumsum(0) - count)[owner]
        edge = first[owner] + rank
        return owner, self.alphabet[self.keys[edge] % letters], self.targets[edge].long()

    def rows_at(self, nodes: torch.Tensor) -> torch.Tensor:
        """(R,) int64 nodes -> (R,) int64, the row of the identifier that ends at each leaf; -1 at other nodes."""
        leaf = nodes - self.num_prefixes
        return torch.where(leaf >= 0, self.rows[leaf.clamp(min=0)].long(), -1)

    def rows_of(self, sequences: torch.Tensor) -> torch.Tensor:
        """(R, steps) int64 token ids -> (R,) the row of the identifier that each sequence starts with, -1 for none.

        What follows the end token, padding for example, does not matter.
        """
        nodes = torch.zeros(len(sequences), dtype=torch.long, device=sequences.device)
        found = torch.full_like(nodes, -1)
        for tokens in sequences.unbind(dim=1):
            nodes = self.step(nodes, tokens)
            found = torch.maximum(found, self.rows_at(nodes))
        return found
