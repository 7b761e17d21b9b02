"""Prompts: what the model is asked and how it answers, written with its own chat template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from gcr_tutorial.data.task import RetrievalTask
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.models.backbone import Backbone, chat_turn
from gcr_tutorial.models.tokenization import encode_text, shorten_texts

# The instructions are short on purpose: their tokens are in every example.
CAPTION_INSTRUCTION = "Describe the picture."
MEMORIZE_INSTRUCTION = "Name the picture."
RETRIEVE_INSTRUCTION = "Find the picture: {query}"


def prompt_text(backbone: Backbone, text: str, image: bool) -> str:
    """`text` as the user's turn of the processor's chat template, up to where the answer starts ("Assistant:"), with one
    image placeholder if `image`. Control tokens in `text` count: for text that people write see `retrieve_prompts`."""
    return backbone.processor.apply_chat_template([chat_turn("user", text, image)], add_generation_prompt=True)


def prompt_ids(backbone: Backbone, text: str, image: bool) -> list[int]:
    """Token ids of `prompt_text`. With `image`, the processor expands the placeholder to as many image tokens as an image
    has vectors, and puts their wrappers around them. The answer starts with `answer_format[0]` (a space after
    "Assistant:")."""
    prompt = prompt_text(backbone, text, image)
    if not image:
        return backbone.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    blank = Image.new("RGB", (backbone.image_size,) * 2)
    return list(backbone.processor(text=[prompt], images=[[blank]], add_special_tokens=False)["input_ids"][0])


def retrieve_prompts(backbone: Backbone, queries: Sequence[str]) -> list[list[int]]:
    """Token ids of the retrieve prompt of each query: the same in training and in search.

    Queries are normalised, cut to `backbone.max_query_tokens` (with one warning), and tokenised as text: what looks like a
    control token (`<image>`, `<l0_4>`) is spelled out.
    """
    queries = shorten_texts(backbone.tokenizer, queries, backbone.max_query_tokens, "queries")
    before, found, after = prompt_text(backbone, RETRIEVE_INSTRUCTION, image=False).partition("{query}")
    if not found:
        raise UserValueError(
            f"the chat template of {backbone.source or 'this backbone'} leaves out the user's text: use another"
        )
    return encode_text(backbone.tokenizer, queries, before, after)


def answer_ids(backbone: Backbone, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of `texts` (captions) as answers of the model: they start as in its chat template; the end token is not
    included. Texts are normalised, cut and tokenised as in `retrieve_prompts`."""
    texts = shorten_texts(backbone.tokenizer, texts, backbone.max_query_tokens, "captions")
    return encode_text(backbone.tokenizer, texts, before=backbone.answer_format[0])


def shorten_queries(backbone: Backbone, task: RetrievalTask) -> RetrievalTask:
    """`task` with its queries normalised and cut to `backbone.max_query_tokens`, with one warning for all of them. So all
    that is made of them (examples, identifiers, baselines) uses the same text."""
    queries = (*task.train_queries, *task.eval_queries)
    texts = shorten_texts(backbone.tokenizer, [query.text for query in queries], backbone.max_query_tokens, "captions")
    queries = tuple(query if query.text == text else replace(query, text=text) for query, text in zip(queries, texts))
    n_train = len(task.train_queries)
    return replace(task, train_queries=queries[:n_train], eval_queries=queries[n_train:])
