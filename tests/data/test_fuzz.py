"""Whatever a user has, reading it succeeds or says in one sentence what to do, and never takes above 4 GB.

Random Karpathy files and picture folders (see `odd_datasets`) are read in one process up to the start of training, as `run`
does it: corpus, task, features, identifiers of every kind, examples. The long form takes 2,000 of them, 50 of these through
one step of training, save and reload; run it with `pytest -m soak tests/data/test_fuzz.py --timeout 0`.
"""

from __future__ import annotations

import copy
import signal
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psutil
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from odd_datasets import Caption, Dataset, Picture, datasets, write
from tiny_backbone import tiny_backbone

from gcr_tutorial.config import TrainingConfig
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.loading import load_pictures
from gcr_tutorial.data.task import make_task
from gcr_tutorial.errors import UserError
from gcr_tutorial.identifiers import IDENTIFIER_KINDS, Identifiers, make_identifiers
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.features import image_features
from gcr_tutorial.models.prompts import shorten_queries
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.retrieval.retriever import GenerativeRetriever
from gcr_tutorial.training.examples import Example, caption_examples, memorize_examples, retrieve_examples, target_ids
from gcr_tutorial.training.fine_tuning import fine_tune

MOST_MEMORY = 4 * 2**30
MOST_TOKENS = 400  # of an example; a caption of 5,000 words has at least as many as words
KINDS = [kind for kind in IDENTIFIER_KINDS if kind != "classifier"]  # a classifier has no identifiers to write
outcomes: Counter[str] = Counter()  # how often what happened, for the report of the long form


