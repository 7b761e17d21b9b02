"""What a memory knows: agrees with writing greedily, and watching does not change training."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_backbone import tiny_backbone

from gcr_tutorial.config import TrainingConfig
from gcr_tutorial.evaluation.memorization import MemoryWatch, exact_match, position_accuracy, teacher_forced_correct
from gcr_tutorial.models.features import merge_features
from gcr_tutorial.models.lora import unfreeze_language_model
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.training.examples import memorize_examples, retrieve_examples, target_ids
from gcr_tutorial.training.loop import train

CODES = [["<a_0>"], ["<a_1>"], ["<a_2>", "<b_0>"], ["<a_2>", "<b_1>"], ["<a_3>", "<b_0>", "<b_1>"]]
RECIPE = TrainingConfig(trainable="full", lr=1e-2, batch_size=5)
rows_of_truth = st.lists(st.lists(st.booleans(), min_size=1, max_size=5), min_size=1, max_size=8)


def lesson(seed: int = 0):
    """A backbone with new tokens, its memorize examples (identifiers of 1 to 3 tokens) and random features."""
    backbone = tiny_backbone(seed)
    add_tokens(backbone, sorted({token for code in CODES for token in code}))
    features = torch.randn(len(CODES), 4, 32, generator=torch.Generator().manual_seed(seed))
    unfreeze_language_model(backbone)
    return backbone, memorize_examples(backbone, target_ids(backbone, CODES)), features


@pytest.fixture(scope="module")
def learned():
    backbone, examples, features = lesson()
    watch = MemoryWatch(backbone, examples, features, every=20)
    train(backbone, examples, epochs=70, config=RECIPE, features=features, callback=watch)
    return backbone, examples, features, watch


@torch.no_grad()
def written(backbone, example, features, most=8) -> list[int]:
    """Greedy writing, one token after the other, without cache or padding."""
    prompt = torch.tensor([example.prompt_ids])
    seen, tokens = merge_features(backbone, prompt, features[[example.image]]), []
    while len(tokens) < most and backbone.end_id not in tokens:
        said = backbone.model.get_input_embeddings()(torch.tensor([tokens], dtype=torch.long))
        tokens.append(backbone.model(inputs_embeds=torch.cat([seen, said], 1)).logits[0, -1].argmax().item())
    return tokens


def test_right_in_every_token_means_written_right(learned):
    backbone, examples, features, watch = learned
    backbone.model.eval()
    fresh, _, _ = lesson()
    for model in (backbone, fresh):
        right = teacher_forced_correct(model, examples, features)
        assert [len(row) for row in right] == [len(example.completion_ids) for example in examples]
        assert [all(row) for row in right] == [
            written(model, example, features) == list(example.completion_ids) for example in examples
        ]
    assert watch.exact[0] < watch.exact[-1] == 100  # so both answers occurred


def test_batches_and_padding_do_not_matter(learned):
    backbone, examples, features, _ = learned
    queries = retrieve_examples(
        backbone, [("a dog", 0), ("a man and a boy near the beach", 2)], [e.completion_ids for e in examples]
    )
    mixed = [examples[2], queries[1], examples[0], queries[0], examples[4]]
    together = teacher_forced_correct(backbone, mixed, features)
    assert together == teacher_forced_correct(backbone, mixed, features, batch_size=1)
    assert teacher_forced_correct(backbone, [], features) == []


def test_watching_notes_the_start_every_few_steps_and_the_end(learned):
    *_, watch = learned
    assert len(watch.losses) == 70 and watch.steps == [0, 20, 40, 60, 70]
    assert watch.known([0, 3]) == [[all(right[row]) for right in watch.right] for row in (0, 3)]
    with pytest.raises(ValueError, match="1 or more"):
        MemoryWatch(watch.backbone, watch.examples, watch.features, every=0)


def test_watching_changes_nothing(learned):
    *_, watch = learned
    backbone, examples, features = lesson()
    backbone.model.train()
    teacher_forced_correct(backbone, examples, features)
    assert backbone.model.training
    losses, _ = train(backbone, examples, epochs=70, config=RECIPE, features=features)
    assert losses == watch.losses


@given(rows_of_truth)
def test_exact_match_is_never_above_the_worst_place_of_equal_names(rows):
    width = min(map(len, rows))
    equal = [row[:width] for row in rows]
    assert exact_match(equal) <= min(position_accuracy(equal)) + 1e-9
    assert exact_match(equal) == pytest.approx(100 * sum(all(row) for row in equal) / len(equal))


@given(rows_of_truth)
def test_each_place_counts_the_names_that_are_that_long(rows):
    shares = position_accuracy(rows)
    assert len(shares) == max(map(len, rows)) and all(0 <= share <= 100 for share in shares)
    counted = sum(share * sum(len(row) > i for row in rows) / 100 for i, share in enumerate(shares))
    assert counted == pytest.approx(sum(map(sum, rows)))


def test_no_names_at_all():
    with pytest.raises(ValueError, match="at least one row"):
        exact_match([])
    assert position_accuracy([]) == []
