"""Everything that needs a GPU, in one command: speed, memory and recall, on the Picturebook at 30,000 images.

At SmolVLM-256M's size (random weights, 512 px, 64 vectors an image), with the preset `colab`:
  features    vision features of every image: images/s, peak memory;
  steps       samples/s of one training step, memorize and retrieve, interleaved: ours (cached features, the head only where
              there are labels, batches of like length) against the straightforward loop (pixels through the processor and the
              vision tower in every step, logits at every position, padding to the longest), and for retrieve also with the
              official code's constant pad image; FLOP of a step as torch counts them, as a share of what the largest
              matrix product measured here reaches;
  fine-tune   `fine_tune` itself, one epoch of each task over all images: samples/s, peak memory;
  decoding    queries/s over the trie of all images, 10 beams: ours against `generate` with a prefix function.
And with a mid-size model (30 million weights, 96 px) trained from nothing on as many scenes: R@1/5/10 of a full run.

`python benchmarks/gpu.py` takes hours; started again it goes on after the last finished stage (and inside the recall stage).
`--quick` runs everything in miniature, on the CPU too with `--device cpu`, to see that it works. Writes
benchmarks/results/gpu.json and .md (--quick: into the work folder). Exit status 1 where the preset needs 14 GiB of GPU memory or more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # works without installing, too
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
)

from gcr_tutorial.config import Preset, RunConfig, get_preset
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.loading import default_workers, load_pictures
from gcr_tutorial.decoding import constrained_beam_search, left_pad, prefix_allowed_tokens_fn
from gcr_tutorial.experiments.comparison import compare
from gcr_tutorial.files import write_text
from gcr_tutorial.identifiers import make_identifiers
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.features import image_features
from gcr_tutorial.models.loading import load_backbone, save_backbone
from gcr_tutorial.models.lora import add_lora, merge_lora
from gcr_tutorial.models.preprocessing import pixels
from gcr_tutorial.models.prompts import RETRIEVE_INSTRUCTION, prompt_ids, retrieve_prompts
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.paths import located
from gcr_tutorial.picturebook import sample_scene, scene_seed
from gcr_tutorial.pretraining.config import vlm_stages
from gcr_tutorial.pretraining.scene_bank import SceneBank
from gcr_tutorial.pretraining.vlm_training import new_backbone, pretrain_vlm
from gcr_tutorial.training.batches import collate, length_bucketed_batches
from gcr_tutorial.training.examples import Example, memorize_examples, retrieve_examples, target_ids
from gcr_tutorial.training.fine_tuning import fine_tune
from gcr_tutorial.training.loss import CompletionLoss
from gcr_tutorial.training.optimizer import parameter_groups
from gcr_tutorial.trie import TrieIndex

GIB, MOST_GIB = 2**30, 14.0  # the preset `colab` must leave room on a 16 GB card
BANK_SEED = 1  # of the scenes that the mid-size model is pretrained on


@dataclass(frozen=True)
class Plan:
    """How large everything is. `full` is what is reported; `miniature` runs the same code in seconds."""

    name: str
    images: int
    test: int
    vision: dict[str, int]  # of Idefics3Config
    text: dict[str, int]
    scale: int  # of the connector's pixel shuffle
    preset: Preset  # of the efficiency stages
    steps: int  # timed ones of a side and repeat
    repeats: int
    queries: int
    matrix: int  # rows and columns of the product that stands for the hardware's best
    mid: dict[str, int]  # of `build_tiny_vlm`
    recall: Preset
    minutes: float  # of pretraining the mid-size model
    kinds: tuple[str, ...] = ("structured", "atomic")


def plans(images: int, minutes: float) -> dict[str, Plan]:
    """The two plans; `images` and `minutes` are the full one's."""
    colab, tiny = get_preset("colab"), get_preset("tiny")
    return {
        "full": Plan(
            "full",
            images,
            1000,
            dict(
                hidden_size=768,
                intermediate_size=3072,
                num_hidden_layers=12,
                num_attention_heads=12,
                image_size=512,
                patch_size=16,
            ),
            dict(
                hidden_size=576,
                intermediate_size=1536,
                num_hidden_layers=30,
                num_attention_heads=9,
                num_key_value_heads=3,
                vocab_size=49280,
            ),
            4,
            colab,
            10,
            5,
            256,
            8192,
            dict(image_size=96, patch=12, hidden=384, vision_layers=8, text_layers=8, heads=6, vision_mlp=1536, text_mlp=1024),
            replace(tiny, name="mid-size"),
            minutes,
        ),
        "miniature": Plan(
            "miniature",
            12,
            4,
            dict(hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=24, patch_size=6),
            dict(
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=1,
                vocab_size=1600,
            ),
            2,
            replace(colab, training=replace(colab.training, batch_size=4, rank=2), image_size=24),
            1,
            2,
            3,
            128,
            dict(image_size=24, patch=6, hidden=32, vision_layers=1, text_layers=1, heads=2, vision_mlp=32, text_mlp=32),
            replace(
                tiny,
                name="miniature",
                image_size=24,
                pseudo_queries=2,
                pseudo_samples=2,
                num_beams=4,
                training=replace(tiny.training, memorize_epochs=1, retrieve_epochs=1, least_steps=0, rank=4),
            ),
            0.005,
            ("structured",),
        ),
    }


