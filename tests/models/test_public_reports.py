"""What others have reported of the libraries below, tried here on very small checkpoints of each family."""

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_backbone import captions
from tiny_data import scratch
from tiny_families import FAMILIES, checkpoint
from transformers import AutoTokenizer

from gcr_tutorial.config import TrainingConfig
from gcr_tutorial.decoding import constrained_beam_search
from gcr_tutorial.models.adapter_files import load_adapter, save_adapter
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.features import image_features
from gcr_tutorial.models.loading import load_backbone
from gcr_tutorial.models.lora import merge_lora
from gcr_tutorial.models.prompts import prompt_text, retrieve_prompts
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.training.examples import target_ids
from gcr_tutorial.training.fine_tuning import fine_tune
from gcr_tutorial.trie import TrieIndex


def fresh(family: str) -> Backbone:
    return load_backbone(checkpoint(family, scratch() / "reports" / family), image_size=24)


@pytest.mark.parametrize("family", FAMILIES)
def test_more_than_ten_codes_a_level_are_encoded_one_by_one(family, tmp_path):
    """tokenizers 1174: `<l0_1>` must not be found within `<l0_11>`, nor `<l1_2>` swallow what follows it."""
    backbone = fresh(family)
    codes = [f"<l{level}_{code}>" for level in range(3) for code in range(123)]
    ids = add_tokens(backbone, codes)
    backbone.tokenizer.save_pretrained(tmp_path)
    order = np.random.default_rng(0).permutation(len(codes))
    for tokenizer in (backbone.tokenizer, AutoTokenizer.from_pretrained(tmp_path)):
        for chosen in (range(len(codes)), order):
            text = "".join(codes[i] for i in chosen)
            assert tokenizer(text, add_special_tokens=False)["input_ids"] == [ids[i] for i in chosen]
            assert tokenizer.decode([ids[i] for i in chosen]) == text


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_two_pictures_in_a_batch_are_as_each_alone(family):
    """Qwen3-VL 560, for Qwen2.5-VL: in the features, and through the model's own processor."""
    backbone, noise = fresh(family), np.random.default_rng(0).integers(0, 256, (2, 24, 24, 3), dtype=np.uint8)
    pictures = [Image.fromarray(image) for image in noise]
    together, alone = (image_features(backbone, pictures, size) for size in (2, 1))
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    assert (together[0] - together[1]).abs().max() > 1e-2
    text = prompt_text(backbone, "Name it.", image=True)

    def logits(images: list[Image.Image]) -> torch.Tensor:
        how = {"padding": True, "return_tensors": "pt", "add_special_tokens": False}
        inputs = backbone.processor(text=[text] * len(images), images=[[image] for image in images], **how)
        return backbone.model(**inputs).logits

    torch.testing.assert_close(logits(pictures), torch.cat([logits([picture]) for picture in pictures]), rtol=0, atol=2e-5)


@pytest.mark.parametrize("family", ["idefics3", "gemma3"])
def test_a_merge_in_bfloat16_keeps_nearly_all_first_answers(family, tmp_path, capsys):
    """peft 2502: adding an adapter to bfloat16 weights rounds them. Share of queries whose first answer changes."""
    backbone = fresh(family)
    codes = [[f"<l0_{i // 5}>", f"<l1_{i % 5}>"] for i in range(20)]
    add_tokens(backbone, sorted({code for path in codes for code in path}))
    targets, queries = target_ids(backbone, codes), [(f"{text} {i}", i % 20) for i, text in enumerate(captions(40, seed=1))]
    config = TrainingConfig(rank=16, lr=5e-3, token_lr=5e-2, batch_size=20, memorize_epochs=0, retrieve_epochs=60)
    fine_tune(backbone, targets, queries, features=torch.empty(20, 0, 0), config=config, merge=False)
    save_adapter(backbone, tmp_path / "adapter")
    trie = TrieIndex.build(targets)

    def first_answers(backbone: Backbone) -> list[int]:
        prompts = retrieve_prompts(backbone, [text for text, _ in queries])
        found = constrained_beam_search(backbone.model, prompts, trie, 5, pad_id=backbone.pad_id)
        return [hits[0][0] for hits in found]

    exact = first_answers(backbone)
    half = load_adapter(tmp_path / "adapter", dtype=torch.bfloat16)
    before = first_answers(half)
    merge_lora(half)
    after = first_answers(half)
    assert sum(answer == row for answer, (_, row) in zip(exact, queries)) >= 30  # it has learned something

    def share(some: list[int], others: list[int]) -> float:
        return sum(a != b for a, b in zip(some, others)) / len(some)

    with capsys.disabled():
        print(
            f"\n{family}: first answers that change: {share(exact, before):.1%} by bfloat16, {share(before, after):.1%} by the merge"
        )
    assert share(before, after) <= 0.1
