"""Checks of the notebooks' exercises: they say what is wrong and why, and never raise. One module a notebook."""

from .cases import END
from .start_here import check_next_tokens, check_recall_at_k

__all__ = ["END", "check_next_tokens", "check_recall_at_k"]
