"""tiny-clip's pretraining: the folder it writes is plain open_clip, and a killed run ends as if it had not been."""

import json
from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from gcr_tutorial.models.clip import embed_images, embed_texts, load_clip
from gcr_tutorial.pretraining.clip_folder import clip_config, new_clip, save_clip_weights, train_clip_tokenizer
from gcr_tutorial.pretraining.clip_training import draw_batch, pretrain_clip, recall_evaluator
from gcr_tutorial.pretraining.config import ClipPretrainingConfig
from gcr_tutorial.training.clip_towers import caption_ends, fast_encode_images, fast_encode_texts, training_flops
from gcr_tutorial.training.contrastive import clip_optimizers, set_lr

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 200, 30),
    "blue": (30, 30, 220),
    "yellow": (230, 220, 30),
    "black": (10, 10, 10),
    "white": (250, 250, 250),
}
TEXTS = [
    f"{a} {colour} {thing} on the {place}"
    for a in ("a", "the")
    for colour in COLOURS
    for thing in ("kite", "dog", "boat")
    for place in ("left", "right")
]
SMALL = {"patch_size": 8, "width": 32, "layers": 2, "head_width": 16, "embed_dim": 16}


class ColourBank(SimpleNamespace):
    """A scene bank of plain colour pairs: left colour, right colour, and captions that name both."""

    def __len__(self):
        return len(self.captions)


def colour_bank(copies=2):
    images, captions = [], []
    for left in COLOURS:
        for right in COLOURS:
            for _ in range(copies):
                picture = np.zeros((24, 24, 3), np.uint8)
                picture[:, :12], picture[:, 12:] = COLOURS[left], COLOURS[right]
                images.append(picture)
                captions.append([f"{left} on the left and {right} on the right", f"{right} right of {left}"])
    return ColourBank(images=np.stack(images), captions=captions)


class Ticks:
    """A clock that advances one second each time it is read, so that a run's schedule is the same everywhere."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        self.now += 1
        return float(self.now)


def train(bank, out_dir, steps, **options):
    options = {
        "batch_size": 12,
        "shape": SMALL,
        "vocab_size": 300,
        "bf16": False,
        "progress": lambda line: None,
        "clock": Ticks(),
        "save_every": 2,
        "report_every": 1,
        "lr": 1e-2,
        **options,
    }
    texts = [caption for captions in bank.captions for caption in captions]
    settings = {name: options.pop(name) for name in list(options) if name in ClipPretrainingConfig.__dataclass_fields__}
    config = ClipPretrainingConfig(minutes=steps / 60, **settings)
    return pretrain_clip(bank, out_dir, config, tokenizer_texts=texts, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An open_clip folder with random weights."""
    path = tmp_path_factory.mktemp("clip")
    tokenizer = train_clip_tokenizer(TEXTS, vocab_size=300, context_length=16)
    clip = new_clip(path, tokenizer, clip_config(tokenizer, image_size=24, **SMALL), seed=3)
    save_clip_weights(clip, path)
    return path


def test_tokenizer_adds_bos_and_eos_and_pads_on_the_right():
    tokenizer = train_clip_tokenizer(TEXTS, vocab_size=300, context_length=16)
    assert tokenizer("A red KITE").input_ids == tokenizer("a red kite").input_ids
    ids = tokenizer(["a red kite"], padding="max_length", max_length=16).input_ids[0]
    end = ids.index(tokenizer.eos_token_id)
    assert ids[0] == tokenizer.bos_token_id
    assert set(ids[end + 1 :]) == {tokenizer.pad_token_id}
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == "a red kite"


def test_tokenizer_keeps_eos_when_it_cuts_a_long_text():
    tokenizer = train_clip_tokenizer(TEXTS, vocab_size=300, context_length=16)
    ids = tokenizer("a red kite " * 30, truncation=True, max_length=16).input_ids
    assert len(ids) == 16 and ids[-1] == tokenizer.eos_token_id


def test_tokenizer_knows_every_byte():
    tokenizer = train_clip_tokenizer(TEXTS, vocab_size=300)
    assert tokenizer.decode(tokenizer("zebra 42 ß 東").input_ids, skip_special_tokens=True).strip() == "zebra 42 ß 東"


