"""What became of one identifier in a search, and how many tokens a search evaluates."""

import pytest
from tiny_models import END, tiny_model

from gcr_tutorial.decoding import beam_trace, constrained_beam_search, counting_tokens, left_pad, path_in, trie_search
from gcr_tutorial.trie import TrieIndex

PROMPT = [10, 11, 12, 13]
GALLERY = [[4, END], [4, 5, END], [4, 5, 6, END], [5, END], [5, 6, 7, END], [9, 4, END], [9, 9, END]]
TRIE = TrieIndex.build(GALLERY)


@pytest.mark.parametrize("num_beams", [1, 2, 3, 7])
def test_an_identifier_is_followed_until_it_is_finished_or_lost(num_beams):
    trace = beam_trace(tiny_model("idefics3"), PROMPT, TRIE, num_beams)
    answered = {row for row, _ in trace.results}
    assert answered
    for row, tokens in enumerate(GALLERY):
        path = path_in(trace, tokens)
        assert 1 <= len(path) <= len(tokens) and all(1 <= place <= of for place, of, _ in path)
        assert all(kept for *_, kept in path[:-1])  # nothing follows a loss
        assert path[0][1] == 3  # 4, 5 and 9 may come first
        if row in answered:
            assert len(path) == len(tokens)
        elif len(path) < len(tokens):
            assert not path[-1][2] or len(trace.steps) == len(path)  # lost, or the search was over
    best = GALLERY[trace.results[0][0]]
    assert path_in(trace, best)[-1][2]
    assert path_in(trace, [99]) == []


def test_tokens_are_counted_and_the_hook_is_gone_afterwards():
    net = tiny_model("idefics3")
    with counting_tokens(net) as passes:
        trie_search(net, left_pad([PROMPT], 0), TRIE, 3)
    assert passes[0] == 3 * len(PROMPT)  # generate evaluates the prompt once for every beam
    before = len(passes)
    with counting_tokens(net) as ours:
        constrained_beam_search(net, [PROMPT], TRIE, 3)
    assert ours[0] == len(PROMPT) and sum(ours) < sum(passes) and len(passes) == before
    with counting_tokens(net) as alone:  # one name of no tokens: nothing but the prompt
        constrained_beam_search(net, [PROMPT], TrieIndex.build([[END]]), 1)
    assert alone == [len(PROMPT)]
    with pytest.raises(ZeroDivisionError), counting_tokens(net):
        1 / 0
    assert not net.get_decoder()._forward_pre_hooks
