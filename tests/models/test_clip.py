"""CLIP as a baseline: embeddings, rankings, the contrastive loss and fine-tuning."""

import math
import pickle
import shutil
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gcr_tutorial.errors import UserError
from gcr_tutorial.models.clip import embed_images, embed_texts, load_clip
from gcr_tutorial.pretraining.clip_folder import clip_config, new_clip, save_clip_weights, train_clip_tokenizer
from gcr_tutorial.retrieval.dense import zero_shot_rankings
from gcr_tutorial.training.clip_finetuning import fine_tune_clip
from gcr_tutorial.training.contrastive import contrastive_loss, cosine_share, draw_captions, training_encoders

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 200, 30),
    "blue": (30, 30, 220),
    "yellow": (230, 220, 30),
    "black": (10, 10, 10),
    "white": (250, 250, 250),
}
IMAGES = [Image.new("RGB", (24, 24), colour) for colour in COLOURS.values()]
PAIRS = [(row, text) for row, colour in enumerate(COLOURS) for text in (f"a {colour} wall", f"it is all {colour}")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip")
    tokenizer = train_clip_tokenizer([text for _, text in PAIRS], vocab_size=300, context_length=12)
    config = clip_config(tokenizer, image_size=24, patch_size=8, width=32, layers=2, head_width=16, embed_dim=16)
    save_clip_weights(new_clip(path, tokenizer, config), path)
    return path


@pytest.fixture
def clip(folder):
    return load_clip(folder)


def test_embeddings_are_normalised_and_independent_of_the_batch(clip):
    images = embed_images(clip, IMAGES, batch_size=4)
    texts = embed_texts(clip, [text for _, text in PAIRS], batch_size=5)
    assert images.shape == (6, 16) and texts.shape == (12, 16)
    torch.testing.assert_close(images.norm(dim=1), torch.ones(6))
    torch.testing.assert_close(texts.norm(dim=1), torch.ones(12))
    torch.testing.assert_close(images, embed_images(clip, iter(IMAGES), batch_size=1))
    torch.testing.assert_close(texts[3:4], embed_texts(clip, [PAIRS[3][1]]))


def test_embedding_reports_progress_and_accepts_any_picture_mode(clip):
    done = []
    pictures = [Image.new("L", (50, 30), 128), Image.new("RGBA", (9, 9)), Image.new("P", (24, 24))]
    assert torch.isfinite(embed_images(clip, pictures, batch_size=2, progress=done.append)).all()
    assert done == [2, 3]


def test_embedding_leaves_the_training_mode_as_it_was(clip):
    clip.model.train()
    embed_texts(clip, ["a red wall"])
    assert clip.model.training


@pytest.mark.parametrize("nothing_or_one", [[], "a red wall"])
def test_embedding_refuses_nothing_and_a_bare_string(clip, nothing_or_one):
    with pytest.raises(ValueError, match="empty|list of texts"):
        embed_texts(clip, nothing_or_one)


def test_loading_says_what_is_missing(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match="neither a folder nor a model"):
        load_clip(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match="open_clip_config.json"):
        load_clip(tmp_path)
    (tmp_path / "open_clip_config.json").write_bytes((folder / "open_clip_config.json").read_bytes())
    with pytest.raises(FileNotFoundError, match="open_clip_model.safetensors"):
        load_clip(tmp_path)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), queries=st.integers(1, 7), images=st.integers(1, 12), k=st.integers(1, 15))
def test_rankings_are_the_sorted_similarities(seed, queries, images, k):
    rng = torch.Generator().manual_seed(seed)
    q = F.normalize(torch.randn(queries, 4, generator=rng), dim=1)
    x = F.normalize(torch.randn(images, 4, generator=rng), dim=1)
    rankings = zero_shot_rankings(q, x, k, block=3)
    assert len(rankings) == queries
    for query, ranking in zip(q, rankings):
        scores = (x @ query).tolist()
        assert len(ranking) == len(set(ranking)) == min(k, images)
        assert [scores[i] for i in ranking] == pytest.approx(sorted(scores, reverse=True)[:k], abs=1e-6)


def test_rankings_refuse_what_does_not_fit_together():
    with pytest.raises(ValueError, match="same CLIP"):
        zero_shot_rankings(torch.zeros(2, 4), torch.zeros(3, 5), 1)
    with pytest.raises(ValueError, match="at least 1"):
        zero_shot_rankings(torch.zeros(2, 4), torch.zeros(3, 4), 0)


def test_equal_scores_rank_the_lower_row_first():
    assert zero_shot_rankings(torch.ones(1, 2), torch.ones(4, 2), 3) == [[0, 1, 2]]


def test_loss_with_one_caption_each_is_clips():
    rng = torch.Generator().manual_seed(0)
    x, y = (F.normalize(torch.randn(6, 8, generator=rng), dim=1) for _ in range(2))
    scale = torch.tensor(7.0)
    reference = open_clip.ClipLoss()(x, y, scale)
    torch.testing.assert_close(contrastive_loss(x, y, torch.arange(6), scale), reference)


