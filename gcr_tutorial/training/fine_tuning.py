"""GRACE's two training steps: learning to memorize (image -> identifier) and to retrieve (query -> identifier).

Li et al., ACL 2024, section 3.3. Both are next-token prediction with the loss on the identifier and its end token only, so
one loop serves them, and the captioner behind pseudo-queries too. Images enter as cached vision features. The *row* of an
image is its number in `task.memorize`, in the features and in the identifiers alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from peft import PeftModel

from gcr_tutorial.config import CheckpointConfig, TrainingConfig
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.lora import find_untrained_tokens, freeze, make_trainable, merge_lora
from gcr_tutorial.training import sharding
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
    """Train `backbone` to answer each image and each query with the image's identifier.

    Args:
        targets: one identifier for each row, as token ids with the end token (see `target_ids`).
        queries: (text, row) pairs, captions and pseudo-queries.
        features: (N, S, H), the cached features of the N images.
        merge: add the LoRA weights to the model at the end; else it is left a peft model.
        progress: `progress(stage, step, total, loss)` is called after each step.
        checkpoint: where the state of each stage is saved and how often (see `train`).

    Changes `backbone.model`; after an error or an interruption it is the model from before, and `fine_tune` can be called
    again. Raises UserValueError where rows do not match, and the errors of `train`.
    """
    config = config or TrainingConfig()
    if len(features) != len(targets):
        raise UserValueError(f"{len(features)} images' features for {len(targets)} identifiers: pass one identifier a row")
    check_rows(queries, len(targets))
    history = History()
    with training_of(backbone, config, _token_rows_to_train(backbone, targets), seed, merge):
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
    return history


@contextmanager
def training_of(
    backbone: Backbone, config: TrainingConfig, token_ids: Sequence[int] = (), seed: int = 0, merge: bool = True
) -> Iterator[None]:
    """Inside the block `backbone` is trainable (see `make_trainable`); afterwards it is frozen, and with `merge` without an
    adapter. An error or an interruption inside leaves the model with the weights from before and without an adapter.

    For that a second copy of the weights is kept in the CPU's memory where all of them train. With FSDP there is none, and
    the weights left are those after the last complete stage.
    """
    source, before = (backbone.source, backbone.revision), {}
    make_trainable(backbone, config, token_ids, seed)  # outside of the block below: it refuses an adapter that is not ours
    try:
        if config.trainable == "full" and not sharding.fsdp_enabled():  # sharded weights are a copy themselves
            trained = {name: weight for name, weight in backbone.model.named_parameters() if weight.requires_grad}
            before = {name: weight.detach().to("cpu", copy=True) for name, weight in trained.items()}
        yield
    except BaseException:
        if isinstance(backbone.model, PeftModel):
            backbone.model = backbone.model.unload()
        with torch.no_grad():
            for name, weight in backbone.model.named_parameters():
                if name in before:
                    weight.copy_(before[name])
        backbone.source, backbone.revision = source
        freeze(backbone)
        raise
    (merge_lora if merge else freeze)(backbone)


def check_rows(queries: Sequence[tuple[str, int]], n_images: int) -> None:
    """Raises UserValueError where one of the (text, row) pairs names a row that none of `n_images` images has."""
    bad = {row for _, row in queries if not 0 <= row < n_images}
    if bad:
        raise UserValueError(f"queries name rows {sorted(bad)[:5]}, but there are {n_images} images")


def retrieve_epochs(config: TrainingConfig, n_queries: int) -> int:
    """Passes over `n_queries` queries: `config.retrieve_epochs`, or more where `config.least_steps` asks for more."""
    if not n_queries or not config.retrieve_epochs:
        return 0
    return max(config.retrieve_epochs, math.ceil(config.least_steps * config.batch_size / n_queries))


def _token_rows_to_train(backbone: Backbone, targets: Sequence[Sequence[int]]) -> list[int]:
    """The tokens of identifiers whose embedding rows must train: new ones, and old ones that pretraining never met."""
    used = sorted({token for target in targets for token in target} - set(backbone.tokenizer.all_special_ids))
    added = set(backbone.tokenizer.added_tokens_decoder)
    untrained = find_untrained_tokens(backbone, [token for token in used if token not in added])
    return sorted(added.intersection(used).union(untrained))


def _stages(
    backbone: Backbone, targets: Sequence[Sequence[int]], queries: Sequence[tuple[str, int]], config: TrainingConfig
) -> Iterator[tuple[str, list[Example], int | list[list[int]]]]:
    """The name, the examples and the epochs (see `train`) of each stage that has anything to learn.

    Both schedules visit every query and every image equally often. The sequential one visits the images `memorize_epochs`
    times before the queries; the joint one spreads these visits evenly over the passes over the queries.
    """
    memorize, retrieve = memorize_examples(backbone, targets), retrieve_examples(backbone, queries, targets)
    epochs = retrieve_epochs(config, len(retrieve))
    visits = epochs * round(config.memorize_share * len(retrieve))  # of images in the retrieve stage
    if config.schedule == "joint" and epochs:
        visits += config.memorize_epochs * len(memorize)
        yield "joint", retrieve + memorize, _mixed_epochs(len(retrieve), len(memorize), visits, epochs)
        return
    if config.memorize_epochs:
        yield "memorize", memorize, config.memorize_epochs
    if epochs:
        yield "retrieve", retrieve + memorize, _mixed_epochs(len(retrieve), len(memorize), visits, epochs)


def _mixed_epochs(n_queries: int, n_images: int, visits: int, epochs: int) -> list[list[int]]:
    """The indices of each epoch, in a list of all queries before all images: every query once an epoch, and `visits` visits
    of images in all epochs together, as evenly over epochs and images as whole numbers allow."""
    bounds = [visits * epoch // epochs for epoch in range(epochs + 1)]
    return [
        [*range(n_queries), *(n_queries + visit % n_images for visit in range(first, last))]
        for first, last in zip(bounds, bounds[1:])
    ]
