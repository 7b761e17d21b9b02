"""gcr_tutorial: generative cross-modal retrieval (GRACE, Li et al., ACL 2024), taught and really run.

`import gcr_tutorial as gcr; gcr.setup(seed=0)` starts a notebook; `gcr.GenerativeRetriever.from_pretrained(folder)` loads
what `python -m gcr_tutorial run` made. Both are imported when first used, so that `doctor` can run where torch cannot.
"""

from importlib import import_module

__version__ = "0.1.0"
__all__ = ["GenerativeRetriever", "ImageCaptionCorpus", "setup"]
_WHERE = {"GenerativeRetriever": ".retriever", "ImageCaptionCorpus": ".corpus", "setup": ".session"}


def __getattr__(name: str):
    """Import what is asked for the first time it is asked for."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHERE[name], __name__), name)
