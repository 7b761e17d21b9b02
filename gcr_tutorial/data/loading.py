"""Pictures read or drawn ahead, in other processes, so that a GPU does not wait for JPEG files.

Only a few pictures are under way at any moment, whatever the number of images: what is held does not grow with the
collection. The pictures are the same, and in the same order, as without workers.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from threading import Thread

from PIL import Image

from gcr_tutorial.data.corpus import ImageCaptionCorpus

CHUNK = 8  # pictures that a worker makes in one go
AHEAD = 3  # chunks a worker that are under way or wait to be taken
WORTH_WORKERS = 2000  # images; fewer are made sooner than workers start
MOST_WORKERS = 4

Made = list[tuple[tuple[int, int], bytes]]  # (width, height) and RGB bytes of each picture


def load_pictures(
    corpus: ImageCaptionCorpus, rows: Sequence[int], size: int | None, workers: int | None = None
) -> Iterator[Image.Image]:
    """The images `rows` of `corpus`, one at a time, in order, at `size` x `size` pixels (see `ImageCaptionCorpus.image`).

    `workers`: processes that make them, 0 for none (this process does it); by default see `default_workers`. At most
    AHEAD * CHUNK pictures a worker are held. Raises FileNotFoundError or ValueError that names the file, wherever it was
    read, and RuntimeError where a worker died.
    """
    workers = default_workers(len(rows)) if workers is None else workers
    if not workers:
        yield from (corpus.image(i, size) for i in rows)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start_worker)
    under_way: deque[tuple[Sequence[int], Future[Made]]] = deque()
    try:
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            jobs = [(corpus.records[i].id, corpus.picture_job(i, size)) for i in chunk]
            under_way.append((chunk, pool.submit(_make, jobs)))
            if len(under_way) == AHEAD * workers:
                yield from _taken(corpus, *under_way.popleft())
        while under_way:
            yield from _taken(corpus, *under_way.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def default_workers(images: int) -> int:
    """The environment variable GCR_WORKERS; else 0 for fewer than 2,000 images, and a worker a core (at most 4) for more.
    Raises ValueError for a GCR_WORKERS that is no number from 0 up."""
    chosen = os.environ.get("GCR_WORKERS")
    if chosen:
        if not chosen.isdecimal():
            raise ValueError(f"GCR_WORKERS={chosen!r}: give the number of processes that read pictures, 0 for none")
        return int(chosen)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST_WORKERS, cores) if images >= WORTH_WORKERS else 0


def _taken(corpus: ImageCaptionCorpus, chunk: Sequence[int], made: Future[Made]) -> list[Image.Image]:
    try:
        return [Image.frombytes("RGB", shape, pixels) for shape, pixels in made.result()]
    except BrokenProcessPool as error:
        first, last = corpus.records[chunk[0]].id, corpus.records[chunk[-1]].id
        raise RuntimeError(
            f"a process that makes pictures died, at {first} to {last} or soon after: set GCR_WORKERS=0 to see why (a script "
            'that starts the work needs `if __name__ == "__main__":`, and a machine short of memory fewer workers)'
        ) from error


def _make(jobs: list[tuple[str, Callable[[], Image.Image]]]) -> Made:
    """In a worker: make the pictures of one chunk."""
    made = []
    for name, job in jobs:
        try:
            picture = job().convert("RGB")
        except (OSError, ValueError):  # they name the file
            raise
        except Exception as error:
            raise RuntimeError(f"cannot make picture {name}: {type(error).__name__}: {error}") from error
        made.append((picture.size, picture.tobytes()))
    return made


def _start_worker() -> None:
    """In a worker, first: leave Ctrl-C to the main process, and end when that is gone, even killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=lambda: (parent_process().join(), os._exit(1)), daemon=True).start()
