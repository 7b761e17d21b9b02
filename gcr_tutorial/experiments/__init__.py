"""The whole method in one run, comparisons of runs, their tables, and the artifacts shipped with the tutorial."""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "pipeline": "pictures on_this_machine training_queries run write_pseudo_queries true_share stored_pseudo_queries thin peak_memory_gb write_results",
        "stages": "Timer",
        "unfinished": "UnfinishedRun can_resume complete_run differing check_same_settings note_checkpoint_on_error",
        "settings": "settings_of weights_crc32",
        "comparison": "compare finished",
        "reporting": "training_seconds results_table comparison_rows comparison_table comparison_markdown",
        "artifacts": "rebuild_asked retriever ship",
    },
)
