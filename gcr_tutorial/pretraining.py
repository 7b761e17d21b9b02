"""Pretraining tiny-vlm from nothing on Picturebook scenes: captions, inventories, questions, paraphrases.

One picture is encoded once and many answers are learned from it: the image tokens are a trunk, and every caption and
every question is a branch that sees the trunk and itself but not its siblings (a tree-shaped attention mask). That
makes the trunk's cost a small part of each answer's, which is what lets a laptop pretrain a captioner.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .backbone import CAPTION_INSTRUCTION, RETRIEVE_INSTRUCTION, Backbone, build_tiny_vlm, pixels, prompt_ids, train_tokenizer
from .checkpoints import load_checkpoint, save_checkpoint
from .features import merge_features
from .scene_bank import SceneBank

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """What each picture teaches and how the weights follow. `minutes` is training time alone, kept across restarts."""

    minutes: float = 60.0
    batch_size: int = 16  # pictures a step
    captions: int = 3  # of the five of a picture, each time it is seen
    inventory: float = 1.0  # chance that everything in the picture is listed
    questions: int = 3
    paraphrase: float = 0.5  # chance of one text-only branch: "Find the picture: <caption>" -> another caption
    lr: float = 0.01  # Muon, for the matrices
    adam_lr: float = 3e-3  # AdamW, for embeddings, norms and biases
    weight_decay: float = 0.01
    warmup: float = 0.01  # shares of the whole time
    decay: float = 0.6  # the learning rate falls linearly to zero over this last share
    bf16: bool = True
    seed: int = 0
    checkpoint_minutes: float = 5.0


@dataclass
class Tree:
    """One picture's lesson: token ids, positions, which segment each token is in, who sees whom, what is learned."""

    ids: list[int]
    positions: list[int]
    segments: list[int]
    parents: list[int]  # parent of each segment, -1 for none
    targets: list[tuple[int, int]]  # (index of the predicting token, index of the token it predicts)


class Lessons:
    """Turns the scenes of a bank into trees, for one backbone's tokenizer and prompts."""

    def __init__(self, backbone: Backbone, bank: SceneBank, recipe: Recipe):
        self.backbone, self.bank, self.recipe = backbone, bank, recipe
        ask = prompt_ids(backbone, CAPTION_INSTRUCTION, image=True)
        last = len(ask) - 1 - ask[::-1].index(backbone.image_token_id)
        self.trunk, self.instruction = ask[: last + 2], ask[last + 2:]  # the wrapper after the image ends the trunk
        self.end = backbone.end_id

    def _tokens(self, text: str) -> list[int]:
        return self.backbone.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _chat(self, text: str) -> list[int]:
        """The rest of an image prompt with another instruction."""
        return prompt_ids(self.backbone, text, image=True)[len(self.trunk):]

    def tree(self, index: int, rng: random.Random) -> Tree:
        """What picture `index` teaches this time."""
        tree, recipe = Tree([], [], [], [], []), self.recipe
        _add(tree, self.trunk, -1)
        asked = _add(tree, self.instruction, 0)
        said = self.bank.captions[index]
        for caption in rng.sample(said, recipe.captions):
            _add(tree, self._tokens(" " + caption) + [self.end], asked, learn_from=0)
        told, *others = self.bank.questions[index]
        listed = [told] if rng.random() < recipe.inventory else []
        for question, answer in [*listed, *rng.sample(others, min(recipe.questions, len(others)))]:
            prompt = self._chat(question)
            _add(tree, prompt + self._tokens(" " + answer) + [self.end], 0, learn_from=len(prompt))
        if rng.random() < recipe.paraphrase:
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
        return {"pixels": pixels(self.backbone, np.stack([self.bank.images[i] for i in indices])),
                "ids": torch.from_numpy(ids), "positions": torch.from_numpy(positions), "mask": torch.from_numpy(mask),
                "where": torch.tensor(where), "labels": torch.tensor(labels)}


def _add(tree: Tree, tokens: list[int], parent: int, learn_from: int | None = None) -> int:
    """Append a segment that continues `parent` (-1: starts anew); learn its tokens from index `learn_from` on."""
    before = max((i for i, s in enumerate(tree.segments) if s == parent), default=None)
    start = 0 if before is None else tree.positions[before] + 1
    first, segment = len(tree.ids), len(tree.parents)
    tree.parents.append(parent)
    tree.ids += tokens
    tree.positions += range(start, start + len(tokens))
    tree.segments += [segment] * len(tokens)
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


def new_backbone(bank: SceneBank, vocab_size: int = 1500, seed: int = 0) -> Backbone:
    """A tiny-vlm with random weights, its tokenizer trained on what is said in `bank` (at most 20,000 scenes of it)."""
    texts = [text for said in bank.captions[:20_000] for text in said]
    texts += [text for asked in bank.questions[:20_000] for pair in asked for text in pair]
    return Backbone(*build_tiny_vlm(train_tokenizer(texts, vocab_size), seed=seed))


