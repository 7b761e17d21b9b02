"""How fast memorizing and retrieving are learned: this package's loop against the straightforward one.

Sides, with the same model, LoRA, optimizer, examples and batch size; they take turns within a round:
  memorize  pixels    the processor's output with pixels in every step, logits at every position (the model's own loss)
            ours      cached vision features, logits at the identifier only
  retrieve  pad image a constant picture in front of every query, as GRACE's official code has it; the rest as "pixels"
            text      no picture; batches drawn at random and padded to the longest, logits at every position
            ours      no picture; like lengths together, the template's first tokens once, logits at the identifier only
First of all, losses and gradients of both are compared on the same batches, step by step while the model trains: exit
status 1 where they differ by more than rounding. The model is tiny-vlm as shipped, or one of SmolVLM-256M's sizes with
random weights ("256m"). Peak memory is that of a process of its own. Run it on idle cores: `python
benchmarks/training.py` (half an hour on two), `--quick` (few steps). Writes benchmarks/results/training.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # works without installing, too
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import numpy as np
import torch
import transformers
from _machine import machine
from PIL import Image
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
)

from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.identifiers import make_identifiers
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.device import best_device, resolve_dtype
from gcr_tutorial.models.features import image_features
from gcr_tutorial.models.loading import load_backbone
from gcr_tutorial.models.lora import add_lora
from gcr_tutorial.models.prompts import MEMORIZE_INSTRUCTION, RETRIEVE_INSTRUCTION, prompt_ids, prompt_text
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.paths import data_dir
from gcr_tutorial.training.batches import collate, length_bucketed_batches
from gcr_tutorial.training.examples import Example, memorize_examples, retrieve_examples, target_ids
from gcr_tutorial.training.loss import CompletionLoss
from gcr_tutorial.training.optimizer import parameter_groups

RESULTS = ROOT / "benchmarks" / "results"
MODELS = ("tiny", "256m")
SIDES = {"memorize": ("pixels", "ours"), "retrieve": ("pad image", "text", "ours")}
AIMS = {("memorize", "pixels"): 3.0, ("retrieve", "text"): 1.5, ("retrieve", "pad image"): 5.0}  # times as fast, "256m"
TOLERANCE = {torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 5e-2}  # relative, of losses and of gradients
RANK, IMAGES = 64, 500


# ---- the model and what it learns


def smolvlm_256m(tokenizer: Any) -> Backbone:
    """SmolVLM-256M's sizes, output head of its own included, with random weights. Its tokenizer is not to be had without a
    network: `tokenizer` fills the first rows of its table."""
    size, patch, scale = 512, 16, 4
    config = Idefics3Config(
        vision_config=dict(
            hidden_size=768,
            intermediate_size=3072,
            num_hidden_layers=12,
            num_attention_heads=12,
            image_size=size,
            patch_size=patch,
        ),
        text_config=dict(
            model_type="llama",
            vocab_size=49_280,
            hidden_size=576,
            intermediate_size=1536,
            num_hidden_layers=30,
            num_attention_heads=9,
            num_key_value_heads=3,
            max_position_embeddings=8192,
            rms_norm_eps=1e-5,
            tie_word_embeddings=False,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        ),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=scale,
        tie_word_embeddings=False,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    images = Idefics3ImageProcessor(
        do_image_splitting=False,
        size={"longest_edge": size},
        max_image_size={"longest_edge": size},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    processor = Idefics3Processor(
        images, tokenizer, image_seq_len=(size // patch // scale) ** 2, chat_template=tokenizer.chat_template
    )
    return Backbone(Idefics3ForConditionalGeneration(config).eval(), processor)


@dataclass
class Lesson:
    """A model with fresh adapters and what it is to learn: pictures by row, (query, row) pairs, identifiers by row."""

    backbone: Backbone
    pictures: list[Image.Image]
    queries: list[tuple[str, int]]
    codes: list[tuple[str, ...]]
    optimizer: torch.optim.Optimizer
    dtype: torch.dtype
    pad_image: Image.Image

    @classmethod
    def of(cls, name: str, n: int, device: torch.device, dtype: torch.dtype) -> Lesson:
        """Of the model called `name`: `IMAGES` identifiers, five queries each, and the pictures of the first `n`."""
        backbone = load_backbone(data_dir() / "backbones" / "tiny-vlm", device, dtype)
        if name == "256m":
            backbone = smolvlm_256m(backbone.tokenizer)
            backbone.model.to(device, dtype)
        corpus = ImageCaptionCorpus.from_picturebook(IMAGES, 0, 0, seed=0)
        points = np.random.default_rng(0).normal(size=(IMAGES, 32)).astype(np.float32)
        made = make_identifiers("structured", [record.id for record in corpus.records], points, 8, 8, 0)
        new = add_tokens(backbone, made.new_tokens)
        add_lora(backbone, rank=RANK, token_ids=new)
        optimizer = torch.optim.AdamW(parameter_groups(backbone.model, 2e-4, 1e-3, 0.01), fused=True)
        return cls(
            backbone,
            [corpus.image(row, backbone.image_size) for row in range(n)],
            [(text, row) for row, record in enumerate(corpus.records) for text in record.captions],
            made.codes,
            optimizer,
            dtype,
            Image.new("RGB", (backbone.image_size,) * 2, "gray"),
        )

    @property
    def device(self) -> torch.device:
        return self.backbone.device

    def identifier(self, row: int) -> str:
        """What the model is to say, as text."""
        return "".join(self.codes[row]) + self.backbone.tokenizer.convert_ids_to_tokens(self.backbone.end_id)

    def step(self, loss: Callable[[], torch.Tensor], update: bool = True) -> float:
        """Loss and gradient, which is left there unless `update`."""
        self.backbone.model.train()
        self.optimizer.zero_grad()
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            value = loss()
        value.backward()
        if update:
            torch.nn.utils.clip_grad_norm_([p for group in self.optimizer.param_groups for p in group["params"]], 1.0)
            self.optimizer.step()
        return value.item()

    def gradient(self) -> torch.Tensor:
        """All gradients, one after the other."""
        return torch.cat([p.grad.flatten().float() for group in self.optimizer.param_groups for p in group["params"]])


def straightforward(
    lesson: Lesson,
    prompts: Sequence[str],
    rows: Sequence[int],
    images: Sequence[Image.Image] | None,
    spent: dict[str, float] | None = None,
) -> torch.Tensor:
    """The loss as a tutorial on fine-tuning would write it: processor, `labels`, the model's own forward pass."""
    started, backbone = time.perf_counter(), lesson.backbone
    answers = [lesson.identifier(row) for row in rows]
    texts = [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]
    with_images = {} if images is None else {"images": [[image] for image in images]}
    inputs = backbone.processor(text=texts, padding=True, return_tensors="pt", add_special_tokens=False, **with_images)
    labels = torch.full_like(inputs["input_ids"], -100)
    for i, ids in enumerate(backbone.tokenizer(answers, add_special_tokens=False)["input_ids"]):
        labels[i, -len(ids) :] = torch.tensor(ids)
    if spent is not None:
        spent["processor"] = spent.get("processor", 0.0) + time.perf_counter() - started
    inputs = {name: value.to(lesson.device) for name, value in inputs.items()}
    if images is not None:
        inputs["pixel_values"] = inputs["pixel_values"].to(lesson.dtype)
    return backbone.model(**inputs, labels=labels.to(lesson.device), use_cache=False).loss


