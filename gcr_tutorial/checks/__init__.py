"""Checks of the notebooks' exercises: they say what is wrong and why, and never raise. One module a notebook."""

from .cases import END
from .decoding import check_beam_step, check_best_first, check_constrain
from .evaluation import check_accuracy_by_level, check_interval, check_precision_at_r
from .start_here import check_next_tokens, check_recall_at_k

__all__ = ["END", "check_accuracy_by_level", "check_beam_step", "check_best_first", "check_constrain", "check_interval",
           "check_next_tokens", "check_precision_at_r", "check_recall_at_k"]

