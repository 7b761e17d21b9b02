"""Examples and batches: sentences of like length together, so that little is computed on padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.prompts import CAPTION_INSTRUCTION, MEMORIZE_INSTRUCTION, prompt_ids, retrieve_prompts

WINDOW = 32  # batches' worth of shuffled examples that are sorted by length together


@dataclass(frozen=True)
class Example:
    """A prompt and the tokens to learn after it. `image` is the row of the cached features, None without an image."""

    prompt_ids: tuple[int, ...]
    target_ids: tuple[int, ...]
    image: int | None = None

    def __len__(self) -> int:
        return len(self.prompt_ids) + len(self.target_ids) - 1  # the last target token is never an input


def length_bucketed_batches(lengths: Sequence[int], batch_size: int, epochs: int, seed: int) -> list[list[int]]:
    """Index lists of the batches of `epochs` passes: shuffled, sorted by length within windows, batches shuffled again.

    Every index comes exactly once an epoch; the same seed gives the same batches. Raises ValueError for no examples.
    """
    if not len(lengths) or batch_size < 1:
        raise ValueError(f"{len(lengths)} examples in batches of {batch_size}: there is nothing to train on")
    rng, lengths, batches = np.random.default_rng(seed), np.asarray(lengths), []
    for _ in range(epochs):
        order = rng.permutation(len(lengths))
        epoch = []
        for start in range(0, len(order), WINDOW * batch_size):
            window = order[start : start + WINDOW * batch_size]
            window = window[np.argsort(lengths[window], kind="stable")]
            epoch += [window[i : i + batch_size].tolist() for i in range(0, len(window), batch_size)]
        batches += [epoch[i] for i in rng.permutation(len(epoch))]
    return batches


def collate(
    examples: Sequence[Example], pad_id: int, features: torch.Tensor | None, device: torch.device | str
) -> dict[str, torch.Tensor | None]:
    """The tensors of one batch: input_ids (B, L) padded on the left, attention_mask (B, L) or None without padding,
    labels (B, T) aligned on the right (-100 elsewhere), and, where there are images, their `features` (b, S, H) and
    `image_rows` (b,), the batch rows they belong to. Raises ValueError for images without features."""
    length, width = max(map(len, examples)), max(len(example.target_ids) for example in examples)
    input_ids = torch.full((len(examples), length), pad_id)
    labels = torch.full((len(examples), width), -100)
    for row, example in enumerate(examples):
        input_ids[row, length - len(example) :] = torch.tensor(example.prompt_ids + example.target_ids[:-1])
        labels[row, width - len(example.target_ids) :] = torch.tensor(example.target_ids)
    starts = torch.tensor([length - len(example) for example in examples])
    padded = bool(starts.any())
    batch = {
        "input_ids": input_ids.to(device),
        "attention_mask": (torch.arange(length) >= starts[:, None]).long().to(device) if padded else None,
        "labels": labels.to(device),
    }
    rows = [row for row, example in enumerate(examples) if example.image is not None]
    if rows:
        if features is None:
            raise ValueError("these examples have images: pass their cached `features` (see image_features)")
        batch["features"] = features[[examples[row].image for row in rows]].to(device)
        batch["image_rows"] = torch.tensor(rows, device=device)
    return batch


def target_ids(backbone: Backbone, codes: Sequence[Sequence[str]]) -> list[list[int]]:
    """Token ids of identifiers (token strings per image), each closed by the end-of-identifier token.

    Raises ValueError for a code that the tokenizer does not know: add the identifiers' new tokens first.
    """
    vocabulary = backbone.tokenizer.get_vocab()
    missing = sorted({code for path in codes for code in path if code not in vocabulary})
    if missing:
        raise ValueError(f"not in the vocabulary: {missing[:5]}; first add_tokens(backbone, identifiers.new_tokens)")
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
    texts = [backbone.answer_format[0] + text for text, _ in captions]
    answers = backbone.tokenizer(texts, add_special_tokens=False)["input_ids"]
    return [Example(prompt, (*ids, backbone.end_id), row) for ids, (_, row) in zip(answers, captions, strict=True)]
