"""The kinds written in existing tokens, residual codes, the kind without tokens; and what all seven have in common."""

import json
import re
from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_backbone import WORDS, captions, tiny_backbone

from gcr_tutorial.identifiers import IDENTIFIER_KINDS, Identifiers, make_identifiers, residual_codes
from gcr_tutorial.models.prompts import RETRIEVE_INSTRUCTION, prompt_text, retrieve_prompts
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.pretraining.tiny_vlm import END_OF_UTTERANCE as END
from gcr_tutorial.training.examples import caption_examples
from gcr_tutorial.trie import TrieIndex

GENERATIVE = [kind for kind in IDENTIFIER_KINDS if kind != "classifier"]


@cache
def backbone():
    return tiny_backbone()


def tokenizer():
    return backbone().tokenizer


def names(n):
    return [f"image{i}" for i in range(n)]


def ids_of(identifiers):
    """Vocabulary ids closed by the end token, where new tokens get ids past the tokenizer's."""
    vocabulary = tokenizer().get_vocab()
    extended = vocabulary | {token: len(vocabulary) + i for i, token in enumerate(identifiers.new_tokens)}
    assert vocabulary.keys().isdisjoint(identifiers.new_tokens)
    return identifiers.token_ids(type("Extended", (), {"get_vocab": lambda self: extended})(), vocabulary[END])


def texts_of(identifiers):
    """What identifiers of existing tokens say."""
    return [tokenizer().decode(ids[:-1]) for ids in ids_of(identifiers)]


@st.composite
def galleries(draw):
    """(embeddings, captions of each image): any number of images, from one on; duplicates of both; images without any."""
    n, distinct = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    which = rng.integers(distinct, size=n)
    said = captions(distinct, seed=draw(st.integers(0, 9)))
    texts = [[said[i], said[(i + 1) % distinct]][: draw(st.integers(0, 2))] for i in which]
    return rng.normal(size=(distinct, draw(st.integers(1, 5))))[which], texts


@settings(max_examples=60)
@given(st.sampled_from(IDENTIFIER_KINDS), galleries(), st.integers(2, 6), st.integers(1, 6), st.integers(0, 3))
def test_every_kind_is_unique_stable_and_the_same_after_json(kind, gallery, clusters, leaf_size, seed):
    points, texts = gallery
    avoid = [text for own in texts[::3] for text in own[:1]]

    def make():
        return make_identifiers(
            kind,
            names(len(points)),
            points,
            clusters,
            leaf_size,
            seed,
            tokenizer=tokenizer(),
            texts=texts,
            avoid=avoid,
            answer_start=" ",
        )

    identifiers = make()
    assert identifiers == make() and identifiers.kind == kind and len(identifiers) == len(points)
    assert (
        Identifiers(**{key: _tuples(value) for key, value in json.loads(json.dumps(vars(identifiers))).items()}) == identifiers
    )
    assert set(identifiers.new_tokens) <= {token for code in identifiers.codes for token in code}
    if kind == "classifier":
        assert identifiers.codes == ((),) * len(points) and identifiers.mean_tokens == 0
        return
    assert len(set(identifiers.codes)) == len(points)
    trie = TrieIndex.build(ids_of(identifiers))  # refuses repeats, and an end token inside
    assert len(trie) == len(points)
    assert identifiers.mean_tokens == pytest.approx(np.mean([len(ids) - 1 for ids in ids_of(identifiers)]))


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


@pytest.mark.parametrize("kind", IDENTIFIER_KINDS)
def test_files_bring_every_kind_back(kind, tmp_path):
    points = np.random.default_rng(0).normal(size=(12, 4))
    identifiers = make_identifiers(
        kind, ["ä.jpg", *names(11)], points, tokenizer=tokenizer(), texts=[["A dog."]] * 12, answer_start=" "
    )
    identifiers.save(tmp_path / "identifiers.json")
    assert Identifiers.load(tmp_path / "identifiers.json") == identifiers


def test_numbers_digit_by_digit_and_as_text():
    numeric, string = (make_identifiers(kind, names(120), tokenizer=tokenizer()) for kind in ("numeric", "string"))
    assert numeric.codes[7] == ("7",) and numeric.codes[10] == ("1", "0") and numeric.codes[118] == ("1", "1", "8")
    assert texts_of(numeric) == texts_of(string) == [str(i) for i in range(120)]
    assert string.codes[10] == ("10",) and len(string.codes[118]) == 2  # the tokenizer knows pairs of digits
    assert sum(a != b for a, b in zip(numeric.codes, string.codes)) == 110  # all but those of one digit
    assert numeric.new_tokens == string.new_tokens == ()


