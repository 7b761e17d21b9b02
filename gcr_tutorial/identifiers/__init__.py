"""Image identifiers: the token sequences that name the images of a gallery (GRACE section 3.2).

`make_identifiers` makes the seven kinds; structured and residual identifiers come from clusters of image embeddings.
"""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "identifiers": "IDENTIFIER_KINDS FORMAT_VERSION Identifiers",
        "kinds": "make_identifiers",
        "clustering": "CHUNK cluster_paths normalized balanced_kmeans",
        "residual": "residual_codes",
    },
)
