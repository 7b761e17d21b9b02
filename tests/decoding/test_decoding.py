"""Constrained beam search through `generate` against scoring every identifier on its own, on tiny random models."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import (
    END,
    IMAGE,
    PAD,
    TEXT,
    VOCAB,
    assert_is_ranking,
    scores_in_one_batch,
    scores_one_by_one,
    tiny_model,
)
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, LogitsProcessorList

from gcr_tutorial.decoding import TrieLogitsProcessor, left_pad, prefix_allowed_tokens_fn, trie_search
from gcr_tutorial.trie import TrieIndex

PROMPTS = [[10, 11, 12, 13, 14, 15], [16], [17, 18, 19]]  # three lengths
GALLERY = [[4, END], [4, 5, END], [4, 5, 6, END], [5, END], [5, 6, 7, 8, END], [9, 4, END], [9, 9, END]]

bodies = st.lists(st.sampled_from([4, 5, 6]), max_size=4).map(tuple)  # the empty body too: END alone
galleries = st.lists(bodies, min_size=1, max_size=12, unique=True).map(lambda g: [[*body, END] for body in g])
prompts = st.lists(st.lists(st.integers(4, VOCAB - 1), min_size=1, max_size=5), min_size=1, max_size=3)


@pytest.mark.parametrize("kind", ["llama", "llama-tied", "idefics3"])
def test_enough_beams_give_the_score_of_every_identifier(kind):
    trie = TrieIndex.build(GALLERY)
    results = trie_search(tiny_model(kind), left_pad(PROMPTS, PAD), trie, num_beams=len(GALLERY), pad_id=PAD)
    assert len(results) == len(PROMPTS)
    for prompt, found in zip(PROMPTS, results):
        scores = scores_one_by_one(tiny_model(kind), prompt, GALLERY)
        assert max(scores) - min(scores) > 1  # else any order would pass
        assert_is_ranking(found, scores)


@settings(max_examples=50, deadline=None)
@given(galleries, prompts, st.integers(1, 15))
def test_any_trie_any_beams(gallery, queries, num_beams):
    """Valid identifiers, once each, with their true scores, best first; all of them when the beams suffice."""
    trie = TrieIndex.build(gallery)
    results = trie_search(tiny_model("llama"), left_pad(queries, PAD), trie, num_beams, pad_id=PAD)
    assert len(results) == len(queries)
    for prompt, found in zip(queries, results):
        scores = scores_in_one_batch(tiny_model("llama"), prompt, gallery)
        assert 1 <= len(found) <= num_beams
        assert len({row for row, _ in found}) == len(found)
        assert [scores[row] for row, _ in found] == pytest.approx([s for _, s in found], abs=2e-4)
        assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
        if num_beams >= len(gallery):
            assert_is_ranking(found, scores)


@settings(max_examples=20, deadline=None)
@given(galleries, st.integers(2, 20))
def test_processor_in_plain_generate_and_prefix_function_agree(gallery, num_beams):
    """More beams than leaves, given to generate itself: real rows are the whole gallery, fillers can be told apart."""
    trie, net, inputs = TrieIndex.build(gallery), tiny_model("llama"), left_pad(PROMPTS, PAD)
    length = inputs["input_ids"].shape[1]
    config = GenerationConfig(
        num_beams=num_beams,
        num_return_sequences=num_beams,
        max_new_tokens=trie.depth,
        eos_token_id=END,
        pad_token_id=PAD,
        length_penalty=0.0,
        early_stopping="never",
        output_scores=True,
        return_dict_in_generate=True,
    )
    ours = net.generate(
        **inputs, generation_config=config, logits_processor=LogitsProcessorList([TrieLogitsProcessor(trie, length)])
    )
    theirs = net.generate(**inputs, generation_config=config, prefix_allowed_tokens_fn=prefix_allowed_tokens_fn(trie, length))
    real = ours.sequences_scores > -1e8
    assert torch.equal(real, theirs.sequences_scores > -1e8)
    assert torch.equal(ours.sequences[real], theirs.sequences[real])
    assert torch.equal(ours.sequences_scores[real], theirs.sequences_scores[real])
    searched = trie_search(net, inputs, trie, num_beams, pad_id=PAD)
    if num_beams >= len(gallery):
        assert real.view(len(PROMPTS), -1).sum(1).tolist() == [len(gallery)] * len(PROMPTS)
        assert [len(found) for found in searched] == [len(gallery)] * len(PROMPTS)


@pytest.mark.parametrize("num_beams", [1, 3, 50])
def test_a_trie_of_one(num_beams):
    trie = TrieIndex.build([[7, 8, END]])
    results = trie_search(tiny_model("llama"), left_pad(PROMPTS, PAD), trie, num_beams, pad_id=PAD)
    for prompt, found in zip(PROMPTS, results):
        assert_is_ranking(found, scores_one_by_one(tiny_model("llama"), prompt, [[7, 8, END]]))


def test_an_identifier_that_is_a_prefix_of_another_keeps_its_own_score():
    gallery = [[4, END], [4, 5, END], [4, 5, 5, END]]
    for order in (gallery, gallery[::-1]):
        found = trie_search(tiny_model("llama"), left_pad(PROMPTS[:1], PAD), TrieIndex.build(order), 3, pad_id=PAD)[0]
        assert_is_ranking(found, scores_one_by_one(tiny_model("llama"), PROMPTS[0], order))


def test_an_empty_trie_is_refused():
    with pytest.raises(ValueError, match="at least one identifier"):
        TrieIndex.build([])


def test_one_beam_is_greedy():
    results = trie_search(tiny_model("llama"), left_pad(PROMPTS, PAD), TrieIndex.build(GALLERY), num_beams=1, pad_id=PAD)
    for prompt, found in zip(PROMPTS, results):
        path = []
        while not path or path[-1] != END:
            allowed = sorted({s[len(path)] for s in GALLERY if s[: len(path)] == path})
            path.append(
                allowed[
                    max(
                        range(len(allowed)),
                        key=lambda i: scores_one_by_one(tiny_model("llama"), prompt + path, [[allowed[i]]])[0],
                    )
                ]
            )
        score = scores_one_by_one(tiny_model("llama"), prompt, [path])[0]
        assert found == [(GALLERY.index(path), pytest.approx(score, abs=2e-4))]


def test_k_cuts_the_list():
    inputs, trie = left_pad(PROMPTS, PAD), TrieIndex.build(GALLERY)
    full = trie_search(tiny_model("llama"), inputs, trie, 7, pad_id=PAD)
    assert trie_search(tiny_model("llama"), inputs, trie, 7, k=2, pad_id=PAD) == [found[:2] for found in full]


def test_batch_order_and_company_do_not_matter():
    trie = TrieIndex.build(GALLERY)
    together = trie_search(tiny_model("idefics3"), left_pad(PROMPTS, PAD), trie, 4, pad_id=PAD)
    for prompt, found in zip(PROMPTS, together):
        alone = trie_search(tiny_model("idefics3"), left_pad([prompt], PAD), trie, 4, pad_id=PAD)[0]
        assert [p for p, _ in alone] == [p for p, _ in found]
        assert [s for _, s in alone] == pytest.approx([s for _, s in found], abs=2e-4)


@pytest.mark.parametrize("num_beams", [1, 3, 7])
@pytest.mark.parametrize("ids_too", [False, True])
def test_inputs_embeds(num_beams, ids_too):
    """With embeddings alone the generated ids hold no prompt; with input_ids beside them they do."""
    net, inputs, trie = tiny_model("idefics3"), left_pad(PROMPTS, PAD), TrieIndex.build(GALLERY)
    expected = trie_search(net, inputs, trie, num_beams, pad_id=PAD)
    embedded = dict(
        attention_mask=inputs["attention_mask"], inputs_embeds=net.get_input_embeddings()(inputs["input_ids"]).detach()
    )
    if ids_too:
        embedded["input_ids"] = inputs["input_ids"]
    found = trie_search(net, embedded, trie, num_beams, pad_id=PAD)
    assert [[p for p, _ in f] for f in found] == [[p for p, _ in f] for f in expected]
    for f, e in zip(found, expected):
        assert [s for _, s in f] == pytest.approx([s for _, s in e], abs=2e-4)


def test_images_go_through():
    """Memorization is asked as image -> identifier, so pixel values must reach the model once and only once."""
    net, trie = tiny_model("idefics3"), TrieIndex.build(GALLERY)
    prompts = [[10, *[IMAGE] * 4, 11], [*[IMAGE] * 4, 12]]  # (16 / 4)^2 / 2^2 = 4 image tokens
    pixels = torch.randn(2, 1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    results = trie_search(net, left_pad(prompts, PAD) | {"pixel_values": pixels}, trie, 7, pad_id=PAD)
    for i, found in enumerate(results):
        assert_is_ranking(found, scores_one_by_one(net, prompts[i], GALLERY, pixel_values=pixels[i : i + 1]))
    grey = torch.full_like(pixels, 0.5)
    plain = trie_search(net, left_pad(prompts, PAD) | {"pixel_values": grey}, trie, 7, pad_id=PAD)
    assert [s for _, s in plain[0]] != pytest.approx([s for _, s in results[0]], abs=1e-3)


def test_the_models_own_generation_settings_neither_matter_nor_change():
    net, inputs, trie = tiny_model("llama"), left_pad(PROMPTS, PAD), TrieIndex.build(GALLERY)
    expected = trie_search(net, inputs, trie, 7, pad_id=PAD)
    own = net.generation_config
    twisted = GenerationConfig(
        repetition_penalty=3.0,
        no_repeat_ngram_size=1,
        suppress_tokens=[4],
        max_length=4,
        do_sample=True,
        temperature=9.0,
        eos_token_id=[4, 5],
        length_penalty=-2.0,
    )
    try:
        net.generation_config = twisted
        assert trie_search(net, inputs, trie, 7, pad_id=PAD) == expected
        assert net.generation_config is twisted
        with pytest.raises(ValueError, match="resize"):  # put back after an error too
            trie_search(net, inputs, TrieIndex.build([[VOCAB, END]]), pad_id=PAD)
        assert net.generation_config is twisted
    finally:
        net.generation_config = own


def test_dropout_is_off_during_the_search_and_back_on_after():
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    net = LlamaForCausalLM(LlamaConfig(**TEXT))
    net = get_peft_model(net, LoraConfig(r=2, target_modules=["q_proj"], lora_dropout=0.9, init_lora_weights=False))
    net.train()
    net.get_submodule("base_model.model.model.norm").eval()  # frozen parts that their owner keeps in evaluation mode
    before = {name: module.training for name, module in net.named_modules()}
    inputs, trie = left_pad(PROMPTS, PAD), TrieIndex.build(GALLERY)
    first = trie_search(net, inputs, trie, 7, pad_id=PAD)
    assert first == trie_search(net, inputs, trie, 7, pad_id=PAD)
    assert {name: module.training for name, module in net.named_modules()} == before
    assert_is_ranking(first[1], scores_one_by_one(net.eval(), PROMPTS[1], GALLERY))  # the adapter is in use
    with net.disable_adapter():
        assert trie_search(net, inputs, trie, 7, pad_id=PAD) != first


def test_a_missing_mask_is_fine_without_padding_only():
    trie, one_length = TrieIndex.build(GALLERY), left_pad([[10, 11], [12, 13]], PAD)
    expected = trie_search(tiny_model("llama"), one_length, trie, 3, pad_id=PAD)
    for mask in ({}, {"attention_mask": None}):
        inputs = {"input_ids": one_length["input_ids"], **mask}
        assert trie_search(tiny_model("llama"), inputs, trie, 3, pad_id=PAD) == expected
    with pytest.raises(ValueError, match="pass attention_mask"):
        trie_search(tiny_model("llama"), {"input_ids": left_pad(PROMPTS, PAD)["input_ids"]}, trie, pad_id=PAD)


@pytest.mark.parametrize(
    "inputs, settings, message",
    [
        ({}, {}, "at least one query"),
        ({"input_ids": torch.zeros(0, 3, dtype=torch.long)}, {}, "at least one query"),
        ({"input_ids": torch.tensor([[5, 6]]), "attention_mask": torch.tensor([[1, 0]])}, {}, "on the left"),
        ({"input_ids": torch.tensor([[5, 6]]), "attention_mask": torch.tensor([[1]])}, {}, "attention_mask is"),
        ({"input_ids": torch.tensor([[5]])}, {"num_beams": 0}, "num_beams"),
        ({"input_ids": torch.tensor([[5]])}, {"k": 0}, "k must|and k"),
    ],
)
def test_refuses(inputs, settings, message):
    with pytest.raises(ValueError, match=message):
        trie_search(tiny_model("llama"), inputs, TrieIndex.build(GALLERY), **settings)


def test_left_pad():
    padded = left_pad([[5, 6, 7], [8]], pad_id=9)
    assert padded["input_ids"].tolist() == [[5, 6, 7], [9, 9, 8]]
    assert padded["attention_mask"].tolist() == [[1, 1, 1], [0, 0, 1]]
    for bad in ([], [[5], []]):
        with pytest.raises(ValueError, match="at least one"):
            left_pad(bad, 9)


@settings(max_examples=30, deadline=None)
@given(galleries, st.lists(st.lists(st.integers(0, VOCAB - 1), min_size=2, max_size=2), min_size=1, max_size=6))
def test_processor_masks_exactly_what_leads_nowhere(gallery, generated):
    trie = TrieIndex.build(gallery)
    rows = [[30, 31, *tokens] for tokens in generated + [s[:2] for s in gallery if len(s) > 1]]
    scores = torch.randn(len(rows), VOCAB, generator=torch.Generator().manual_seed(0))
    processor, allow = TrieLogitsProcessor(trie, 2), prefix_allowed_tokens_fn(trie, 2)
    for length in (2, 3, 4):  # as generate calls them: the prompt first, then one token more at each step
        masked = processor(torch.tensor(rows)[:, :length], scores)
        for row, before, after in zip(rows, scores, masked):
            path = row[2:length]
            allowed = {s[len(path)] for s in gallery if s[: len(path)] == path and len(s) > len(path)} or {END}
            assert {t for t in range(VOCAB) if after[t] > -math.inf} == allowed  # a dead row may only end
            assert all(after[t] == before[t] for t in allowed)
            assert set(allow(0, torch.tensor(row[:length]))) == allowed


def test_processor_refuses_wrong_lengths():
    trie = TrieIndex.build(GALLERY)
    with pytest.raises(ValueError, match="prompt_length is 5"):
        TrieLogitsProcessor(trie, 5)(torch.zeros(1, 3, dtype=torch.long), torch.zeros(1, VOCAB))
    with pytest.raises(ValueError, match="at least 0"):
        TrieLogitsProcessor(trie, -1)


@pytest.mark.parametrize("told", [0, 10, 24, 26])
@pytest.mark.parametrize("make", ["processor", "function"])
def test_a_prompt_length_that_the_ids_contradict_is_refused(make, told):
    """With a length that is too short, the walk would leave the trie inside the prompt and the answer would be empty."""
    trie, prompts = TrieIndex.build(GALLERY), torch.randint(4, VOCAB, (2, 25), generator=torch.Generator().manual_seed(0))
    how = {
        "processor": lambda n: {"logits_processor": [TrieLogitsProcessor(trie, n)]},
        "function": lambda n: {"prefix_allowed_tokens_fn": prefix_allowed_tokens_fn(trie, n)},
    }[make]
    config = GenerationConfig(max_new_tokens=trie.depth, eos_token_id=END, pad_token_id=PAD)
    with pytest.raises(ValueError, match=f"the prompt has 25 tokens but prompt_length is {told}"):
        tiny_model("llama").generate(prompts, generation_config=config, **how(told))
    answers = tiny_model("llama").generate(prompts, generation_config=config, **how(25))[:, 25:].tolist()
    assert [answer[: answer.index(END) + 1] in GALLERY for answer in answers] == [True, True]


def test_a_processor_is_for_one_call_of_generate():
    processor = TrieLogitsProcessor(TrieIndex.build(GALLERY), 3)
    config = GenerationConfig(max_new_tokens=2, eos_token_id=END, pad_token_id=PAD)
    for _ in range(2):  # the same length again is no contradiction
        tiny_model("llama").generate(torch.tensor([[10, 11, 12]]), generation_config=config, logits_processor=[processor])
    with pytest.raises(ValueError, match="prompt_length is 3"):
        tiny_model("llama").generate(torch.full((1, 9), 10), generation_config=config, logits_processor=[processor])


def test_generate_cannot_find_more_results_than_beams():
    with pytest.raises(ValueError, match="at most num_beams=2 identifiers, k=3"):
        trie_search(tiny_model("llama"), left_pad(PROMPTS, PAD), TrieIndex.build(GALLERY), 2, k=3, pad_id=PAD)
