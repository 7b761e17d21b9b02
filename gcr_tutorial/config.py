"""Presets and configurations: every setting is declared here, once, with its default and what it means.

The three presets are sizes that the same code runs at: `tiny` (a laptop's CPU), `colab` (one GPU with 16 GB) and `paper`
(several GPUs). `python -m gcr_tutorial run --help` shows the comment beside each field as the help of an option with that name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from tyro.conf import Suppress, arg

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.paths import located


def check_fields(config: Any, **least: float) -> None:
    """Raise UserValueError if a field of the dataclass `config` is less than `least` says, or is none of its choices."""
    for name, hint in get_type_hints(type(config)).items():
        value = getattr(config, name)
        if get_origin(hint) is Literal and value not in get_args(hint):
            raise UserValueError(f"{name}={value!r}: choose one of {', '.join(get_args(hint))}")
        if name in least and value is not None and not value >= least[name]:  # this refuses a nan, too
            raise UserValueError(f"{name.replace('_', ' ')} of {value}: give {least[name]} or more")


@dataclass(frozen=True)
class TrainingConfig:
    """How a model learns its identifiers. The defaults suit tiny-vlm and 1,300 images (minutes on two CPU cores).

    Raises UserValueError for a number that is too small, or for an unknown choice.
    """

    schedule: Literal["sequential", "joint"] = "sequential"
    """sequential: memorize first, then retrieve (the paper's text); joint: both at once (the authors' code)"""
    trainable: Literal["lora", "full"] = "lora"  # train LoRA adapters, or every weight of the language model
    rank: int = 64  # rank of the LoRA adapters
    alpha: int | None = None  # the LoRA update is scaled by alpha / rank; None means that alpha is the rank
    lr: float = 2e-3  # highest learning rate
    token_lr: float = 1e-2  # learning rate of the new tokens' embeddings with LoRA; with full, they are trained at lr
    batch_size: int = 64  # examples in an optimizer step, counted over all processes
    memorize_epochs: int = 10  # passes over the images; 0 leaves the memorize stage out
    retrieve_epochs: int = 7  # passes over the training queries
    least_steps: int = 0
    """a small collection gets more retrieve epochs, until there are so many steps; 0 where --retrieve-epochs is given"""
    memorize_share: float = 0.0  # memorize examples that the retrieve stage repeats, as a share of its queries
    warmup: float = 0.05  # share of the steps in which the learning rate rises; then it falls to zero along a cosine
    weight_decay: float = 0.01  # how strongly AdamW pulls the trained weights to zero
    label_smoothing: float = 0.0  # probability that the target spreads over all other tokens
    accumulation: int = 1  # compute each batch in so many parts: less memory, the same result
    mixed_precision: Literal["no", "fp16", "bf16"] = "no"
    """compute in 16 bits where that is safe: fp16 for a GPU like a T4, bf16 for a newer one"""

    def __post_init__(self) -> None:
        zero = ("memorize_epochs", "retrieve_epochs", "least_steps")
        shares = ("lr", "token_lr", "memorize_share", "warmup", "weight_decay", "label_smoothing")
        check_fields(self, rank=1, batch_size=1, accumulation=1, **dict.fromkeys(zero, 0), **dict.fromkeys(shares, 0.0))


@dataclass(frozen=True)
class CheckpointConfig:
    """Where and how often the state of training is saved, so that a killed run can go on."""

    folder: Path | None = None  # one file for each stage of training; None saves nothing
    seconds: float | None = 60.0  # save after so many seconds; None is never
    steps: int | None = None  # save after so many optimizer steps, too; None is never


@dataclass(frozen=True)
class RunConfig:
    """One run of the whole method over a corpus with a preset: what is made, and how the work is kept.

    Raises UserValueError for a checkpoint interval that is too small.
    """

    identifier: str = "atomic"  # kind of identifier: atomic, structured, numeric, string, semantic, residual or classifier
    protocol: str = "karpathy"
    """karpathy: no caption of a test image is trained on, all of them are queries; heldout-caption: every image is
    memorized with all of its captions but one, which is the query"""
    seed: int = 0  # where all random numbers start: the same seed on the same machine gives the same recalls
    out: Path | None = None  # folder for results.json, the retriever and, until they are complete, checkpoints
    resume: bool = False  # go on with the interrupted run in --out, if there is one
    checkpoint_seconds: float | None = 60.0  # save the state of training after so many seconds
    checkpoint_steps: int | None = None  # save it after so many optimizer steps, too
    pseudo_queries_file: Path | None = None  # JSON file in which runs that differ in the identifier alone share theirs

    def __post_init__(self) -> None:
        check_fields(self, checkpoint_seconds=0, checkpoint_steps=1)


@dataclass(frozen=True)
class Preset:
    """Sizes and sources of a run; everything else is the same code at every size.

    Paths that start with "backbones/" are in the data directory (see `data_dir`). Raises UserValueError for a number that is
    too small, or for an unknown choice.
    """

    name: Suppress[str]
    backbone: str  # the language model: a folder, the name of a model on the Hub, or backbones/NAME of this project
    clip: str  # the CLIP model: a folder, an open_clip name such as hf-hub:OWNER/NAME, or backbones/NAME
    image_size: int  # height and width of an image in pixels, as the vision tower sees it
    n_train: Annotated[int, arg(name="train-images")]  # Picturebook only: images in the training split
    n_val: Annotated[int, arg(name="val-images")]  # Picturebook only: images in the validation split
    n_test: Annotated[int, arg(name="test-images")]  # Picturebook only: images in the test gallery
    revision: Annotated[str | None, arg(name="backbone-revision")] = None  # the backbone's commit on the Hub
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "float32"
    """of the backbone's weights; auto: bfloat16 where the GPU has it, float16 on another GPU (T4), float32 on a CPU"""
    feature_batch: int = 64  # images that go through the vision tower at once
    pseudo_queries: int = 20  # captions that the model writes for each image without human ones
    pseudo_samples: int = 40
    """the model writes so many for each image, and the pseudo-queries are those that CLIP finds most like it; if there are no
    more than pseudo-queries, all are kept. Twice --pseudo-queries where only that is given"""
    caption_epochs: int = 0
    """passes of a captioning fine-tune before pseudo-queries are written; 0 if the backbone captions already"""
    clusters: int = 8  # of k-means at each level: the branching of structured identifiers (k in the paper)
    leaf_size: int = 8  # most images in a leaf of the tree of clusters (c in the paper)
    num_beams: int = 10  # beams of the constrained search
    max_query_tokens: int = 64  # a longer query or caption is cut to so many tokens, in training and in search alike
    max_identifier_tokens: int = 40
    """a longer caption is cut to so many tokens before it becomes a semantic identifier"""
    training: TrainingConfig = field(default_factory=TrainingConfig)  # how memorize and retrieve are trained

    def __post_init__(self) -> None:
        zero, one = (
            ("pseudo_queries", "pseudo_samples", "caption_epochs"),
            ("image_size", "feature_batch", "leaf_size", "num_beams", "max_query_tokens", "max_identifier_tokens"),
        )
        check_fields(self, clusters=2, **dict.fromkeys(zero, 0), **dict.fromkeys(one, 1))

    @property
    def backbone_path(self) -> str:
        """The backbone's folder, or its Hub id where it is not shipped."""
        return located(self.backbone)

    @property
    def clip_path(self) -> str:
        """The CLIP model's folder, or its open_clip name where it is not shipped."""
        return located(self.clip)


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "tiny",
            "backbones/tiny-vlm",
            "backbones/tiny-clip",
            96,
            1000,
            100,
            300,
            pseudo_samples=64,
            num_beams=20,
            training=TrainingConfig(lr=3e-3, memorize_epochs=6, retrieve_epochs=5, least_steps=800),
        ),
        Preset(
            "colab",
            "HuggingFaceTB/SmolVLM-256M-Instruct",
            "hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
            512,
            6000,
            1000,
            1000,
            revision="7e3e67edbbed1bf9888184d9df282b700a323964",
            dtype="auto",
            feature_batch=8,
            pseudo_queries=10,
            caption_epochs=1,
            training=TrainingConfig(rank=64, lr=2e-4, token_lr=1e-3, batch_size=64, memorize_epochs=8, retrieve_epochs=8),
        ),
        Preset(
            "paper",
            "Qwen/Qwen2.5-VL-3B-Instruct",
            "hf-hub:laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
            392,
            29000,
            1014,
            1000,
            revision="66285546d2b821cf421d4f5eb2576359d3770cd3",
            dtype="auto",
            feature_batch=8,
            pseudo_queries=5,
            caption_epochs=1,
            clusters=30,
            leaf_size=30,
            training=TrainingConfig(rank=128, lr=1e-4, token_lr=5e-4, batch_size=256, memorize_epochs=5, retrieve_epochs=5),
        ),
    )
}


def get_preset(name: str | None = None) -> Preset:
    """The preset called `name`, else the one that GCR_PRESET names, else `tiny`. Raises UserValueError for another name."""
    name = name or os.environ.get("GCR_PRESET") or "tiny"
    if name not in PRESETS:
        raise UserValueError(f"no preset {name!r}: choose one of {', '.join(PRESETS)} (argument, or GCR_PRESET)")
    return PRESETS[name]
