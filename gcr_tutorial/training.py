"""GRACE's two training steps: learning to memorize (image -> identifier) and to retrieve (query -> identifier).

Both tasks are next-token prediction with the loss on the identifier and its end token only, so one loop serves them
(and the captioner behind pseudo-queries). Images enter as cached vision features. An image is named by its *row*: its
place in `task.memorize`, in the features and in the identifiers alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from . import processes, sharding
from .adaptation import adapt, finish, tokens_never_read
from .backbone import CAPTION_INSTRUCTION, MEMORIZE_INSTRUCTION, RETRIEVE_INSTRUCTION, Backbone, prompt_ids, prompt_text
from .batching import Example, collate, length_bucketed_batches
from .features import model_inputs
from .optimization import BatchGradient, new_accelerator, parameter_groups, warmup_cosine
from .shared_start import inputs_after_start
from .training_state import TrainingState, fingerprint


@dataclass(frozen=True)
class Recipe:
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


@dataclass
class History:
    """What training did: loss of every step and wall-clock seconds, by stage ("memorize", "retrieve", "joint" ...)."""

    losses: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


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


def retrieve_prompts(backbone: Backbone, queries: Sequence[str]) -> list[list[int]]:
    """Token ids of the retrieve prompt of each query: the same in training and in search."""
    if not queries:
        return []
    texts = [prompt_text(backbone, RETRIEVE_INSTRUCTION.format(query=query), image=False) for query in queries]
    return backbone.tokenizer(texts, add_special_tokens=False)["input_ids"]


def caption_examples(backbone: Backbone, captions: Sequence[tuple[str, int]]) -> list[Example]:
    """Image -> caption examples from (text, row) pairs; the answer starts and ends as in the model's chat template."""
    if not captions:
        return []
    prompt = tuple(prompt_ids(backbone, CAPTION_INSTRUCTION, image=True))
    texts = [backbone.answer_format[0] + text for text, _ in captions]
    answers = backbone.tokenizer(texts, add_special_tokens=False)["input_ids"]
    return [Example(prompt, (*ids, backbone.end_id), row) for ids, (_, row) in zip(answers, captions, strict=True)]