def tree_loss(backbone: Backbone, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Mean negative log-likelihood of the batch's labels. The head runs only where a label is."""
    model = backbone.model.model
    features = model.get_image_features(batch["pixels"]).pooler_output
    features = torch.stack(tuple(features)) if not torch.is_tensor(features) else features
    embeddings = merge_features(backbone, batch["ids"], features)  # (B, L, H)
    mask = torch.zeros(batch["mask"].shape, dtype=embeddings.dtype).masked_fill(~batch["mask"], torch.finfo(embeddings.dtype).min)
    hidden = model.text_model(inputs_embeds=embeddings, attention_mask=mask, position_ids=batch["positions"],
                              use_cache=False).last_hidden_state  # (B, L, H)
    logits = backbone.model.lm_head(hidden.flatten(0, 1)[batch["where"]])  # (T, V)
    return nn.functional.cross_entropy(logits.float(), batch["labels"])


def optimizers(model: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for everything else."""
    matrices, others = [], []
    for name, parameter in model.named_parameters():
        inside = parameter.ndim == 2 and "embed" not in name and "lm_head" not in name
        (matrices if inside else others).append(parameter)
    return [torch.optim.Muon(matrices, lr=recipe.lr, weight_decay=recipe.weight_decay, momentum=0.95,
                             adjust_lr_fn="original"),
            torch.optim.AdamW(others, lr=recipe.adam_lr, betas=(0.9, 0.98), weight_decay=0.0)]


def speed(share: float, recipe: Recipe) -> float:
    """The factor on the learning rates when `share` of the time has passed."""
    return min(1.0, share / recipe.warmup if recipe.warmup else 1.0, max(0.0, (1 - share) / recipe.decay))


def visits(n: int, seed: int, start: int) -> Iterator[int]:
    """Scene numbers in an order shuffled anew every epoch, from the `start`-th visit on."""
    epoch, at = divmod(start, n)
    while True:
        order = np.random.default_rng((seed, epoch)).permutation(n)
        yield from (int(i) for i in order[at:])
        epoch, at = epoch + 1, 0


def pretrain(backbone: Backbone, bank: SceneBank, recipe: Recipe, checkpoint: str | Path, *,
             progress: Progress = print, on_checkpoint: Callable[[Backbone, float], None] | None = None) -> dict:
    """Train `backbone` on `bank` for `recipe.minutes`, going on from `checkpoint` where it exists.

    Returns what was done: steps, pictures, answer tokens, minutes, the losses at intervals. Training time is counted
    across restarts; the schedule follows the clock, so the same recipe fits a slow and a fast machine.
    """
    model, checkpoint = backbone.model.train(), Path(checkpoint)
    tuned = optimizers(model, recipe)
    done = {"steps": 0, "pictures": 0, "answer_tokens": 0, "seconds": 0.0, "losses": []}
    saved = load_checkpoint(checkpoint)
    if saved is not None:
        _refuse_other(saved["recipe"], asdict(recipe))
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(tuned, saved["optimizers"]):
            optimizer.load_state_dict(state)
        done = saved["done"]
        progress(f"resuming after {done['seconds'] / 60:.1f} minutes, {done['pictures']} pictures")
    lessons, recent = Lessons(backbone, bank, recipe), []
    base = [[group["lr"] for group in optimizer.param_groups] for optimizer in
            ([*tuned] if saved is None else optimizers(model, recipe))]
    order = visits(len(bank), recipe.seed, done["pictures"])
    total, last_saved, last_said = recipe.minutes * 60, done["seconds"], 0.0

    def save() -> None:
        save_checkpoint(checkpoint, {"model": model.state_dict(), "optimizers": [o.state_dict() for o in tuned],
                                     "done": done, "recipe": asdict(recipe)})
        if on_checkpoint is not None:
            on_checkpoint(backbone, done["seconds"] / total)

    while done["seconds"] < total:
        started = time.perf_counter()
        factor = speed(done["seconds"] / total, recipe)
        for optimizer, rates in zip(tuned, base):
            for group, rate in zip(optimizer.param_groups, rates):
                group["lr"] = rate * factor
        batch = lessons.batch([next(order) for _ in range(recipe.batch_size)],
                              random.Random(recipe.seed * 1_000_003 + done["steps"]))
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
            loss = tree_loss(backbone, batch)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss became {loss.item()} at step {done['steps']}: lower the learning rate; "
                                     f"the last good state is in {checkpoint}")
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in tuned:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        done["steps"] += 1
        done["pictures"] += recipe.batch_size
        done["answer_tokens"] += len(batch["labels"])
        done["seconds"] += time.perf_counter() - started
        recent.append(loss.item())
        if done["seconds"] - last_said > 15 or done["seconds"] >= total:
            mean, last_said = sum(recent) / len(recent), done["seconds"]
            done["losses"].append([round(done["seconds"]), round(mean, 4)])
            rate = done["pictures"] / done["seconds"]
            progress(f"tiny-vlm: {done['pictures']} pictures, loss {mean:.3f}, {rate:.1f} pictures/s, "
                     f"{(total - done['seconds']) / 60:.1f} min left")
            recent = []
        if done["seconds"] - last_saved > recipe.checkpoint_minutes * 60:
            save()
            last_saved = done["seconds"]
    save()
    model.eval()
    return {**done, "minutes": done["seconds"] / 60}


def _refuse_other(saved: dict, wanted: dict) -> None:
    differing = {k: (saved.get(k), v) for k, v in wanted.items() if k != "checkpoint_minutes" and saved.get(k) != v}
    if differing:
        raise ValueError(f"the checkpoint was made with another recipe: {differing} (saved, wanted). "
                         "Give another folder, or delete the checkpoint to start anew.")
