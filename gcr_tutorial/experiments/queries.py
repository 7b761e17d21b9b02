"""The texts that train retrieval: captions by people, and pseudo-queries, which several runs can share through a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gcr_tutorial import processes
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.task import RetrievalTask
from gcr_tutorial.experiments.stages import Stages
from gcr_tutorial.files import write_text


def training_queries(task: RetrievalTask, pseudo: Sequence[Sequence[str]]) -> list[tuple[str, int]]:
    """(text, row) of everything that trains retrieval: the task's training captions, and `pseudo`, the pseudo-queries of
    each image of `task.uncaptioned`. Raises ValueError where these are of another number of images."""
    captions = [(query.text, task.row_of[query.image]) for query in task.train_queries]
    pairs = zip(task.uncaptioned, pseudo, strict=True)
    return captions + [(text, task.row_of[image]) for image, texts in pairs for text in texts]


def texts_by_row(queries: Sequence[tuple[str, int]], rows: int) -> list[list[str]]:
    """The texts of each of `rows` images, from (text, row) pairs."""
    texts: list[list[str]] = [[] for _ in range(rows)]
    for text, row in queries:
        texts[row].append(text)
    return texts


def true_share(corpus: ImageCaptionCorpus, task: RetrievalTask, pseudo: Sequence[Sequence[str]]) -> float | None:
    """Share of the pseudo-queries that is true of its image; None where the corpus does not know, or where there are none."""
    said = [corpus.is_true(text, image) for image, texts in zip(task.uncaptioned, pseudo, strict=True) for text in texts]
    return None if not said or said[0] is None else round(sum(said) / len(said), 4)


def shared_pseudo_queries(
    file: Path | None, settings: dict[str, Any], stages: Stages, write: Callable[[], list[list[str]]]
) -> list[list[str]]:
    """What `write` returns, or what an earlier run with the same settings (but for the identifier) put into the JSON `file`.
    The seconds of the stage are those that writing took, then or now."""
    if file is None:
        return stages.keep("pseudo-queries", write)
    key = {name: value for name, value in settings.items() if name != "identifier"}
    stored = None
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
        stored = (read["texts"], read["seconds"]) if read["settings"] == key else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # there is none yet, or it is damaged: write them now
        pass
    stored = processes.gather(stored)[0]  # all processes do what the main one found
    if stored is not None:
        texts, stages.seconds["pseudo-queries"] = stored
        stages.progress(f"  pseudo-queries: those of an earlier run, made in {stored[1]:.1f} s")
        return texts
    texts = stages.keep("pseudo-queries", write)
    if processes.is_main():
        write_text(file, json.dumps({"settings": key, "seconds": stages.seconds["pseudo-queries"], "texts": texts}))
    return texts
