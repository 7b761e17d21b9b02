"""The whole method in one run, comparisons of runs, their tables, and the artifacts shipped with the tutorial."""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "pipeline": "run Method",
        "stages": "Stages",
        "run_folder": "RunFolder write_results",
        "settings": "settings_of weights_crc32 differing check_same_settings",
        "queries": "training_queries texts_by_row true_share shared_pseudo_queries",
        "machine": "on_this_machine peak_memory_gb versions",
        "comparison": "compare",
        "reporting": "training_seconds results_table comparison_rows comparison_table comparison_markdown thin",
        "artifacts": "SHIPPED_KINDS rebuild_asked load_artifact ship",
    },
)
