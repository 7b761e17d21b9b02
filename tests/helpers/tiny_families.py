"""Very small random checkpoints of the families the tutorial's presets name, saved as the real ones are.

`checkpoint(family, folder)` saves one; `load_backbone(folder)` loads it through the Auto classes. The chat templates and
special tokens are those of the real models, cut down to what one user turn with one picture needs.
"""

from __future__ import annotations

from pathlib import Path

import torch
from tiny_backbone import captions
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessor,
    Gemma3Processor,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
    SmolVLMImageProcessor,
    SmolVLMProcessor,
    SmolVLMVideoProcessor,
)

from gcr_tutorial.pretraining.tiny_vlm import CHAT_TEMPLATE, train_tokenizer

FAMILIES = ("idefics3", "smolvlm", "qwen2_5_vl", "qwen3_vl", "gemma3")
UNTIED = ("idefics3", "qwen2_5_vl")  # built with an output head of its own when `tied=False`
WIDTH, HEADS, LAYERS = 32, 2, 2
TEXT = dict(
    hidden_size=WIDTH,
    intermediate_size=64,
    num_hidden_layers=LAYERS,
    num_attention_heads=HEADS,
    num_key_value_heads=1,
    max_position_embeddings=512,
)
VISION = dict(hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=2, num_attention_heads=HEADS)
QWEN_TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nA girl in a park.<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
GEMMA_TEMPLATE = (
    "<bos>{% for message in messages %}<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<start_of_image>{% else %}"
    "{{ part['text'] | trim }}{% endif %}{% endfor %}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


def tokenizer_of(specials: list[str], template: str, **named: str) -> PreTrainedTokenizerFast:
    """The tiny tokenizer with a family's special tokens; `named`: eos_token, pad_token, ..."""
    base = train_tokenizer(captions(300), 600).backend_tokenizer
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=base, padding_side="right", model_max_length=512, clean_up_tokenization_spaces=False
    )
    tokenizer.add_special_tokens({"additional_special_tokens": specials, **named})
    tokenizer.chat_template = template
    return tokenizer


