"""Ask a gallery: the generative retriever, re-ranking with CLIP, and the baselines BM25 and dense search.

`GenerativeRetriever` is what training leaves behind: a model, its identifiers and a trie (GRACE section 3.4).
"""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "retriever": "Hit GenerativeRetriever",
        "reranking": "DenseGallery",
        "pictures": "picture_of",
        "dense": "zero_shot_rankings",
        "bm25": "bm25_rankings",
    },
)
