"""Learning to memorize and learning to retrieve (GRACE section 3.3), pseudo-queries, and the fine-tuned CLIP baseline.

Examples, loss and loop; checkpoints from which a killed run goes on; gradients shared by several processes.
"""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "examples": "Example target_ids memorize_examples retrieve_examples caption_examples",
        "batches": "length_bucketed_batches collate",
        "loss": "CompletionLoss completion_labels",
        "loop": "History train",
        "fine_tuning": "fine_tune training_of check_rows retrieve_epochs",
        "optimizer": "parameter_groups warmup_cosine new_accelerator",
        "gradient": "BatchGradient",
        "prefix_cache": "common_prefix_length inputs_with_prefix_cache",
        "checkpoints": "save_checkpoint load_checkpoint differences",
        "resuming": "Interrupted TrainingState training_settings",
        "sharding": "fsdp_enabled sharded shard unshard full_tensor shard_like shard_optimizer_state",
        "pseudo_queries": "fine_tune_captioner generate_pseudo_queries sample_captions nucleus filter_by_clip_score drop_near_duplicates",
        "classifier": "ClipClassifier last_hidden ClassifierLoss fine_tune_classifier rank_by_classifier",
        "contrastive": "contrastive_loss contrastive_step training_encoders clip_optimizers set_lr cosine_share draw_captions cpu_has_bf16",
        "clip_finetuning": "fine_tune_clip",
    },
)