# ---- the hardware


def half_type(device: torch.device) -> torch.dtype:
    """bfloat16 on GPUs that have it, float16 on older ones (a T4), float32 on the CPU."""
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16


def precise(device: torch.device) -> Any:
    """Autocast to the half type; nothing on the CPU."""
    return torch.autocast("cuda", half_type(device)) if device.type == "cuda" else nullcontext()


def wait(device: torch.device) -> None:
    """Until the GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Peak:
    """`with Peak(device) as peak: ...`, then `peak.gib`: the most GPU memory held at once, the allocator's reserve included
    (None on the CPU)."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.gib = device, None

    def __enter__(self) -> Peak:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
        return self

    def __exit__(self, *error: object) -> None:
        if self.device.type == "cuda":
            self.gib = round(torch.cuda.max_memory_reserved(self.device) / GIB, 2)


def machine(device: torch.device) -> dict[str, Any]:
    """What the figures were measured on."""
    about = {
        "device": str(device),
        "dtype": str(half_type(device)).removeprefix("torch."),
        "cores": os.cpu_count() or 1,
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        about.update(device=properties.name, memory_gib=round(properties.total_memory / GIB, 1), cuda=torch.version.cuda)
    return about


def hardware(plan: Plan, device: torch.device) -> dict[str, float]:
    """FLOP/s of a large matrix product in the half type: what "utilisation" is a share of."""
    n = plan.matrix
    left, right = (torch.randn(n, n, device=device, dtype=half_type(device)) for _ in range(2))
    best = 0.0
    for _ in range(12):
        wait(device)
        started = time.perf_counter()
        left @ right
        wait(device)
        best = max(best, 2 * n**3 / (time.perf_counter() - started))
    return {"matrix_product_tflops": round(best / 1e12, 3)}


# ---- SmolVLM-256M's size, random weights


def smolvlm_config(plan: Plan, text: dict[str, int], **tokens: int) -> Idefics3Config:
    """Head and embeddings apart: with one table for both, the sizes would make 228 million weights and not 256."""
    text = dict(model_type="llama", max_position_embeddings=2048, tie_word_embeddings=False, **text)
    return Idefics3Config(
        vision_config=plan.vision, text_config=text, scale_factor=plan.scale, tie_word_embeddings=False, **tokens
    )


def random_smolvlm(plan: Plan, device: torch.device) -> Backbone:
    """An Idefics3 of the plan's size with this project's tokenizer (the rest of the vocabulary is never used)."""
    tokenizer = load_backbone(located("backbones/tiny-vlm")).tokenizer
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    text = {**plan.text, **special, "vocab_size": max(len(tokenizer), plan.text["vocab_size"])}
    torch.manual_seed(0)
    model = (
        Idefics3ForConditionalGeneration(
            smolvlm_config(
                plan, text, image_token_id=tokenizer.convert_tokens_to_ids("<image>"), pad_token_id=special["pad_token_id"]
            )
        )
        .float()
        .eval()
    )
    size = plan.vision["image_size"]
    images = Idefics3ImageProcessor(
        do_image_splitting=False,
        size={"longest_edge": size},
        max_image_size={"longest_edge": size},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    vectors = (size // plan.vision["patch_size"] // plan.scale) ** 2
    processor = Idefics3Processor(images, tokenizer, image_seq_len=vectors, chat_template=tokenizer.chat_template)
    return Backbone(model.to(device), processor)


def corpus_of(plan: Plan) -> ImageCaptionCorpus:
    """The tutorial's scenes: `plan.test` of the test split, the rest of `plan.images` for training."""
    return ImageCaptionCorpus.from_picturebook(plan.images - plan.test, 0, plan.test)


def features_stage(plan: Plan, device: torch.device, work: Path) -> dict[str, Any]:
    """Vision features of all images into work/features.npy (float16, mapped, not held), part by part."""
    corpus, backbone = corpus_of(plan), random_smolvlm(plan, device)
    size, rows = plan.vision["image_size"], list(range(len(corpus)))
    shape = (len(corpus), backbone.processor.image_seq_len, plan.text["hidden_size"])
    table = np.lib.format.open_memmap(work / "features.npy", "w+", np.float16, shape)
    done, started = 0, time.perf_counter()
    with Peak(device) as peak, precise(device):
        images = load_pictures(corpus, rows, size)
        while done < len(rows):
            part = [image for _, image in zip(range(min(512, len(rows) - done)), images)]
            table[done : done + len(part)] = image_features(backbone, part, plan.preset.feature_batch).half().numpy()
            done += len(part)
            print(f"  features {done}/{len(rows)}", file=sys.stderr)
        wait(device)
        took = time.perf_counter() - started
        alone = time.perf_counter()  # the vision tower without the drawing
        image_features(backbone, part, plan.preset.feature_batch)
        wait(device)
        alone = time.perf_counter() - alone
    table.flush()
    return {
        "images": len(rows),
        "pixels": size,
        "workers": default_workers(len(rows)),
        "images_per_s": round(len(rows) / took, 1),
        "vision_images_per_s": round(len(part) / alone, 1),
        "peak_gib": peak.gib,
    }


def learnable(plan: Plan, device: torch.device) -> tuple[Backbone, list[list[int]], list[tuple[str, int]], list[int]]:
    """(backbone that knows the identifiers' tokens, identifiers as token ids, (caption, row) pairs, the new tokens)."""
    corpus, backbone = corpus_of(plan), random_smolvlm(plan, device)
    rng = np.random.default_rng(0)
    embeddings = rng.standard_normal((len(corpus), 32)).astype(np.float32)  # weights are random: any tree will do
    identifiers = make_identifiers(
        "structured", [record.id for record in corpus.records], embeddings, plan.preset.clusters, plan.preset.leaf_size
    )
    new = add_tokens(backbone, identifiers.new_tokens)
    queries = [(record.captions[0], row) for row, record in enumerate(corpus.records)]
    return backbone, target_ids(backbone, identifiers.codes), queries, new


def cached_features(work: Path) -> torch.Tensor:
    """The features of the first stage, mapped: rows are read when they are asked for."""
    return torch.from_numpy(np.load(work / "features.npy", mmap_mode="c"))


# ---- one training step, ours and the straightforward one


class PlainLoss(nn.Module):
    """What a first version of the training loop computes: the model's own forward pass, all its logits."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.model = backbone.model

    def forward(self, labels: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of `labels` (B, L), -100 where nothing is learned."""
        logits = self.model(**inputs, use_cache=False).logits  # (B, L, V)
        return nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten())


def plain_batch(
    backbone: Backbone, examples: Sequence[Example], images: Sequence[Image.Image] | None
) -> dict[str, torch.Tensor]:
    """Padded ids, mask and labels (B, L), and the pixels of `images` from the processor."""
    ids = [list(example.prompt_ids + example.completion_ids) for example in examples]
    batch = dict(left_pad(ids, backbone.pad_id))
    batch["labels"] = torch.full_like(batch["input_ids"], -100)
    for row, example in enumerate(examples):
        batch["labels"][row, -len(example.completion_ids) :] = torch.tensor(example.completion_ids)
    if images is not None:
        batch["pixel_values"] = pixels(backbone, list(images))
    return {name: values.to(backbone.device) for name, values in batch.items()}


@dataclass
class Side:
    """One way to train: how it makes a batch of examples, its loss, and which examples go together."""

    batch: Callable[[list[int]], dict[str, Any]]
    loss: nn.Module
    batches: Iterator[list[int]]


def sides_of(
    plan: Plan, task: str, backbone: Backbone, targets: list[list[int]], queries: list[tuple[str, int]], features: torch.Tensor
) -> dict[str, Side]:
    """The sides of "memorize" or "retrieve" over the first images of the corpus."""
    size, n = plan.preset.training.batch_size, min(len(targets), plan.preset.training.batch_size * 8)
    ours_loss, plain_loss = CompletionLoss(backbone), PlainLoss(backbone)
    examples = memorize_examples(backbone, targets[:n])
    if task == "retrieve":
        examples = retrieve_examples(backbone, queries[:n], targets)
    epochs = 2 + plan.steps * (plan.repeats + 2) * size // n
    like = iter(length_bucketed_batches([len(example) for example in examples], size, epochs, 0))
    orders = [np.random.default_rng(epoch).permutation(n) for epoch in range(3 * epochs)]
    mixed = iter([order[i : i + size].tolist() for order in orders for i in range(0, n, size)])
    ours = Side(lambda rows: collate([examples[i] for i in rows], backbone.pad_id, features, backbone.device), ours_loss, like)
    pixels_of, vision = {}, plan.vision["image_size"]
    if task == "memorize":
        corpus = corpus_of(plan)
        pixels_of = {row: corpus.image(row, vision) for row in range(n)}  # drawn before: a photo set has them as files
        return {
            "ours": ours,
            "straightforward": Side(
                lambda rows: plain_batch(backbone, [examples[i] for i in rows], [pixels_of[i] for i in rows]), plain_loss, mixed
            ),
        }
    blank = Image.new("RGB", (vision, vision))
    shown = [
        Example(tuple(prompt_ids(backbone, RETRIEVE_INSTRUCTION.format(query=text), image=True)), example.completion_ids)
        for (text, _), example in zip(queries[:n], examples)
    ]
    return {
        "ours": ours,
        "text only": Side(lambda rows: plain_batch(backbone, [examples[i] for i in rows], None), plain_loss, mixed),
        "pad image": Side(lambda rows: plain_batch(backbone, [shown[i] for i in rows], [blank] * len(rows)), plain_loss, mixed),
    }


def steps_stage(plan: Plan, device: torch.device, work: Path) -> dict[str, Any]:
    """Samples/s, FLOP/s and peak memory of every side of both tasks; sides take turns within a repeat."""
    backbone, targets, queries, new = learnable(plan, device)
    add_lora(backbone, rank=plan.preset.training.rank, token_ids=new)
    config, features = plan.preset.training, cached_features(work)
    optimizer = torch.optim.AdamW(parameter_groups(backbone.model, config.lr, config.token_lr, config.weight_decay), fused=True)
    scaler = torch.amp.GradScaler(device.type, enabled=half_type(device) == torch.float16)

    def step(side: Side, rows: list[int]) -> float:
        with precise(device):
            loss = side.loss(**side.batch(rows))
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        return loss.item()

    backbone.model.train()
    found: dict[str, Any] = {}
    for task in ("memorize", "retrieve"):
        sides = sides_of(plan, task, backbone, targets, queries, features)
        names = list(sides)
        same = list(range(min(config.batch_size, 8, len(targets))))
        with torch.no_grad(), precise(device):
            losses = {name: side.loss(**side.batch(same)).item() for name, side in sides.items()}
        rates: dict[str, list[float]] = {name: [] for name in names}
        flop_rates: dict[str, list[float]] = {name: [] for name in names}
        peaks: dict[str, float | None] = {}
        for name, side in sides.items():
            with Peak(device) as peak:
                step(side, next(side.batches))  # warms up, too
                wait(device)
            peaks[name] = peak.gib
        for repeat in range(plan.repeats):
            for name in names[repeat % len(names) :] + names[: repeat % len(names)]:  # nobody is always first
                side, batches = sides[name], [next(sides[name].batches) for _ in range(plan.steps)]
                wait(device)
                started = time.perf_counter()
                for rows in batches:
                    step(side, rows)
                took = time.perf_counter() - started
                rates[name].append(sum(map(len, batches)) / took)
                with FlopCounterMode(display=False) as counted:
                    step(side, batches[0])
                flop_rates[name].append(counted.get_total_flops() * len(batches) / took)
        compared = [name for name in names[1:] if name != "pad image"]  # which asks something else
        found[task] = {
            "samples_per_s": {name: summary(rates[name]) for name in names},
            "speedup": {name: summary([a / b for a, b in zip(rates["ours"], rates[name])]) for name in names[1:]},
            "tflops": {name: round(statistics.median(flop_rates[name]) / 1e12, 4) for name in names},
            "peak_gib": peaks,
            "loss_difference": max(abs(losses["ours"] - losses[name]) for name in compared),
        }
    return found


def fine_tune_stage(plan: Plan, device: torch.device, work: Path) -> dict[str, Any]:
    """`fine_tune` as the preset has it, one epoch a task: memorize every image, retrieve by one caption of each."""
    backbone, targets, queries, _ = learnable(plan, device)
    precision = {torch.float32: "no", torch.float16: "fp16", torch.bfloat16: "bf16"}[half_type(device)]
    config = replace(plan.preset.training, memorize_epochs=1, retrieve_epochs=1, least_steps=0, mixed_precision=precision)
    with Peak(device) as peak:
        history = fine_tune(backbone, targets, queries, features=cached_features(work), config=config)
    return {
        "samples_per_s": {stage: round(len(targets) / seconds, 1) for stage, seconds in history.seconds.items()},
        "loss": {stage: [round(losses[0], 3), round(losses[-1], 3)] for stage, losses in history.losses.items()},
        "batch_size": config.batch_size,
        "peak_gib": peak.gib,
    }


@torch.no_grad()
def decoding_stage(plan: Plan, device: torch.device, work: Path) -> dict[str, Any]:
    """Queries/s of constrained beam search over all identifiers, in the half type; the two sides take turns."""
    backbone, targets, queries, new = learnable(plan, device)
    add_lora(backbone, rank=plan.preset.training.rank, token_ids=new)
    merge_lora(backbone)
    model, trie = backbone.model.to(half_type(device)).eval(), TrieIndex.build(targets)
    prompts = retrieve_prompts(backbone, [text for text, _ in queries[: plan.queries]])
    beams = min(plan.preset.num_beams, len(trie))

    def plain(batch_size: int) -> None:
        for start in range(0, len(prompts), batch_size):
            inputs = left_pad(prompts[start : start + batch_size], backbone.pad_id, device)
            length = inputs["input_ids"].shape[1]
            model.generate(
                **inputs,
                prefix_allowed_tokens_fn=prefix_allowed_tokens_fn(trie, length),
                num_beams=beams,
                max_new_tokens=trie.depth,
                do_sample=False,
                num_return_sequences=beams,
                eos_token_id=trie.end_id,
                pad_token_id=backbone.pad_id,
                length_penalty=0.0,
                early_stopping="never",
            )

    ways = {
        "ours": lambda: constrained_beam_search(model, prompts, trie, beams, pad_id=backbone.pad_id),
        **{f"prefix function, batches of {size}": lambda size=size: plain(size) for size in (8, 32) if size <= len(prompts)},
    }
    if len(ways) == 1:
        ways["prefix function, batches of 1"] = lambda: plain(1)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    with Peak(device) as peak:
        for repeat in range(plan.repeats + 1):
            for name, search in ways.items():
                wait(device)
                started = time.perf_counter()
                search()
                wait(device)
                if repeat:  # the first warms up
                    rates[name].append(len(prompts) / (time.perf_counter() - started))
    return {
        "identifiers": len(trie),
        "beams": beams,
        "queries": len(prompts),
        "peak_gib": peak.gib,
        "queries_per_s": {name: summary(values) for name, values in rates.items()},
    }


# ---- a mid-size model from nothing


def recall_stage(plan: Plan, device: torch.device, work: Path) -> dict[str, Any]:
    """Pretrain on `plan.images` scenes of the pretraining world, then memorize and retrieve as many of the tutorial's."""
    corpus = corpus_of(plan)
    used = frozenset(sample_scene(scene_seed("tutorial", 0, i)).content for i in range(plan.images))
    size = plan.mid["image_size"]
    bank = SceneBank.build(work / "bank", plan.images, size, seed=BANK_SEED, workers=os.cpu_count() or 1, avoid=used)
    folder, started = work / "mid-vlm", time.perf_counter()
    backbone = new_backbone(bank, **plan.mid)
    backbone.model.to(device)
    stages = []
    for name, config in vlm_stages(plan.minutes, 0, from_nothing=True).items():
        config = replace(config, bf16=half_type(device) == torch.bfloat16)  # never on a T4
        stages.append(
            {"stage": name, **pretrain_vlm(backbone, bank, config, work / f"checkpoint_{name}", name=f"mid-size, {name}")}
        )
    if not (folder / "config.json").is_file():
        save_backbone(Backbone(backbone.model.to("cpu"), backbone.processor), folder)
    parameters = sum(p.numel() for p in backbone.model.parameters())
    del backbone
    preset = replace(plan.recall, backbone=str(folder), n_train=plan.images - plan.test, n_val=0, n_test=plan.test)
    with Peak(device) as peak:
        runs = compare(corpus, preset, plan.kinds, RunConfig(out=work / "compare"))
    keep = (
        "recall",
        "recall_full_gallery",
        "hybrid",
        "oracle",
        "baselines",
        "n_memorized",
        "n_gallery",
        "n_queries",
        "seconds",
    )
    return {
        "parameters": parameters,
        "minutes_asked": plan.minutes,
        "pretraining": [{key: stage[key] for key in ("stage", "pictures", "seconds")} for stage in stages],
        "peak_gib": peak.gib,
        "device": runs[0].get("device", "cpu"),
        "seconds": round(time.perf_counter() - started),
        "runs": {results["identifier"]: {key: results.get(key) for key in keep} for results in runs},
    }


# ---- what is written

STAGES = {
    "hardware": lambda plan, device, work: hardware(plan, device),
    "features": features_stage,
    "steps": steps_stage,
    "fine-tune": fine_tune_stage,
    "decoding": decoding_stage,
    "recall": recall_stage,
}


def measure(plan: Plan, device: torch.device, work: Path, only: Sequence[str] = tuple(STAGES)) -> dict[str, Any]:
    """Every stage in `only`, or what an earlier call with the same settings left of it in `work`."""
    work.mkdir(parents=True, exist_ok=True)
    about = machine(device)
    settings = {
        "plan": plan.name,
        "images": plan.images,
        "minutes": plan.minutes,
        "on": [about[key] for key in ("device", "dtype", "torch")],
    }
    report: dict[str, Any] = {"machine": about, **settings, "stages": {}}
    for name in only:
        file = work / f"{name}.json"
        kept = json.loads(file.read_text()) if file.is_file() else {}
        if kept.get("settings") != settings or (name == "features" and not (work / "features.npy").is_file()):
            print(f"{name} ...", flush=True)
            started = time.perf_counter()
            kept = {"settings": settings, "found": STAGES[name](plan, device, work)}
            kept["seconds"] = round(time.perf_counter() - started, 1)
            write_text(file, json.dumps(kept, indent=1))
        print(f"{name}: {json.dumps(kept['found'])} ({kept['seconds']} s)", flush=True)
        report["stages"][name] = kept["found"]
    return report


def preset_peak(report: dict[str, Any]) -> float | None:
    """The most GPU memory that the preset's own stages held, in GiB; the straightforward side is not ours."""
    stages = report["stages"]
    held = [stages[name]["peak_gib"] for name in ("features", "fine-tune", "decoding") if name in stages]
    held += [task["peak_gib"]["ours"] for task in stages.get("steps", {}).values()]
    return max((gib for gib in held if gib is not None), default=None)


def summary(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": round(statistics.median(values), 3), "least": round(min(values), 3), "greatest": round(max(values), 3)}


def markdown(report: dict[str, Any]) -> str:
    """The tables for people."""
    about, stages, best = report["machine"], report["stages"], report["stages"].get("hardware", {}).get("matrix_product_tflops")
    out = [
        "# On a GPU" if report["plan"] == "full" else "# In miniature (says nothing about speed)",
        "",
        f"{about['device']}, {about['dtype']}, {about['cores']} cores; torch {about['torch']}. {report['images']:,} Picturebook "
        f"images; random weights of SmolVLM-256M's size, preset `colab`. Best matrix product here: {best} TFLOP/s.",
    ]
    if found := stages.get("features"):
        out += [
            "",
            f"Vision features at {found['pixels']} px: {found['images_per_s']} images/s with drawing ({found['workers']} "
            f"workers), {found['vision_images_per_s']} the vision tower alone; peak {found['peak_gib']} GiB.",
        ]
    if found := stages.get("steps"):
        out += [
            "",
            "| step | side | samples/s | ours is faster | TFLOP/s | utilisation | peak GiB |",
            "|---|---|---:|---:|---:|---:|---:|",
        ]
        for task, row in found.items():
            for side, rate in row["samples_per_s"].items():
                faster = row["speedup"].get(side)
                times = "" if faster is None else f"{faster['median']:.2f} ({faster['least']:.2f}-{faster['greatest']:.2f})"
                share = "" if not best else f"{row['tflops'][side] / best:.1%}"
                out.append(
                    f"| {task} | {side} | {rate['median']:.1f} | {times} | {row['tflops'][side]:.2f} | {share} | "
                    f"{row['peak_gib'][side]} |"
                )
        out += [
            "",
            "Medians of interleaved repeats (least-greatest of their ratios). Utilisation: FLOP that torch counts in a step, "
            "as a share of the best matrix product's rate. On the same batch the losses differ by at most "
            f"{max(row['loss_difference'] for row in found.values()):.2g}.",
        ]
    if found := stages.get("fine-tune"):
        rates = ", ".join(f"{stage} {rate} samples/s" for stage, rate in found["samples_per_s"].items())
        out += ["", f"`fine_tune`, batches of {found['batch_size']}: {rates}; peak {found['peak_gib']} GiB."]
    if found := stages.get("decoding"):
        rates = "; ".join(
            f"{name}: {rate['median']:.1f} ({rate['least']:.1f}-{rate['greatest']:.1f})"
            for name, rate in found["queries_per_s"].items()
        )
        out += [
            "",
            f"Constrained search, {found['identifiers']:,} identifiers, {found['beams']} beams, queries/s: {rates}; peak "
            f"{found['peak_gib']} GiB.",
        ]
    out += ["", f"Most GPU memory of the preset's stages: {preset_peak(report)} GiB (must stay under {MOST_GIB:.0f})."]
    if found := stages.get("recall"):
        one = next(iter(found["runs"].values()))
        out += [
            "",
            f"A model of {found['parameters'] / 1e6:.1f} million weights from nothing: pretrained for "
            f"{found['minutes_asked']:g} minutes on {report['images']:,} scenes, then {one['n_memorized']:,} others memorized; "
            f"{one['n_queries']:,} queries, gallery of {one['n_gallery']:,} (run on: {found['device']}).",
            "",
            "| identifier | R@1 | R@5 | R@10 | R@1, full gallery | hybrid R@1 | CLIP R@1 | BM25 R@1 | oracle R@1 |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for kind, run in found["runs"].items():
            recalls = [run["recall"][f"R@{k}"] for k in (1, 5, 10)] + [
                part["R@1"]
                for part in (
                    run["recall_full_gallery"],
                    run["hybrid"],
                    run["baselines"]["clip_zero_shot"],
                    run["baselines"]["bm25"],
                    run["oracle"],
                )
            ]
            out.append(f"| {kind} | " + " | ".join(f"{recall:.1f}" for recall in recalls) + " |")
    return "\n".join(out) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write; 1 where the preset needs too much memory, 2 without a GPU."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="everything in miniature: shows that it works, measures nothing")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: with --quick only")
    parser.add_argument("--images", type=int, default=30_000, help="Picturebook images (default 30,000)")
    parser.add_argument("--minutes", type=float, default=60.0, help="pretraining of the mid-size model (default 60)")
    parser.add_argument("--stages", nargs="+", choices=tuple(STAGES), default=list(STAGES), help="default: all, in this order")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "gpu", help="finished stages, features, checkpoints")
    parser.add_argument("--out", type=Path, help="folder of gpu.json and gpu.md (default benchmarks/results; --quick: --work)")
    arguments = parser.parse_args(argv)
    if arguments.device == "cpu" and not arguments.quick:
        parser.error("--device cpu is for --quick: the figures are about a GPU")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print(
            "error: no CUDA GPU is here: run this on a machine that has one (Colab's T4 will do), or try "
            "`--quick --device cpu` to see that it works",
            file=sys.stderr,
        )
        return 2
    plan = plans(arguments.images, arguments.minutes)["miniature" if arguments.quick else "full"]
    wanted = [name for name in STAGES if name in arguments.stages]
    report = measure(plan, torch.device(arguments.device), arguments.work / plan.name, wanted)
    out = arguments.out or (arguments.work if arguments.quick else ROOT / "benchmarks" / "results")
    write_text(out / "gpu.json", json.dumps(report, indent=1) + "\n")
    write_text(out / "gpu.md", markdown(report))
    print(f"written to {out}/gpu.json and .md")
    held = preset_peak(report)
    if held is not None and held >= MOST_GIB:
        print(f"the preset `colab` held {held} GiB: it must stay under {MOST_GIB:.0f}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