def ours(lesson: Lesson, examples: Sequence[Example], features: torch.Tensor | None) -> torch.Tensor:
    """The loss as `gcr_tutorial.training.train` computes it."""
    return CompletionLoss(lesson.backbone)(**collate(examples, lesson.backbone.pad_id, features, lesson.device))


def examples_of(lesson: Lesson, task: str, chosen: Sequence[int]) -> list[Example]:
    """Of the pictures, or of the queries, that `chosen` names."""
    targets = target_ids(lesson.backbone, lesson.codes)
    if task == "memorize":
        every = memorize_examples(lesson.backbone, targets)
        return [every[i] for i in chosen]
    return retrieve_examples(lesson.backbone, [lesson.queries[i] for i in chosen], targets)


def loss_of(lesson: Lesson, task: str, side: str, batch: Sequence[int], spent: dict[str, float] | None = None) -> torch.Tensor:
    """The loss of a baseline on the pictures or queries that `batch` names."""
    if task == "memorize":
        prompt = prompt_text(lesson.backbone, MEMORIZE_INSTRUCTION, image=True)
        return straightforward(lesson, [prompt] * len(batch), batch, [lesson.pictures[i] for i in batch], spent)
    chosen, picture = [lesson.queries[i] for i in batch], side == "pad image"
    prompts = [prompt_text(lesson.backbone, RETRIEVE_INSTRUCTION.format(query=text), image=picture) for text, _ in chosen]
    return straightforward(
        lesson, prompts, [row for _, row in chosen], [lesson.pad_image] * len(batch) if picture else None, spent
    )


