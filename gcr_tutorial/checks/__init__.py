"""Checks of the notebooks' exercises: they say what is wrong and why, and never raise. One module a notebook."""

from .backbone import check_expand_image, check_image_tokens, check_rank_by_cosine
from .cases import END
from .decoding import check_beam_step, check_best_first, check_constrain
from .evaluation import check_accuracy_by_level, check_interval, check_precision_at_r
from .identifiers import check_find_collisions, check_residual_code, check_spell_path
from .memorize import check_learning_rate, check_named_right, check_next_token_labels
from .retrieve import check_mix_in, check_top_p_filter, check_without_near_duplicates
from .start_here import check_next_tokens, check_recall_at_k

__all__ = [
    "END",
    "check_accuracy_by_level",
    "check_beam_step",
    "check_best_first",
    "check_constrain",
    "check_expand_image",
    "check_find_collisions",
    "check_image_tokens",
    "check_interval",
    "check_learning_rate",
    "check_mix_in",
    "check_named_right",
    "check_next_token_labels",
    "check_next_tokens",
    "check_precision_at_r",
    "check_rank_by_cosine",
    "check_recall_at_k",
    "check_residual_code",
    "check_spell_path",
    "check_top_p_filter",
    "check_without_near_duplicates",
]
