"""Load the images of a corpus one after the other, where it pays in worker processes, so that a GPU does not wait for files.

The pictures and their order are the same with and without workers. At most AHEAD * CHUNK pictures a worker are held at
any moment, so memory does not grow with the number of images.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.errors import UserValueError

CHUNK = 8  # pictures that a worker makes in one go
AHEAD = 3  # chunks a worker that are being made or wait to be taken
WORTH_WORKERS = 2000  # images; fewer are made sooner than workers start
MOST_WORKERS = 4

Job = tuple[str, Callable[[], Image.Image]]  # the image's id, and what makes its picture


def load_pictures(
    corpus: ImageCaptionCorpus, indices: Sequence[int], size: int | None, workers: int | None = None
) -> Iterator[Image.Image]:
    """Yield the images `indices` of `corpus`, in order, at `size` x `size` pixels (see `ImageCaptionCorpus.image`).

    `workers`: the number of processes that make the pictures, 0 for none (this process makes them); by default see
    `default_workers`. Raises FileNotFoundError or ValueError that names the file, wherever it was read, and RuntimeError
    where a worker died.
    """
    workers = default_workers(len(indices)) if workers is None else workers
    if not workers:
        yield from (corpus.image(i, size) for i in indices)
        return
    # The loader's "indices" are the jobs themselves. So a worker is sent what its next pictures need, and not the corpus.
    chunks = (
        [(corpus.records[i].id, corpus.picture_job(i, size)) for i in indices[start : start + CHUNK]]
        for start in range(0, len(indices), CHUNK)
    )
    loader = DataLoader(
        _MadeByJobs(),
        batch_sampler=chunks,
        collate_fn=list,
        num_workers=workers,
        prefetch_factor=AHEAD,
        multiprocessing_context="spawn",  # a forked process may inherit a lock or a GPU in use
        generator=torch.Generator(),  # else the loader would draw a seed from the generator that training uses
    )
    with _without_main_module():
        made = iter(loader)
    try:
        for start in range(0, len(indices), CHUNK):
            try:
                pictures = next(made)
            except RuntimeError as error:
                first, last = (corpus.records[i].id for i in (indices[start], indices[min(start + CHUNK, len(indices)) - 1]))
                raise RuntimeError(
                    f"a process that makes pictures died, at {first} to {last} or soon after ({error}): give this machine "
                    "more memory or fewer workers, or set GCR_WORKERS=0 to see the reason"
                ) from error
            for picture in pictures:
                if isinstance(picture, Exception):
                    raise picture
                yield picture
    finally:
        del made  # ends the workers


def default_workers(images: int) -> int:
    """The environment variable GCR_WORKERS; else 0 for fewer than 2,000 images, and a worker a core (at most 4) for more.
    Raises ValueError for a GCR_WORKERS that is no number from 0 up."""
    chosen = os.environ.get("GCR_WORKERS")
    if chosen:
        if not chosen.isdecimal():
            raise UserValueError(f"GCR_WORKERS={chosen!r}: give the number of processes that read pictures, 0 for none")
        return int(chosen)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST_WORKERS, cores) if images >= WORTH_WORKERS else 0


class _MadeByJobs(Dataset):
    """The data set that a worker sees: its item number `job` is the picture that `job` makes, or the error that it raises."""

    def __getitem__(self, job: Job) -> Image.Image | Exception:
        name, make = job
        try:
            picture = make().convert("RGB")
        except (OSError, ValueError) as error:  # they name the file
            return error
        except Exception as error:
            return RuntimeError(f"cannot make picture {name}: {type(error).__name__}: {error}")
        picture.info.clear()  # only the pixels are sent back
        return picture


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Within it, new processes do not import the script that is running: they need nothing of it, and a script without
    `if __name__ == "__main__":` would start all over in each of them."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
