"""Prompts: what the model is asked, written with its own chat template."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from gcr_tutorial.models.backbone import Backbone, chat_turn

# What the model is asked. Short on purpose: every token is paid for in every example.
CAPTION_INSTRUCTION = "Describe the picture."


MEMORIZE_INSTRUCTION = "Name the picture."


RETRIEVE_INSTRUCTION = "Find the picture: {query}"


def prompt_text(backbone: Backbone, text: str, image: bool) -> str:
    """`text` as the user's turn of the processor's chat template, up to where the answer starts ("Assistant:"), with one
    image placeholder if `image`."""
    return backbone.processor.apply_chat_template([chat_turn("user", text, image)], add_generation_prompt=True)


def prompt_ids(backbone: Backbone, text: str, image: bool) -> list[int]:
    """Token ids of the chat prompt; with `image`, the processor expands the placeholder to as many image tokens as a
    picture has vectors, and puts their wrappers around them. The answer starts with `answer_format[0]` (a space after
    "Assistant:")."""
    prompt = prompt_text(backbone, text, image)
    if not image:
        return backbone.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    blank = Image.new("RGB", (backbone.image_size,) * 2)
    return list(backbone.processor(text=[prompt], images=[[blank]], add_special_tokens=False)["input_ids"][0])


def retrieve_prompts(backbone: Backbone, queries: Sequence[str]) -> list[list[int]]:
    """Token ids of the retrieve prompt of each query: the same in training and in search."""
    if not queries:
        return []
    texts = [prompt_text(backbone, RETRIEVE_INSTRUCTION.format(query=query), image=False) for query in queries]
    return backbone.tokenizer(texts, add_special_tokens=False)["input_ids"]
