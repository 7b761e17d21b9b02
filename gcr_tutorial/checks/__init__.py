"""Checks of the notebooks' exercises: they say what is wrong and why, and never raise. One module a notebook."""

from .cases import END
from .decoding import check_beam_step, check_best_first, check_constrain
from .start_here import check_next_tokens, check_recall_at_k

__all__ = ["END", "check_beam_step", "check_best_first", "check_constrain", "check_next_tokens", "check_recall_at_k"]
