"""A merged adapter comes back from disk: output heads tied to the embeddings or not, and how much a merge rounds."""

from copy import deepcopy

import pytest
import torch
from safetensors import safe_open
from tiny_backbone import tiny_backbone

from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.loading import load_backbone, save_backbone
from gcr_tutorial.models.lora import add_lora, merge_lora
from gcr_tutorial.models.tokens import add_tokens

NEW = ["<a_0>", "<a_1>", "<a_2>"]


def untied_backbone() -> Backbone:
    """A tiny backbone whose output head has weights of its own."""
    backbone = tiny_backbone()
    config = deepcopy(backbone.model.config)
    config.tie_word_embeddings = config.text_config.tie_word_embeddings = False
    torch.manual_seed(0)
    model = type(backbone.model)(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight *= 0.2 / weight.std()
    assert model.get_output_embeddings().weight is not model.get_input_embeddings().weight
    return Backbone(model, backbone.processor)


def wrongly_called_untied() -> Backbone:
    """A tiny backbone with one matrix for both, whose configuration says otherwise, as that of some real models does."""
    backbone = tiny_backbone()
    backbone.model.config.tie_word_embeddings = False
    return backbone


def trained(backbone: Backbone) -> Backbone:
    """As after training: the adapters and the rows of the new tokens have moved."""
    ids = add_tokens(backbone, NEW)
    add_lora(backbone, rank=4, token_ids=ids)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in backbone.model.parameters():
            if weight.requires_grad:
                weight += 0.1 * torch.randn(weight.shape, generator=generator)
    return backbone


@torch.no_grad()
def logits(backbone: Backbone) -> torch.Tensor:
    prompt = torch.tensor([backbone.tokenizer("a dog on the beach <a_0><a_2>", add_special_tokens=False)["input_ids"]])
    return backbone.model.eval()(input_ids=prompt).logits


@pytest.mark.parametrize("make", [tiny_backbone, untied_backbone, wrongly_called_untied])
def test_heads_are_the_same_after_merge_save_and_load(tmp_path, make):
    backbone = trained(make())
    before = logits(backbone)
    merge_lora(backbone)
    merged = logits(backbone)
    torch.testing.assert_close(merged, before, atol=1e-4, rtol=1e-4)
    save_backbone(backbone, tmp_path / "merged")
    loaded = load_backbone(tmp_path / "merged")
    for name in ("get_input_embeddings", "get_output_embeddings"):
        assert torch.equal(getattr(loaded.model, name)().weight, getattr(backbone.model, name)().weight), name
    assert torch.equal(logits(loaded), merged)
    tied = loaded.model.get_output_embeddings().weight is loaded.model.get_input_embeddings().weight
    with safe_open(tmp_path / "merged" / "model.safetensors", "pt") as stored:
        assert ("lm_head.weight" in stored.keys()) is not tied and tied is (make is not untied_backbone)


def test_a_merge_in_bfloat16_changes_few_answers():
    """The merge rounds the sum of weight and adapter to bfloat16 (peft 2502). Counted against the adapter kept apart in
    float32, on a model whose weights are bfloat16 numbers."""
    backbone = tiny_backbone()
    backbone.model.to(torch.bfloat16).to(torch.float32)
    exact = trained(backbone)
    prompts = torch.randint(5, len(exact.tokenizer), (64, 12), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        right = exact.model.eval()(input_ids=prompts).logits.argmax(-1)
        merge_lora(exact)
        exact.model.to(torch.bfloat16).to(torch.float32)
        rounded = exact.model(input_ids=prompts).logits.argmax(-1)
    changed = float((right != rounded).float().mean())
    assert changed < 0.05, f"{changed:.1%} of the likeliest tokens"
