"""Queries and captions are text to the model: control tokens in them are spelled out, on every family of backbones."""

import unicodedata
import warnings
from functools import cache

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tiny_backbone import tiny_backbone
from tiny_data import scratch
from tiny_families import FAMILIES, checkpoint
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import Unigram
from transformers import PreTrainedTokenizerFast

from gcr_tutorial.data.task import Query, RetrievalTask
from gcr_tutorial.data.text import normalize_text
from gcr_tutorial.models import tokenization
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.loading import load_backbone
from gcr_tutorial.models.prompts import RETRIEVE_INSTRUCTION, answer_ids, prompt_text, retrieve_prompts, shorten_queries
from gcr_tutorial.models.tokenization import encode_text, shorten_texts
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.training.examples import caption_examples, retrieve_examples

NEW = ["<l0_4>", "<l1_12>", "<img_3>"]


@cache
def backbone_of(family: str) -> Backbone:
    """A backbone of the family with identifier tokens added: they are no special tokens. Leave it as it is."""
    backbone = load_backbone(checkpoint(family, scratch() / "text" / family), image_size=24)
    add_tokens(backbone, NEW)
    return backbone


@pytest.fixture(params=FAMILIES)
def backbone(request) -> Backbone:
    return backbone_of(request.param)


def as_before(backbone: Backbone, query: str) -> list[int]:
    """The ids of a retrieve prompt in which control tokens of the query count."""
    prompt = prompt_text(backbone, RETRIEVE_INSTRUCTION.format(query=query), image=False)
    return backbone.tokenizer(prompt, add_special_tokens=False)["input_ids"]


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_ordinary_text_gets_the_ids_of_the_whole_prompt(data):
    """Also where it is encoded apart from the template's control tokens, as text with control tokens is."""
    backbone = backbone_of(data.draw(st.sampled_from(FAMILIES)))
    text = data.draw(
        st.text(st.characters(exclude_categories=("Cs",)), max_size=30) | st.text("a dog's <>|_ 12.é", max_size=30)
    )
    text = normalize_text(text)
    assume(text and not any(token in text for token in backbone.tokenizer.get_added_vocab()))
    assert retrieve_prompts(backbone, [text, "a"]) == [as_before(backbone, text), as_before(backbone, "a")]
    before, _, after = prompt_text(backbone, RETRIEVE_INSTRUCTION, image=False).partition("{query}")
    control = set(backbone.tokenizer.get_added_vocab().values())
    assert tokenization._spelled_out(backbone.tokenizer, text, before, after, control) == as_before(backbone, text)
    answer = backbone.answer_format[0] + text
    assert answer_ids(backbone, [text]) == [backbone.tokenizer(answer, add_special_tokens=False)["input_ids"]]


def test_control_tokens_that_people_write_are_spelled_out(backbone):
    tokenizer, control = backbone.tokenizer, backbone.tokenizer.get_added_vocab()
    of_template = [token for token in as_before(backbone, "a") if token in control.values()]
    assert set(NEW) <= control.keys() and of_template
    for token in control:
        for query in (f"a red circle {token}", token, f"{token}{token} {NEW[0]} a dog"):
            assert as_before(backbone, query) != (ids := retrieve_prompts(backbone, [query])[0])
            assert [i for i in ids if i in control.values()] == of_template
            prompt = prompt_text(backbone, RETRIEVE_INSTRUCTION, image=False).replace("{query}", query)
            assert tokenizer.decode(ids) == prompt  # nothing of it is lost
            (answer,) = answer_ids(backbone, [query])
            assert not {*answer} & {*control.values()} and tokenizer.decode(answer) == backbone.answer_format[0] + query


def test_examples_hold_the_same_ids_as_search(backbone):
    queries = ["a dog <image> here", f" {NEW[0]}  caf\u0065\u0301 ", "<end_of_utterance><|im_end|><end_of_turn>"]
    pairs = [(query, 0) for query in queries]
    targets = [[5, backbone.end_id]]
    assert [list(e.prompt_ids) for e in retrieve_examples(backbone, pairs, targets)] == retrieve_prompts(backbone, queries)
    control = set(backbone.tokenizer.get_added_vocab().values())
    for made, ids in zip(caption_examples(backbone, pairs), answer_ids(backbone, queries)):
        assert list(made.completion_ids) == [*ids, backbone.end_id] and control.isdisjoint(ids)


def test_a_vocabulary_that_holds_control_tokens_as_words_spells_them_too():
    pieces = [("<unk>", 0.0), ("<image>", -1.0), *((letter, -5.0) for letter in "▁<>image adogl0_4")]
    fast = Tokenizer(Unigram(pieces, unk_id=0, byte_fallback=False))
    fast.normalizer, fast.pre_tokenizer = normalizers.NFC(), pre_tokenizers.Metaspace(prepend_scheme="never")
    fast.decoder = decoders.Metaspace(prepend_scheme="never")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=fast, clean_up_tokenization_spaces=False)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    image = tokenizer.convert_tokens_to_ids("<image>")
    (ids,) = encode_text(tokenizer, ["a <image> dog"], before="<image>a ")
    assert ids[0] == image and ids.count(image) == 1 and tokenizer.decode(ids) == "<image>a a <image> dog"