# ---- do they learn the same?


def with_pad_image(lesson: Lesson, examples: Sequence[Example], chosen: Sequence[int]) -> list[Example]:
    """Retrieve examples with a picture, row 0 of the features, in front of the query: only to compare with."""
    return [
        Example(
            tuple(prompt_ids(lesson.backbone, RETRIEVE_INSTRUCTION.format(query=lesson.queries[i][0]), image=True)),
            example.completion_ids,
            0,
        )
        for i, example in zip(chosen, examples, strict=True)
    ]


def compare(lesson: Lesson, batch_size: int, steps: int) -> dict[str, dict[str, float]]:
    """The largest relative differences, over `steps` steps of training on batches of both tasks, of loss and gradient
    between each baseline and ours on the same batch and weights. Batches with pictures are of 4 at most."""
    rng, worst = np.random.default_rng(1), {}
    pad = image_features(lesson.backbone, [lesson.pad_image])
    for _ in range(steps):
        for task, side in AIMS:
            n = len(lesson.pictures if task == "memorize" else lesson.queries)
            size = min(batch_size, n, n if side == "text" else 4)
            batch = rng.choice(n, size=size, replace=False).tolist()
            examples, features = examples_of(lesson, task, batch), None
            if task == "memorize":
                features = image_features(lesson.backbone, [lesson.pictures[i] for i in batch])
                examples = [Example(e.prompt_ids, e.completion_ids, i) for i, e in enumerate(examples)]
            elif side == "pad image":
                examples, features = with_pad_image(lesson, examples, batch), pad
            theirs = lesson.step(lambda: loss_of(lesson, task, side, batch), update=False)
            gradient = lesson.gradient()
            mine = lesson.step(lambda: ours(lesson, examples, features), update=False)
            off = (lesson.gradient() - gradient).norm() / gradient.norm()
            lesson.step(lambda: ours(lesson, examples, features))
            found = worst.setdefault(f"{task}, {side}", {"loss": 0.0, "gradient": 0.0})
            found["loss"] = max(found["loss"], abs(mine - theirs) / abs(theirs))
            found["gradient"] = max(found["gradient"], off.item())
    return worst


# ---- how fast?


def work_of(
    lesson: Lesson,
    task: str,
    side: str,
    steps: int,
    batch_size: int,
    seed: int,
    features: torch.Tensor | None,
    spent: dict[str, float] | None = None,
) -> Callable[[], None]:
    """`steps` steps of a side on its own batches, as a function. The baselines draw theirs at random; ours come from the
    epoch that `train` would plan, one from each of `steps` ranges of length, so that they stand for all of it. (Nor are
    our tokens made here: `train` makes them once.)"""
    n = len(lesson.pictures if task == "memorize" else lesson.queries)
    if side != "ours":
        order = np.random.default_rng(seed).choice(n, size=steps * batch_size, replace=steps * batch_size > n).tolist()
        batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        return lambda: [lesson.step(lambda: loss_of(lesson, task, side, batch, spent)) for batch in batches]
    examples = examples_of(lesson, task, range(n))
    plan = [
        batch
        for batch in length_bucketed_batches([len(example) for example in examples], batch_size, 1, seed)
        if len(batch) == batch_size
    ]
    plan.sort(key=lambda batch: sum(len(examples[i]) for i in batch))
    batches = [plan[int((i + 0.5) * len(plan) / steps)] for i in range(steps)]
    return lambda: [lesson.step(lambda: ours(lesson, [examples[i] for i in batch], features)) for batch in batches]


