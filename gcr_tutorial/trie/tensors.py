"""The trie on a torch device, to walk all beams of a batch there at once.

Memory is traded for simplicity here: one sorted list of all edges, those to the leaves included, 12 bytes each. A step
is one binary search for (node, code) in it.
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
        targets: (E,) int32 (int64 past 2^31), the node that each edge leads to.
        positions: (N,) int32 (int64 past 2^31), the position of each leaf's identifier.
        num_prefixes: the first leaf's node.
    """

    alphabet: torch.Tensor
    keys: torch.Tensor
    targets: torch.Tensor
    positions: torch.Tensor
    num_prefixes: int

    @classmethod
    def of(cls, trie: TrieArrays, device: torch.device | str) -> TrieTensors:
        """The tensors of `trie` on `device`."""
        letters, leaf = len(trie.alphabet), trie.num_prefixes
        end_code = int(np.searchsorted(trie.alphabet, trie.end_id))
        edges = trie.edge_parents() * letters + trie.codes
        ends = np.flatnonzero(trie.ends.flags(trie.num_prefixes)) * letters + end_code
        keys = np.concatenate([edges, ends])
        order = np.argsort(keys, kind="stable")  # two ascending runs: linear
        targets = np.where(order < len(edges), order + 1, order - len(edges) + leaf)
        small = np.int32 if max(trie.num_nodes, trie.next_position) < 2**31 else np.int64
        arrays = trie.alphabet.astype(np.int64), keys[order], targets.astype(small), trie.positions.astype(small)
        return cls(*(torch.from_numpy(array).to(device) for array in arrays), leaf)

    def step(self, nodes: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """(R,) nodes and (R,) token ids, all int64 -> (R,) the nodes they lead to, -1 where there is no such edge."""
        tokens = tokens.contiguous()
        code = torch.searchsorted(self.alphabet, tokens).clamp_(max=len(self.alphabet) - 1)
        key = nodes * len(self.alphabet) + code
        edge = torch.searchsorted(self.keys, key).clamp_(max=len(self.keys) - 1)
        known = (self.alphabet[code] == tokens) & (self.keys[edge] == key)  # never from -1: its key is negative
        return torch.where(known, self.targets[edge].long(), -1)

    def walk(self, tokens: torch.Tensor) -> torch.Tensor:
        """(R, steps) int64 token ids -> (R,) the nodes reached from the root, -1 outside the trie."""
        nodes = torch.zeros(len(tokens), dtype=torch.long, device=tokens.device)
        for step in tokens.unbind(dim=1):
            nodes = self.step(nodes, step)
        return nodes

    def children_of(self, nodes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(R,) int64 nodes -> (owner, token ids, nodes), (C,) int64 each: see `TrieIndex.children_of`."""
        letters = len(self.alphabet)
        first = torch.searchsorted(self.keys, nodes * letters)
        count = torch.searchsorted(self.keys, (nodes + 1) * letters) - first  # none below leaves and -1
        owner = torch.repeat_interleave(count)
        rank = torch.arange(len(owner), device=owner.device) - (count.cumsum(0) - count)[owner]
        edge = first[owner] + rank
        return owner, self.alphabet[self.keys[edge] % letters], self.targets[edge].long()

    def sequences_at(self, nodes: torch.Tensor) -> torch.Tensor:
        """(R,) int64 nodes -> (R,) int64, the position of the identifier that ends at each leaf; -1 at other nodes."""
        leaf = nodes - self.num_prefixes
        return torch.where(leaf >= 0, self.positions[leaf.clamp(min=0)].long(), -1)

    def sequences_in(self, tokens: torch.Tensor) -> torch.Tensor:
        """(R, steps) int64 token ids -> (R,) the position of the identifier that each row begins with, -1 for none.

        What follows the end token, padding for example, does not matter.
        """
        nodes = torch.zeros(len(tokens), dtype=torch.long, device=tokens.device)
        found = torch.full_like(nodes, -1)
        for step in tokens.unbind(dim=1):
            nodes = self.step(nodes, step)
            found = torch.maximum(found, self.sequences_at(nodes))
        return found
