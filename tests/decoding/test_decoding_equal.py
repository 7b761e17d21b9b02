"""Four decoders, one answer: `generate` with our processor, the fast beam search, the whole gallery's scores, exact top-k."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import (
    END,
    IMAGE,
    KINDS,
    PAD,
    TEXT,
    VOCAB,
    assert_is_ranking,
    assert_same_results,
    scores_in_one_batch,
    scores_one_by_one,
    tiny_model,
)
from transformers import LlamaConfig, LlamaForCausalLM

from gcr_tutorial.decoding import constrained_beam_search, exact_top_k, left_pad, score_all_identifiers, trie_search
from gcr_tutorial.trie import TrieIndex

HEAD = [10, 11, 12]
PROMPTS = [[*HEAD, 13, 14, 15, 16], [*HEAD, 16], [*HEAD, 17, 18, 19], [*HEAD, 13, 14, 15, 16]]
GALLERY = [[4, END], [4, 5, END], [4, 5, 6, END], [5, END], [5, 6, 7, 8, END], [9, 4, END], [9, 9, END]]
TRIE = TrieIndex.build(GALLERY)

bodies = st.lists(st.sampled_from([4, 5, 6]), max_size=4).map(tuple)
galleries = st.lists(bodies, min_size=1, max_size=12, unique=True).map(lambda g: [[*body, END] for body in g])
prompts = st.lists(st.lists(st.integers(4, VOCAB - 1), min_size=1, max_size=6), min_size=1, max_size=3)


@pytest.mark.parametrize("kind", KINDS)
def test_all_decoders_agree_with_scoring_each_identifier_alone(kind):
    """Prompts of several lengths (two equal), longer than a sliding window; beams for the whole gallery."""
    net = tiny_model(kind)
    fast = constrained_beam_search(net, PROMPTS, TRIE, len(GALLERY))
    table = score_all_identifiers(net, PROMPTS, TRIE)
    exact = exact_top_k(net, PROMPTS, TRIE, len(GALLERY), expand=3)
    assert table.shape == (len(PROMPTS), len(GALLERY)) and all(exact.proven)
    assert_same_results(trie_search(net, left_pad(PROMPTS, PAD), TRIE, len(GALLERY), pad_id=PAD), fast)
    for prompt, found, row, top in zip(PROMPTS, fast, table, exact.results):
        scores = scores_one_by_one(net, prompt, GALLERY)
        assert max(scores) - min(scores) > 1  # else any order would pass
        assert_is_ranking(found, scores)
        assert_is_ranking(top, scores)
        assert row.tolist() == pytest.approx(scores, abs=2e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_beams", [1, 2, 4])
def test_a_narrow_beam_finds_what_generate_finds(kind, num_beams):
    net, inputs = tiny_model(kind), left_pad(PROMPTS, PAD)
    expected = trie_search(net, inputs, TRIE, num_beams, pad_id=PAD)
    for given_as in (inputs, PROMPTS):
        assert_same_results(constrained_beam_search(net, given_as, TRIE, num_beams, pad_id=PAD), expected)


@settings(max_examples=25)
@given(st.sampled_from(["gemma3", "qwen2.5-vl", "idefics3"]), galleries, prompts, st.integers(1, 15), st.booleans())
def test_any_trie_any_beams_as_generate(kind, gallery, queries, num_beams, lazy):
    trie, net = TrieIndex.build(gallery), tiny_model(kind)
    found = constrained_beam_search(net, queries, trie, num_beams, lazy=lazy)
    assert_same_results(found, trie_search(net, left_pad(queries, PAD), trie, num_beams, pad_id=PAD))


@settings(max_examples=25)
@given(galleries, prompts, st.integers(1, 15), st.integers(1, 5), st.sampled_from([1e-6, 0.05, 1024]))
def test_any_trie_exactly(gallery, queries, k, expand, memory_mb):
    """Gallery scores whatever the chunks, and the true top-k whatever the number of prefixes a pass."""
    trie, net = TrieIndex.build(gallery), tiny_model("llama")
    table = score_all_identifiers(net, queries, trie, memory_mb=memory_mb)
    exact = exact_top_k(net, queries, trie, k, expand=expand)
    inner = trie.num_nodes - len(trie)
    for prompt, row, top, evaluations in zip(queries, table, exact.results, exact.evaluations):
        scores = scores_in_one_batch(net, prompt, gallery)
        assert row.tolist() == pytest.approx(scores, abs=2e-4)
        assert_is_ranking(top, scores, k)
        assert evaluations < inner  # the root is the prompt; no prefix is evaluated twice


@settings(max_examples=8)
@given(st.lists(st.integers(4, 31), min_size=20, max_size=30), prompts.filter(lambda p: len(p) > 1), st.integers(1, 3))
def test_a_start_that_prompts_share_is_evaluated_once_and_changes_nothing(start, rest, batch_size):
    net, queries = tiny_model("gemma3"), [[*start, *tokens] for tokens in rest * 4]  # past every sliding window
    together = constrained_beam_search(net, queries, TRIE, 4, batch_size=batch_size)
    for query, found in zip(queries, together[: len(rest)]):
        assert_same_results([found], constrained_beam_search(net, [query], TRIE, 4))


def test_the_prompt_is_evaluated_once_a_query_and_its_shared_start_once_a_call(monkeypatch):
    net, counted = tiny_model("llama"), []
    forward = type(net.model).forward
    monkeypatch.setattr(
        type(net.model),
        "forward",
        lambda self, input_ids=None, **kw: counted.append(input_ids.numel()) or forward(self, input_ids=input_ids, **kw),
    )
    queries = [[*range(4, 29), *rest] for rest in [[29], [30], [31, 29], [28, 28, 30]] * 25]  # all start alike
    constrained_beam_search(net, queries, TrieIndex.build([[7, END], [8, END]]), 10, batch_size=50)
    assert sum(counted) == 25 + 25 * (1 + 1 + 2 + 3) + 100 * 2  # start, rests, two live prefixes each


def test_only_live_prefixes_are_evaluated():
    """50 beams over a trie of 4 and then 7 prefixes cost 11 evaluations, not 100."""
    from gcr_tutorial.decoding.tree_attention import TokenTree

    gallery = [[4, 5, END], [4, 6, END], [5, 4, END], [5, 6, END], [6, 4, END], [7, 4, END], [7, 5, END]]
    evaluated, extend = [], TokenTree.extend
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TokenTree, "extend", lambda self, row, *a: evaluated.append(len(row)) or extend(self, row, *a))
        constrained_beam_search(tiny_model("llama"), [[10, 11]], TrieIndex.build(gallery), 50)
    assert evaluated == [4, 7]


def test_lazy_search_skips_prefixes_that_cannot_matter():
    """A model that is sure: with a sharpened head most prefixes of a level are never evaluated, and nothing changes."""
    from gcr_tutorial.decoding.tree_attention import TokenTree

    torch.manual_seed(3)
    net = LlamaForCausalLM(LlamaConfig(**TEXT | dict(tie_word_embeddings=False))).eval()
    with torch.no_grad():
        net.lm_head.weight *= 8
    alphabet = list(range(4, 32))
    trie = TrieIndex.build([[a, b, c, END] for a in alphabet for b in alphabet[:8] for c in alphabet[:3]])
    evaluated, extend = {}, TokenTree.extend
    results = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gcr_tutorial.decoding.beam_search.min_efficient_tokens", lambda model: 1)
        for lazy in (True, False):
            evaluated[lazy] = 0

            def counted(self, row, *rest, lazy=lazy):
                evaluated[lazy] += len(row)
                return extend(self, row, *rest)

            patch.setattr(TokenTree, "extend", counted)
            results[lazy] = constrained_beam_search(net, PROMPTS, trie, 20, k=5, lazy=lazy, normalize="trie")
    assert_same_results(results[True], results[False])
    assert evaluated[True] < 0.7 * evaluated[False]


@pytest.mark.parametrize("kind", ["idefics3", "gemma3"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(kind, dtype):
    """In 16 bits scores agree to the precision of the format."""
    net = tiny_model(kind, dtype)
    for found, row, prompt in zip(
        constrained_beam_search(net, PROMPTS, TRIE, len(GALLERY)), score_all_identifiers(net, PROMPTS, TRIE), PROMPTS
    ):
        scores = scores_one_by_one(net, prompt, GALLERY)
        assert [score for _, score in sorted(found)] == pytest.approx(scores, abs=0.4)
        assert row.tolist() == pytest.approx(scores, abs=0.4)
        assert np.abs(np.array(scores) - scores_one_by_one(tiny_model(kind), prompt, GALLERY)).max() < 0.5  # the scale of it


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_whatever_attention_the_model_was_loaded_with(attention):
    config = LlamaConfig(**TEXT)
    config._attn_implementation = attention
    torch.manual_seed(0)
    net = LlamaForCausalLM(config).eval()
    expected = trie_search(net, left_pad(PROMPTS, PAD), TRIE, 4, pad_id=PAD)
    assert_same_results(constrained_beam_search(net, PROMPTS, TRIE, 4), expected)
    assert net.config._attn_implementation == attention  # put back


def test_normalised_over_the_trie():
    """Scores renormalised over live children: all identifiers together have probability one."""
    for kind in ("llama", "gemma3-text"):
        net = tiny_model(kind)
        table = score_all_identifiers(net, PROMPTS, TRIE, normalize="trie")
        assert np.exp(table).sum(1).tolist() == pytest.approx([1.0] * len(PROMPTS), abs=1e-4)
        found = constrained_beam_search(net, PROMPTS, TRIE, len(GALLERY), normalize="trie")
        exact = exact_top_k(net, PROMPTS, TRIE, 3, normalize="trie")
        for row, hits, top, prompt in zip(table, found, exact.results, PROMPTS):
            assert_is_ranking(hits, row.tolist())
            assert_is_ranking(top, row.tolist(), 3)
            with torch.no_grad():  # the first step by hand
                logits = net(input_ids=torch.tensor([prompt])).logits[0, -1, [4, 5, 9]].log_softmax(-1)
            assert np.logaddexp.reduce(row[:3]) == pytest.approx(float(logits[0]), abs=1e-4)


PICTURE = torch.randn(2, 1, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def picture_inputs(kind):
    """Two prompts with a picture each, of unequal length, as that model's processor would give them."""
    ids = [[10, *[IMAGE] * 4, 11], [30, *[IMAGE] * 4, 31, 12]]
    inputs = left_pad(ids, PAD)
    shown = (inputs["input_ids"] == IMAGE).long()
    if kind in ("idefics3", "smolvlm"):
        return inputs | {"pixel_values": PICTURE}
    if kind == "gemma3":
        return inputs | {"pixel_values": PICTURE[:, 0], "token_type_ids": shown}
    patches = PICTURE[:, 0].unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).reshape(32, -1)
    return inputs | {"pixel_values": patches, "image_grid_thw": torch.tensor([[1, 4, 4]] * 2), "mm_token_type_ids": shown.int()}


