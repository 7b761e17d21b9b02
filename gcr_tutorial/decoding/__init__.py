"""Constrained decoding: searching the identifiers in the trie for those a model finds likeliest (GRACE section 3.4)."""

from gcr_tutorial.decoding.generate_search import left_pad, trie_search
from gcr_tutorial.decoding.processor import TrieLogitsProcessor, prefix_allowed_tokens_fn

__all__ = ["TrieLogitsProcessor", "left_pad", "prefix_allowed_tokens_fn", "trie_search"]
