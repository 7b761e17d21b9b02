"""A trie on disk: its arrays as safetensors, the rest as JSON, and the checks that what is read is a trie.

Three keys in the files differ from the names in the code: "starts" is `indptr`, "positions" is `rows` and "next_position" is
`next_row`.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from gcr_tutorial.errors import UserFileNotFoundError, UserValueError
from gcr_tutorial.trie.arrays import TrieArrays
from gcr_tutorial.trie.builder import sorted_unique
from gcr_tutorial.trie.rank_select import WORD, RankBitVector

FORMAT_VERSION = 2
ARRAYS, FACTS = "trie.safetensors", "trie.json"
_DTYPES = {"U8": "<u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "I32": "<i4", "I64": "<i8"}


def save(trie: TrieArrays, folder: Path) -> None:
    """Write `trie` into `folder`, each file beside its final name first, then renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = _arrays(trie)
    save_file(arrays, folder / f"{ARRAYS}.writing")
    facts = {
        "version": FORMAT_VERSION,
        "depth": trie.depth,
        "end_id": trie.end_id,
        "next_position": trie.next_row,
        "crc32": _checksum(arrays),
    }
    (folder / f"{FACTS}.writing").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    for name in (ARRAYS, FACTS):
        os.replace(folder / f"{name}.writing", folder / name)


def load(folder: Path, mmap: bool) -> dict[str, Any]:
    """The fields of the trie that `save` wrote, by their names in `TrieArrays`; see `TrieIndex.load`."""
    for name in (FACTS, ARRAYS):
        if not (folder / name).is_file():
            raise UserFileNotFoundError(f"{folder / name} is missing: save a trie there with TrieIndex.save")
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        if facts["version"] != FORMAT_VERSION:
            raise UserValueError(f"format {facts['version']}, this package reads {FORMAT_VERSION}")
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
    except Exception as error:  # whatever safetensors, JSON or a missing key raises, the file is damaged
        raise UserValueError(f"the trie in {folder} cannot be read ({error}): build and save it again") from error
    if not sound:
        raise UserValueError(f"{FACTS} and {ARRAYS} in {folder} do not fit together: build and save it again")
    return vars(trie)


def is_sound(trie: TrieArrays) -> bool:
    """Whether the arrays make a trie. This also finds damage that happened before the checksum was calculated."""
    # 1. Types and shapes.
    kinds = {name: (array.dtype.kind, array.ndim) for name, array in _arrays(trie).items()}
    if kinds.pop("alphabet") != ("i", 1) or set(kinds.values()) != {("u", 1)}:
        return False
    # 2. The bit vectors have a bit for each prefix, and none after the last one.
    prefixes, codes, indptr = trie.num_prefixes, trie.codes, trie.indptr.astype(np.int64)
    vectors, words = (trie.inner, trie.ends), prefixes // WORD + 1
    if any(len(vector.words) != words or int(vector.words[-1]) >> prefixes % WORD for vector in vectors):
        return False
    # 3. There is a row pointer for each inner node and a row for each leaf, and every prefix leads to a leaf.
    inner, ends = (vector.bits(prefixes) for vector in vectors)
    if len(indptr) != inner.sum() + 1 or len(trie.rows) != ends.sum() or not (inner | ends).all():
        return False
    # 4. The row pointers ascend from 0 to the number of edges, and a node comes before its first child: no cycles.
    if indptr[0] != 0 or indptr[-1] != len(codes) or (np.diff(indptr) <= 0).any():
        return False
    if (np.flatnonzero(inner) > indptr[:-1]).any():
        return False
    # 5. The alphabet ascends and holds the end token.
    alphabet = trie.alphabet
    if len(alphabet) == 0 or alphabet[0] < 0 or (np.diff(alphabet) <= 0).any() or trie.end_id not in alphabet:
        return False
    # 6. Codes are in the alphabet, ascend within a node, and none is the end token's.
    if len(codes):
        ascends = codes[1:] > codes[:-1]
        ascends[indptr[1:-1] - 1] = True  # the first edge of a node may carry any code
        end_code = np.searchsorted(alphabet, trie.end_id)
        if not ascends.all() or codes.max() >= len(alphabet) or (codes == end_code).any():
            return False
    # 7. No two identifiers have the same row, all rows were given out, and the depth is right.
    unique = len(sorted_unique(trie.rows)) == len(trie.rows)
    return bool(unique and trie.rows.max() < trie.next_row and trie.depth == len(trie.level_starts()))


def _arrays(trie: TrieArrays) -> dict[str, np.ndarray]:
    """What is stored, by its key in the file. Of a bit vector the words are enough."""
    return {
        "alphabet": trie.alphabet,
        "codes": trie.codes,
        "starts": trie.indptr,
        "inner": trie.inner.words,
        "ends": trie.ends.words,
        "positions": trie.rows,
    }


def _checksum(arrays: dict[str, np.ndarray]) -> int:
    """CRC-32 of all arrays, one after the other."""
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
