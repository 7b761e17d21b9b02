"""Tiny random models of the classes that people use, for decoder tests: `tiny_model(kind)` builds each once a session.

Weights are large enough (`initializer_range`) that prompts and prefixes matter to the scores.
"""

from functools import cache

import pytest
import torch
from transformers import (
    Gemma3Config,
    Gemma3ForCausalLM,
    Gemma3ForConditionalGeneration,
    Gemma3TextConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
)

VOCAB, PAD, END, IMAGE = 32, 0, 2, 3
TEXT = dict(
    vocab_size=VOCAB,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    initializer_range=0.4,
    pad_token_id=PAD,
    bos_token_id=1,
    eos_token_id=1,
)
VISION = dict(
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=1,
    num_attention_heads=2,
    image_size=16,
    patch_size=4,
    initializer_range=0.4,
)
GEMMA = TEXT | dict(
    head_dim=8,
    query_pre_attn_scalar=8,
    sliding_window=4,
    num_hidden_layers=3,
    layer_types=["sliding_attention", "full_attention", "sliding_attention"],
)
QWEN = TEXT | dict(rope_parameters=dict(rope_type="default", rope_theta=1e4, mrope_section=[1, 1, 0]))
QWEN_VISION = dict(
    depth=1,
    hidden_size=16,
    intermediate_size=24,
    num_heads=2,
    patch_size=4,
    spatial_merge_size=2,
    temporal_patch_size=1,
    out_hidden_size=16,
    initializer_range=0.4,
)
KINDS = (
    "llama",
    "llama-tied",
    "idefics3",
    "idefics3-untied",
    "smolvlm",
    "qwen2.5-vl",
    "qwen3-vl",
    "gemma3",
    "gemma3-text",
    "mistral-sliding",
)


def build(kind: str):
    """A new model of one of KINDS."""
    if kind.startswith("llama"):
        return LlamaForCausalLM(LlamaConfig(**TEXT, tie_word_embeddings=kind == "llama-tied"))
    if kind == "mistral-sliding":
        return MistralForCausalLM(MistralConfig(**TEXT, sliding_window=4))
    if kind.startswith("idefics3") or kind == "smolvlm":
        model, config = (
            (SmolVLMForConditionalGeneration, SmolVLMConfig)
            if kind == "smolvlm"
            else (Idefics3ForConditionalGeneration, Idefics3Config)
        )
        return model(
            config(
                text_config=dict(model_type="llama", **TEXT),
                vision_config=VISION,
                scale_factor=2,
                image_token_id=IMAGE,
                pad_token_id=PAD,
                tie_word_embeddings=kind != "idefics3-untied",
            )
        )
    if kind == "gemma3-text":
        return Gemma3ForCausalLM(Gemma3TextConfig(**GEMMA, final_logit_softcapping=5.0))
    if kind == "gemma3":
        return Gemma3ForConditionalGeneration(
            Gemma3Config(
                text_config=GEMMA,
                vision_config=VISION | dict(model_type="siglip_vision_model", vision_use_head=False),
                mm_tokens_per_image=4,
                image_token_index=IMAGE,
                boi_token_index=30,
                eoi_token_index=31,
            )
        )
    places = dict(image_token_id=IMAGE, video_token_id=29, vision_start_token_id=30, vision_end_token_id=31)
    if kind == "qwen2.5-vl":
        return Qwen2_5_VLForConditionalGeneration(
            Qwen2_5_VLConfig(
                text_config=QWEN, vision_config=QWEN_VISION | dict(window_size=16, fullatt_block_indexes=[0]), **places
            )
        )
    if kind == "qwen3-vl":
        return Qwen3VLForConditionalGeneration(
            Qwen3VLConfig(
                text_config=QWEN | dict(head_dim=4),
                tie_word_embeddings=True,
                vision_config=QWEN_VISION | dict(deepstack_visual_indexes=[0], num_position_embeddings=16),
                **places,
            )
        )
    raise ValueError(kind)


@cache
def tiny_model(kind: str, dtype: torch.dtype = torch.float32, seed: int = 0):
    """The model of that kind, in evaluation mode. Leave it as it is: tests share it."""
    torch.manual_seed(seed)
    net = build(kind).eval()
    if kind == "gemma3":  # transformers starts it at zero: no picture would pass
        torch.nn.init.normal_(net.model.multi_modal_projector.mm_input_projection_weight, std=0.4)
    return net.to(dtype)


@torch.no_grad()
def scores_one_by_one(net, prompt, sequences, **extra):
    """Log-probability of each sequence after `prompt`: one forward pass each, no cache, no padding."""
    scores = []
    for sequence in sequences:
        logits = net(input_ids=torch.tensor([prompt + sequence]), **extra).logits[0]  # (T, V)
        log_probs = logits.float().log_softmax(-1)[len(prompt) - 1 : -1]
        scores.append(float(log_probs[range(len(sequence)), sequence].sum()))
    return scores


@torch.no_grad()
def scores_in_one_batch(net, prompt, sequences):
    """The same in one right-padded forward pass, for tests with many cases (padding comes after all that is read)."""
    longest = max(map(len, sequences))
    rows = torch.tensor([prompt + s + [PAD] * (longest - len(s)) for s in sequences])
    log_probs = net(input_ids=rows).logits.float().log_softmax(-1)[:, len(prompt) - 1 : -1]  # (N, longest, V)
    return [float(row[range(len(s)), s].sum()) for row, s in zip(log_probs, sequences)]


def assert_is_ranking(found, scores, k=None, tolerance=2e-4):
    """`found` is the whole of `scores`, best first, or its first k; equal scores may stand in any order."""
    expected = sorted(scores, reverse=True)[:k]
    assert [score for _, score in found] == pytest.approx(expected, abs=tolerance)
    assert len({position for position, _ in found}) == len(found)
    assert [scores[position] for position, _ in found] == pytest.approx([score for _, score in found], abs=tolerance)


def assert_same_results(found, expected, tolerance=2e-4):
    """Two decoders' lists of (position, score) for the same queries, up to rounding and the order of near-equal scores."""
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected):
        assert [score for _, score in ours] == pytest.approx([score for _, score in theirs], abs=tolerance)
        last = min((score for _, score in theirs), default=0)
        for some, others in (
            (ours, dict(theirs)),
            (theirs, dict(ours)),
        ):  # what one lacks may only have tied for the last place
            assert all(others.get(position, last) == pytest.approx(score, abs=tolerance) for position, score in some)