@pytest.fixture(autouse=True)
def at_most_4_gb() -> Iterator[None]:
    """Raise MemoryError in the test as soon as this process holds more than 4 GB, or than 3 GB beside what it held before."""
    process, ended = psutil.Process(), threading.Event()
    limit = max(MOST_MEMORY, process.memory_info().rss + MOST_MEMORY * 3 // 4)

    def too_much(number: int, frame: object) -> None:
        raise MemoryError(f"this process holds more than {limit / 2**30:.1f} GB")

    def watch() -> None:
        while not ended.wait(0.02):
            if process.memory_info().rss > limit:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
                return

    before = signal.signal(signal.SIGUSR1, too_much)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        signal.signal(signal.SIGUSR1, before)


@cache
def shared_backbone() -> Backbone:
    return tiny_backbone()


def own_backbone() -> Backbone:
    """A backbone whose tokens and weights may be changed."""
    return copy.deepcopy(shared_backbone())


def read(dataset: Dataset, root: Path, kinds: list[str]) -> tuple[Backbone, Identifiers, torch.Tensor, list[tuple[str, int]]]:
    """What `run` does with the files of `dataset` before training, with identifiers of every one of `kinds`; returns what
    training needs for the last of them."""
    file, folder = write(dataset, root)
    corpus = ImageCaptionCorpus.from_folder(folder) if file is None else ImageCaptionCorpus.from_karpathy(file, folder)
    backbone = shared_backbone()
    task = shorten_queries(backbone, make_task(corpus, dataset.protocol, dataset.seed))
    features = image_features(backbone, load_pictures(corpus, task.memorize, 24, workers=0), 8)  # (N, S, H)
    assert len(features) == len(task.memorize) and bool(features.isfinite().all())
    queries = [(query.text, task.row_of[query.image]) for query in task.train_queries]
    texts: list[list[str]] = [[] for _ in task.memorize]
    for text, row in queries:
        texts[row].append(text)
    for kind in kinds:
        backbone = own_backbone()
        identifiers = make_identifiers(
            kind,
            [corpus.records[i].id for i in task.memorize],
            features.mean(1).float().numpy(),  # stands for CLIP embeddings
            3,
            2,
            dataset.seed,
            tokenizer=backbone.tokenizer,
            texts=texts,
            avoid=[query.text for query in task.eval_queries],
            answer_start=backbone.answer_format[0],
        )
        add_tokens(backbone, identifiers.new_tokens, dataset.seed)
        targets = target_ids(backbone, identifiers.codes)
        assert len(set(map(tuple, targets))) == len(targets), "two images share an identifier"
        identifiers.save(root / "identifiers.json")  # what is written after training must be possible before it
        assert Identifiers.load(root / "identifiers.json") == identifiers
        examples = [*memorize_examples(backbone, targets), *caption_examples(backbone, queries)]
        asked = retrieve_examples(backbone, queries, targets)
        examples += asked
        longest = max(map(len, examples), default=0)
        assert longest <= MOST_TOKENS, f"an example of {longest} tokens"
        check_control_tokens(backbone, asked)
    return backbone, identifiers, features, queries


def check_control_tokens(backbone: Backbone, examples: list[Example]) -> None:
    """No text of a user becomes a control token: each prompt has those of the chat template alone, and no new token."""
    [empty] = retrieve_examples(backbone, [("", 0)], [[backbone.end_id]])
    control = set(backbone.tokenizer.added_tokens_decoder)
    wanted = sorted(token for token in empty.prompt_ids if token in control)
    for asked in examples:
        assert sorted(token for token in asked.prompt_ids if token in control) == wanted, "a query holds a control token"


def read_or_refused(dataset: Dataset, kinds: list[str]) -> tuple | None:
    """What `read` returns, or None where it says in one sentence what is wrong. Any other error goes on, and the test fails."""
    with tempfile.TemporaryDirectory(prefix="gcr_fuzz_") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            result = read(dataset, Path(folder), kinds)
        except UserError as error:
            message = str(error)
            assert message and message.isprintable() and len(message) < 2000, f"not one sentence: {message!r}"
            assert any(word in message for word in ADVICE), f"does not say what to do: {message}"
            outcomes[type(error).__name__] += 1
            return None
    outcomes["read"] += 1
    return result


# What a message asks the user to do has one of these words.
ADVICE = (
    "check",
    "choose",
    "convert",
    "copy",
    "expected",
    "give",
    "mark",
    "must",
    "needs",
    "put",
    "remove",
    "rename",
    "run",
    "take",
)
DATASETS = settings(suppress_health_check=list(HealthCheck), deadline=None, database=None)


@example(
    Dataset((Picture("a.png"),), ((Caption(words=5000), Caption("chinese", 5000)),), ("test",), protocol="heldout-caption"),
    "semantic",
)
@example(Dataset((Picture("x" * 300 + ".png"),), ((Caption(),),), ("test",)), "atomic")
@example(Dataset((Picture("caf\udce9.png"), Picture("b.png"))), "atomic")
@example(
    Dataset(
        (Picture("a.png"),),
        ((Caption(text="a dog <image>"), Caption(text="<l0_0> <end_of_utterance>")),),
        ("train",),
        protocol="heldout-caption",
    ),
    "structured",
)
@given(datasets(), st.sampled_from(KINDS))
@settings(DATASETS, max_examples=40)
def test_any_dataset_is_read_or_refused_in_one_sentence(dataset: Dataset, kind: str) -> None:
    read_or_refused(dataset, [kind])


@pytest.mark.soak
def test_2000_datasets_of_which_50_are_trained_on() -> None:
    trained, started, seen = 0, time.monotonic(), Counter()

    @given(datasets(largest=3000))
    @settings(DATASETS, max_examples=2000)
    def run(dataset: Dataset) -> None:
        nonlocal trained
        seen["datasets"] += 1
        kind = KINDS[seen["datasets"] % len(KINDS)]
        kinds = [*KINDS, kind] if seen["datasets"] % 5 == 0 else [kind]
        result = read_or_refused(dataset, kinds)
        if result is not None and trained < 50 and seen["datasets"] % 5 == 0 and result[3]:
            one_step_save_and_reload(*result)
            trained += 1
        if seen["datasets"] % 100 == 0:
            rss = psutil.Process().memory_info().rss / 2**30
            print(
                f"{seen['datasets']} datasets, {trained} trained, {time.monotonic() - started:.0f} s, {rss:.2f} GB, {dict(outcomes)}",
                flush=True,
            )

    run()
    assert trained == 50 and outcomes["read"] > 400


def one_step_save_and_reload(
    backbone: Backbone, identifiers: Identifiers, features: torch.Tensor, queries: list[tuple[str, int]]
) -> None:
    """One step of memorizing and one of retrieving, then the retriever from its files: it finds what it found before."""
    targets = target_ids(backbone, identifiers.codes)
    config = TrainingConfig(rank=2, memorize_epochs=1, retrieve_epochs=1, batch_size=4096)
    history = fine_tune(backbone, targets, queries, features=features, config=config)
    assert all(len(losses) == 1 for losses in history.losses.values())
    retriever = GenerativeRetriever(backbone, identifiers, num_beams=4)
    asked = next((text for text, _ in queries if text.strip()), "a dog")
    with tempfile.TemporaryDirectory(prefix="gcr_fuzz_") as folder:
        retriever.save_pretrained(Path(folder) / "retriever")
        again = GenerativeRetriever.from_pretrained(Path(folder) / "retriever")
        before, after = retriever.search(asked, k=2), again.search(asked, k=2)
    assert [hit.image_id for hit in before] == [hit.image_id for hit in after]
    assert [hit.score for hit in before] == pytest.approx([hit.score for hit in after], abs=1e-4)