def test_loss_ignores_an_images_other_captions():
    """Image 0 has captions 0 and 1: caption 1 must not count as a wrong answer beside caption 0."""
    x = torch.eye(2, 4)
    y = F.normalize(torch.tensor([[1.0, 0, 0, 0], [1.0, 0, 0, 0], [0, 1.0, 0, 0]]), dim=1)
    loss = contrastive_loss(x, y, torch.tensor([0, 0, 1]), torch.tensor(100.0))
    assert loss < 1e-6
    swapped = contrastive_loss(x, y, torch.tensor([0, 1, 1]), torch.tensor(100.0))
    assert swapped > 10


def test_learning_rate_rises_then_falls_to_zero():
    rates = [cosine_share(i / 100, 0.1) for i in range(101)]
    assert rates[0] == 0 and rates[10] == pytest.approx(1) and rates[100] == pytest.approx(0)
    assert all(a < b for a, b in zip(rates[:10], rates[1:11]))
    assert all(a > b for a, b in zip(rates[10:], rates[11:]))


@given(counts=st.lists(st.integers(1, 6), min_size=1, max_size=5), wanted=st.integers(1, 4), seed=st.integers(0, 99))
def test_captions_are_drawn_without_repeats(counts, wanted, seed):
    captions = [[f"{row}-{i}" for i in range(count)] for row, count in enumerate(counts)]
    texts, owner = draw_captions(captions, wanted, np.random.default_rng(seed))
    assert len(texts) == len(set(texts)) == sum(min(wanted, count) for count in counts)
    assert [int(text.split("-")[0]) for text in texts] == owner.tolist()


def test_fine_tuning_learns_the_pairs(clip):
    def recall():
        ranked = zero_shot_rankings(embed_texts(clip, [text for _, text in PAIRS]), embed_images(clip, IMAGES), 1)
        return sum(best[0] == row for best, (row, _) in zip(ranked, PAIRS)) / len(PAIRS)

    steps = []
    history = fine_tune_clip(
        clip, IMAGES, PAIRS, epochs=40, lr=3e-3, bf16=False, progress=lambda step, total, loss: steps.append((step, total))
    )
    assert recall() == 1.0
    assert history["loss"][-1] < history["loss"][0] / 2
    assert len(history["loss"]) == history["steps"] == 40 and steps[-1] == (40, 40)
    assert not clip.model.training


def test_fine_tuning_repeats_itself(folder):
    weights = []
    for _ in range(2):
        clip = load_clip(folder)
        fine_tune_clip(clip, IMAGES, PAIRS, epochs=2, batch_size=4, seed=5)
        weights.append(clip.model.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not torch.equal(weights[0]["visual.proj"], load_clip(folder).model.state_dict()["visual.proj"])


def test_fine_tuning_uses_open_clips_own_towers_where_the_fast_ones_do_not_fit(folder):
    """Bidirectional text attention is not what the fast towers compute; the loss must come from the model itself."""
    clip = load_clip(folder)
    assert training_encoders(clip.model)[0] != clip.model.encode_image
    clip.model.attn_mask = None
    assert training_encoders(clip.model) == (clip.model.encode_image, clip.model.encode_text)
    history = fine_tune_clip(clip, IMAGES, PAIRS, epochs=1, bf16=False)
    assert math.isfinite(history["loss"][0])


def test_fine_tuning_refuses_bad_pairs(clip):
    with pytest.raises(ValueError, match="names image 6"):
        fine_tune_clip(clip, IMAGES, [(0, "a"), (6, "b")])
    with pytest.raises(ValueError, match="two different images"):
        fine_tune_clip(clip, IMAGES, [(0, "a"), (0, "b")])


def test_fine_tuning_stops_where_the_loss_is_not_finite(folder):
    clip = load_clip(folder)
    clip.model.logit_scale.data.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="lower learning rate"):
        fine_tune_clip(clip, IMAGES, PAIRS, epochs=1, bf16=False)
    assert all(torch.isfinite(weight).all() for name, weight in clip.model.named_parameters() if name != "logit_scale")


class Pickled:
    """When it is unpickled, it writes a file: that must never happen."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_pickled_weights_are_refused_and_not_read(folder, tmp_path, monkeypatch):
    """In a folder, and in a snapshot of the Hub, offline."""
    ran, commit = tmp_path / "ran", "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "hub" / "models--someone--clip"
    snapshot = repository / "snapshots" / commit
    shutil.copytree(folder, snapshot)
    (snapshot / "open_clip_model.safetensors").unlink()
    (snapshot / "open_clip_pytorch_model.bin").write_bytes(pickle.dumps(Pickled(ran)))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name in (snapshot, "hf-hub:someone/clip", f"hf-hub:someone/clip@{commit}"):
        with pytest.raises(UserError, match="only as a pickled file") as raised:
            load_clip(name)
        assert "\n" not in str(raised.value)
    assert not ran.exists()
    with pytest.raises(FileNotFoundError, match="someone/none is neither a folder nor in the Hugging Face cache"):
        load_clip("hf-hub:someone/none")


def test_queries_are_normalised_for_clip_too(clip):
    seen, tokenizer = [], clip.tokenizer
    clip.tokenizer = lambda texts: seen.extend(texts) or tokenizer(texts)  # some tokenizers do it themselves, not all
    one, other = embed_texts(clip, ["a caf\u00e9 dog", "  a  cafe\u0301 dog\n"])
    assert torch.equal(one, other) and seen == ["a caf\u00e9 dog"] * 2
