"""What a picture teaches tiny-vlm: captions, inventories, questions, paraphrases, packed into one sequence.

One picture is encoded once and many answers are learned from it: the image tokens are a trunk, and every caption and
every question is a branch that sees the trunk and itself but not its siblings (a tree-shaped attention mask). That
makes the trunk's cost a small part of each answer's, which is what lets a laptop pretrain a captioner.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.features import merge_features
from gcr_tutorial.models.preprocessing import pixels
from gcr_tutorial.models.prompts import CAPTION_INSTRUCTION, RETRIEVE_INSTRUCTION, prompt_ids
from gcr_tutorial.pretraining.scene_bank import SceneBank


@dataclass(frozen=True)
class PretrainingConfig:
    """What each picture teaches and how the weights follow. `minutes` is training time alone, kept across restarts.

    With no captions, inventory, questions and paraphrase the vision tower learns alone, from the facts."""

    minutes: float = 60.0
    batch_size: int = 16  # pictures a step
    facts: float = 0.02  # weight of the facts' loss, which is 10 to 30 nats a cell where a token's is about 1
    captions: int = 3  # of the five of a picture, each time it is seen
    inventory: float = 1.0  # chance that everything in the picture is listed
    questions: int = 3
    paraphrase: float = 0.5  # chance of one text-only branch: "Find the picture: <caption>" -> another caption
    lr: float = 0.006  # Muon, for the matrices
    adam_lr: float = 2e-3  # AdamW, for embeddings, norms and biases
    weight_decay: float = 0.01
    warmup: float = 0.01  # shares of the whole time
    decay: float = 0.9  # the learning rate falls linearly to zero over this last share
    bf16: bool = True
    seed: int = 0
    checkpoint_minutes: float = 5.0

    @property
    def speaks(self) -> bool:
        """Whether anything is said, or the vision tower learns alone."""
        return bool(self.captions or self.inventory or self.questions or self.paraphrase)


@dataclass
class Tree:
    """One picture's lesson: token ids, positions, which segment each token is in, who sees whom, what is learned."""

    ids: list[int]
    positions: list[int]
    segments: list[int]
    parents: list[int]  # parent of each segment, -1 for none
    ends: list[int]  # index of the last token of each segment
    targets: list[tuple[int, int]]  # (index of the predicting token, index of the token it predicts)


class Lessons:
    """Turns the scenes of a bank into trees, for one backbone's tokenizer and prompts."""

    def __init__(self, backbone: Backbone, bank: SceneBank, config: PretrainingConfig):
        self.backbone, self.bank, self.config = backbone, bank, config
        ask = prompt_ids(backbone, CAPTION_INSTRUCTION, image=True)
        last = len(ask) - 1 - ask[::-1].index(backbone.image_token_id)
        self.trunk, self.instruction = ask[: last + 2], ask[last + 2 :]  # the wrapper after the image ends the trunk
        self.end = backbone.end_id

    def _tokens(self, text: str) -> list[int]:
        return self.backbone.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _chat(self, text: str) -> list[int]:
        """The rest of an image prompt with another instruction."""
        return prompt_ids(self.backbone, text, image=True)[len(self.trunk) :]

    def tree(self, index: int, rng: random.Random) -> Tree:
        """What picture `index` teaches this time."""
        tree, config = Tree([], [], [], [], [], []), self.config
        _add(tree, self.trunk, -1)
        asked = _add(tree, self.instruction, 0)
        said = self.bank.captions[index]
        for caption in rng.sample(said, config.captions):
            _add(tree, self._tokens(" " + caption) + [self.end], asked, learn_from=0)
        told, *others = self.bank.questions[index]
        listed = [told] if rng.random() < config.inventory else []
        for question, answer in [*listed, *rng.sample(others, min(config.questions, len(others)))]:
            prompt = self._chat(question)
            _add(tree, prompt + self._tokens(" " + answer) + [self.end], 0, learn_from=len(prompt))
        if rng.random() < config.paraphrase:
            query, other = rng.sample(said, 2)
            prompt = prompt_ids(self.backbone, RETRIEVE_INSTRUCTION.format(query=query), image=False)
            _add(tree, prompt + self._tokens(" " + other) + [self.end], -1, learn_from=len(prompt))
        return tree

    def batch(self, indices: list[int], rng: random.Random) -> dict[str, torch.Tensor]:
        """Pictures and packed trees: pixels (B, 1, 3, S, S), ids, positions (B, L), mask (B, 1, L, L), and the flat
        positions (T,) that predict the tokens `labels` (T,)."""
        trees = [self.tree(i, rng) for i in indices]
        length = 16 * math.ceil(max(len(t.ids) for t in trees) / 16)
        ids = np.full((len(trees), length), self.backbone.pad_id, np.int64)
        positions = np.zeros((len(trees), length), np.int64)
        mask = np.zeros((len(trees), 1, length, length), bool)
        mask[:, 0, np.arange(length), np.arange(length)] = True  # padding sees itself: no row may be empty
        below = np.tri(length, dtype=bool)
        where, labels = [], []
        for row, tree in enumerate(trees):
            n = len(tree.ids)
            ids[row, :n], positions[row, :n] = tree.ids, tree.positions
            segments = np.array(tree.segments)
            mask[row, 0, :n, :n] = _sees(tree.parents)[segments[:, None], segments[None, :]] & below[:n, :n]
            where += [row * length + i for i, _ in tree.targets]
            labels += [tree.ids[j] for _, j in tree.targets]
        return {
            "pixels": pixels(self.backbone, np.stack([self.bank.images[i] for i in indices])),
            "ids": torch.from_numpy(ids),
            "positions": torch.from_numpy(positions),
            "mask": torch.from_numpy(mask),
            "where": torch.tensor(where),
            "labels": torch.tensor(labels),
        }


