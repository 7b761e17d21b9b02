"""How the shipped backbones tiny-vlm and tiny-clip were made from nothing, on Picturebook scenes.

1. `SceneBank` draws the pretraining scenes once, with captions, questions and answers. Both models are trained on it.
2. tiny-vlm is trained in stages (`vlm_stages`). In "vision", each image token predicts `scene_facts`: which things are in
   its cell of the picture. In "lessons" and "captions", the language model also learns to write captions and to answer
   questions; `packing` puts all texts of a picture into one sequence, so that the picture is encoded only once.
3. tiny-clip is trained contrastively on the same pictures and captions (`clip_training`).

`run` does all of it and writes the folders with their cards.
"""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "config": "VlmPretrainingConfig ClipPretrainingConfig vlm_stages",
        "scene_bank": "SceneBank",
        "tiny_vlm": "train_tokenizer build_tiny_vlm",
        "packing": "PackedExample ExamplePacker image_tokens packed_loss",
        "scene_facts": "entity_facts fact_names cell_targets FactHead",
        "vlm_training": "new_backbone vlm_optimizers learning_rate_factor scene_order pretrain_vlm",
        "clip_folder": "train_clip_tokenizer wrap_tokenizer clip_config new_clip save_clip_weights",
        "clip_training": "pretrain_clip recall_evaluator draw_batch",
        "provenance": "clip_provenance add_earlier",
        "cards": "machine write_vlm_card write_clip_card",
        "run": "pretrain_backbones pretrain_tiny_vlm ship_tiny_vlm pretrain_tiny_clip evaluate_captioner stage_pflops",
    },
)