@pytest.mark.parametrize("kind", ["string", "semantic"])
def test_the_tokens_are_those_that_the_text_has_after_the_prompt(kind):
    texts = [[text] for text in captions(30, seed=4)]
    identifiers = make_identifiers(
        kind, names(30), tokenizer=tokenizer(), texts=texts, answer_start=backbone().answer_format[0]
    )
    query = "a dog near the beach"
    [prompt] = retrieve_prompts(backbone(), [query])
    written = prompt_text(backbone(), RETRIEVE_INSTRUCTION.format(query=query), image=False)
    for ids, text in zip(ids_of(identifiers), texts_of(identifiers)):
        whole = tokenizer()(written + text + END, add_special_tokens=False)["input_ids"]
        assert whole == prompt + ids
    if kind == "semantic":  # an answer starts with a space, as the captions that the model has learned to write
        assert [text.removeprefix(" ") for text in texts_of(identifiers)] == [own for [own] in texts]
        assert all(text.startswith(" ") for text in texts_of(identifiers))


def test_numeric_needs_a_token_for_each_digit():
    class Words:
        def get_vocab(self):
            return dict.fromkeys("012345689")

    with pytest.raises(ValueError, match="no token for the digit '7'.*'string'"):
        make_identifiers("numeric", names(3), tokenizer=Words())


def semantic(texts, avoid=(), **how):
    how = {"tokenizer": tokenizer(), "answer_start": " ", "texts": texts, "avoid": avoid, **how}
    return [text.removeprefix(" ") for text in texts_of(make_identifiers("semantic", names(len(texts)), **how))]


def test_a_caption_names_one_image():
    assert semantic([["A dog.", "A red dog."]] * 4) == ["A dog.", "A red dog.", "A dog. 2", "A dog. 3"]
    assert semantic([["A dog."], ["A dog. 2"], ["A dog."]]) == ["A dog.", "A dog. 2", "A dog. 3"]
    assert semantic([[], ["A dog."], ["  ", "..."]]) == ["Picture 2", "A dog.", "Picture 3"]


def test_no_evaluated_query_names_an_image_whatever_its_case_and_stops():
    texts = [["A dog.", "A cat."], ["a DOG"], ["A dog ."]]
    assert semantic(texts, avoid=["A Dog"]) == ["A cat.", "a DOG 2", "A dog . 2"]
    assert semantic(texts, avoid=["A Dog", "a dog 2", "a cat"])[1] == "a DOG 3"


@settings(max_examples=50)
@given(
    st.lists(
        st.lists(st.sampled_from(["A dog.", "a dog", "A red ball!", "A boy", "a boy 2", ""]), max_size=3),
        min_size=1,
        max_size=12,
    ),
    st.lists(st.sampled_from(["A DOG", "a red ball", "A boy.", "A boy 2."]), max_size=3),
)
def test_semantic_identifiers_never_say_what_is_asked(texts, avoid):
    said = semantic(texts, avoid)
    bare = {" ".join(re.findall(r"\w+", text.lower())) for text in said}
    assert len(set(said)) == len(texts) and bare.isdisjoint(" ".join(re.findall(r"\w+", text.lower())) for text in avoid)
    for text, own in zip(said, texts):
        usable = [t for t in own if t] or ["Picture"]
        assert text in usable or re.fullmatch(re.escape(usable[0]) + r" \d+", text)


def test_a_caption_with_a_special_token_in_it_is_passed_over():
    special = [str(token) for token in tokenizer().added_tokens_decoder.values()]
    assert END in special and len(special) == 7
    for token in special:
        assert semantic([[f"A dog {token} in the park.", "A dog."]]) == ["A dog."]


def test_text_that_looks_like_a_new_token_is_text():
    backbone = tiny_backbone()
    add_tokens(backbone, ["<l0_4>"])
    how = {"tokenizer": backbone.tokenizer, "answer_start": backbone.answer_format[0], "texts": [["A dog <l0_4> here."]]}
    [code] = make_identifiers("semantic", names(1), **how).codes
    assert "<l0_4>" not in code and backbone.tokenizer.convert_tokens_to_string(list(code)) == " A dog <l0_4> here."


@pytest.mark.parametrize("start", ["", " ", "\n"])
def test_an_identifier_starts_as_the_answers_that_are_trained(start):
    """The start of an answer is taken from the chat template, also where that has no space before it."""
    backbone = tiny_backbone()
    backbone.__dict__["answer_format"] = (start, backbone.end_id)
    [example] = caption_examples(backbone, [("A dog.", 0)])
    how = {"tokenizer": backbone.tokenizer, "answer_start": backbone.answer_format[0], "texts": [["A dog."]]}
    identifiers = make_identifiers("semantic", names(1), **how)
    assert identifiers.token_ids(backbone.tokenizer, backbone.end_id) == [list(example.completion_ids)]


def test_a_long_caption_is_cut_before_it_names_an_image():
    long = "a red ball " * 900
    with pytest.warns(UserWarning, match="2 of 3 captions that may name an image are longer than 9 tokens") as caught:
        first, second = semantic([[long], [long, "A dog."]], avoid=["a dog"], max_tokens=9)
    assert len(caught) == 1 and long.startswith(first) and second == f"{first} 2"
    tokens = make_identifiers(
        "semantic", names(1), tokenizer=tokenizer(), answer_start=" ", texts=[[long]], max_tokens=9
    ).codes[0]
    assert 6 <= len(tokens) <= 9


def test_what_is_left_of_a_text_to_be_avoided_names_no_image():
    long = "a red ball " * 900
    with pytest.warns(UserWarning, match="1 of 2 captions that may name an image are longer than 9 tokens"):
        assert semantic([[long, "A dog."]], avoid=[long], max_tokens=9) == ["A dog."]