def test_tokenizer_refuses_no_texts():
    with pytest.raises(ValueError, match="tokenizer_texts"):
        train_clip_tokenizer([])


def test_config_refuses_patches_that_do_not_tile_the_image():
    with pytest.raises(ValueError, match="patch_size"):
        clip_config(train_clip_tokenizer(TEXTS), image_size=96, patch_size=10)


def test_tokens_after_eos_do_not_change_an_embedding(folder):
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    tokens = tokenizer(["a red kite on the left", "the blue dog"])
    end = caption_ends(model, tokens)
    changed = tokens.clone()
    for row, position in zip(changed, end):
        row[position + 1 :] = torch.arange(5, 5 + len(row) - position - 1) + 200  # argmax would go there
    assert not torch.equal(tokens, changed)
    with torch.no_grad():
        torch.testing.assert_close(model.eval().encode_text(tokens), model.encode_text(changed))
        changed[0, end[0] - 1] = 50  # a token before EOS does matter
        assert not torch.allclose(model.encode_text(tokens)[0], model.encode_text(changed)[0], atol=1e-4)


def test_folder_round_trips_through_plain_open_clip(folder):
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    clip = load_clip(folder)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8))
    with torch.no_grad():
        image = model.eval().encode_image(preprocess(picture)[None], normalize=True)
        text = model.encode_text(tokenizer(["a red kite"]), normalize=True)
    torch.testing.assert_close(embed_images(clip, [picture]), image)
    torch.testing.assert_close(embed_texts(clip, ["a red kite"]), text)
    for name, value in model.state_dict().items():
        assert torch.equal(value, clip.model.state_dict()[name]), name
    assert tokenizer(["x"]).shape == (1, 16)


def test_preprocessing_is_the_pixels_of_training(folder):
    """Training reads the bank's bytes directly; `preprocess` of the same picture must be the same numbers."""
    clip = load_clip(folder)
    picture = np.random.default_rng(1).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    bank = ColourBank(images=np.stack([picture, picture]), captions=[["a"], ["b"]])
    pixels = draw_batch(bank, 0, 2, 1, 0.0, clip, seed=0)[0]
    torch.testing.assert_close(clip.preprocess(Image.fromarray(picture)), pixels[0])