@pytest.mark.parametrize("kind", ["idefics3", "smolvlm", "gemma3", "qwen2.5-vl", "qwen3-vl"])
def test_pictures_in_the_prompt(kind):
    net, inputs = tiny_model(kind), picture_inputs(kind)
    expected = trie_search(net, inputs, TRIE, len(GALLERY), pad_id=PAD)
    found = constrained_beam_search(net, inputs, TRIE, len(GALLERY), pad_id=PAD)
    assert_same_results(found, expected)
    for row, hits in zip(score_all_identifiers(net, inputs, TRIE, pad_id=PAD), expected):
        assert_is_ranking(hits, row.tolist())
    assert_same_results(exact_top_k(net, inputs, TRIE, 3, pad_id=PAD).results, [hits[:3] for hits in expected])
    inputs["pixel_values"] = torch.full_like(inputs["pixel_values"], 0.5)  # the picture matters
    other = constrained_beam_search(net, inputs, TRIE, len(GALLERY), pad_id=PAD)
    assert [s for _, s in other[0]] != pytest.approx([s for _, s in found[0]], abs=1e-3)


@pytest.mark.parametrize("kind", ["idefics3", "gemma3", "qwen2.5-vl"])
@pytest.mark.parametrize("ids_too", [False, True])
def test_embeddings_instead_of_ids(kind, ids_too):
    net, inputs = tiny_model(kind), left_pad(PROMPTS, PAD)
    embedded = {
        "attention_mask": inputs["attention_mask"],
        "inputs_embeds": net.get_input_embeddings()(inputs["input_ids"]).detach(),
    }
    if ids_too:
        embedded["input_ids"] = inputs["input_ids"]
    assert_same_results(constrained_beam_search(net, embedded, TRIE, 4), constrained_beam_search(net, PROMPTS, TRIE, 4))


def test_adapters_on_every_part_and_dropout():
    """peft: layers, embeddings and head wrapped, in training mode; everything is put back."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    net = LlamaForCausalLM(LlamaConfig(**TEXT))
    net = get_peft_model(
        net, LoraConfig(r=2, target_modules=["q_proj", "lm_head", "embed_tokens"], lora_dropout=0.9, init_lora_weights=False)
    ).train()
    before = {name: module.training for name, module in net.named_modules()}
    expected = trie_search(net, left_pad(PROMPTS, PAD), TRIE, 4, pad_id=PAD)
    assert_same_results(constrained_beam_search(net, PROMPTS, TRIE, 4), expected)
    assert {name: module.training for name, module in net.named_modules()} == before
    for row, _prompt in zip(score_all_identifiers(net, PROMPTS, TRIE, normalize="trie"), PROMPTS):
        assert np.exp(row).sum() == pytest.approx(1, abs=1e-4)
    with net.disable_adapter():
        assert constrained_beam_search(net, PROMPTS, TRIE, 4) != expected
