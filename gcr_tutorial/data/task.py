"""The retrieval task made of a corpus (GRACE, section 4.1): what to memorize, to train on and to ask."""

from __future__ import annotations

import random
import warnings
from dataclasses import dataclass
from functools import cached_property

from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.errors import UserValueError

PROTOCOLS = ("karpathy", "heldout-caption")


@dataclass(frozen=True)
class Query:
    """A caption used as a query. image: the corpus index of its image; caption: which caption of that image it is."""

    text: str
    image: int
    caption: int


@dataclass(frozen=True)
class RetrievalTask:
    """What to memorize, train on and evaluate; images are corpus indices. See `make_task`.

    memorize: every image that gets an identifier (the full gallery); gallery: those that the reported recall searches;
    uncaptioned: memorized images without a training query, which need pseudo-queries.
    """

    protocol: str
    memorize: tuple[int, ...]
    gallery: tuple[int, ...]
    train_queries: tuple[Query, ...]
    eval_queries: tuple[Query, ...]
    uncaptioned: tuple[int, ...]

    @cached_property
    def row_of(self) -> dict[int, int]:
        """The row of each memorized image (see `memorize`), by its image index."""
        return {image: row for row, image in enumerate(self.memorize)}


def make_task(corpus: ImageCaptionCorpus, protocol: str = "karpathy", seed: int = 0) -> RetrievalTask:
    """Divide a corpus into what is memorized, trained on and asked.

    "karpathy", the paper's: train and test images are memorized, queries are all captions of the test images, and the
    gallery is the test split. No caption of a test image trains. A bare folder of pictures gives no queries.
    "heldout-caption", a photo collection with notes: every image is memorized with all its captions but one, drawn by
    `seed`, and that one is the query; the gallery is every image. Copies of it among the image's captions do not train
    either. An image without two different captions keeps what it has and is not asked for (a warning says how many).

    Raises ValueError for another protocol, and where "karpathy" finds no test split.
    """
    if protocol == "karpathy":
        test = corpus.indices("test")
        if not test:
            raise UserValueError(
                f"{corpus!r} has no test split, so protocol 'karpathy' has no gallery: mark images as "
                "test, or use protocol 'heldout-caption'"
            )
        train = corpus.indices("train")
        memorize, gallery = train + test, test
        train_queries = [query for i in train for query in _queries(corpus, i)]
        eval_queries = [query for i in test for query in _queries(corpus, i)]
    elif protocol == "heldout-caption":
        memorize = gallery = list(range(len(corpus)))
        train_queries, eval_queries = [], []
        for i in memorize:
            training, heldout = _hold_out(corpus, i, seed)
            train_queries += training
            eval_queries += heldout
        asked = {query.image for query in eval_queries}
        unasked = [corpus.records[i].id for i in memorize if i not in asked]
        if unasked:
            warnings.warn(
                f"{len(unasked)} of {len(memorize)} images (the first: {unasked[0]}) have fewer than two "
                "different captions: they are memorized, but no query asks for them",
                stacklevel=2,
            )
    else:
        raise UserValueError(f"unknown protocol {protocol!r}: expected one of {', '.join(PROTOCOLS)}")
    captioned = {query.image for query in train_queries}
    uncaptioned = tuple(i for i in memorize if i not in captioned)
    return RetrievalTask(protocol, tuple(memorize), tuple(gallery), tuple(train_queries), tuple(eval_queries), uncaptioned)


def _queries(corpus: ImageCaptionCorpus, i: int) -> list[Query]:
    return [Query(text, i, j) for j, text in enumerate(corpus.records[i].captions)]


def _hold_out(corpus: ImageCaptionCorpus, i: int, seed: int) -> tuple[list[Query], list[Query]]:
    """(training queries, the one held out or none) of image `i`; the draw depends on seed and image id alone."""
    queries = _queries(corpus, i)
    keys = [query.text.casefold().rstrip(" .!") for query in queries]
    if len(set(keys)) < 2:
        return queries, []
    j = random.Random(f"{seed}/{corpus.records[i].id}").randrange(len(queries))
    return [query for query, key in zip(queries, keys) if key != keys[j]], [queries[j]]