def test_fast_towers_agree_with_open_clip(folder):
    clip = load_clip(folder)
    pixels = torch.rand(5, 3, 24, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1
    tokens = clip.tokenizer(["a red kite", "the blue dog on the left", "boat", "a " * 40, ""])
    with torch.no_grad():
        torch.testing.assert_close(fast_encode_images(clip.model, pixels), clip.model.encode_image(pixels))
        torch.testing.assert_close(fast_encode_texts(clip.model, tokens, group=2), clip.model.encode_text(tokens))
        every = torch.arange(9).expand(5, -1)
        torch.testing.assert_close(fast_encode_images(clip.model, pixels, every), clip.model.encode_image(pixels))
        some = fast_encode_images(clip.model, pixels, every[:, :4])
    bottom = pixels.clone()
    bottom[:, :, 16:] = 0  # patches 6..8 are not among those kept
    with torch.no_grad():
        torch.testing.assert_close(fast_encode_images(clip.model, bottom, every[:, :4]), some)


def test_flops_agree_with_torchs_counter(folder):
    clip = load_clip(folder)
    pixels, tokens = torch.rand(4, 3, 24, 24), clip.tokenizer(["a red kite on the left"] * 6)
    lengths = caption_ends(clip.model, tokens) + 1
    with FlopCounterMode(display=False) as counter:
        images, texts = fast_encode_images(clip.model, pixels), fast_encode_texts(clip.model, tokens)
        (images.sum() + texts.sum()).backward()
    counted = training_flops(clip.model, torch.full((4,), 10), lengths)
    assert counted == pytest.approx(counter.get_total_flops(), rel=0.05)  # no gradient is needed for the pixels


def test_pretraining_learns_and_writes_a_complete_folder(tmp_path):
    bank = colour_bank()
    lines = []
    names = list(COLOURS)
    distinct = range(0, len(bank), 2)
    queries = [bank.captions[i][0] for i in distinct]
    evaluate = recall_evaluator([bank.images[i] for i in distinct], queries, range(len(queries)))
    provenance = train(bank, tmp_path / "clip", 80, evaluate=evaluate, evaluate_every=30, progress=lines.append)
    assert provenance["measured"]["R@1"] > 50  # chance: 100 / 36
    assert provenance["training"]["steps"] == 80
    assert provenance["data"]["distinct_images_seen"] == len(bank)
    assert provenance["data"]["caption_visits"] == 80 * 12 * 2
    assert provenance["compute"]["model_flops"] > 0
    assert json.loads((tmp_path / "clip" / "provenance.json").read_text()) == provenance
    assert any("captions/s" in line and "left" in line for line in lines)
    assert sum("R@1" in history for history in provenance["history"]) == 2
    clip = load_clip(tmp_path / "clip")
    pictures = [Image.fromarray(bank.images[i]) for i in distinct]
    query = f"{names[0]} on the left and {names[1]} on the right"
    found = embed_texts(clip, [query]) @ embed_images(clip, pictures).T
    assert found.argmax() == 1
    assert evaluate(clip) == provenance["measured"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip", "clip.checkpoint"]


def test_a_killed_run_resumes_to_the_same_weights(tmp_path):
    bank = colour_bank()
    options = {"patch_dropout": 0.5, "dropout_until": 0.6, "muon": True}
    train(bank, tmp_path / "whole", 12, **options)

    class Killed(Exception):
        pass

    def kill(line):
        if "| step 7 |" in line:
            raise Killed

    with pytest.raises(Killed):
        train(bank, tmp_path / "resumed", 12, progress=kill, **options)
    assert not (tmp_path / "resumed").exists()
    lines = []
    provenance = train(bank, tmp_path / "resumed", 12, progress=lines.append, **options)
    assert "continuing" in lines[0] and "step 6" in lines[0]
    assert provenance["training"]["steps"] == 12
    whole, resumed = (load_clip(tmp_path / name).model.state_dict() for name in ("whole", "resumed"))
    for name in whole:
        assert torch.equal(whole[name], resumed[name]), name
    seen = [json.loads((tmp_path / name / "provenance.json").read_text()) for name in ("whole", "resumed")]
    for key in ("data", "compute", "training"):
        assert seen[0][key] == seen[1][key]


def test_pretraining_replaces_an_older_folder(tmp_path):
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "stale.txt").write_text("old")
    train(colour_bank(), tmp_path / "clip", 2)
    assert not (tmp_path / "clip" / "stale.txt").exists()
    assert load_clip(tmp_path / "clip").model.visual.image_size == (24, 24)


def test_checkpoint_of_other_settings_is_refused(tmp_path):
    train(colour_bank(), tmp_path / "clip", 2)
    with pytest.raises(ValueError, match="other settings"):
        train(colour_bank(), tmp_path / "clip", 4, lr=1e-4)


@pytest.mark.parametrize("images", [0, 1])
def test_too_small_a_bank_is_refused(tmp_path, images):
    bank = ColourBank(images=np.zeros((images, 24, 24, 3), np.uint8), captions=[["a red kite"]] * images)
    with pytest.raises(ValueError, match="two images"):
        pretrain_clip(bank, tmp_path / "clip", ClipPretrainingConfig(minutes=1), tokenizer_texts=TEXTS)


def test_default_model_fits_the_size_limit(tmp_path):
    """At most 15.5 MB of float32 weights with a full vocabulary (design section 4: 16 MB a folder)."""
    tokenizer = train_clip_tokenizer([f"word{i} thing{i * 7} of place{i * 13}" for i in range(4000)])
    assert len(tokenizer) == 2000
    clip = new_clip(tmp_path, tokenizer, clip_config(tokenizer))
    save_clip_weights(clip, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 15.5e6


@pytest.mark.parametrize("muon", [False, True])
def test_every_parameter_is_trained_by_exactly_one_optimizer(folder, muon):
    model = load_clip(folder).model
    optimizers = clip_optimizers(model, 1e-3, 0.1, muon)
    trained = [id(p) for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]]
    assert len(optimizers) == 1 + muon
    assert sorted(trained) == sorted(id(p) for p in model.parameters())
    set_lr(optimizers, 0.25)
    assert {group["lr"] for optimizer in optimizers for group in optimizer.param_groups} == {0.25}
