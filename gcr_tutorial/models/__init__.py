"""The multimodal language model and CLIP: loading, prompts, LoRA adapters, image features and their cache.

Everything about a model that is neither training nor search. A `Backbone` is a vision-language model with its processor;
`image_features` computes once what the frozen vision tower makes of each image.
"""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "backbone": "Backbone chat_turn load_base_model use_fixed_image_size",
        "loading": "load_backbone save_backbone",
        "prompts": "CAPTION_INSTRUCTION MEMORIZE_INSTRUCTION RETRIEVE_INSTRUCTION prompt_text prompt_ids retrieve_prompts answer_ids shorten_queries",
        "tokenization": "encode_text shorten_texts",
        "preprocessing": "image_inputs pixels",
        "tokens": "add_tokens",
        "lora": "LORA_LAYERS add_lora unfreeze_language_model make_trainable merge_lora freeze find_untrained_tokens quiet_peft language_model",
        "adapter_files": "CONFIG ROWS save_adapter load_adapter",
        "features": "chunks image_features merge_features model_inputs grid_positions next_position",
        "feature_cache": "SHARD_BYTES FeatureTable cached_features encoder_key image_key",
        "clip": "CONFIG_FILE WEIGHTS_FILE Clip load_clip open_clip_parts embed_images embed_texts evaluating",
        "device": "AUTOCAST best_device resolve_device best_dtype refuse_half_on_cpu resolve_dtype min_efficient_tokens",
    },
)