class TargetLoss(nn.Module):
    """Cross-entropy of target tokens given the prompt: the whole forward pass, so that it can be wrapped (DDP)."""

    def __init__(self, backbone: Backbone, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.backbone, self.model, self.label_smoothing = backbone, backbone.model, label_smoothing

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None,
        labels: torch.Tensor,
        features: torch.Tensor | None = None,
        image_rows: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Mean loss over the target tokens: input_ids (B, L) padded on the left, labels (B, T) aligned on the right."""
        logits = self.logits(input_ids, attention_mask, labels.shape[1], features, image_rows)  # (B, T, V)
        return nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), labels.flatten(), label_smoothing=self.label_smoothing
        )  # -100 is ignored

    def logits(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None,
        width: int,
        features: torch.Tensor | None = None,
        image_rows: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Logits (B, width, V) at the last `width` positions of input_ids (B, L): targets end every row, so the head is
        needed nowhere else."""
        if features is None:
            inputs = inputs_after_start(self.backbone, input_ids, attention_mask, width)
        else:
            inputs = model_inputs(self.backbone, input_ids, attention_mask, features, image_rows)
        return self.model(**inputs, use_cache=False, logits_to_keep=width).logits


def train(
    backbone: Backbone,
    examples: Sequence[Example],
    *,
    epochs: int,
    recipe: Recipe,
    features: torch.Tensor | None = None,
    seed: int = 0,
    callback: Callable[[int, int, float], None] | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float | None = 60.0,
    checkpoint_steps: int | None = None,
    loss_model: nn.Module | None = None,
) -> tuple[list[float], float]:
    """Train what is trainable in `backbone.model` (see `adapt`); returns the loss of every step and the seconds taken.

    `loss_model` takes the batches (see `collate`) to a mean loss, and is trained itself: TargetLoss, unless another is
    given. `callback(step, total, loss)` is called after each step. With `checkpoint` (a file) the state is saved every
    `checkpoint_seconds`, every `checkpoint_steps`, at the end, and when the run is interrupted; started again with the
    same arguments, training goes on from there to the same result. Raises FloatingPointError where the loss is no number,
    MemoryError where not even one example fits, Interrupted after SIGTERM or Ctrl-C.
    """
    device = backbone.device
    accelerator = new_accelerator(device, recipe.mixed_precision)
    batches = length_bucketed_batches([len(example) for example in examples], recipe.batch_size, epochs, seed)
    loss_model = loss_model or TargetLoss(backbone, recipe.label_smoothing)
    settings = {
        "recipe": asdict(replace(recipe, accumulation=1)),
        "seed": seed,
        "steps": len(batches),
        **fingerprint(examples, loss_model),
    }
    trained = sharding.split(loss_model, accelerator.device)  # loss_model itself, unless FSDP was launched
    optimizer = torch.optim.AdamW(parameter_groups(trained, recipe.lr, recipe.token_lr, recipe.weight_decay), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup_cosine(recipe.warmup, len(batches)))
    model, optimizer = (trained, optimizer) if sharding.wanted() else accelerator.prepare(trained, optimizer)
    state = TrainingState(checkpoint, trained, optimizer, schedule, accelerator, settings, checkpoint_seconds, checkpoint_steps)
    gradient = BatchGradient(
        accelerator, model, lambda part: collate(part, backbone.pad_id, features, accelerator.device), recipe.accumulation
    )
    torch.manual_seed(seed + processes.rank())  # for dropout, where a backbone has any
    losses = state.restore()

    model.train()
    with state:
        for step in range(len(losses), len(batches)):
            loss = gradient([examples[i] for i in batches[step]])
            norm = accelerator.clip_grad_norm_(model.parameters(), 1.0)
            state.check(loss, norm)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            losses.append(loss)
            if callback is not None:
                callback(step + 1, len(batches), loss)
            state.after_step(losses)
    model.eval()
    state.save(losses)
    sharding.join(trained, loss_model, device)
    return losses, state.seconds


def fine_tune(
    backbone: Backbone,
    targets: Sequence[Sequence[int]],
    queries: Sequence[tuple[str, int]],
    *,
    features: torch.Tensor,
    recipe: Recipe | None = None,
    seed: int = 0,
    merge: bool = True,
    progress: Callable[[str, int, int, float], None] | None = None,
    checkpoint: str | Path | None = None,
    **saving: Any,
) -> History:
    """Write identifiers into the parameters: `targets` (token ids with end token, one an image row) are learned from
    `features` (N, S, H) and from `queries` ((text, row) pairs: captions and pseudo-queries).

    Changes `backbone.model`: with `merge` LoRA weights are folded in at the end, else it is left a peft model.
    `progress(stage, step, total, loss)` is called after each step; `checkpoint` is a folder, with one
    file a stage, `saving` says how often (see `train`). Raises ValueError where rows do not match.
    """
    recipe = recipe or Recipe()
    if len(features) != len(targets):
        raise ValueError(f"{len(features)} images' features for {len(targets)} identifiers: pass one identifier a row")
    bad = [row for _, row in queries if not 0 <= row < len(targets)]
    if bad:
        raise ValueError(f"queries name rows {sorted(set(bad))[:5]}, but there are {len(targets)} images")
    special = set(backbone.tokenizer.all_special_ids)
    used = sorted({token for target in targets for token in target} - special)
    added = set(backbone.tokenizer.added_tokens_decoder)
    new_ids = sorted(added.intersection(used))
    old_ids = tokens_never_read(backbone, [token for token in used if token not in added])
    adapt(
        backbone,
        trainable=recipe.trainable,
        rank=recipe.rank,
        alpha=recipe.alpha,
        token_ids=sorted(new_ids + old_ids),
        seed=seed,
    )
    history = History()
    for number, (stage, examples, epochs) in enumerate(_stages(backbone, targets, queries, recipe)):
        report = None if progress is None else (lambda *at, stage=stage: progress(stage, *at))
        file = None if checkpoint is None else Path(checkpoint) / f"{number}_{stage}.safetensors"
        history.losses[stage], history.seconds[stage] = train(
            backbone,
            examples,
            epochs=epochs,
            recipe=recipe,
            features=features,
            seed=seed + number,
            callback=report,
            checkpoint=file,
            **saving,
        )
    finish(backbone, merge)
    return history


def _stages(
    backbone: Backbone, targets: Sequence[Sequence[int]], queries: Sequence[tuple[str, int]], recipe: Recipe
) -> Iterator[tuple[str, list[Example], int]]:
    """(name, examples, epochs) of each stage with anything to learn. Both schedules see the same examples as often."""
    memorize, retrieve = memorize_examples(backbone, targets), retrieve_examples(backbone, queries, targets)
    epochs = retrieve_epochs(recipe, len(retrieve))
    if recipe.schedule == "joint" and retrieve and epochs:
        copies = round(recipe.memorize_epochs / recipe.retrieve_epochs * len(memorize))
        yield "joint", retrieve + _cycle(memorize, copies), epochs
        return
    if recipe.memorize_epochs:
        yield "memorize", memorize, recipe.memorize_epochs
    if retrieve and epochs:
        mixed_in = _cycle(memorize, round(recipe.memorize_share * len(retrieve)))
        yield "retrieve", retrieve + mixed_in, epochs


def retrieve_epochs(recipe: Recipe, n_queries: int) -> int:
    """Passes over `n_queries` queries: `recipe.retrieve_epochs`, or as many more as `recipe.least_steps` asks for."""
    if not n_queries or not recipe.retrieve_epochs:
        return 0
    return max(recipe.retrieve_epochs, math.ceil(recipe.least_steps * recipe.batch_size / n_queries))


def _cycle(examples: list[Example], count: int) -> list[Example]:
    return [examples[i % len(examples)] for i in range(count)]
