"""A trie on disk: its arrays as safetensors, the rest as JSON, and the checks that what is read is a trie."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from gcr_tutorial.trie.arrays import TrieArrays
from gcr_tutorial.trie.builder import sorted_unique
from gcr_tutorial.trie.rank_select import RankBitVector

FORMAT_VERSION = 2
ARRAYS, FACTS = "trie.safetensors", "trie.json"
_DTYPES = {"U8": "<u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "I32": "<i4", "I64": "<i8"}


def save(trie: TrieArrays, folder: Path) -> None:
    """Write `trie` into `folder`, aside first."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = _arrays(trie)
    save_file(arrays, folder / f"{ARRAYS}.writing")
    facts = {
        "version": FORMAT_VERSION,
        "depth": trie.depth,
        "end_id": trie.end_id,
        "next_position": trie.next_position,
        "crc32": _checksum(arrays),
    }
    (folder / f"{FACTS}.writing").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    for name in (ARRAYS, FACTS):
        os.replace(folder / f"{name}.writing", folder / name)


def load(folder: Path, mmap: bool) -> dict[str, Any]:
    """The fields of the trie that `save` wrote, by name; see `TrieIndex.load`."""
    for name in (FACTS, ARRAYS):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing: save a trie there with TrieIndex.save")
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        if facts["version"] != FORMAT_VERSION:
            raise ValueError(f"format {facts['version']}, this package reads {FORMAT_VERSION}")
        arrays = _mapped(folder / ARRAYS) if mmap else load_file(folder / ARRAYS)
        trie = TrieArrays(
            arrays["alphabet"],
            arrays["codes"],
            arrays["starts"],
            RankBitVector.from_words(arrays["inner"]),
            RankBitVector.from_words(arrays["ends"]),
            arrays["positions"],
            facts["depth"],
            facts["end_id"],
            facts["next_position"],
        )
        sound = facts["crc32"] == _checksum(_arrays(trie)) and is_sound(trie)
    except Exception as error:  # safetensors, JSON, missing keys: to the reader it is all one damaged trie
        raise ValueError(f"the trie in {folder} cannot be read ({error}): build and save it again") from error
    if not sound:
        raise ValueError(f"{FACTS} and {ARRAYS} in {folder} do not fit together: build and save it again")
    return vars(trie)


def is_sound(trie: TrieArrays) -> bool:
    """Do the arrays make a trie? For files whose checksum was made after the damage."""
    kinds = {name: (array.dtype.kind, array.ndim) for name, array in _arrays(trie).items()}
    if kinds.pop("alphabet") != ("i", 1) or set(kinds.values()) != {("u", 1)}:
        return False
    prefixes, codes, starts = trie.num_prefixes, trie.codes, trie.starts.astype(np.int64)
    marks, words = (trie.inner, trie.ends), prefixes // 64 + 1
    if any(len(mark.words) != words or int(mark.words[-1]) >> prefixes % 64 for mark in marks):
        return False
    inner, ends = (mark.flags(prefixes) for mark in marks)
    if len(starts) != inner.sum() + 1 or len(trie.positions) != ends.sum() or not (inner | ends).all():
        return False
    if starts[0] != 0 or starts[-1] != len(codes) or (np.diff(starts) <= 0).any():
        return False
    if (np.flatnonzero(inner) > starts[:-1]).any():  # a node comes before its first child, so there are no cycles
        return False
    letters = trie.alphabet
    if len(letters) == 0 or letters[0] < 0 or (np.diff(letters) <= 0).any() or trie.end_id not in letters:
        return False
    if len(codes):
        rising = codes[1:] > codes[:-1]
        rising[starts[1:-1] - 1] = True  # the first edge of a node may carry any code
        end_code = np.searchsorted(letters, trie.end_id)
        if not rising.all() or codes.max() >= len(letters) or (codes == end_code).any():
            return False
    unique = len(sorted_unique(trie.positions)) == len(trie.positions)
    return bool(unique and trie.positions.max() < trie.next_position and trie.depth == len(trie.level_starts()))


def _arrays(trie: TrieArrays) -> dict[str, np.ndarray]:
    """What is stored; the counts of `RankBitVector` follow from their words."""
    return {
        "alphabet": trie.alphabet,
        "codes": trie.codes,
        "starts": trie.starts,
        "inner": trie.inner.words,
        "ends": trie.ends.words,
        "positions": trie.positions,
    }


def _checksum(arrays: dict[str, np.ndarray]) -> int:
    crc = 0
    for array in arrays.values():
        crc = zlib.crc32(array, crc)
    return crc


def _mapped(path: Path) -> dict[str, np.ndarray]:
    """The 1-D arrays of a safetensors file as views into the file: 8 bytes of header length, the JSON header, data."""
    content = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
    start = 8 + int(content[:8].view("<u8")[0])
    header = json.loads(content[8:start].tobytes())
    return {
        name: content[start:][slice(*entry["data_offsets"])].view(_DTYPES[entry["dtype"]]) for name, entry in header.items()
    }
