"""The identifier trie (GRACE section 3.4): which tokens may come next, as flat arrays for ten million identifiers.

`TrieIndex` is built, changed, saved and walked; `TrieTensors` walks many prefixes at once on a torch device.
"""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "index": "DEAD TrieIndex",
        "tensors": "TrieTensors",
    },
)
