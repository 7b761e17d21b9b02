"""The three sizes the same code runs at: `tiny` (laptop CPU), `colab` (one 16 GB GPU), `paper` (several GPUs)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from gcr_tutorial.paths import located


@dataclass(frozen=True)
class TrainingConfig:
    """How a model learns its identifiers. The defaults suit tiny-vlm and 1,300 images (minutes on two CPU cores)."""

    schedule: str = "sequential"  # memorize, then retrieve; or "joint": both at once (the official code)
    trainable: str = "lora"  # or "full": every weight of the language model
    rank: int = 64
    alpha: int | None = None  # LoRA scale is alpha / rank; None means alpha = rank
    lr: float = 2e-3
    token_lr: float = 1e-2  # of the new tokens' embedding rows (LoRA only; "full" trains them at `lr`)
    batch_size: int = 64  # examples a step, over all processes
    memorize_epochs: int = 10
    retrieve_epochs: int = 7
    least_steps: int = 0  # of the retrieve (or joint) stage: a small collection gets more epochs
    memorize_share: float = 0.0  # memorize examples mixed into the retrieve step, as a share of its queries
    warmup: float = 0.05  # share of the steps with rising learning rate; a cosine to zero follows
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    accumulation: int = 1  # parts that a batch is computed in: less memory, the same result
    mixed_precision: str = "no"  # or "fp16" (T4), "bf16"

    def __post_init__(self) -> None:
        choices = {
            "schedule": ("sequential", "joint"),
            "trainable": ("lora", "full"),
            "mixed_precision": ("no", "fp16", "bf16"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name}={getattr(self, name)!r}: choose one of {', '.join(allowed)}")
        least = {
            "rank": 1,
            "batch_size": 1,
            "accumulation": 1,
            "memorize_epochs": 0,
            "retrieve_epochs": 0,
            "least_steps": 0,
            "lr": 0.0,
            "token_lr": 0.0,
            "memorize_share": 0.0,
            "warmup": 0.0,
            "weight_decay": 0.0,
        }
        for name, smallest in least.items():
            if not getattr(self, name) >= smallest:  # a nan is refused too
                raise ValueError(f"{name.replace('_', ' ')} of {getattr(self, name)}: give {smallest} or more")


@dataclass(frozen=True)
class CheckpointConfig:
    """Where and how often the state of training is saved, so that a killed run can go on."""

    folder: Path | None = None  # one file for each stage of training; None saves nothing
    seconds: float | None = 60.0  # save after so many seconds; None is never
    steps: int | None = None  # save after so many optimizer steps, too; None is never


@dataclass(frozen=True)
class RunConfig:
    """One run of the whole method over a corpus with a preset: what is made, and how the work is kept."""

    identifier: str = "atomic"  # kind of identifier: atomic, structured, numeric, string, semantic, residual or classifier
    protocol: str = "karpathy"  # which captions are queries: karpathy or heldout-caption
    seed: int = 0  # of everything random: the same seed on the same machine gives the same recalls
    out: Path | None = None  # folder for results.json, the retriever and, until they are complete, checkpoints
    resume: bool = False  # go on with the interrupted run in `out`, if there is one
    checkpoint_seconds: float | None = 60.0  # save the state of training after so many seconds
    checkpoint_steps: int | None = None  # save it after so many optimizer steps, too
    pseudo_queries_file: Path | None = None  # JSON file in which runs that differ in the identifier alone share theirs


@dataclass(frozen=True)
class Preset:
    """Sizes and sources of a run; everything else is the same code. Paths that start with "backbones/" are in the data
    directory (see `data_dir`)."""

    name: str
    backbone: str  # folder inside data_dir(), or a Hub id
    clip: str  # the same, or an open_clip "hf-hub:" name
    image_size: int  # pixels a side, as the vision tower sees them
    n_train: int
    n_val: int
    n_test: int
    revision: str | None = None  # the backbone's commit on the Hub
    dtype: str = "float32"  # or "float16", "bfloat16", "auto": bfloat16 where the GPU has it, float16 on others (T4)
    feature_batch: int = 64  # images encoded at once
    pseudo_queries: int = 20  # captions that the model writes for each image without human ones
    pseudo_samples: int = 40  # it samples so many, and those are kept that agree best with the image (CLIP)
    caption_epochs: int = 0  # captioning fine-tune before sampling pseudo-queries (0: the backbone captions already)
    clusters: int = 8  # k of the hierarchical k-means, branching of structured identifiers
    leaf_size: int = 8  # c, most images in one leaf
    num_beams: int = 10  # beams of constrained search
    training: TrainingConfig = field(default_factory=TrainingConfig)  # how memorize and retrieve are trained

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
    """The preset called `name`, else the one that GCR_PRESET names, else `tiny`. Raises ValueError for another name."""
    name = name or os.environ.get("GCR_PRESET") or "tiny"
    if name not in PRESETS:
        raise ValueError(f"no preset {name!r}: choose one of {', '.join(PRESETS)} (argument, or GCR_PRESET)")
    return PRESETS[name]
