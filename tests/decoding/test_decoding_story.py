"""The step-by-step story of a beam search, the search from within `generate`, and what the decoders refuse."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import END, KINDS, PAD, TEXT, VOCAB, assert_same_results, scores_one_by_one, tiny_model
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

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
GALLERY = [[4, END], [4, 5, END], [4, 5, 6, END], [5, END], [5, 6, 7, 8, END], [9, 4, END], [9, 9, END]]
TRIE = TrieIndex.build(GALLERY)

bodies = st.lists(st.sampled_from([4, 5, 6]), max_size=4).map(tuple)
galleries = st.lists(bodies, min_size=1, max_size=12, unique=True).map(lambda g: [[*body, END] for body in g])


@settings(max_examples=25)
@given(galleries, st.integers(1, 8))
def test_the_story_of_a_search(gallery, num_beams):
    trie, net = TrieIndex.build(gallery), tiny_model("idefics3")
    story = beam_trace(net, PROMPTS[0], trie, num_beams)
    assert_same_results([list(story.results)], constrained_beam_search(net, PROMPTS[:1], trie, num_beams))
    assert [p.tokens for p in story.steps[0].prefixes] == [()] and story.steps[0].prefixes[0].score == 0
    assert story.steps[-1].finished == story.results
    for t, step in enumerate(story.steps):
        assert 1 <= len(step.prefixes) <= num_beams
        assert [p.score for p in step.prefixes] == sorted((p.score for p in step.prefixes), reverse=True)
        survivors = {(*p.tokens, c.token): c.score for p in step.prefixes for c in p.children if c.survives and c.row is None}
        following = story.steps[t + 1].prefixes if t + 1 < len(story.steps) else ()
        assert survivors == {p.tokens: p.score for p in following}
        ended = {c.row for p in step.prefixes for c in p.children if c.survives and c.row is not None}
        before = story.steps[t - 1].finished if t else ()
        assert {row for row, _ in step.finished} <= ended | {row for row, _ in before}
        for prefix in step.prefixes:
            assert len(prefix.tokens) == t and trie.walk(prefix.tokens) == prefix.node
            tokens, nodes = trie.children(prefix.node)
            assert [(c.token, c.node) for c in prefix.children] == list(zip(tokens.tolist(), nodes.tolist()))
            assert prefix.outside + sum(c.probability for c in prefix.children) == pytest.approx(1, abs=1e-5)
            for child in prefix.children:
                assert child.score == pytest.approx(prefix.score + math.log(child.probability), abs=1e-4)
                assert child.row == trie.row_at(child.node)


def test_the_probabilities_of_a_story_are_the_models():
    net = tiny_model("gemma3")
    for step in beam_trace(net, PROMPTS[0], TRIE, 7).steps:
        for prefix in step.prefixes:
            expected = scores_one_by_one(net, PROMPTS[0] + list(prefix.tokens), [[c.token] for c in prefix.children])
            assert [math.log(c.probability) for c in prefix.children] == pytest.approx(expected, abs=2e-4)


def test_a_story_takes_inputs_and_one_query_only():
    net = tiny_model("llama")
    by_ids = beam_trace(net, PROMPTS[1], TRIE, 3)
    assert beam_trace(net, {"input_ids": torch.tensor([PROMPTS[1]])}, TRIE, 3) == by_ids
    for two in (left_pad(PROMPTS[:2], PAD), left_pad(PROMPTS[:1] * 2, PAD)):
        with pytest.raises(ValueError, match="one query"):
            beam_trace(net, two, TRIE, 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alike", [False, True])
def test_from_within_generate(kind, alike):
    """Padded prompts, and prompts of one length, for which generate drops the attention mask."""
    net, inputs = tiny_model(kind), left_pad([[10, 11], [12, 13]] if alike else PROMPTS, PAD)
    config = GenerationConfig(max_new_tokens=8, pad_token_id=PAD, return_dict_in_generate=True)
    output = net.generate(**inputs, generation_config=config, custom_generate=trie_generate, trie=TRIE, beams=4, results=3)
    expected = trie_search(net, inputs, TRIE, 4, k=3, pad_id=PAD)
    length, rows = inputs["input_ids"].shape[1], []
    assert torch.equal(output.sequences[:, :length], inputs["input_ids"].repeat_interleave(3, 0))
    for answer, score in zip(output.sequences[:, length:].tolist(), output.sequences_scores.tolist()):
        tokens = answer[: answer.index(END) + 1]
        assert set(answer[len(tokens) :]) <= {PAD}
        rows.append((GALLERY.index(tokens), score))
    assert_same_results([rows[i : i + 3] for i in range(0, len(rows), 3)], expected)
    config.return_dict_in_generate = False
    plain = net.generate(**inputs, generation_config=config, custom_generate=trie_generate, trie=TRIE, beams=4, results=3)
    assert torch.equal(plain, output.sequences)


def test_generate_that_copied_the_prompts_is_refused():
    for setting in ({"num_beams": 3}, {"num_beams": 3, "num_return_sequences": 3}):
        with pytest.raises(ValueError, match="beams="):
            tiny_model("llama").generate(
                torch.tensor([[10, 11]]),
                custom_generate=trie_generate,
                trie=TRIE,
                pad_token_id=PAD,
                max_new_tokens=8,
                **setting,
            )


@pytest.mark.parametrize("beams, results, count", [(3, 8, 7), (1, 5, 5), (3, 2, 2), (2, None, 2), (50, None, 7)])
def test_from_within_generate_there_are_as_many_results_as_asked_for(beams, results, count):
    """Beams and results are told apart; a trie of 7 identifiers has no eighth; what the beams did not reach is padding."""
    net, inputs = tiny_model("llama"), left_pad(PROMPTS, PAD)
    config = GenerationConfig(max_new_tokens=8, pad_token_id=PAD, return_dict_in_generate=True)
    output = net.generate(
        **inputs, generation_config=config, custom_generate=trie_generate, trie=TRIE, beams=beams, results=results
    )
    assert output.sequences.shape[0] == len(PROMPTS) * count and output.sequences_scores.shape == (len(PROMPTS) * count,)
    found = constrained_beam_search(net, PROMPTS, TRIE, beams, k=results)
    answers = output.sequences[:, inputs["input_ids"].shape[1] :].view(len(PROMPTS), count, -1).tolist()
    for hits, said, scores in zip(found, answers, output.sequences_scores.view(len(PROMPTS), count).tolist()):
        assert scores == pytest.approx([score for _, score in hits] + [-math.inf] * (count - len(hits)), abs=2e-4)
        assert [answer[: answer.index(END) + 1] for answer in said[: len(hits)]] == [GALLERY[row] for row, _ in hits]
        assert all(set(answer) == {PAD} for answer in said[len(hits) :])


def test_one_beam_stays_one_beam_whatever_k():
    """One prefix is evaluated at each level; its children are the results, as many as there are."""
    from gcr_tutorial.decoding.tree_attention import TokenTree

    gallery = [[4, 5, END], [4, 6, END], [4, 7, END], [5, 4, END], [5, 6, END], [6, 4, END], [7, 4, END], [7, 5, END]]
    net, trie, evaluated, extend = tiny_model("llama"), TrieIndex.build(gallery), [], TokenTree.extend
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TokenTree, "extend", lambda self, row, *a: evaluated.append(len(row)) or extend(self, row, *a))
        [hits] = constrained_beam_search(net, [[10, 11]], trie, 1, k=10)
    assert evaluated == [1, 1]  # a prefix of one token, then one of two
    assert hits[0] == (constrained_beam_search(net, [[10, 11]], trie, 1)[0][0][0], pytest.approx(hits[0][1]))
    [wide] = constrained_beam_search(net, [[10, 11]], TrieIndex.build([[t, END] for t in range(4, 30)]), 1, k=10)
    assert len(wide) == 1  # the end token of the one live prefix


def test_the_columns_of_the_exhaustive_scores_are_rows_of_the_build_also_after_without():
    net = tiny_model("llama")
    full = score_all_identifiers(net, PROMPTS, TRIE)
    rest = score_all_identifiers(net, PROMPTS, TRIE.without([1, len(GALLERY) - 1]))
    assert full.shape == rest.shape == (len(PROMPTS), len(GALLERY))
    kept = [i for i in range(len(GALLERY)) if i not in (1, len(GALLERY) - 1)]
    assert rest[:, kept] == pytest.approx(full[:, kept], abs=2e-4) and (rest[:, [1, len(GALLERY) - 1]] == -math.inf).all()


def test_from_within_generate_with_embeddings():
    net, inputs = tiny_model("idefics3"), left_pad(PROMPTS, PAD)
    config = GenerationConfig(max_new_tokens=8, pad_token_id=PAD)
    expected = net.generate(**inputs, generation_config=config, custom_generate=trie_generate, trie=TRIE, beams=4)
    embeds = net.get_input_embeddings()(inputs["input_ids"]).detach()
    found = net.generate(
        inputs_embeds=embeds,
        attention_mask=inputs["attention_mask"],
        generation_config=config,
        custom_generate=trie_generate,
        trie=TRIE,
        beams=4,
    )
    assert torch.equal(found, expected[:, inputs["input_ids"].shape[1] :])


def test_a_missing_mask_is_fine_without_padding_only():
    net, inputs = tiny_model("llama"), left_pad([[10, 11], [12, 13]], PAD)
    expected = constrained_beam_search(net, inputs, TRIE, 3, pad_id=PAD)
    for mask in ({}, {"attention_mask": None}):
        assert constrained_beam_search(net, {"input_ids": inputs["input_ids"], **mask}, TRIE, 3, pad_id=PAD) == expected
    with pytest.raises(ValueError, match="pass attention_mask"):
        constrained_beam_search(net, {"input_ids": left_pad(PROMPTS, PAD)["input_ids"]}, TRIE, pad_id=PAD)


@pytest.mark.parametrize("num_beams", [1, 3, 50])
def test_a_trie_of_one(num_beams):
    net, gallery = tiny_model("llama"), [[7, 8, END]]
    for prompt, found in zip(PROMPTS, constrained_beam_search(net, PROMPTS, TrieIndex.build(gallery), num_beams)):
        assert found == [(0, pytest.approx(scores_one_by_one(net, prompt, gallery)[0], abs=2e-4))]


def test_a_trie_of_the_end_alone():
    net, trie = tiny_model("llama"), TrieIndex.build([[END]])
    score = [pytest.approx(scores_one_by_one(net, prompt, [[END]])[0], abs=2e-4) for prompt in PROMPTS]
    assert constrained_beam_search(net, PROMPTS, trie) == [[(0, s)] for s in score]
    assert score_all_identifiers(net, PROMPTS, trie)[:, 0].tolist() == score
    assert exact_top_k(net, PROMPTS, trie).evaluations == [0, 0, 0]


def test_many_identifiers_at_the_root():
    """Atomic identifiers: one token each, more of them than the rest of the vocabulary."""
    gallery = [[token, END] for token in range(4, VOCAB)]
    net, trie, inputs = tiny_model("qwen2.5-vl"), TrieIndex.build(gallery), left_pad(PROMPTS, PAD)
    for beams in (5, 40):
        assert_same_results(
            constrained_beam_search(net, PROMPTS, trie, beams), trie_search(net, inputs, trie, beams, pad_id=PAD)
        )


@pytest.mark.parametrize("search", [constrained_beam_search, exact_top_k, score_all_identifiers])
@pytest.mark.parametrize(
    "inputs, settings, message",
    [
        ([], {}, "at least one"),
        ([[5], []], {}, "at least one token"),
        ({}, {}, "at least one query"),
        ({"input_ids": torch.tensor([[5, 6]]), "attention_mask": torch.tensor([[1, 0]])}, {}, "on the left"),
        ([[5]], {"batch_size": 0}, "batch_size"),
        ([[5]], {"normalize": "nothing"}, "vocabulary, trie"),
    ],
)
def test_refuses_inputs(search, inputs, settings, message):
    with pytest.raises(ValueError, match=message):
        search(tiny_model("llama"), inputs, TRIE, **settings)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda net: constrained_beam_search(net, [[5]], TRIE, 0), "num_beams"),
        (lambda net: constrained_beam_search(net, [[5]], TRIE, num_beams=0, k=10), "num_beams=0"),
        (lambda net: constrained_beam_search(net, [[5]], TRIE, 3, k=0), "k=0"),
        (lambda net: exact_top_k(net, [[5]], TRIE, 0), "k"),
        (lambda net: exact_top_k(net, [[5]], TRIE, expand=0), "expand"),
        (lambda net: score_all_identifiers(net, [[5]], TRIE, memory_mb=0), "memory_mb"),
        (lambda net: constrained_beam_search(net, [[5]], TrieIndex.build([[VOCAB, END]])), "resize"),
        (lambda net: constrained_beam_search(net, [[5]], TrieIndex.build([[VOCAB, END]]), normalize="trie"), "resize"),
    ],
)
def test_refuses_settings(call, message):
    with pytest.raises(ValueError, match=message):
        call(tiny_model("llama"))


def test_models_it_does_not_know_are_sent_to_generate():
    """Heads that scale logits, attention that is capped: a wrong answer would look like a right one."""
    from transformers import CohereConfig, CohereForCausalLM, Gemma2Config, Gemma2ForCausalLM

    small = dict(TEXT.items())
    capped = Gemma2ForCausalLM(Gemma2Config(**small, head_dim=4, sliding_window=4, attn_logit_softcapping=5.0)).eval()
    scaled = CohereForCausalLM(CohereConfig(**small, logit_scale=0.1)).eval()
    for net in (capped, scaled):
        with pytest.raises(ValueError, match="use trie_search"):
            constrained_beam_search(net, PROMPTS, TRIE, 3)
        trie_search(net, left_pad(PROMPTS, PAD), TRIE, 3, pad_id=PAD)


def test_the_model_is_left_as_it_was_after_an_error():
    net = LlamaForCausalLM(LlamaConfig(**TEXT)).train()
    before = net.config._attn_implementation
    with pytest.raises(ValueError, match="resize"):
        constrained_beam_search(net, PROMPTS, TrieIndex.build([[5, VOCAB, END]]), 3)
    assert net.config._attn_implementation == before and net.training
