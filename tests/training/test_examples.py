import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gcr_tutorial.training.batches import collate, length_bucketed_batches
from gcr_tutorial.training.examples import Example


@given(st.lists(st.integers(1, 60), min_size=1, max_size=200), st.integers(1, 33), st.integers(1, 3), st.integers(0, 9))
def test_every_example_once_an_epoch(lengths, batch_size, epochs, seed):
    batches = length_bucketed_batches(lengths, batch_size, epochs, seed)
    per_epoch = len(batches) // epochs
    for epoch in range(epochs):
        indices = [i for batch in batches[epoch * per_epoch : (epoch + 1) * per_epoch] for i in batch]
        assert sorted(indices) == list(range(len(lengths)))
    assert max(map(len, batches)) <= batch_size
    assert batches == length_bucketed_batches(lengths, batch_size, epochs, seed)


def test_buckets_waste_less_than_shuffling_and_vary_with_the_seed():
    lengths = np.random.default_rng(0).integers(10, 40, 1000).tolist()
    batches = length_bucketed_batches(lengths, 16, 1, 0)
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
    assert padded < 1.1 * sum(lengths)
    assert batches != length_bucketed_batches(lengths, 16, 1, 1)
    mean_lengths = [np.mean([lengths[i] for i in batch]) for batch in batches]
    assert mean_lengths != sorted(mean_lengths)


@pytest.mark.parametrize(("lengths", "size"), [([], 4), ([3], 0)])
def test_nothing_to_train_on_is_refused(lengths, size):
    with pytest.raises(ValueError, match="nothing to train on"):
        length_bucketed_batches(lengths, size, 1, 0)


def test_collate_pads_left_and_aligns_targets_right():
    examples = [Example((1, 2, 3), (7, 8)), Example((4,), (9,), image=1)]
    features = torch.arange(12.0).view(2, 2, 3)
    batch = collate(examples, 0, features, "cpu")
    assert batch["input_ids"].tolist() == [[1, 2, 3, 7], [0, 0, 0, 4]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [0, 0, 0, 1]]
    assert batch["labels"].tolist() == [[7, 8], [-100, 9]]
    assert torch.equal(batch["features"], features[[1]]) and batch["image_rows"].tolist() == [1]


def test_collate_without_padding_or_images():
    batch = collate([Example((1, 2), (7,)), Example((3,), (8, 9))], 0, None, "cpu")
    assert batch["attention_mask"] is None and "features" not in batch
    with pytest.raises(ValueError, match="features"):
        collate([Example((1,), (2,), image=0)], 0, None, "cpu")
