"""Karpathy's split files of Flickr8k, Flickr30K and MS-COCO (GRACE, section 4.1), read from disk.

MS-COCO's has 123,287 entries in 144 MB: nothing is kept of it but names, splits and captions, and pictures are looked for
folder by folder, not one by one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePath
from typing import Any

from gcr_tutorial.data.image_files import is_lfs_pointer, resolve_inside
from gcr_tutorial.data.text import normalize_text
from gcr_tutorial.errors import UserFileNotFoundError, UserValueError

_SPLITS = {"train": "train", "restval": "train", "val": "val", "test": "test"}


def read_karpathy(json_path: Path, folder: Path) -> tuple[str, list[tuple[str, str, tuple[str, ...]]]]:
    """(name, [(path inside `folder`, split, captions) of each image]) of the split file `json_path`, in its order.

    `folder` is resolved; an entry's `filepath` (MS-COCO) is a subfolder of it. `restval` counts as train. Raises
    FileNotFoundError (no such file or picture) or ValueError (not such a JSON; unknown split; duplicate file; a file
    outside the folder); each names the file and says what to do.
    """
    entries, name = _read_json(json_path)
    there, images, missing, seen = _Folder(folder), [], [], set()
    for number, entry in enumerate(entries):
        try:
            image = _image(entry)
            found = there.has(image[0])
        except ValueError as error:
            raise UserValueError(f"{json_path}, images[{number}]: {error}") from error
        if image[0] in seen:
            raise UserValueError(f"{json_path}, images[{number}]: file {image[0]!r} is listed twice: remove one entry")
        seen.add(image[0])
        images.append(image)
        if not found:
            missing.append(image[0])
    if missing:
        raise UserFileNotFoundError(
            f"{len(missing)} of {len(images)} images of {json_path} are not in {folder}, among them "
            f"{', '.join(missing[:3])}: give the folder that these paths start from, or remove these entries"
        )
    return name, images


class _Folder:
    """Which files are in a folder: each of its subfolders is listed once, when first asked for.

    Looking up 123,287 files one by one takes longer than reading the JSON, and very long on a network drive.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listed: dict[str, set[str]] = {}  # subfolder -> names of the plain files in it

    def has(self, name: str) -> bool:
        """Whether `name` is a file there. Raises ValueError where it leads out of the folder."""
        start, slash, last = name.rpartition("/")
        parent = start or slash  # "" is the folder itself; "/", the root, is not
        if parent not in self.listed:
            self.listed[parent] = self._list(parent)
        if last in self.listed[parent]:
            return True
        path = resolve_inside(self.folder, name)
        try:
            return path.is_file()  # a link, another spelling of the name, or not there
        except OSError:  # a name too long for this disk, or a subfolder that may not be entered
            return False

    def _list(self, parent: str) -> set[str]:
        try:
            with os.scandir(resolve_inside(self.folder, parent) if parent else self.folder) as entries:
                return {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
        except (OSError, ValueError):  # no such folder, or one outside: each of its files is refused by name
            return set()


def _read_json(path: Path) -> tuple[list[Any], str]:
    """(its list of images, its name) of a Karpathy split file."""
    if not path.is_file():
        what = f"{path} is a folder" if path.is_dir() else f"no file {path}"
        raise UserFileNotFoundError(f"{what}: give Karpathy's split file, e.g. dataset_flickr8k.json")
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"), object_hook=_without_tokens)
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        with open(path, "rb") as file:
            if is_lfs_pointer(file):
                raise UserValueError(
                    f"{path} is a Git-LFS pointer and not the file itself: run `git lfs pull` in the repository that it is from"
                ) from error
        raise UserValueError(
            f"{path} is not a JSON file ({error}): give Karpathy's split file, unpacked, e.g. dataset_flickr8k.json"
        ) from error
    entries = data.get("images") if isinstance(data, dict) else None
    if not isinstance(entries, list) or not entries:
        raise UserValueError(f"{path} is JSON but not in Karpathy's layout: it needs a list 'images', not empty")
    name = data.get("dataset")
    return entries, normalize_text(name if isinstance(name, str) and name else path.stem)


def _without_tokens(part: dict[str, Any]) -> dict[str, Any]:
    """A part of the JSON as it is read: beside the `raw` caption its words are not kept (most of MS-COCO's memory)."""
    if isinstance(part.get("raw"), str):
        part.pop("tokens", None)
    return part


def _image(entry: Any) -> tuple[str, str, tuple[str, ...]]:
    """(path, split, captions) of an entry. Raises ValueError that says what is wrong with it."""
    filename = entry.get("filename") if isinstance(entry, dict) else None
    if not isinstance(filename, str) or not filename:
        raise UserValueError("no 'filename' (COCO's own annotation files have another layout: take Karpathy's split file)")
    subfolder = entry.get("filepath", "")
    if not isinstance(subfolder, str):
        raise UserValueError(f"{filename!r}: 'filepath' must be the name of a subfolder, not {subfolder!r}")
    path, split = PurePath(subfolder, filename).as_posix(), split_name(entry.get("split"), filename)
    sentences = entry.get("sentences") or []
    if not isinstance(sentences, list):
        raise UserValueError(f"{filename!r}: 'sentences' must be a list of captions")
    return path, split, tuple(filter(None, (_caption(filename, sentence) for sentence in sentences)))


def split_name(split: Any, of: str) -> str:
    """ "train", "val" or "test" for Karpathy's word. Raises ValueError, naming `of`, for any other."""
    if not isinstance(split, str) or split not in _SPLITS:
        raise UserValueError(f"{of!r}: unknown split {split!r}: expected one of {', '.join(_SPLITS)}")
    return _SPLITS[split]


def _caption(filename: str, sentence: Any) -> str:
    """The caption on one line ("" where blank): its `raw` text, else its tokens."""
    text = sentence.get("raw") if isinstance(sentence, dict) else None
    if text is None and isinstance(sentence, dict) and isinstance(sentence.get("tokens"), list):
        text = " ".join(map(str, sentence["tokens"]))
    if not isinstance(text, str):
        raise UserValueError(f"{filename!r}: a sentence has neither 'raw' text nor a list 'tokens': {str(sentence)[:60]}")
    return normalize_text(text)
