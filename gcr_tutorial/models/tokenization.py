"""Tokenise what people write: queries and captions are text to the model, whatever they contain.

A tokenizer turns strings such as `<image>`, `<end_of_utterance>` or a new identifier token `<l0_4>` into one control token
each. In a prompt only the chat template may use them. What a user types, or what a caption says, is spelled out instead.
"""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from gcr_tutorial.data.text import normalize_text
from gcr_tutorial.errors import UserValueError


def encode_text(tokenizer: Any, texts: Sequence[str], before: str = "", after: str = "") -> list[list[int]]:
    """Token ids of `before` + text + `after` for each of `texts`. Control tokens count in `before` and `after` only.

    `before` and `after` are parts of a chat template. Texts without control tokens get the ids that
    `tokenizer(before + text + after)` gives. Raises UserValueError for a text with control tokens where the tokenizer is not
    a fast one (of the `tokenizers` library).
    """
    if not texts:
        return []
    control = set(tokenizer.get_added_vocab().values())
    whole = [before + text + after for text in (*texts, "a")]
    encoded = tokenizer(whole, add_special_tokens=False, verbose=False)["input_ids"]  # no warning: long texts are cut next
    of_template = [token for token in encoded.pop() if token in control]
    for i, ids in enumerate(encoded):
        if [token for token in ids if token in control] != of_template:
            encoded[i] = _spelled_out(tokenizer, texts[i], before, after, control)
    return encoded


def shorten_texts(tokenizer: Any, texts: Sequence[str], max_tokens: int, what: str = "texts") -> list[str]:
    """`texts` normalised (see `normalize_text`) and cut, at a space where there is one, to at most `max_tokens` tokens.

    One warning says how many were cut; `what` is what it calls them. Texts that are short enough are not changed further.
    """
    if max_tokens < 1:
        raise UserValueError(f"a maximum of {max_tokens} tokens: give 1 or more")
    texts = [normalize_text(text) for text in texts]
    # A text of so many bytes cannot have more tokens, so most texts need not be tokenised here.
    perhaps = [i for i, text in enumerate(texts) if len(text.encode()) > max_tokens]
    lengths = map(len, encode_text(tokenizer, [texts[i] for i in perhaps]))
    cut = {i: _cut(tokenizer, texts[i], max_tokens) for i, length in zip(perhaps, lengths) if length > max_tokens}
    cut = {i: text for i, text in cut.items() if text != texts[i]}  # a single letter of several tokens stays
    for i, text in cut.items():
        texts[i] = text
    if cut:
        warnings.warn(
            f"{len(cut)} of {len(texts)} {what} are longer than {max_tokens} tokens and were cut; the first now reads "
            f"{next(iter(cut.values()))[:60]!r}",
            stacklevel=3,
        )
    return texts


def _cut(tokenizer: Any, text: str, max_tokens: int) -> str:
    """The longest beginning of `text` that has at most `max_tokens` tokens and ends with a word."""

    def length(part: str) -> int:
        return len(encode_text(tokenizer, [part])[0])

    words = text.split(" ")
    fitting = bisect_right(range(1, len(words) + 1), max_tokens, key=lambda n: length(" ".join(words[:n])))
    if fitting:
        return " ".join(words[:fitting])
    letters = bisect_right(range(1, len(words[0]) + 1), max_tokens, key=lambda n: length(words[0][:n]))
    return words[0][: max(1, letters)]  # one word, or a script without spaces


def _spelled_out(tokenizer: Any, text: str, before: str, after: str, control: set[int]) -> list[int]:
    """Token ids of `before` + `text` + `after` where no control token is read in `text`.

    A tokenizer cuts its input at control tokens and encodes each piece for itself. The piece that holds `text` reaches from
    the last control token of `before` to the first one of `after`: it is encoded here, by the same steps without the cutting.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise UserValueError(
            f"{text[:60]!r} contains a control token of the model, and this tokenizer cannot spell it out: remove it"
        )
    template = tokenizer(f"{before}a{after}", add_special_tokens=False, return_offsets_mapping=True)
    spans = [span for token, span in zip(template["input_ids"], template["offset_mapping"]) if token in control]
    start = max((end for _, end in spans if end <= len(before)), default=0)
    end = min((begin for begin, _ in spans if begin > len(before)), default=len(before) + 1 + len(after))
    head, tail = before[:start], after[end - len(before) - 1 :]
    piece = before[start:] + text + after[: len(after) - len(tail)]
    if backend.normalizer is not None:
        piece = backend.normalizer.normalize_str(piece)
    words = (
        [word for word, _ in backend.pre_tokenizer.pre_tokenize_str(piece)] if backend.pre_tokenizer is not None else [piece]
    )
    ids = [token for word in words for token in _word_ids(backend.model, word, control)]
    first, last = (tokenizer(part, add_special_tokens=False)["input_ids"] if part else [] for part in (head, tail))
    return [*first, *ids, *last]


def _word_ids(model: Any, word: str, control: set[int]) -> list[int]:
    """Token ids of a word. Some vocabularies hold control tokens as words of their own: then its letters are encoded."""
    ids = [token.id for token in model.tokenize(word)]
    if control.isdisjoint(ids) or len(word) == 1:
        return ids
    return [token for letter in word for token in _word_ids(model, letter, control)]
