"""Copies of the captioning data sets on the Hugging Face Hub, read with `datasets` (the package's extra "hub").

A copy is taken at a pinned commit, and only its Parquet files: nothing of it is run. Captions and splits are read at once,
the pictures stay on disk (memory-mapped Arrow files) until one is asked for.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gcr_tutorial.data.karpathy import split_name
from gcr_tutorial.data.records import ImageRecord
from gcr_tutorial.data.text import normalize_text
from gcr_tutorial.errors import UserFileNotFoundError, UserImportError, UserValueError

# Karpathy's split with its pictures. Short name -> (name on the Hub, commit): Parquet files made by the Hub itself.
HUB_COPIES = {"flickr30k": ("nlphuji/flickr30k", "f5fbeaae027ee156ec0e2c6c5317dccc3e758b83")}
CAPTION_COLUMNS = ("caption", "captions", "sentences", "text")  # or caption_0, caption_1, ...
_SPLIT_WORDS = {"validation": "val", "valid": "val", "dev": "val"}  # the Hub's words, where they differ from Karpathy's


class HubCopy(NamedTuple):
    """A captioning data set as read: its name, one record an image, and a function from the index of an image to the bytes
    of its picture file."""

    name: str
    records: list[ImageRecord]
    picture_bytes: Callable[[int], bytes]


def read_hub_copy(name: str | Path, revision: str | None = None) -> HubCopy:
    """The records and pictures of a data set of the Hub: `name` is "owner/name" with the commit `revision`, a short name of HUB_COPIES, or
    a folder (a downloaded copy, or what `save_to_disk` wrote).

    Raises ImportError (no `datasets`), ValueError (no pinned commit; columns that are not those of a captioning data set)
    or FileNotFoundError (neither downloaded nor reachable); each says what to do.
    """
    datasets = _import_datasets()
    if str(name) in HUB_COPIES and not Path(name).is_dir():
        repository, pinned = HUB_COPIES[str(name)]
        name, revision = repository, revision or pinned
    folder = Path(name) if Path(name).is_dir() else _download(str(name), revision)
    try:
        if (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file():
            loaded = datasets.load_from_disk(folder)
        else:
            loaded = datasets.load_dataset(str(folder))
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise UserValueError(
            f"{name} cannot be read by `datasets` ({type(error).__name__}: {error}): take a copy that consists of Parquet files"
        ) from error
    return read_dataset(loaded if isinstance(loaded, Mapping) else {"": loaded}, str(name))


def read_dataset(parts: Mapping[str, Any], name: str) -> HubCopy:
    """The records and pictures of a `DatasetDict`, or of {split: `Dataset`} ("" where a column `split` says it).

    A row has a picture, its captions (see CAPTION_COLUMNS; one text, a list of texts, or Karpathy's `sentences`) and, where
    the copy has them, `split` (else the part's name counts), `filename` and `filepath`. Rows of the same file are one
    image. Raises ValueError where a part lacks what is needed.
    """
    datasets = _import_datasets()
    captions: dict[str, list[str]] = {}  # image -> its captions
    splits: dict[str, str] = {}
    cells: list[tuple[Any, int]] = []  # (column of pictures, row in it) of each image
    for part, dataset in parts.items():
        picture, texts = _columns(dataset, f"{name}{f', part {part}' if part else ''}")
        pictures = dataset.select_columns([picture]).cast_column(picture, datasets.Image(decode=False))[picture]
        words = dataset.select_columns([c for c in (*texts, "split", "filename", "filepath") if c in dataset.column_names])
        for row, entry in enumerate(words):
            file = "/".join(filter(None, (entry.get("filepath"), entry.get("filename"))))
            image = file or f"{part}{'-' if part else ''}{row:06d}"
            if image not in captions:
                word = entry.get("split") or part
                captions[image], splits[image] = [], split_name(_SPLIT_WORDS.get(word, word), image)
                cells.append((pictures, row))
            captions[image] += [text for column in texts for text in _texts(entry[column], image)]
    if not cells:
        raise UserValueError(f"{name} has no rows: take another copy")
    records = [ImageRecord(image, splits[image], tuple(said), number) for number, (image, said) in enumerate(captions.items())]
    bare = sum(not said for said in captions.values())
    if bare:
        warnings.warn(
            f"{name}: {bare} of {len(records)} images have no caption: they can be memorized, with pseudo-queries, "
            "but no query asks for them",
            stacklevel=2,
        )

    def stored(i: int) -> bytes:
        column, row = cells[i]
        encoded = column[row]["bytes"]
        if encoded is None:  # a path alone could name any file of this machine
            raise UserValueError(
                f"{name}: the picture of {records[i].id} is not in the data set's own files, only its path is: "
                "take a copy with the pictures inside its Parquet files"
            )
        return encoded

    return HubCopy(name, records, stored)


def _columns(dataset: Any, name: str) -> tuple[str, list[str]]:
    """(the column of pictures, those of captions). Raises ValueError that names the columns there are."""
    pictures = [column for column, feature in dataset.features.items() if type(feature).__name__ == "Image"]
    numbered = sorted(c for c in dataset.column_names if re.fullmatch(r"captions?_\d+", c))
    texts = numbered or [column for column in CAPTION_COLUMNS if column in dataset.column_names][:1]
    if len(pictures) != 1 or not texts:
        raise UserValueError(
            f"{name} has the columns {', '.join(dataset.column_names)}: one of pictures and one of captions "
            f"({', '.join(CAPTION_COLUMNS)} or caption_0, caption_1, ...) are needed"
        )
    return pictures[0], texts


def _texts(cell: Any, image: str) -> list[str]:
    """The captions in a cell, each on one line; blank ones are dropped. Raises ValueError where it holds something else."""
    found = []
    for item in cell if isinstance(cell, (list, tuple)) else [] if cell is None else [cell]:
        text = item.get("raw") if isinstance(item, dict) else item
        if not isinstance(text, str):
            raise UserValueError(f"{image!r}: a caption must be text, or have a text 'raw': {str(item)[:60]}")
        found.append(normalize_text(text))
    return [text for text in found if text]


def _download(name: str, revision: str | None) -> Path:
    """The folder with the Parquet files of `name` at the commit `revision`: from the cache, else from the Hub."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    if not re.fullmatch(r"[0-9a-f]{40}", revision or ""):
        raise UserValueError(
            f"{name}: give the commit to take, 40 hexadecimal digits, not {revision!r}: the data set's page shows "
            f"it under 'Files and versions' (known here without: {', '.join(HUB_COPIES)})"
        )
    try:
        folder = Path(
            snapshot_download(name, repo_type="dataset", revision=revision, allow_patterns=["*.parquet", "README.md"])
        )
    except HFValidationError as error:
        raise UserValueError(f"{name!r} is neither a folder nor a name on the Hub, such as nlphuji/flickr30k") from error
    except OSError as error:  # offline, no such data set or revision, or not allowed
        raise UserFileNotFoundError(
            f"{name} at {revision} is not in the Hugging Face cache and could not be downloaded: on a machine with a network run "
            f"`hf download {name} --repo-type dataset --revision {revision}`, and copy its cache folder here "
            "(~/.cache/huggingface, or where HF_HOME says)"
        ) from error
    if not any(folder.rglob("*.parquet")):
        raise UserFileNotFoundError(
            f"{name} at {revision} has no Parquet files: take a copy that has (the Hub keeps one of most "
            "data sets under the revision refs/convert/parquet; give its commit)"
        )
    return folder


def _import_datasets() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise UserImportError(
            "reading a data set of the Hub needs the package `datasets`: pip install datasets (or install this "
            'package as ".[hub]")'
        ) from error
    return datasets