def ids(tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    """What a text configuration must know of its tokenizer."""
    return {
        "vocab_size": len(tokenizer) + 7,  # real models have spare rows too
        **{f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")},
    }


def smol(smolvlm: bool, tied: bool) -> tuple:
    """SmolVLM-256M's class (Idefics3), or SmolVLM2's: 24 px pictures become 4 vectors."""
    specials = [
        "<|im_start|>",
        "<|im_end|>",
        "<fake_token_around_image>",
        "<image>",
        "<end_of_utterance>",
        "<global-img>",
        "<row_1_col_1>",
        "<row_1_col_2>",
    ]
    tokenizer = tokenizer_of(
        specials, CHAT_TEMPLATE, bos_token="<|im_start|>", eos_token="<end_of_utterance>", pad_token="<|im_end|>"
    )
    sizes = dict(size={"longest_edge": 96}, max_image_size={"longest_edge": 24}, do_image_splitting=True)  # tiles, as shipped
    config = dict(
        text_config=dict(model_type="llama", **TEXT, **ids(tokenizer), tie_word_embeddings=tied),
        vision_config=dict(**VISION, image_size=24, patch_size=6),
        scale_factor=2,
        tie_word_embeddings=tied,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
    )
    if smolvlm:
        processor = SmolVLMProcessor(
            SmolVLMImageProcessor(**sizes),
            tokenizer,
            SmolVLMVideoProcessor(size={"longest_edge": 96}, max_image_size={"longest_edge": 24}),
            image_seq_len=4,
            chat_template=CHAT_TEMPLATE,
        )
        return SmolVLMForConditionalGeneration(SmolVLMConfig(**config)), processor
    processor = Idefics3Processor(Idefics3ImageProcessor(**sizes), tokenizer, image_seq_len=4, chat_template=CHAT_TEMPLATE)
    return Idefics3ForConditionalGeneration(Idefics3Config(**config)), processor


def qwen(version: int, tied: bool) -> tuple:
    """Qwen2.5-VL (windowed vision) or Qwen3-VL (vision fed to several layers): pictures of any size, 4 px patches."""
    specials = [
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
        "<|vision_start|>",
        "<|vision_end|>",
        "<|image_pad|>",
        "<|video_pad|>",
    ]
    tokenizer = tokenizer_of(specials, QWEN_TEMPLATE, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    known = {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{token}|>")
        for name, token in dict(
            image="image_pad", video="video_pad", vision_start="vision_start", vision_end="vision_end"
        ).items()
    }
    images = Qwen2VLImageProcessor(patch_size=4, merge_size=2, temporal_patch_size=2)
    text = dict(TEXT, **ids(tokenizer), tie_word_embeddings=tied)
    vision = dict(
        hidden_size=WIDTH,
        intermediate_size=64,
        depth=2,
        num_heads=HEADS,
        patch_size=4,
        spatial_merge_size=2,
        temporal_patch_size=2,
        out_hidden_size=WIDTH,
    )
    rope = dict(rope_type="default", rope_theta=10000.0, mrope_section=[2, 3, 3])
    if version == 3:
        config = Qwen3VLConfig(
            text_config=dict(text, head_dim=16, rope_parameters=rope | {"mrope_interleaved": True}),
            vision_config=dict(vision, deepstack_visual_indexes=[0, 1], num_position_embeddings=64),
            tie_word_embeddings=tied,
            **known,
        )
        return Qwen3VLForConditionalGeneration(config), Qwen3VLProcessor(
            images, tokenizer, Qwen3VLVideoProcessor(patch_size=4), chat_template=QWEN_TEMPLATE
        )
    config = Qwen2_5_VLConfig(
        text_config=dict(text, rope_parameters=rope),
        vision_config=dict(vision, window_size=16, fullatt_block_indexes=[1]),
        tie_word_embeddings=tied,
        **known,
    )
    return Qwen2_5_VLForConditionalGeneration(config), Qwen2_5_VLProcessor(
        images, tokenizer, Qwen2VLVideoProcessor(patch_size=4), chat_template=QWEN_TEMPLATE
    )


def gemma3(tied: bool) -> tuple:
    """Gemma 3: layers with a sliding window shorter than a prompt, pictures that see themselves in both directions."""
    specials = [
        "<pad>",
        "<eos>",
        "<bos>",
        "<start_of_turn>",
        "<end_of_turn>",
        "<start_of_image>",
        "<end_of_image>",
        "<image_soft_token>",
    ]
    tokenizer = tokenizer_of(specials, GEMMA_TEMPLATE, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=512,
        extra_special_tokens={
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
            "image_token": "<image_soft_token>",
            "turn_token": "<start_of_turn>",
            "end_token": "<end_of_turn>",
        },
    )
    tokenizer.chat_template = GEMMA_TEMPLATE
    config = Gemma3Config(
        text_config=dict(
            TEXT,
            **ids(tokenizer),
            head_dim=16,
            sliding_window=8,
            query_pre_attn_scalar=16,
            layer_types=["sliding_attention", "full_attention"],
            tie_word_embeddings=tied,
        ),
        vision_config=dict(**VISION, model_type="siglip_vision_model", image_size=24, patch_size=6, vision_use_head=False),
        mm_tokens_per_image=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image_soft_token>"),
        boi_token_index=tokenizer.convert_tokens_to_ids("<start_of_image>"),
        tie_word_embeddings=tied,
        eoi_token_index=tokenizer.convert_tokens_to_ids("<end_of_image>"),
    )
    images = Gemma3ImageProcessor(size={"height": 24, "width": 24})
    return Gemma3ForConditionalGeneration(config), Gemma3Processor(
        images, tokenizer, chat_template=GEMMA_TEMPLATE, image_seq_length=4
    )


def checkpoint(family: str, folder: Path, tied: bool = True, seed: int = 0) -> Path:
    """Save a random checkpoint of `family` in `folder`; returns `folder`."""
    torch.manual_seed(seed)
    model, processor = {
        "idefics3": lambda: smol(False, tied),
        "smolvlm": lambda: smol(True, tied),
        "qwen2_5_vl": lambda: qwen(2, tied),
        "qwen3_vl": lambda: qwen(3, tied),
        "gemma3": lambda: gemma3(tied),
    }[family]()
    with torch.no_grad():  # weights of a trained model's size, so that what goes in matters to what comes out
        for name, weight in model.float().named_parameters():
            if weight.ndim > 1:
                weight.normal_(std=0.2 if "embed_tokens" not in name else 0.1)
    model.tie_weights()
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
