"""Figures and widgets of the notebooks.

A figure is a plain function of plain values that returns a matplotlib Figure; it can be read without colour. Widgets draw
such figures again when a reader changes something; `Picture` gives a figure the alt text that every output needs.
"""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "style": "INK GOOD QUIET LINES MARKERS",
        "canvas": "Canvas",
        "method": "method_map",
        "rankings": "ranking_figure save_ranking comparison_figure",
        "training_curves": "curves_figure loss_figure memorization_figure ranks_figure first_named naming_figure",
        "recalls": "recall_figure interval_figure ablation_figure",
        "answer_errors": "search_error_figure level_accuracy_figure outcome_figure",
        "similarities": "similarity_heatmap similarity_histogram",
        "identifiers": "identifier_table kmeans_figure residual_figure identifier_cost_figure",
        "image_tokens": "patch_figure",
        "pseudo_queries": "next_word_figure captions_figure",
        "trie": "trie_figure",
        "cluster_tree": "cluster_tree_figure",
        "browser": "cluster_browser cluster_figure cluster_picture rows_below children_below",
        "beam_search": "beam_figure",
        "leak": "leak_figure",
        "live": "Picture Line status_line LiveLoss",
        "controls": "search_box beam_stepper ambiguity_slider",
    },
)
