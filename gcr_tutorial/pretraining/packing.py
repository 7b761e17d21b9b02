"""Packed examples: one picture with several captions, questions and answers in one token sequence, for tiny-vlm.

The image tokens are expensive to compute and the same for every caption of a picture. So they stand once at the start of
the sequence, and each caption or question follows as a segment of its own. The attention mask is a tree: a token sees the
tokens before it in its own segment and in the segments that its segment continues (its ancestors), but not the other
captions. The loss is therefore the same as that of separate sequences, at a small part of their cost.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.features import merge_features
from gcr_tutorial.models.preprocessing import pixels
from gcr_tutorial.models.prompts import CAPTION_INSTRUCTION, RETRIEVE_INSTRUCTION, prompt_ids
from gcr_tutorial.pretraining.config import VlmPretrainingConfig
from gcr_tutorial.pretraining.scene_bank import SceneBank


@dataclass
class PackedExample:
    """One picture and its texts as one sequence of L tokens in S segments. Indices count tokens in this sequence."""

    ids: list[int] = field(default_factory=list)  # (L,)
    positions: list[int] = field(default_factory=list)  # (L,) as if each segment stood alone after its ancestors
    segments: list[int] = field(default_factory=list)  # (L,) the segment of each token
    parents: list[int] = field(default_factory=list)  # (S,) the segment that each segment continues, -1 for none
    ends: list[int] = field(default_factory=list)  # (S,) index of the last token of each segment
    targets: list[tuple[int, int]] = field(default_factory=list)  # (index of the predicting token, of the predicted one)

    def add(self, tokens: list[int], parent: int, learn_from: int | None = None) -> int:
        """Append a segment that continues the segment `parent` (-1: it starts anew), and return its number. The loss is
        on its tokens from number `learn_from` on (None: on none)."""
        before = None if parent < 0 else self.ends[parent]
        start = 0 if before is None else self.positions[before] + 1
        first, segment = len(self.ids), len(self.parents)
        self.parents.append(parent)
        self.ids += tokens
        self.positions += range(start, start + len(tokens))
        self.segments += [segment] * len(tokens)
        self.ends.append(len(self.ids) - 1)
        if learn_from is not None:
            for k in range(learn_from, len(tokens)):
                self.targets.append((before if k == 0 else first + k - 1, first + k))
        return segment


class ExamplePacker:
    """Makes packed examples from the scenes of a bank, with the tokenizer and the prompts of one backbone."""

    def __init__(self, backbone: Backbone, bank: SceneBank, config: VlmPretrainingConfig):
        self.backbone, self.bank, self.config = backbone, bank, config
        prompt = prompt_ids(backbone, CAPTION_INSTRUCTION, image=True)
        last = len(prompt) - 1 - prompt[::-1].index(backbone.image_token_id)
        # The first segment ends with the token that closes the image; the instruction is the second one.
        self.image_part, self.instruction = prompt[: last + 2], prompt[last + 2 :]
        self.end = backbone.end_id

    def _tokens(self, text: str) -> list[int]:
        return self.backbone.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _instruction(self, text: str) -> list[int]:
        """What follows the image in a prompt with the instruction `text`."""
        return prompt_ids(self.backbone, text, image=True)[len(self.image_part) :]

    def pack(self, index: int, rng: random.Random) -> PackedExample:
        """Picture `index` of the bank with captions and questions drawn by `rng`."""
        example, config = PackedExample(), self.config
        image = example.add(self.image_part, -1)
        instruction = example.add(self.instruction, image)
        captions = self.bank.captions[index]
        for caption in rng.sample(captions, config.captions):
            example.add(self._tokens(" " + caption) + [self.end], instruction, learn_from=0)
        inventory, *others = self.bank.questions[index]
        asked = [inventory] if rng.random() < config.inventory else []
        for question, answer in [*asked, *rng.sample(others, min(config.questions, len(others)))]:
            prompt = self._instruction(question)
            example.add(prompt + self._tokens(" " + answer) + [self.end], image, learn_from=len(prompt))
        if rng.random() < config.paraphrase:
            query, other = rng.sample(captions, 2)
            prompt = prompt_ids(self.backbone, RETRIEVE_INSTRUCTION.format(query=query), image=False)
            example.add(prompt + self._tokens(" " + other) + [self.end], -1, learn_from=len(prompt))
        return example

    def batch(self, indices: list[int], rng: random.Random) -> dict[str, torch.Tensor]:
        """The packed examples of the pictures `indices`, padded on the right: `pixels` (B, 1, 3, S, S), `ids` and
        `positions` (B, L), `mask` (B, 1, L, L) bool, and for the loss `where` (T,), the indices in B * L of the tokens that
        predict the tokens `labels` (T,)."""
        examples = [self.pack(i, rng) for i in indices]
        length = 16 * math.ceil(max(len(example.ids) for example in examples) / 16)
        ids = np.full((len(examples), length), self.backbone.pad_id, np.int64)
        positions = np.zeros((len(examples), length), np.int64)
        mask = np.zeros((len(examples), 1, length, length), bool)
        mask[:, 0, np.arange(length), np.arange(length)] = True  # padding sees itself: attention to nothing would be NaN
        not_later = np.tri(length, dtype=bool)
        where, labels = [], []
        for row, example in enumerate(examples):
            n = len(example.ids)
            ids[row, :n], positions[row, :n] = example.ids, example.positions
            segments = np.array(example.segments)
            mask[row, 0, :n, :n] = _sees(example.parents)[segments[:, None], segments[None, :]] & not_later[:n, :n]
            where += [row * length + before for before, _ in example.targets]
            labels += [example.ids[predicted] for _, predicted in example.targets]
        return {
            "pixels": pixels(self.backbone, np.stack([self.bank.images[i] for i in indices])),
            "ids": torch.from_numpy(ids),
            "positions": torch.from_numpy(positions),
            "mask": torch.from_numpy(mask),
            "where": torch.tensor(where),
            "labels": torch.tensor(labels),
        }


def _sees(parents: list[int]) -> np.ndarray:
    """(S, S) bool: whether segment i sees segment j, which is itself or one of its ancestors."""
    sees = np.eye(len(parents), dtype=bool)
    for i, parent in enumerate(parents):  # a parent comes before its children
        if parent >= 0:
            sees[i] |= sees[parent]
    return sees


def image_tokens(backbone: Backbone, values: torch.Tensor) -> torch.Tensor:
    """The output of vision tower and connector for pixels (B, 1, 3, S, S): features (B, image_seq_len, H)."""
    features = backbone.model.model.get_image_features(values).pooler_output
    return features if torch.is_tensor(features) else torch.stack(tuple(features))


def packed_loss(backbone: Backbone, batch: dict[str, torch.Tensor], features: torch.Tensor) -> torch.Tensor:
    """Mean negative log-likelihood of the labels of a batch of `ExamplePacker`, in nats a token, as a scalar.

    `features` (B, image_seq_len, H) are those of the batch's pixels. The head runs only where a label is predicted."""
    model = backbone.model.model
    embeddings = merge_features(backbone, batch["ids"], features)  # (B, L, H)
    mask = torch.zeros_like(batch["mask"], dtype=embeddings.dtype)
    mask = mask.masked_fill(~batch["mask"], torch.finfo(embeddings.dtype).min)
    hidden = model.text_model(
        inputs_embeds=embeddings, attention_mask=mask, position_ids=batch["positions"], use_cache=False
    ).last_hidden_state  # (B, L, H)
    logits = backbone.model.lm_head(hidden.flatten(0, 1)[batch["where"]])  # (T, V)
    return nn.functional.cross_entropy(logits.float(), batch["labels"])
