"""A model whose scores are NaN or infinite raises and names the query; masked columns of a head change nothing."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import END, PAD, TEXT, VOCAB, assert_same_results
from torch import nn
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
from gcr_tutorial.decoding.scoring import ChildScorer
from gcr_tutorial.trie import TrieIndex

BAD = 20  # the token that breaks the model
PROMPTS = [[10, 11, 12, 13, 14], [16, 17], [17, BAD, 19], [18], [14, 15, 13, 10]]  # query 2 holds it
GALLERY = [[4, END], [4, 5, END], [5, 6, END], [9, 4, END]]
TRIE = TrieIndex.build(GALLERY)


def generated(net, prompts, **how):
    config = GenerationConfig(max_new_tokens=8, pad_token_id=PAD)
    return net.generate(**left_pad(prompts, PAD), generation_config=config, custom_generate=trie_generate, trie=TRIE, **how)


DECODERS = {
    "beam search": lambda net, prompts: constrained_beam_search(net, prompts, TRIE, 3),
    "one beam": lambda net, prompts: constrained_beam_search(net, prompts, TRIE, 1),
    "all evaluated": lambda net, prompts: constrained_beam_search(net, prompts, TRIE, 3, lazy=False, batch_size=2),
    "exact": lambda net, prompts: exact_top_k(net, prompts, TRIE, 2).results,
    "exhaustive": lambda net, prompts: score_all_identifiers(net, prompts, TRIE),
    "over the trie": lambda net, prompts: score_all_identifiers(net, prompts, TRIE, normalize="trie"),
    "generate": lambda net, prompts: trie_search(net, left_pad(prompts, PAD), TRIE, 3, pad_id=PAD),
    "greedy generate": lambda net, prompts: trie_search(net, left_pad(prompts, PAD), TRIE, 1, pad_id=PAD),
    "custom_generate": lambda net, prompts: generated(net, prompts, beams=3),
}


def llama(head_bias=None):
    torch.manual_seed(0)
    net = LlamaForCausalLM(LlamaConfig(**TEXT, tie_word_embeddings=False)).eval()
    if head_bias is not None:
        weight = net.lm_head.weight
        net.lm_head = nn.Linear(weight.shape[1], VOCAB)
        net.lm_head.weight, net.lm_head.bias = weight, nn.Parameter(head_bias)
    return net.requires_grad_(False)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_query_that_breaks_the_model_is_named(decoder, value):
    net = llama()
    assert len(DECODERS[decoder](net, PROMPTS[:2])) >= 2
    net.get_input_embeddings().weight[BAD] = value
    with pytest.raises(FloatingPointError, match="scores for query 2 are NaN or infinite: load the model in float32"):
        DECODERS[decoder](net, PROMPTS)


@pytest.mark.parametrize("decoder", [name for name in DECODERS if name != "over the trie"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_head_with_one_infinite_logit_is_refused(decoder, value):
    """Of a token that is in no identifier: less infinity, all other scores would be minus infinity."""
    bias = torch.zeros(VOCAB)
    bias[25] = value
    with pytest.raises(FloatingPointError, match=r"query \d"):
        DECODERS[decoder](llama(bias), PROMPTS)


def test_a_trace_and_a_prefix_that_breaks_the_model():
    net = llama()
    net.get_input_embeddings().weight[5] = math.nan  # a token of identifiers: the prompts themselves are sound
    with pytest.raises(FloatingPointError, match="query 0"):
        beam_trace(net, PROMPTS[1], TRIE, 3)
    for decoder in ("beam search", "exact", "exhaustive", "generate", "custom_generate"):
        with pytest.raises(FloatingPointError, match=r"query \d"):
            DECODERS[decoder](net, PROMPTS)


MASKS = (-1e9, torch.finfo(torch.float32).min, -math.inf)


@pytest.mark.parametrize("value", MASKS)
@pytest.mark.parametrize("columns", [[0], [0, 1, 2, 3], [31], [0, 13, 31]])
def test_a_head_that_masks_its_padding_gives_the_scores_of_the_others(value, columns):
    bias = torch.zeros(VOCAB)
    columns = [column for column in columns if column != END]
    bias[columns] = value
    net = llama(bias)
    found = constrained_beam_search(net, PROMPTS, TRIE, 4)
    assert_same_results(found, trie_search(net, left_pad(PROMPTS, PAD), TRIE, 4, pad_id=PAD))
    for prompt, row in zip(PROMPTS, score_all_identifiers(net, PROMPTS, TRIE)):
        logits = net(input_ids=torch.tensor([[*prompt, 4]])).logits[0].double()
        first, end = logits[-2] - logits[-2].logsumexp(0), logits[-1] - logits[-1].logsumexp(0)
        assert row[0] == pytest.approx(float(first[4] + end[END]), abs=1e-4)


class Head:
    """A model that is only its head: hidden states are logits."""

    def __init__(self, vocabulary: int, wrapped: bool) -> None:
        self.config = LlamaConfig()
        linear = nn.Linear(vocabulary, vocabulary, bias=False).requires_grad_(False)
        linear.weight.copy_(torch.eye(vocabulary))
        self.head = Columns(linear) if wrapped else linear

    def get_output_embeddings(self):
        return self.head


class Columns(nn.Module):
    """A head of another class than nn.Linear, which is asked for all logits at once; passes -inf on as it is."""

    def __init__(self, linear) -> None:
        super().__init__()
        self.weight = linear.weight

    def forward(self, hidden):
        return hidden


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_scores_are_those_of_torch_wherever_columns_are_masked(data):
    """Any mix of real and masked logits, in any column, in either way of calculating; only all of them masked is refused."""
    prefixes, vocabulary, seed = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 9)), data.draw(st.integers(0, 99))
    logits = 3 * torch.randn(prefixes, vocabulary, generator=torch.Generator().manual_seed(seed))
    for row in range(prefixes):
        masked = data.draw(st.lists(st.integers(0, vocabulary - 1), max_size=vocabulary - 1, unique=True))
        logits[row, masked] = torch.tensor([data.draw(st.sampled_from(MASKS)) for _ in masked])
    owner, tokens = np.repeat(np.arange(prefixes), vocabulary), np.tile(np.arange(vocabulary), prefixes)
    expected = (logits.double() - logits.double().logsumexp(1, keepdim=True)).flatten().tolist()
    scorer = ChildScorer(Head(vocabulary, wrapped=True))
    for normalize in ("vocabulary", "trie"):  # all tokens are listed, so the two are the same here
        scorer.normalize = normalize
        assert scorer(logits, owner, tokens, np.arange(prefixes)).tolist() == pytest.approx(expected, rel=1e-5, abs=1e-4)
    if logits.isfinite().all():
        plain = ChildScorer(Head(vocabulary, wrapped=False))(logits, owner, tokens, np.arange(prefixes))
        assert plain.tolist() == pytest.approx(expected, rel=1e-5, abs=1e-4)
    logits[-1] = -math.inf
    with pytest.raises(FloatingPointError, match="query 70"):
        scorer(logits, owner, tokens, np.arange(prefixes) + 71 - prefixes)
