"""The seven kinds of image identifier (GRACE section 3.2), from the same images and the same seed.

| kind | identifier of an image | tokens |
|---|---|---|
| atomic | one token of its own | N new ones |
| structured | its path in a tree of k-means clusters of CLIP embeddings, then its number in the leaf | new ones, by level |
| numeric | its index, digit by digit | the ten digits |
| string | its index as text | the tokenizer's own, which may join digits |
| semantic | a caption, or a pseudo-query, of it | the tokenizer's own |
| residual | residual k-means codes of its CLIP embedding, then its number in the cell | new ones, by level |
| classifier | none: its row in the matrix of CLIP embeddings (what the official code calls "atomic") | none |
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from gcr_tutorial.data.text import normalize_text
from gcr_tutorial.errors import UserTypeError, UserValueError
from gcr_tutorial.identifiers.clustering import cluster_paths
from gcr_tutorial.identifiers.identifiers import IDENTIFIER_KINDS, Identifiers
from gcr_tutorial.identifiers.residual import residual_codes
from gcr_tutorial.models.tokenization import encode_text, shorten_texts


def make_identifiers(
    kind: str,
    image_ids: Sequence[str],
    embeddings: np.ndarray | None = None,
    clusters: int = 8,
    leaf_size: int = 8,
    seed: int = 0,
    *,
    tokenizer: Any = None,
    texts: Sequence[Sequence[str]] | None = None,
    avoid: Collection[str] = (),
    answer_start: str | None = None,
    max_tokens: int = 40,
) -> Identifiers:
    """Identifiers for the images `image_ids`; the same arguments give the same identifiers.

    Args:
        kind: one of IDENTIFIER_KINDS.
        image_ids: N unique names.
        embeddings: (N, D) image embeddings, needed by "structured" and "residual"; L2-normalised here.
        clusters: children of a node of the cluster tree, or codes of a residual level; at least 2.
        leaf_size: a cluster of at most so many images is not split further.
        seed: of k-means.
        tokenizer: the model's, needed by "numeric", "string" and "semantic".
        texts: for each image the captions or pseudo-queries that may name it, best first; needed by "semantic".
        avoid: texts that may not name an image ("semantic"): the queries of the evaluation.
        answer_start: what the chat template puts before an answer, `backbone.answer_format[0]`; needed by "semantic", whose
            identifiers are tokenised like the captions that the model has learned to write.
        max_tokens: a longer text is cut before it names an image ("semantic"). A number that tells equal texts apart may
            follow.

    Raises ValueError for an unknown kind, what a kind needs and was not given, and repeated image_ids; TypeError for one text
    where a list of texts is needed.

    Raises:
        ValueError: for another kind, where what the kind needs is missing, and for a tokenizer without digits ("numeric").
    """
    image_ids = tuple(map(str, image_ids))
    n = len(image_ids)
    if kind in ("structured", "residual") and (embeddings is None or len(embeddings) != n):
        given = "none" if embeddings is None else len(embeddings)
        raise UserValueError(f"{kind} identifiers of {n} images need as many embeddings, got {given}")
    if kind in ("numeric", "string", "semantic") and tokenizer is None:
        raise UserValueError(f"{kind} identifiers are written in the tokenizer's own tokens: pass tokenizer=")
    if kind == "atomic":
        return _of_new_tokens(kind, image_ids, [(i,) for i in range(n)], "<img_{code}>")
    if kind == "structured":
        return _of_new_tokens(kind, image_ids, cluster_paths(embeddings, clusters, leaf_size, seed), "<l{level}_{code}>")
    if kind == "residual":
        return _of_new_tokens(kind, image_ids, residual_codes(embeddings, clusters, leaf_size, seed), "<r{level}_{code}>")
    if kind == "numeric":
        codes = _digit_codes(n, tokenizer)
    elif kind == "string":
        codes = [_tokens(tokenizer, str(i)) for i in range(n)]
    elif kind == "semantic":
        if answer_start is None:
            raise UserValueError("semantic identifiers start as answers do: pass answer_start=backbone.answer_format[0]")
        codes = _caption_codes(n, texts, avoid, tokenizer, answer_start, max_tokens)
    elif kind == "classifier":
        codes = [()] * n
    else:
        raise UserValueError(f"unknown identifier kind {kind!r}: choose one of {', '.join(IDENTIFIER_KINDS)}")
    return Identifiers(kind, tuple(codes), image_ids, ())


def _of_new_tokens(kind: str, image_ids: tuple[str, ...], paths: Sequence[tuple[int, ...]], form: str) -> Identifiers:
    """Identifiers of new tokens: each number of a path becomes a token named by its level and the number."""
    used = sorted({(level, code) for path in paths for level, code in enumerate(path)})
    names = {at: form.format(level=at[0], code=at[1]) for at in used}
    codes = tuple(tuple(names[at] for at in enumerate(path)) for path in paths)
    return Identifiers(kind, codes, image_ids, tuple(names.values()))


def _digit_codes(n: int, tokenizer: Any) -> list[tuple[str, ...]]:
    """The numbers 0 .. n - 1, one token for each digit."""
    missing = set("0123456789") - tokenizer.get_vocab().keys()
    if missing:
        raise UserValueError(f"the tokenizer has no token for the digit {min(missing)!r}: choose identifier kind 'string'")
    return [tuple(str(i)) for i in range(n)]


def _caption_codes(
    n: int, texts: Sequence[Sequence[str]] | None, avoid: Collection[str], tokenizer: Any, answer_start: str, max_tokens: int
) -> list[tuple[str, ...]]:
    """For each image the tokens of the first of its texts that is neither taken nor to be avoided; failing that, of the
    first with a number at its end ("A dog runs. 2"). An image without texts is called "Picture", with a number."""
    if texts is None or len(texts) != n:
        given = "none" if texts is None else len(texts)
        raise UserValueError(f"semantic identifiers of {n} images need captions or pseudo-queries for each, got {given}")
    if isinstance(avoid, str) or any(isinstance(own, str) for own in texts):
        raise UserTypeError(
            "semantic identifiers need a list of texts for each image, and a list of texts to avoid, not a text"
        )
    barred = {_words(text) for text in avoid}
    special = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    short = iter(
        shorten_texts(tokenizer, [text for own in texts for text in own], max_tokens, "captions that may name an image")
    )
    numbers: Counter[str] = Counter()  # how often a text has been given a number
    taken: dict[tuple[str, ...], None] = {}  # in order
    for own in texts:
        pairs = [(text, next(short)) for text in own]
        # What is left of a text that was cut is to be avoided as the whole text is.
        own = [cut for text, cut in pairs if cut == normalize_text(text) or _words(text) not in barred]
        own = [text for text in own if _words(text) and special.isdisjoint(_tokens(tokenizer, text))]
        for text in _candidates(own, numbers):
            tokens = tuple(tokenizer.convert_ids_to_tokens(encode_text(tokenizer, [text], before=answer_start)[0]))
            if _words(text) not in barred and tokens not in taken:
                taken[tokens] = None
                break
    return list(taken)


def _candidates(own: Sequence[str], numbers: Counter[str]) -> Iterator[str]:
    """The texts of an image, then the first of them with number after number."""
    yield from own
    text = own[0] if own else "Picture"
    while True:
        numbers[text] += 1
        yield f"{text} {numbers[text] + 1}"


def _words(text: str) -> str:
    """The words of a text in lower case, by which it is compared with the queries to avoid."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _tokens(tokenizer: Any, text: str) -> tuple[str, ...]:
    """The tokens of a text, as strings."""
    return tuple(tokenizer.convert_ids_to_tokens(tokenizer(text, add_special_tokens=False)["input_ids"]))
