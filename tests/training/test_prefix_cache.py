"""The start that all rows share is found, evaluated once, and changes neither loss nor gradient."""

import os

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_backbone import CountedTokens, captions, tiny_backbone

from gcr_tutorial.models.lora import add_lora
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.training import prefix_cache as module
from gcr_tutorial.training.batches import collate
from gcr_tutorial.training.examples import Example, retrieve_examples
from gcr_tutorial.training.loss import CompletionLoss
from gcr_tutorial.training.prefix_cache import common_prefix_length


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setattr(module, "min_efficient_tokens", lambda model: 0)


@pytest.fixture(scope="module")
def lesson():
    """A backbone with adapters that do something, and queries of unlike lengths in one template."""
    backbone = tiny_backbone()
    new = add_tokens(backbone, ["<a_0>", "<b_0>"])
    add_lora(backbone, rank=4, token_ids=new)
    with torch.no_grad():
        for name, weight in backbone.model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1, generator=torch.Generator().manual_seed(0))
    targets = [[new[0], backbone.end_id], [new[0], new[1], backbone.end_id]]
    return backbone, retrieve_examples(backbone, [(text, i % 2) for i, text in enumerate(captions(9))], targets)


def loss_and_gradient(backbone, examples):
    backbone.model.zero_grad()
    loss = CompletionLoss(backbone)(**collate(examples, backbone.pad_id, None, "cpu"))
    loss.backward()
    return loss.detach(), torch.cat([p.grad.flatten() for p in backbone.model.parameters() if p.grad is not None])


@given(
    st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=8), min_size=1, max_size=5),
    st.integers(0, 4),
    st.lists(st.integers(1, 3), max_size=5),
)
def test_the_shared_start_is_the_longest_that_leaves_the_targets(rows, width, start):
    rows = [start + row for row in rows]
    examples = [Example(tuple(row), (9,)) for row in rows]
    batch = collate(examples, 0, None, "cpu")
    wanted = max(0, min(len(os.path.commonprefix(rows)), min(map(len, rows)) - width)) if len(rows) > 1 else 0
    assert common_prefix_length(batch["input_ids"], batch["attention_mask"], width) == wanted


@pytest.mark.parametrize("rows", [slice(None), slice(0, 2), slice(3, 4)])
def test_loss_and_gradient_are_as_without_it(lesson, rows, always, monkeypatch):
    backbone, examples = lesson
    with CountedTokens(backbone.plain_model.get_decoder()) as few:
        loss, gradient = loss_and_gradient(backbone, examples[rows])
    monkeypatch.setattr(module, "min_efficient_tokens", lambda model: 10**9)
    with CountedTokens(backbone.plain_model.get_decoder()) as many:
        plain_loss, plain_gradient = loss_and_gradient(backbone, examples[rows])
    torch.testing.assert_close(loss, plain_loss, rtol=1e-6, atol=0)
    assert (gradient - plain_gradient).norm() < 1e-5 * plain_gradient.norm() and plain_gradient.norm() > 0
    count, start = len(examples[rows]), len(os.path.commonprefix([example.prompt_ids for example in examples[rows]]))
    if count > 1:
        assert start >= 7 and many.tokens - few.tokens == start * (count - 1)


def test_rows_without_padding_and_equal_rows(lesson, always):
    backbone, examples = lesson
    alike = [Example(examples[0].prompt_ids, target) for target in ((11, 12), (13, 14))]  # only the targets differ
    batch = collate(alike, backbone.pad_id, None, "cpu")
    assert batch["attention_mask"] is None and common_prefix_length(batch["input_ids"], None, 2) == len(alike[0].prompt_ids) - 1
    together, _ = loss_and_gradient(backbone, alike)
    torch.testing.assert_close(together, sum(loss_and_gradient(backbone, [one])[0] for one in alike) / 2)


def test_it_is_left_alone_where_it_does_not_pay(lesson):
    backbone, examples = lesson
    with CountedTokens(backbone.plain_model.get_decoder()) as seen:
        loss_and_gradient(backbone, examples)
    assert seen.tokens == len(examples) * max(map(len, examples))


def test_a_window_that_padding_would_narrow_is_respected(lesson, always, monkeypatch):
    backbone, examples = lesson
    config = backbone.plain_model.get_decoder().config
    for name, value, shares in (
        ("sliding_window", 5, False),
        ("layer_types", ["full_attention"] * 2, True),
        ("layer_types", ["full_attention", "sliding_attention"], False),
        ("sliding_window", 999, True),
        ("layer_types", ["full_attention", "linear_attention"], False),
    ):
        monkeypatch.setattr(config, name, value, raising=False)
        inputs = module.inputs_with_prefix_cache(
            backbone,
            **{key: value for key, value in collate(examples, backbone.pad_id, None, "cpu").items() if key != "labels"},
            width=3,
        )
        assert ("past_key_values" in inputs) == shares, (name, value)
