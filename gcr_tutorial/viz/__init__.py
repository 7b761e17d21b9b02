"""Figures and widgets for notebooks: every figure is a plain function of plain values, readable without colour."""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "pictures": "LINES ranking_figure save_ranking loss_figure",
        "canvas": "Page text_width shorten look_up leaf_rows",
        "ablations": "ablation_figure",
        "analysis": "search_error_figure comparison_figure level_figure similarity_figure anatomy_figure interval_figure curves_figure",
        "backbone": "patch_figure patch_similarity_figure",
        "beams": "beam_figure leak_figure",
        "clusters": "cluster_tree_figure",
        "identifiers": "names_figure clusters_figure residual_figure cost_figure recall_figure",
        "memorization": "memory_figure first_named naming_figure lines_figure",
        "queries": "next_word_figure captions_figure ranks_figure",
        "trie": "trie_figure",
        "map": "method_map",
        "widgets": "Picture Line status_line LiveLoss search_box",
        "steppers": "beam_stepper ambiguity_slider",
        "browser": "cluster_browser rows_below children_below cluster_figure cluster_picture",
    },
)