def _add(tree: Tree, tokens: list[int], parent: int, learn_from: int | None = None) -> int:
    """Append a segment that continues `parent` (-1: starts anew); learn its tokens from index `learn_from` on."""
    before = None if parent < 0 else tree.ends[parent]
    start = 0 if before is None else tree.positions[before] + 1
    first, segment = len(tree.ids), len(tree.parents)
    tree.parents.append(parent)
    tree.ids += tokens
    tree.positions += range(start, start + len(tokens))
    tree.segments += [segment] * len(tokens)
    tree.ends.append(len(tree.ids) - 1)
    if learn_from is not None:
        for k in range(learn_from, len(tokens)):
            tree.targets.append((before if k == 0 else first + k - 1, first + k))
    return segment


def _sees(parents: list[int]) -> np.ndarray:
    """(S, S) bool: segment i sees segment j, its own or an ancestor."""
    sees = np.eye(len(parents), dtype=bool)
    for i, parent in enumerate(parents):  # a parent comes before its children
        if parent >= 0:
            sees[i] |= sees[parent]
    return sees


def image_tokens(backbone: Backbone, values: torch.Tensor) -> torch.Tensor:
    """What the vision tower and the connector make of pixels (B, 1, 3, S, S): features (B, image_seq_len, H)."""
    features = backbone.model.model.get_image_features(values).pooler_output
    return features if torch.is_tensor(features) else torch.stack(tuple(features))


def tree_loss(backbone: Backbone, batch: dict[str, torch.Tensor], features: torch.Tensor) -> torch.Tensor:
    """Mean negative log-likelihood of the batch's labels, in nats. The head runs only where a label is."""
    model = backbone.model.model
    embeddings = merge_features(backbone, batch["ids"], features)  # (B, L, H)
    mask = torch.zeros_like(batch["mask"], dtype=embeddings.dtype)
    mask = mask.masked_fill(~batch["mask"], torch.finfo(embeddings.dtype).min)
    hidden = model.text_model(
        inputs_embeds=embeddings, attention_mask=mask, position_ids=batch["positions"], use_cache=False
    ).last_hidden_state  # (B, L, H)
    logits = backbone.model.lm_head(hidden.flatten(0, 1)[batch["where"]])  # (T, V)
    return nn.functional.cross_entropy(logits.float(), batch["labels"])