def rates(lesson: Lesson, task: str, rounds: int, steps: int, pixel_steps: int, batch_size: int) -> dict[str, Any]:
    """Examples a second of each side, by the clock and by the processor time of this process, in `rounds` rounds in which
    the sides take turns, first one first and then the other; sides with pixels take `pixel_steps` steps a round."""
    features = stand_in_features(lesson) if task == "memorize" else None
    sides = SIDES[task]
    clock: dict[str, list[float]] = {side: [] for side in sides}
    processor: dict[str, list[float]] = {side: [] for side in sides}
    spent: dict[str, dict[str, float]] = {side: {} for side in sides}
    for number in range(rounds + 1):
        for side in sides if number % 2 else sides[::-1]:
            count = (pixel_steps if side in ("pixels", "pad image") else steps) if number else 1  # round 0 warms up
            work = work_of(lesson, task, side, count, batch_size, number, features, spent[side] if number else None)
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            if number:
                clock[side].append(count * batch_size / (time.perf_counter() - wall))
                processor[side].append(count * batch_size / (time.process_time() - cpu))
    found: dict[str, Any] = {
        "examples_per_s": {side: spread(clock[side]) for side in sides},
        "examples_per_cpu_s": {side: spread(processor[side]) for side in sides},
        "speedup": {},
    }
    for side in sides[:-1]:
        found["speedup"][side] = {
            "clock": spread(np.divide(clock["ours"], clock[side]).tolist()),
            "cpu": spread(np.divide(processor["ours"], processor[side]).tolist()),
        }
        count = (steps if side == "text" else pixel_steps) * batch_size
        total = sum(count / rate for rate in clock[side])
        found["examples_per_s"][side]["processor_share"] = spent[side]["processor"] / total
    return found


def stand_in_features(lesson: Lesson) -> torch.Tensor:
    """Features for all pictures, those of the first: what they are makes no difference to time and memory."""
    return image_features(lesson.backbone, lesson.pictures[:1]).expand(len(lesson.pictures), -1, -1).clone()


