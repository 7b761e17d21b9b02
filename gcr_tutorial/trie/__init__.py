"""The identifier trie (GRACE section 3.4): which tokens may come next, for ten million identifiers."""

from gcr_tutorial.trie.index import DEAD, TrieIndex
from gcr_tutorial.trie.tensors import TrieTensors

__all__ = ["DEAD", "TrieIndex", "TrieTensors"]
