import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_backbone import captions, tiny_backbone

from gcr_tutorial.config import TrainingConfig
from gcr_tutorial.models.features import merge_features
from gcr_tutorial.models.prompts import CAPTION_INSTRUCTION, prompt_ids
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.training.pseudo_queries import (
    drop_near_duplicates,
    filter_by_clip_score,
    fine_tune_captioner,
    generate_pseudo_queries,
    sample_captions,
)

CAPTIONS = [("A red dog running.", 0), ("A boy in the park.", 1), ("A green kite near the beach.", 2)]


@pytest.fixture(scope="module")
def captioner():
    """A backbone that has learned one caption for each of three images (features), and those features."""
    backbone = tiny_backbone()
    features = torch.randn(3, 4, 32, generator=torch.Generator().manual_seed(0))
    config = TrainingConfig(trainable="full", lr=1e-2, batch_size=3)
    history = fine_tune_captioner(backbone, CAPTIONS, features=features, epochs=60, config=config)
    assert history.losses["caption"][-1] < 0.1 < history.losses["caption"][0]
    return backbone, features


def test_captions_are_of_their_own_image(captioner):
    backbone, features = captioner
    assert generate_pseudo_queries(backbone, features, 4, top_k=1, batch_size=8) == [[text] for text, _ in CAPTIONS]


@torch.no_grad()
def test_sampling_of_the_likeliest_is_hf_greedy_search():
    backbone, features = tiny_backbone(seed=3), torch.randn(2, 4, 32)
    bad = [[i] for i in backbone.tokenizer.all_special_ids if i != backbone.end_id]
    ids = torch.tensor([prompt_ids(backbone, CAPTION_INSTRUCTION, image=True)] * 2)
    reference = backbone.model.generate(
        inputs_embeds=merge_features(backbone, ids, features),
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=7,
        bad_words_ids=bad,
        eos_token_id=backbone.end_id,
        pad_token_id=backbone.end_id,
    )
    expected = [text.strip() for text in backbone.tokenizer.batch_decode(reference, skip_special_tokens=True)]
    got = sample_captions(backbone, features, 3, torch.Generator(), top_k=1, max_new_tokens=7)
    assert got == [[text] * 3 for text in expected]


def test_seeded_distinct_and_at_most_k():
    backbone, features = tiny_backbone(), torch.randn(5, 4, 32, generator=torch.Generator().manual_seed(1))
    seen = []
    first = generate_pseudo_queries(
        backbone, features, 6, 0, max_new_tokens=6, batch_size=12, progress=lambda done, total: seen.append((done, total))
    )
    assert len(first) == 5 and all(1 <= len(texts) <= 6 and drop_near_duplicates(texts) == texts for texts in first)
    assert first == generate_pseudo_queries(backbone, features, 6, 0, max_new_tokens=6, batch_size=12)
    assert first != generate_pseudo_queries(backbone, features, 6, 1, max_new_tokens=6, batch_size=12)
    assert seen[:3] == [(12, 30), (24, 30), (30, 30)]
    assert generate_pseudo_queries(backbone, features[:0], 6) == []
    with pytest.raises(ValueError, match="at least 1"):
        generate_pseudo_queries(backbone, features, 0)


def test_identifier_tokens_never_appear():
    backbone, features = tiny_backbone(), torch.randn(2, 4, 32)
    new = add_tokens(backbone, ["<img_0>", "<img_1>"])
    with torch.no_grad():
        backbone.model.lm_head.weight[new] *= 100  # would win every draw
    texts = [text for texts in generate_pseudo_queries(backbone, features, 8, max_new_tokens=5) for text in texts]
    assert texts and not any("<" in text and "img" in text for text in texts)


def test_no_captions_or_epochs_change_nothing():
    backbone, features = tiny_backbone(), torch.zeros(1, 4, 32)
    before = copy.deepcopy(backbone.model.state_dict())
    for pairs, epochs in (([], 3), ([("A dog.", 0)], 0)):
        assert fine_tune_captioner(backbone, pairs, features=features, epochs=epochs).losses == {}
    assert all(torch.equal(weight, before[name]) for name, weight in backbone.model.state_dict().items())


def test_near_duplicates():
    texts = ["A red dog.", "the red dog", "Dog red!", "", "...", "A red cat.", "A dog"]
    assert drop_near_duplicates(texts) == ["A red dog.", "A red cat.", "A dog"]


@given(st.lists(st.sampled_from(captions(5)) | st.text(max_size=12)))
def test_distinct_is_idempotent_and_keeps_order(texts):
    kept = drop_near_duplicates(texts)
    assert drop_near_duplicates(kept) == kept and [text for text in dict.fromkeys(texts) if text in kept] == kept


def test_captions_that_agree_with_the_image_are_kept_best_first() -> None:
    directions = {"red": [1.0, 0.0], "blue": [0.0, 1.0], "violet": [0.6, 0.8]}
    images = torch.tensor([directions["red"], directions["blue"], directions["red"]])
    kept = filter_by_clip_score(
        [["blue", "red", "violet"], ["red", "violet"], []],
        images,
        lambda texts: torch.tensor([directions[text] for text in texts]),
        2,
    )
    assert kept == [["red", "violet"], ["violet", "red"], []]
    assert filter_by_clip_score([[], []], images[:2], lambda texts: pytest.fail("nothing to embed"), 2) == [[], []]
    with pytest.raises(ValueError, match="need one each"):
        filter_by_clip_score([["red"]], images, lambda texts: images, 2)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_scores_that_are_not_finite_are_refused(bad):
    backbone, features = tiny_backbone(), torch.randn(2, 4, 32)
    backbone.model.get_input_embeddings().weight.data[7] = bad  # tied: the logit of token 7
    with pytest.raises(FloatingPointError, match="float32 or bfloat16"):
        sample_captions(backbone, features, 2, torch.Generator())
    with pytest.raises(FloatingPointError, match="CLIP embeddings"):
        filter_by_clip_score([["a"], ["b"]], torch.tensor([[1.0, 0.0], [bad, 0.0]]), lambda texts: torch.eye(2), 1)


def test_a_captioner_stopped_in_a_notebook_can_be_called_again():
    backbone, features = tiny_backbone(), torch.randn(3, 4, 32)
    before = copy.deepcopy(backbone.model.state_dict())

    def stop(stage, step, total, loss):
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            fine_tune_captioner(backbone, CAPTIONS, features=features, epochs=2, progress=stop)
        after = backbone.model.state_dict()
        assert after.keys() == before.keys() and all(torch.equal(after[name], before[name]) for name in before)
