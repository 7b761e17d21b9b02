"""Examples: what is learned from an image, a query or a caption, as token ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.prompts import CAPTION_INSTRUCTION, MEMORIZE_INSTRUCTION, answer_ids, prompt_ids, retrieve_prompts


@dataclass(frozen=True)
class Example:
    """A prompt and its completion: the tokens that are learned after it. `image` is the row of the image in the cached
    features, None where the prompt has no image."""

    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]
    image: int | None = None

    def __len__(self) -> int:
        """How many tokens the model reads; the last token of the completion is predicted and never read."""
        return len(self.prompt_ids) + len(self.completion_ids) - 1


def target_ids(backbone: Backbone, codes: Sequence[Sequence[str]]) -> list[list[int]]:
    """Token ids of identifiers (token strings per image), each closed by the end-of-identifier token.

    Raises ValueError for a code that the tokenizer does not know: add the identifiers' new tokens first.
    """
    vocabulary = backbone.tokenizer.get_vocab()
    missing = sorted({code for path in codes for code in path if code not in vocabulary})
    if missing:
        raise UserValueError(f"not in the vocabulary: {missing[:5]}; first add_tokens(backbone, identifiers.new_tokens)")
    return [[vocabulary[code] for code in path] + [backbone.end_id] for path in codes]


def memorize_examples(backbone: Backbone, targets: Sequence[Sequence[int]]) -> list[Example]:
    """One image -> identifier example for each row; `targets` are token ids with the end token (see `target_ids`)."""
    prompt = tuple(prompt_ids(backbone, MEMORIZE_INSTRUCTION, image=True))
    return [Example(prompt, tuple(target), row) for row, target in enumerate(targets)]


def retrieve_examples(
    backbone: Backbone, queries: Sequence[tuple[str, int]], targets: Sequence[Sequence[int]]
) -> list[Example]:
    """Query -> identifier examples from (text, row) pairs."""
    prompts = retrieve_prompts(backbone, [text for text, _ in queries])
    return [Example(tuple(ids), tuple(targets[row]), None) for ids, (_, row) in zip(prompts, queries, strict=True)]


def caption_examples(backbone: Backbone, captions: Sequence[tuple[str, int]]) -> list[Example]:
    """Image -> caption examples from (text, row) pairs; the answer starts and ends as in the model's chat template."""
    if not captions:
        return []
    prompt = tuple(prompt_ids(backbone, CAPTION_INSTRUCTION, image=True))
    answers = answer_ids(backbone, [text for text, _ in captions])
    return [Example(prompt, (*ids, backbone.end_id), row) for ids, (_, row) in zip(answers, captions, strict=True)]
