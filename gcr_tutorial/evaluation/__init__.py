"""How good a retriever is (GRACE section 4): metrics, the full evaluation, what is memorized, and why answers are wrong."""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "metrics": "recall_at_k oracle_recall chance_recall map_at_r r_precision",
        "evaluate": "evaluate_rankings valid_rate",
        "memorization": "teacher_forced_correct exact_match position_accuracy MemoryWatch",
        "analysis": "level_accuracy shared_tokens miss_kind bootstrap_interval risk_coverage beginnings",
    },
)