def vision_seconds(lesson: Lesson, n: int, repeats: int) -> float:
    """Seconds to turn a picture into features, once; the median of `repeats` times over `n` pictures."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        image_features(lesson.backbone, lesson.pictures[:n], 8)
        taken.append((time.perf_counter() - started) / n)
    return statistics.median(taken)


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


def measure(name: str, arguments: argparse.Namespace, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """All figures of one model."""
    batch = arguments.batch_size
    lesson = Lesson.of(name, 2 * batch, device, dtype)
    model = lesson.backbone.plain_model
    examples = {
        "memorize": examples_of(lesson, "memorize", range(len(lesson.pictures))),
        "retrieve": examples_of(lesson, "retrieve", range(len(lesson.queries))),
    }
    result: dict[str, Any] = {
        "parameters": sum(
            weight.numel() for key, weight in model.named_parameters() if "lora" not in key and "trainable_tokens" not in key
        ),
        "trained": sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        "image_size": lesson.backbone.image_size,
        "vocabulary": model.get_output_embeddings().weight.shape[0],
        "tokens": {task: spread([len(example) for example in found]) for task, found in examples.items()},
        "differences": compare(lesson, batch, min(2, arguments.rounds)),
    }
    say(
        f"{name}: {result['parameters']:,} parameters; largest differences: "
        + "; ".join(
            f"{what}: loss {off['loss']:.1e}, gradient {off['gradient']:.1e}" for what, off in result["differences"].items()
        )
    )
    for task in SIDES:
        found = result[task] = rates(lesson, task, arguments.rounds, arguments.steps, arguments.pixel_steps, batch)
        if task == "memorize":
            found["vision_s"] = seconds = vision_seconds(lesson, min(8, batch), min(3, arguments.rounds))
            rate = found["examples_per_s"]
            found["first_epoch_speedup"] = (1 / rate["pixels"]["median"]) / (seconds + 1 / rate["ours"]["median"])
        say(
            f"{name}, {task}: "
            + "; ".join(f"{side} {rate['median']:.2f}/s" for side, rate in found["examples_per_s"].items())
            + "; ours is "
            + ", ".join(
                f"{faster['clock']['median']:.2f} times {side} ({faster['cpu']['median']:.2f} by processor time)"
                for side, faster in found["speedup"].items()
            )
        )
    return result


# ---- how much memory?


def resident() -> tuple[int, int]:
    """Bytes that this process holds now, and the most it has held (on a GPU: there)."""
    if torch.cuda.is_initialized():
        return torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
    try:
        status = Path("/proc/self/status").read_text()
        return tuple(1024 * int(status.partition(f"{name}:")[2].split()[0]) for name in ("VmRSS", "VmHWM"))
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return most, most


def memory(name: str, task: str, side: str, batch_size: int, device: torch.device, dtype: torch.dtype) -> dict[str, int]:
    """MiB before and at the peak of two steps of a side, whose pictures are encoded already where it caches them."""
    lesson = Lesson.of(name, 2 * batch_size, device, dtype)
    features = stand_in_features(lesson) if (task, side) == ("memorize", "ours") else None
    work = work_of(lesson, task, side, 2, batch_size, 0, features)
    before, _ = resident()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    work()
    return {"before_mib": round(before / 2**20), "peak_mib": round(resident()[1] / 2**20)}


def memory_of_all(names: Sequence[str], arguments: argparse.Namespace) -> dict[str, dict[str, dict[str, int]]]:
    """`memory` of each model, task and side, each in a process of its own."""
    found: dict[str, Any] = {}
    for name in names:
        for task, sides in SIDES.items():
            for side in sides:
                command = [
                    sys.executable,
                    __file__,
                    "--memory-of",
                    name,
                    task,
                    side,
                    "--batch-size",
                    str(arguments.batch_size),
                    "--threads",
                    str(arguments.threads),
                    "--device",
                    arguments.device,
                    "--dtype",
                    arguments.dtype,
                ]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                found.setdefault(name, {}).setdefault(task, {})[side] = json.loads(done.stdout.splitlines()[-1])
    return found


# ---- what is written


def markdown(report: dict[str, Any]) -> str:
    """The tables for people."""
    about = report["machine"]
    out = [
        "# Learning to memorize and to retrieve",
        "",
        f"{about['cpu']}, {about['threads']} threads of {about['cores']} cores, load {about['load_before']} before the run"
        + (f"; {about['gpu']}" if about["gpu"] else "")
        + f"; Python {about['python']}, torch {about['torch']}, transformers "
        f"{about['transformers']}. {about['dtype']}, batches of {report['batch_size']}, LoRA of rank {RANK} and new rows, "
        f"AdamW; {report['steps']} steps a round ({report['pixel_steps']} with pixels), medians (least-greatest) of "
        f"{report['rounds']} rounds in which the sides take turns.",
        "",
        "| model | step | side | examples/s | ours is faster by | by CPU time | aim | processor's share | peak MiB | before |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, found in report["models"].items():
        for task, sides in SIDES.items():
            for side in sides:
                rate, faster = found[task]["examples_per_s"][side], found[task]["speedup"].get(side)
                aim = AIMS.get((task, side)) if name == "256m" else None
                held = report["memory"].get(name, {}).get(task, {}).get(side, {})
                share = rate.get("processor_share")
                out.append(
                    f"| {name} | {task} | {side} | {rate['median']:.2f} ({rate['least']:.2f}-{rate['greatest']:.2f}) | "
                    + (f"**{times(faster['clock'])}** | {times(faster['cpu'])} | " if faster else "| | ")
                    + f"{'' if aim is None else f'{aim:g}'} | {'' if share is None else f'{share:.0%}'} | "
                    f"{held.get('peak_mib', '')} | {held.get('before_mib', '')} |"
                )
    out.append("")
    for name, found in report["models"].items():
        lengths, off = found["tokens"], found["differences"]
        out.append(
            f"- *{name}*: {found['parameters']:,} parameters ({found['trained']:,} trained), pictures of "
            f"{found['image_size']} px, vocabulary {found['vocabulary']:,}; "
            + ", ".join(
                f"{task}: {at['least']:.0f}-{at['greatest']:.0f} tokens (median {at['median']:.0f})"
                for task, at in lengths.items()
            )
            + f". Encoding a picture: {found['memorize']['vision_s'] * 1e3:.0f} ms; the first epoch, which has to, is "
            f"{found['memorize']['first_epoch_speedup']:.2f} times as fast as with pixels. Against ours on the same "
            "batch and weights, relative: "
            + "; ".join(f"{what}: loss {at['loss']:.1e}, gradient {at['gradient']:.1e}" for what, at in off.items())
            + "."
        )
    out += [
        "",
        "*Pixels*: processor, pixels and the model's own loss in every step. *Pad image*: the same for queries, with a "
        "constant picture in front, as GRACE's official code has it. *Text*: without it. *Ours*: cached features "
        "(memorize: from the second epoch on), like lengths together, the tokens that all queries of a batch start with "
        "evaluated once (where that saves time), logits only where there is something to learn. "
        "*Processor's share*: of the time, spent on making tokens and pixels, which more processes could take over. *Peak*: "
        "of a process of its own, and what it held before the first step (Python, PyTorch, the model, the pictures).",
        "",
    ]
    return "\n".join(out)


def times(value: dict[str, float]) -> str:
    return f"{value['median']:.2f} ({value['least']:.2f}-{value['greatest']:.2f})"


def say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Measure, print, write; exit status 1 where two sides learn something else."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round of few steps, small batches")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="of each side in a round")
    parser.add_argument("--pixel-steps", type=int, default=1, help="of sides that encode pictures")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--device", default=str(best_device()))
    parser.add_argument("--dtype", default="auto", help="auto (the default), float32, float16 or bfloat16")
    parser.add_argument("--no-memory", action="store_true", help="leave out the memory figures")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of training.json and .md")
    parser.add_argument("--memory-of", nargs=3, metavar=("MODEL", "STEP", "SIDE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.steps, arguments.pixel_steps = min(2, arguments.rounds), 2, 1
        arguments.batch_size = min(4, arguments.batch_size)
    if min(arguments.batch_size, arguments.rounds, arguments.steps, arguments.pixel_steps, arguments.threads) < 1:
        parser.error("numbers must be at least 1")
    if arguments.pixel_steps > arguments.steps:
        parser.error("--pixel-steps: at most as many as --steps")
    torch.set_num_threads(arguments.threads)
    transformers.utils.logging.disable_progress_bar()
    device = torch.device(arguments.device)
    dtype = resolve_dtype(arguments.dtype, device)
    if arguments.memory_of:
        print(json.dumps(memory(*arguments.memory_of, arguments.batch_size, device, dtype)))
        return 0

    started = time.perf_counter()
    about = machine(
        threads=arguments.threads,
        torch=torch.__version__,
        transformers=transformers.__version__,
        gpu=torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        dtype=str(dtype).removeprefix("torch."),
    )
    say(
        f"{about['cpu']}, {about['threads']} threads, load {about['load_before']} before; torch {about['torch']}, "
        f"{about['dtype']}"
    )
    report: dict[str, Any] = {
        "machine": about,
        "batch_size": arguments.batch_size,
        "rounds": arguments.rounds,
        "steps": arguments.steps,
        "pixel_steps": arguments.pixel_steps,
        "models": {name: measure(name, arguments, device, dtype) for name in arguments.models},
        "memory": {} if arguments.no_memory else memory_of_all(arguments.models, arguments),
    }
    report["seconds"] = round(time.perf_counter() - started)
    text = markdown(report)
    say("\n" + text)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((".json", json.dumps(report, indent=1) + "\n"), (".md", text)):
        aside = arguments.out / f"training{suffix}.writing"
        aside.write_text(content)
        os.replace(aside, arguments.out / f"training{suffix}")
    for (task, side), aim in AIMS.items():
        if "256m" in report["models"]:
            reached = report["models"]["256m"][task]["speedup"][side]["clock"]["median"]
            say(
                f"aim: {task} {aim:g} times as fast as {side}; measured {reached:.2f} "
                f"({'reached' if reached >= aim else 'MISSED'})"
            )
    say(f"written to {arguments.out}/training.json and .md after {report['seconds']} s")
    apart = [
        f"{name}, {what}"
        for name, found in report["models"].items()
        for what, off in found["differences"].items()
        if not max(off.values()) <= TOLERANCE[dtype]
    ]
    if apart:
        print(f"losses or gradients differ by more than rounding: {'; '.join(apart)}", file=sys.stderr)
    return 1 if apart else 0


if __name__ == "__main__":
    sys.exit(main())
