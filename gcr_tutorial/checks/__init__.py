"""Checks of the notebooks' exercises: they say what is wrong and why, and never raise. One module a notebook."""

from .backbone import check_image_tokens, check_expand_image, check_rank_by_cosine
from .cases import END
from .identifiers import check_spell_path, check_residual_code, check_find_collisions
from .start_here import check_next_tokens, check_recall_at_k

__all__ = ["END", "check_expand_image", "check_find_collisions", "check_image_tokens", "check_next_tokens", "check_rank_by_cosine", "check_recall_at_k", "check_residual_code", "check_spell_path"]
