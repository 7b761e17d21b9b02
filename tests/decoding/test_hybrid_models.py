"""Models whose layers keep a state instead of keys and values (convolutions, linear attention, Mamba): right or refused."""

import pytest
import torch
import transformers
from tiny_models import END, IMAGE, PAD, QWEN_VISION, TEXT, VISION, VOCAB, assert_is_ranking, scores_in_one_batch

from gcr_tutorial.decoding import (
    beam_trace,
    constrained_beam_search,
    exact_top_k,
    left_pad,
    score_all_identifiers,
    trie_generate,
    trie_search,
)
from gcr_tutorial.trie import TrieIndex

PROMPTS = [[10, 11, 12, 13, 14, 15], [16], [17, 18, 19]]
GALLERY = [[4, END], [4, 5, END], [4, 5, 6, END], [5, END], [9, 4, END], [9, 9, END]]
TRIE = TrieIndex.build(GALLERY)
LFM2 = TEXT | dict(layer_types=["conv", "full_attention"], conv_L_cache=3, block_multiple_of=8)
QWEN35 = TEXT | dict(
    linear_num_key_heads=2,
    linear_num_value_heads=2,
    linear_key_head_dim=4,
    linear_value_head_dim=4,
    linear_conv_kernel_dim=3,
    head_dim=8,
    layer_types=["linear_attention", "full_attention"],
)
SSM = dict(mamba_n_heads=2, mamba_d_head=8, mamba_d_state=4, mamba_n_groups=1, mamba_chunk_size=4)
VISUAL = dict(image_token_id=IMAGE, video_token_id=29, vision_start_token_id=30, vision_end_token_id=31)
HYBRIDS = {  # class: (class of its configuration, its settings)
    "Lfm2VlForConditionalGeneration": (
        "Lfm2VlConfig",
        dict(
            text_config=dict(model_type="lfm2", **LFM2),
            vision_config=VISION | dict(model_type="siglip2_vision_model", num_patches=16),
            image_token_id=IMAGE,
        ),
    ),
    "Qwen3_5ForConditionalGeneration": (
        "Qwen3_5Config",
        dict(text_config=QWEN35, vision_config=QWEN_VISION | dict(num_position_embeddings=16), **VISUAL),
    ),
    # attention and a state side by side in every layer: all layers use the attention that they are given
    "FalconH1ForCausalLM": ("FalconH1Config", TEXT | SSM | dict(mamba_d_ssm=16)),
    "MambaForCausalLM": (  # no attention at all
        "MambaConfig",
        dict(vocab_size=VOCAB, hidden_size=16, state_size=4, num_hidden_layers=2, eos_token_id=1, initializer_range=0.4),
    ),
}


@pytest.mark.parametrize("name", HYBRIDS)
def test_generate_is_right_and_the_token_tree_refuses(name):
    if not hasattr(transformers, name):
        pytest.skip(f"transformers {transformers.__version__} has no {name}")
    config, settings = HYBRIDS[name]
    torch.manual_seed(0)
    net = getattr(transformers, name)(getattr(transformers, config)(**settings)).eval()
    inputs = left_pad(PROMPTS, PAD)  # padding must not enter the state
    for prompt, found in zip(PROMPTS, trie_search(net, inputs, TRIE, len(GALLERY), pad_id=PAD)):
        assert_is_ranking(found, scores_in_one_batch(net, prompt, GALLERY))
    embedded = {"attention_mask": inputs["attention_mask"], "inputs_embeds": net.get_input_embeddings()(inputs["input_ids"])}
    searches = [
        lambda: constrained_beam_search(net, PROMPTS, TRIE, 3),
        lambda: constrained_beam_search(net, embedded, TRIE, 3),
        lambda: exact_top_k(net, PROMPTS, TRIE, 3),
        lambda: score_all_identifiers(net, PROMPTS, TRIE),
        lambda: beam_trace(net, PROMPTS[0], TRIE, 3),
        lambda: net.generate(**inputs, custom_generate=trie_generate, trie=TRIE, beams=3, pad_token_id=PAD, max_new_tokens=8),
    ]
    for search in searches:
        with pytest.raises(ValueError, match=f"{name} has layers that a token tree cannot serve .*: use trie_search"):
            search()
