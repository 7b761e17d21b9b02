import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tiny_backbone import captions, tiny_backbone
from transformers import AutoModelForImageTextToText, AutoProcessor, Idefics3ForConditionalGeneration

from gcr_tutorial.errors import UserError
from gcr_tutorial.models.loading import load_backbone, save_backbone
from gcr_tutorial.models.preprocessing import pixels
from gcr_tutorial.models.prompts import RETRIEVE_INSTRUCTION, prompt_ids, prompt_text
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.pretraining import tiny_vlm

TOKENIZER = tiny_vlm.train_tokenizer(captions(300), 600)


@pytest.fixture
def backbone():
    return tiny_backbone()


@given(st.text(max_size=40))
def test_tokenizer_gives_text_back(text):
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    # A special token's name typed by a reader is that token; anything else comes back byte for byte.
    assert TOKENIZER.decode(ids) == text


def test_template_words_and_numbers_are_few_tokens():
    assert TOKENIZER.tokenize("User:") == ["User", ":"]
    assert TOKENIZER.tokenize("Assistant:") == ["Assistant", ":"]
    assert TOKENIZER.tokenize("17") == ["17"] and TOKENIZER.tokenize("1234") == ["12", "34"]
    prompt = RETRIEVE_INSTRUCTION.format(query="a red ball")
    tokens = [token.strip("Ġ") for token in TOKENIZER.tokenize(" " + prompt)]
    assert tokens == ["Find", "the", "picture", ":", "a", "red", "ball"]
    assert TOKENIZER.padding_side == "left"
    for token in tiny_vlm.SPECIAL_TOKENS:
        assert len(TOKENIZER(token, add_special_tokens=False)["input_ids"]) == 1


def test_template_words_survive_a_large_corpus_of_other_words():
    rare = [f"{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{'qxz'[i % 3]}vbn" for i in range(2000)]
    tokenizer = tiny_vlm.train_tokenizer([" ".join(rare)] * 3, 700)
    assert tokenizer.tokenize("Assistant:") == ["Assistant", ":"] and tokenizer.tokenize("99") == ["99"]


def test_too_small_vocabulary_is_refused():
    with pytest.raises(ValueError, match="vocab_size"):
        tiny_vlm.train_tokenizer(["a"], 300)


def test_default_sizes():
    model, processor = tiny_vlm.build_tiny_vlm(TOKENIZER)
    spare = (1500 - len(TOKENIZER)) * 192  # up to a vocabulary of 1,500
    assert sum(p.numel() for p in model.parameters()) + spare <= 3.9e6
    assert processor.image_seq_len == 16 and model.dtype == torch.float32
    assert model.lm_head.weight is model.get_input_embeddings().weight


@pytest.mark.parametrize("sizes", [dict(image_size=100), dict(image_size=36, patch=12), dict(hidden=190)])
def test_sizes_that_do_not_divide_are_refused(sizes):
    with pytest.raises(ValueError):
        tiny_vlm.build_tiny_vlm(TOKENIZER, **sizes)


def test_plain_auto_classes_load_it(backbone, tmp_path):
    save_backbone(backbone, tmp_path / "vlm")
    save_backbone(backbone, tmp_path / "vlm")  # again, over it
    assert [p.name for p in tmp_path.iterdir()] == ["vlm"]
    model = AutoModelForImageTextToText.from_pretrained(tmp_path / "vlm")
    processor = AutoProcessor.from_pretrained(tmp_path / "vlm")
    assert isinstance(model, Idefics3ForConditionalGeneration)
    assert model.lm_head.weight.data_ptr() == model.get_input_embeddings().weight.data_ptr()
    for name, weight in backbone.model.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name]), name
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Describe the picture."}]}]
    text = processor.apply_chat_template(messages, add_generation_prompt=True)
    inputs = processor(text=[text], images=[[Image.new("RGB", (60, 40), "red")]], return_tensors="pt")
    assert inputs["input_ids"][0].tolist() == prompt_ids(backbone, "Describe the picture.", image=True)
    assert inputs["pixel_values"].shape == (1, 1, 3, 24, 24)
    assert model.generate(**inputs, max_new_tokens=2, do_sample=False).shape[1] > inputs["input_ids"].shape[1]


def test_load_backbone(backbone, tmp_path):
    save_backbone(backbone, tmp_path / "vlm")
    loaded = load_backbone(tmp_path / "vlm", dtype=torch.bfloat16)
    assert loaded.model.dtype == torch.bfloat16 and not loaded.model.training
    assert not loaded.processor.image_processor.do_image_splitting and loaded.tokenizer.padding_side == "left"
    assert (loaded.end_id, loaded.pad_id, loaded.image_token_id) == (backbone.end_id, backbone.pad_id, backbone.image_token_id)


