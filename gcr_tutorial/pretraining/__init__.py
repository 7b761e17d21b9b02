"""How the shipped backbones tiny-vlm and tiny-clip were made from nothing, on Picturebook scenes."""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "tiny_vlm": "train_tokenizer build_tiny_vlm",
        "lessons": "PretrainingConfig Tree Lessons image_tokens tree_loss",
        "scene_bank": "SceneBank",
        "scene_facts": "entity_facts fact_names cell_targets FactLesson",
        "vlm_training": "new_backbone optimizers speed visits pretrain",
        "clip_folder": "train_clip_tokenizer wrap_tokenizer clip_config new_clip save_clip_weights",
        "clip_training": "pretrain_clip recall_evaluator add_earlier",
        "run": "pretrain_backbones pretrain_tiny_vlm stage_recipes ship_tiny_vlm pretrain_tiny_clip evaluate_captioner stage_pflops machine write_vlm_card write_clip_card",
    },
)