@pytest.mark.parametrize("wrong", [{"texts": ["A dog.", "A cat."]}, {"avoid": "A dog."}])
def test_one_text_in_place_of_a_list_of_texts_is_refused(wrong):
    """It would be read letter by letter: the first image would be called "A"."""
    texts = {"texts": [["A dog."], ["A cat."]], "avoid": ["A boy."]} | wrong
    with pytest.raises(TypeError, match="a list of texts"):
        make_identifiers("semantic", names(2), tokenizer=tokenizer(), answer_start=backbone().answer_format[0], **texts)


def test_a_thousand_images_without_captions_take_no_time():
    assert len(set(semantic([[]] * 1000))) == 1000


def test_residual_codes_share_one_codebook_a_level():
    """Embeddings that are sums of one of four coarse and one of four finer directions: the codes say which, in all cells."""
    rng = np.random.default_rng(1)
    coarse, fine = 5 * np.eye(4, 16), np.roll(np.eye(4, 16), 8, axis=1)
    labels = [(a, b) for a in range(4) for b in range(4) for _ in range(8)]
    points = np.stack([coarse[a] + fine[b] for a, b in labels]) + 0.01 * rng.normal(size=(len(labels), 16))
    codes = residual_codes(points, clusters=4, leaf_size=8, seed=0)
    assert {len(code) for code in codes} == {3}  # 4^2 cells of 8 images, and the place in the cell
    for level in (0, 1):
        pairs = Counter((label[level], code[level]) for label, code in zip(labels, codes))
        assert len(pairs) == 4, pairs
    assert all(code[2] < 8 for code in codes)


@settings(max_examples=40)
@given(galleries(), st.integers(2, 6), st.integers(1, 6), st.integers(0, 3))
def test_residual_codes_are_bounded(gallery, clusters, leaf_size, seed):
    points, _ = gallery
    codes, levels = residual_codes(points, clusters, leaf_size, seed), 1
    while clusters**levels * leaf_size < len(points):
        levels += 1
    base, cells = max(2, leaf_size), Counter(code[:levels] for code in codes)
    for code in codes:
        assert max(code[:levels]) < clusters and max(code[levels:]) < base
        places = len(code) - levels  # no more digits than the cell needs
        assert base ** (places - 1) < max(2, cells[code[:levels]]) <= base**places


def test_duplicates_do_not_need_a_token_each():
    codes = residual_codes(np.ones((500, 3)), clusters=4, leaf_size=4)
    assert len(set(codes)) == 500 and max(map(len, codes)) <= 4 + 5 and max(max(code) for code in codes) <= 3


@pytest.mark.parametrize("kind", ["structured", "residual"])
def test_identifiers_of_many_duplicates_are_valid_and_stable(kind):
    points = np.random.default_rng(0).normal(size=(9, 4)).repeat([1, 30, 1, 1, 1, 2, 1, 1, 1], axis=0)
    first = make_identifiers(kind, names(39), points, 4, 3, seed=1)  # Identifiers refuses repeats
    assert first == make_identifiers(kind, names(39), points, 4, 3, seed=1) and max(map(len, first.codes)) <= 7


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(kind="residual"), "residual identifiers of 2 images need as many embeddings, got none"),
        (dict(kind="residual", embeddings=np.ones((2, 3)), clusters=1), "clusters >= 2"),
        (dict(kind="residual", embeddings=np.ones((2, 3)), leaf_size=0), "leaf_size >= 1"),
        (dict(kind="residual", embeddings=np.full((2, 3), np.inf)), "NaN or infinity"),
        (dict(kind="numeric"), "numeric identifiers.*pass tokenizer="),
        (dict(kind="string"), "string identifiers.*pass tokenizer="),
        (dict(kind="semantic"), "semantic identifiers.*pass tokenizer="),
        (dict(kind="semantic", tokenizer=True), "answer_start=backbone.answer_format"),
        (dict(kind="semantic", tokenizer=True, answer_start=""), "captions or pseudo-queries for each, got none"),
        (dict(kind="semantic", tokenizer=True, answer_start="", texts=[["a"]]), "for each, got 1"),
        (dict(kind="magic"), "choose one of " + ", ".join(IDENTIFIER_KINDS)),
    ],
)
def test_make_identifiers_says_what_is_missing(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_identifiers(image_ids=names(2), **arguments)


def test_a_classifier_has_no_tokens():
    identifiers = make_identifiers("classifier", names(3))
    with pytest.raises(ValueError, match="no tokens"):
        identifiers.token_ids(tokenizer(), 0)
    with pytest.raises(ValueError, match="no tokens"):
        Identifiers("classifier", (("a",),), ("x",), ())
    with pytest.raises(ValueError, match="image id 'a' occurs twice"):
        make_identifiers("classifier", ["a", "a"])


def test_the_vocabulary_of_these_tests_is_the_tokenizers():
    assert {"Ġ" + word for word in WORDS} <= tokenizer().get_vocab().keys()  # else captions would be spelled in letters
