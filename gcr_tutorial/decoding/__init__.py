"""Constrained decoding: searching the identifiers in the trie for those a model finds likeliest (GRACE section 3.4).

`trie_search` (through `model.generate`) is the reference, `constrained_beam_search` gives the same answers faster,
`exact_top_k` gives the true ones, `rank_gallery` the score of every identifier, `beam_trace` the story of one search.
"""

from gcr_tutorial.decoding.beam_search import constrained_beam_search
from gcr_tutorial.decoding.counting import counting_tokens
from gcr_tutorial.decoding.custom_generate import trie_generate
from gcr_tutorial.decoding.exact import ExactTopK, exact_top_k
from gcr_tutorial.decoding.gallery import rank_gallery
from gcr_tutorial.decoding.generate_search import left_pad, trie_search
from gcr_tutorial.decoding.processor import TrieLogitsProcessor, prefix_allowed_tokens_fn
from gcr_tutorial.decoding.trace import BeamStep, BeamTrace, TracedChild, TracedPrefix, beam_trace, path_in

__all__ = [
    "BeamStep",
    "BeamTrace",
    "ExactTopK",
    "TracedChild",
    "TracedPrefix",
    "TrieLogitsProcessor",
    "beam_trace",
    "constrained_beam_search",
    "counting_tokens",
    "exact_top_k",
    "left_pad",
    "path_in",
    "prefix_allowed_tokens_fn",
    "rank_gallery",
    "trie_generate",
    "trie_search",
]
