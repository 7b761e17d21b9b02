"""GRACE's two training steps: learning to memorize (image -> identifier) and to retrieve (query -> identifier).

Both tasks are next-token prediction with the loss on the identifier and its end token only, so one loop serves them
(and the captioner behind pseudo-queries). Images enter as cached vision features. An image is named by its *row*: its
place in `task.memorize`, in the features and in the identifiers alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch

from gcr_tutorial.config import CheckpointConfig, TrainingConfig
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.lora import find_untrained_tokens, freeze, make_trainable, merge_lora
from gcr_tutorial.training.examples import Example, memorize_examples, retrieve_examples
from gcr_tutorial.training.loop import History, train


def fine_tune(
    backbone: Backbone,
    targets: Sequence[Sequence[int]],
    queries: Sequence[tuple[str, int]],
    *,
    features: torch.Tensor,
    config: TrainingConfig | None = None,
    seed: int = 0,
    merge: bool = True,
    progress: Callable[[str, int, int, float], None] | None = None,
    checkpoint: CheckpointConfig = CheckpointConfig(),
) -> History:
    """Write identifiers into the parameters: `targets` (token ids with end token, one an image row) are learned from
    `features` (N, S, H) and from `queries` ((text, row) pairs: captions and pseudo-queries).

    Changes `backbone.model`: with `merge` LoRA weights are folded in at the end, else it is left a peft model.
    `progress(stage, step, total, loss)` is called after each step; `checkpoint` says where the state
    of each stage is saved and how often (see `train`). Raises ValueError where rows do not match.
    """
    config = config or TrainingConfig()
    if len(features) != len(targets):
        raise ValueError(f"{len(features)} images' features for {len(targets)} identifiers: pass one identifier a row")
    bad = [row for _, row in queries if not 0 <= row < len(targets)]
    if bad:
        raise ValueError(f"queries name rows {sorted(set(bad))[:5]}, but there are {len(targets)} images")
    special = set(backbone.tokenizer.all_special_ids)
    used = sorted({token for target in targets for token in target} - special)
    added = set(backbone.tokenizer.added_tokens_decoder)
    new_ids = sorted(added.intersection(used))
    old_ids = find_untrained_tokens(backbone, [token for token in used if token not in added])
    make_trainable(backbone, config, sorted(new_ids + old_ids), seed)
    history = History()
    for number, (stage, examples, epochs) in enumerate(_stages(backbone, targets, queries, config)):
        report = None if progress is None else (lambda *at, stage=stage: progress(stage, *at))
        history.losses[stage], history.seconds[stage] = train(
            backbone,
            examples,
            epochs=epochs,
            config=config,
            features=features,
            seed=seed + number,
            callback=report,
            checkpoint=checkpoint,
            name=f"{number}_{stage}",
        )
    (merge_lora if merge else freeze)(backbone)
    return history


def _stages(
    backbone: Backbone, targets: Sequence[Sequence[int]], queries: Sequence[tuple[str, int]], config: TrainingConfig
) -> Iterator[tuple[str, list[Example], int]]:
    """(name, examples, epochs) of each stage with anything to learn. Both schedules see the same examples as often."""
    memorize, retrieve = memorize_examples(backbone, targets), retrieve_examples(backbone, queries, targets)
    epochs = retrieve_epochs(config, len(retrieve))
    if config.schedule == "joint" and retrieve and epochs:
        copies = round(config.memorize_epochs / config.retrieve_epochs * len(memorize))
        yield "joint", retrieve + _cycle(memorize, copies), epochs
        return
    if config.memorize_epochs:
        yield "memorize", memorize, config.memorize_epochs
    if retrieve and epochs:
        mixed_in = _cycle(memorize, round(config.memorize_share * len(retrieve)))
        yield "retrieve", retrieve + mixed_in, epochs


def retrieve_epochs(config: TrainingConfig, n_queries: int) -> int:
    """Passes over `n_queries` queries: `recipe.retrieve_epochs`, or as many more as `recipe.least_steps` asks for."""
    if not n_queries or not config.retrieve_epochs:
        return 0
    return max(config.retrieve_epochs, math.ceil(config.least_steps * config.batch_size / n_queries))


def _cycle(examples: list[Example], count: int) -> list[Example]:
    return [examples[i % len(examples)] for i in range(count)]