def test_a_package_that_the_processor_lacks_is_the_reason_that_is_said(backbone, tmp_path, monkeypatch):
    """SmolVLM2's processor raises ImportError where num2words is missing."""

    def needs_a_package(*arguments, **how):
        raise ImportError("Package `num2words` is required: pip install num2words")

    save_backbone(backbone, tmp_path / "vlm")
    monkeypatch.setattr(AutoProcessor, "from_pretrained", needs_a_package)
    with pytest.raises(UserError, match="vlm needs a package that is not installed: .*pip install num2words"):
        load_backbone(tmp_path / "vlm")


@pytest.mark.parametrize("missing", ["./nowhere", "nowhere", "/no/where/at/all"])
def test_missing_backbone_says_what_to_do(missing):
    with pytest.raises(FileNotFoundError, match="pretrain"):
        load_backbone(missing)


def test_prompts(backbone):
    text = prompt_text(backbone, "Find it", image=False)
    assert text == "<|im_start|>User: Find it<end_of_utterance>\nAssistant:"
    ids = prompt_ids(backbone, "Find it", image=True)
    tokens = backbone.tokenizer.convert_ids_to_tokens(ids)
    start = tokens.index(tiny_vlm.IMAGE)
    assert tokens[start - 2 : start] == [tiny_vlm.IMAGE_WRAPPER, tiny_vlm.GLOBAL_IMAGE]
    assert tokens.count(tiny_vlm.IMAGE) == backbone.processor.image_seq_len == 4
    assert tokens[start + 4] == tiny_vlm.IMAGE_WRAPPER


def test_pixels_of_array_equal_pixels_of_images(backbone):
    array = np.random.default_rng(0).integers(0, 256, (3, 24, 24, 3), dtype=np.uint8)
    from_array = pixels(backbone, array)
    from_images = pixels(backbone, [Image.fromarray(image) for image in array])
    assert from_array.shape == (3, 1, 3, 24, 24)
    torch.testing.assert_close(from_array, from_images, rtol=0, atol=1e-6)
    assert pixels(backbone, [Image.new("L", (90, 30)), Image.new("RGB", (7, 200))]).shape == (2, 1, 3, 24, 24)
    for wrong in (array.astype(np.float32), array[:, :12]):
        with pytest.raises(ValueError, match="uint8"):
            pixels(backbone, wrong)


def test_added_tokens_are_single_tied_and_visible(backbone):
    before = backbone.model.get_input_embeddings().weight.clone()
    ids = add_tokens(backbone, ["<l0_1>", "<l0_10>", "<img_3>"])
    weight = backbone.model.get_input_embeddings().weight
    assert ids == list(range(len(before), len(before) + 3))
    assert torch.equal(weight[: len(before)], before) and backbone.model.lm_head.weight is weight
    assert backbone.model.lm_head.out_features == len(weight) == backbone.model.config.text_config.vocab_size
    assert backbone.tokenizer("<l0_10><l0_1>", add_special_tokens=False)["input_ids"] == [ids[1], ids[0]]
    assert backbone.tokenizer.decode([ids[2]], skip_special_tokens=True) == "<img_3>"
    assert len({tuple(row.tolist()) for row in weight[ids]}) == 3  # not all the same row
    assert (weight[ids] - before.mean(0)).abs().max() < 2 * before.std()
    assert add_tokens(backbone, []) == []


def test_added_tokens_survive_saving_and_are_seeded(backbone, tmp_path):
    twin = copy.deepcopy(backbone)
    ids = add_tokens(backbone, ["<img_0>", "<img_1>"])
    add_tokens(twin, ["<img_0>", "<img_1>"])
    save_backbone(backbone, tmp_path / "vlm")
    loaded = load_backbone(tmp_path / "vlm")
    assert loaded.tokenizer("<img_1>", add_special_tokens=False)["input_ids"] == [ids[1]]
    for other in (twin, loaded):
        assert torch.equal(backbone.model.lm_head.weight, other.model.lm_head.weight)


@pytest.mark.parametrize("tokens", [["<x>", "<x>"], ["<image>"]])
def test_tokens_that_are_not_new_are_refused(backbone, tokens):
    with pytest.raises(ValueError, match="new and distinct"):
        add_tokens(backbone, tokens)
