"""gcr_tutorial: generative cross-modal retrieval (GRACE, Li et al., ACL 2024), taught and really run.

`import gcr_tutorial as gcr` offers the method in the order in which it is used: a corpus and its task, a backbone,
identifiers, training, constrained decoding, a retriever, evaluation. Each name is imported when it is first used.
"""

from gcr_tutorial.lazy import exports

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "notebook_tools.session": "setup",
        "config": "TrainingConfig get_preset",
        "paths": "data_dir",
        "example": "example",
        "data.corpus": "ImageCaptionCorpus",
        "data.task": "make_task",
        "models.loading": "load_backbone",
        "models.tokens": "add_tokens",
        "models.features": "image_features",
        "models.lora": "add_lora merge_lora",
        "models.clip": "load_clip embed_images embed_texts",
        "identifiers.identifiers": "Identifiers",
        "identifiers.kinds": "make_identifiers",
        "trie.index": "TrieIndex",
        "training.pseudo_queries": "generate_pseudo_queries",
        "training.fine_tuning": "fine_tune",
        "decoding.beam_search": "constrained_beam_search",
        "decoding.exact": "exact_top_k",
        "decoding.exhaustive": "score_all_identifiers",
        "retrieval.retriever": "GenerativeRetriever",
        "retrieval.bm25": "bm25_rankings",
        "retrieval.dense": "zero_shot_rankings",
        "evaluation.metrics": "recall_at_k oracle_recall",
        "experiments.pipeline": "run",
        "experiments.artifacts": "load_artifact",
    },
)
