"""Constrained decoding: find the identifiers in the trie that the model finds likeliest (GRACE section 3.4).

`trie_search` (through `model.generate`) is the reference, `constrained_beam_search` gives the same results faster,
`exact_top_k` the true ones, `score_all_identifiers` the score of every identifier, `beam_trace` the steps of one search.
"""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "processor": "TrieLogitsProcessor prefix_allowed_tokens_fn",
        "inputs": "check_sizes left_pad searching token_trees",
        "reference": "trie_search",
        "beam_search": "Prefixes Level Finished constrained_beam_search beam_search_tokens search",
        "custom_generate": "trie_generate",
        "exact": "ExactTopK exact_top_k",
        "exhaustive": "score_all_identifiers",
        "trace": "TracedChild TracedPrefix BeamStep BeamTrace beam_trace path_in",
        "counting": "counting_tokens",
    },
)
