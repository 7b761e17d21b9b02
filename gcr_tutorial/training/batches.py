"""Batches of examples: which examples come together, and the tensors that they become."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.training.examples import Example
from gcr_tutorial.training.loss import completion_labels

WINDOW = 32  # so many batches' worth of shuffled examples are sorted by length together


def length_bucketed_batches(
    lengths: Sequence[int], batch_size: int, epochs: int | Sequence[Sequence[int]], seed: int
) -> list[list[int]]:
    """The indices of the examples in each batch of all epochs; examples of like length come together, so that little is
    computed on padding.

    `epochs` is the number of passes over all examples, or the indices of the examples that each pass visits. Each pass is
    shuffled, sorted by length within windows, cut into batches, and the batches are shuffled. The same seed gives the same
    batches. Raises ValueError where there are no examples.
    """
    if not len(lengths) or batch_size < 1:
        raise UserValueError(f"{len(lengths)} examples in batches of {batch_size}: there is nothing to train on")
    rng, lengths, batches = np.random.default_rng(seed), np.asarray(lengths), []
    for visited in [range(len(lengths))] * epochs if isinstance(epochs, int) else epochs:
        order = rng.permutation(visited)
        epoch = []
        for start in range(0, len(order), WINDOW * batch_size):
            window = order[start : start + WINDOW * batch_size]
            window = window[np.argsort(lengths[window], kind="stable")]
            epoch += [window[i : i + batch_size].tolist() for i in range(0, len(window), batch_size)]
        batches += [epoch[i] for i in rng.permutation(len(epoch))]
    return batches


def collate(
    examples: Sequence[Example], pad_id: int, features: torch.Tensor | None, device: torch.device | str
) -> dict[str, torch.Tensor | None]:
    """The tensors of one batch of B examples, on `device`.

    Returns input_ids (B, L), padded on the left with `pad_id`; attention_mask (B, L), or None where nothing is padded;
    labels (B, T), see `completion_labels`. Where b > 0 examples have images, also `features` (b, S, H),
    taken from the cached `features` (N, S, H), and `image_rows` (b,), the rows of the batch that they belong to. Raises
    ValueError for images without features.
    """
    length = max(map(len, examples))
    input_ids = torch.full((len(examples), length), pad_id)
    for row, example in enumerate(examples):
        input_ids[row, length - len(example) :] = torch.tensor(example.prompt_ids + example.completion_ids[:-1])
    starts = torch.tensor([length - len(example) for example in examples])
    padded = bool(starts.any())
    batch = {
        "input_ids": input_ids.to(device),
        "attention_mask": (torch.arange(length) >= starts[:, None]).long().to(device) if padded else None,
        "labels": completion_labels([example.completion_ids for example in examples]).to(device),
    }
    rows = [row for row, example in enumerate(examples) if example.image is not None]
    if rows:
        if features is None:
            raise UserValueError("these examples have images: pass their cached `features` (see image_features)")
        batch["features"] = features[[examples[row].image for row in rows]].to(device)
        batch["image_rows"] = torch.tensor(rows, device=device)
    return batch
