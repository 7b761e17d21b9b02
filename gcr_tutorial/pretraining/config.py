"""The settings of pretraining: one dataclass for tiny-vlm, one for tiny-clip, and the three stages of tiny-vlm."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class VlmPretrainingConfig:
    """One stage of tiny-vlm's pretraining: what is learned from each picture, and how the weights are updated.

    With `captions`, `inventory`, `questions` and `paraphrase` all 0, only the vision tower is trained, to predict facts."""

    minutes: float = 60.0  # training time; it is counted across restarts, and saving does not count
    batch_size: int = 16  # pictures a step
    facts: float = 0.02  # weight of the facts' loss, which is 10 to 30 nats a cell, while a token's loss is about 1 nat
    captions: int = 3  # of a picture's five captions, how many are drawn each time it is visited
    inventory: float = 1.0  # probability that the model must list everything in the picture
    questions: int = 3  # questions that are drawn each time a picture is visited
    paraphrase: float = 0.5  # probability of one text-only example: "Find the picture: <caption>" -> another caption
    lr: float = 0.006  # of Muon, which updates the matrices
    adam_lr: float = 2e-3  # of AdamW, which updates embeddings, norms and biases
    weight_decay: float = 0.01
    warmup: float = 0.01  # the learning rate rises over this share of the time
    decay: float = 0.9  # and falls linearly to zero over this last share
    bf16: bool | None = (
        None  # None: on a GPU, and where the CPU multiplies bfloat16 in hardware; elsewhere it is many times slower
    )
    seed: int = 0
    checkpoint_minutes: float = 5.0

    @property
    def trains_language(self) -> bool:
        """Whether the model learns to write text; if not, only the vision tower is trained."""
        return bool(self.captions or self.inventory or self.questions or self.paraphrase)


def vlm_stages(minutes: float, seed: int, from_nothing: bool) -> dict[str, VlmPretrainingConfig]:
    """The stages of tiny-vlm's pretraining, by name, in order; together they take `minutes`.

    "vision" trains the vision tower alone, "lessons" everything, and "captions" mostly captions, because that is what the
    tutorial asks of the model. A backbone that was pretrained before (`from_nothing` False) leaves out "lessons"."""
    vision, lessons = 0.35, 0.15 if from_nothing else 0.0
    vision_only = {"captions": 0, "inventory": 0.0, "questions": 0, "paraphrase": 0.0}
    stages = {
        "vision": VlmPretrainingConfig(minutes=vision * minutes, seed=seed, batch_size=32, **vision_only),
        "lessons": VlmPretrainingConfig(minutes=lessons * minutes, seed=seed + 1),
        "captions": VlmPretrainingConfig(
            minutes=(1 - vision - lessons) * minutes,
            seed=seed + 2,
            batch_size=32,
            captions=2,
            inventory=0.1,
            questions=1,
            paraphrase=0.1,
        ),
    }
    return {name: config for name, config in stages.items() if config.minutes > 0}


@dataclass(frozen=True)
class ClipPretrainingConfig:
    """How tiny-clip is trained. Shares (`warmup`, `dropout_until`) are shares of the training time."""

    minutes: float  # training time; it is counted across restarts, and neither saving nor measuring counts
    batch_size: int = 128  # images a step
    captions_per_image: int = 2  # captions that are drawn at random each time an image is visited
    lr: float = 3e-3
    weight_decay: float = 0.1
    warmup: float = 0.03  # the learning rate rises linearly until then, and falls to 0 along a cosine
    muon: bool = True  # Muon instead of AdamW for the matrices of the transformer blocks
    patch_dropout: float = 0.5  # share of an image's patches that are left out ...
    dropout_until: float = 0.8  # ... until then
    vocab_size: int = 2000
    shape: dict[str, Any] = field(default_factory=dict)  # sizes that differ from the defaults of `clip_config`
    seed: int = 0
    threads: int = 1
    bf16: bool | None = None  # None: where the CPU multiplies bfloat16 in hardware
    save_every: float = 60.0  # seconds of training
    evaluate_every: float = 600.0  # seconds of training
    report_every: float = 15.0  # seconds of training