def test_without_a_fast_tokenizer_control_tokens_are_refused():
    class Slow:
        def get_added_vocab(self):
            return {"<image>": 1}

        def __call__(self, texts, **settings):
            return {"input_ids": [[1] if "<image>" in text else [2] for text in texts]}

    assert encode_text(Slow(), ["a dog"]) == [[2]]
    with pytest.raises(ValueError, match="a <image>.*contains a control token"):
        encode_text(Slow(), ["a <image>"])


def test_one_normalisation_for_queries_and_captions():
    backbone = tiny_backbone()
    same = ["a caf\u00e9 dog", "  a caf\u0065\u0301 \n dog\t", "a\u00a0caf\u00e9\u2003dog "]
    for ids in (retrieve_prompts(backbone, same), answer_ids(backbone, same)):
        assert ids[0] == ids[1] == ids[2]
    assert normalize_text("half \ud83d a pair") == "half ? a pair"


@given(st.text(max_size=20))
def test_normalising_twice_changes_nothing(text):
    once = normalize_text(text)
    assert normalize_text(once) == once == once.strip() and unicodedata.is_normalized("NFC", once) and "  " not in once


@example(words=["\u00e9"], most=1)
@given(words=st.lists(st.text("ab\u00e9\u4e16 ", min_size=1, max_size=40), max_size=30), most=st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_long_texts_are_cut_at_words_and_counted_in_one_warning(words, most):
    tokenizer = tiny_backbone_once().tokenizer
    texts = ["a dog", " ".join(words), "<image> " * 50]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        short = shorten_texts(tokenizer, texts, most, "captions")
    lengths = [len(ids) for ids in encode_text(tokenizer, short)]
    assert all(length <= max(most, 4) for length in lengths)  # one letter may take up to four tokens
    long = [i for i, text in enumerate(texts) if short[i] != normalize_text(text)]
    assert [str(w.message) for w in caught] == [caught[0].message.args[0]] if long else not caught
    if long:
        assert f"{len(long)} of 3 captions are longer than {most} tokens" in str(caught[0].message)
    for text, cut in zip(texts, short):
        text = normalize_text(text)
        assert text.startswith(cut) and (text[len(cut) :][:1] in ("", " ") or " " not in cut)
    assert shorten_texts(tokenizer, short, max(most, 4)) == short


@cache
def tiny_backbone_once() -> Backbone:
    return tiny_backbone()


def test_a_query_of_4000_words_is_cut_with_a_warning():
    backbone = tiny_backbone()
    backbone.max_query_tokens = 20
    with pytest.warns(UserWarning, match="1 of 2 queries are longer than 20 tokens and were cut") as caught:
        prompts = retrieve_prompts(backbone, ["a red ball on the beach " * 700, "a dog"])
    assert len(caught) == 1 and len(prompts[0]) <= 20 + len(retrieve_prompts(backbone, ["a"])[0])
    assert prompts[1] == retrieve_prompts(backbone, ["a dog"])[0]
    said_by_transformers = backbone.tokenizer.deprecation_warnings  # "will result in indexing errors", which is not so here
    assert not said_by_transformers.get("sequence-length-is-longer-than-the-specified-maximum")


def test_a_caption_of_4000_words_trains_cut_with_a_warning():
    backbone = tiny_backbone()
    backbone.max_query_tokens = 20
    with pytest.warns(UserWarning, match="1 of 2 captions are longer than 20 tokens and were cut"):
        long, short = caption_examples(backbone, [("a red ball on the beach " * 700, 0), ("a dog", 1)])
    assert len(long.completion_ids) <= 20 + 2 and short == caption_examples(backbone, [("a dog", 1)])[0]


def test_all_queries_of_a_task_are_cut_at_once():
    backbone, long = tiny_backbone(), "a red ball " * 900
    queries = (Query("a dog", 0, 0), Query(long, 1, 0)), (Query(f" {long}", 2, 1), Query("a  boy", 3, 0))
    task = RetrievalTask("karpathy", (0, 1, 2, 3), (2, 3), *queries, ())
    with pytest.warns(UserWarning, match="2 of 4 captions are longer than 64 tokens") as caught:
        short = shorten_queries(backbone, task)
    assert len(caught) == 1
    cut = short.train_queries[1].text
    assert short.train_queries == (queries[0][0], Query(cut, 1, 0)) and short.memorize == task.memorize
    assert short.eval_queries == (Query(cut, 2, 1), Query("a boy", 3, 0)) and long.startswith(cut)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        retrieve_prompts(backbone, [query.text for query in (*short.train_queries, *short.eval_queries)])
