"""The trie spelled out, one entry a node, as it is while it is being made: from sequences, and from another trie.

Everything here works on whole levels of the trie at once, so that ten million identifiers need no Python loop.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np


@dataclass(frozen=True, eq=False)
class Nodes:
    """The prefixes of identifiers (without the end token), numbered breadth first with siblings in token order.

    Attributes:
        alphabet: (A,) the token ids, ascending, end token included; a *code* is an index into it.
        parents, codes: (P - 1,) for the nodes 1 .. P - 1: the node above, and the code that leads here from there.
        ends: (P,) bool, does an identifier end here.
        positions: (N,) the position of the identifier that ends at each node with `ends`, in node order.
        levels: the first node of each level, and P at the end.
        next_position: the position that the next new identifier gets.
    """

    alphabet: np.ndarray
    parents: np.ndarray
    codes: np.ndarray
    ends: np.ndarray
    positions: np.ndarray
    levels: list[int]
    end_id: int
    next_position: int


def from_sequences(sequences: Sequence[Sequence[int]] | np.ndarray, keep_first: bool) -> Nodes:
    """The trie of `sequences`; see `TrieIndex.build`."""
    flat, lengths = _flatten(sequences)
    end_id = _end_token(flat, lengths)
    alphabet, columns = _columns(flat, lengths)
    order, fresh = _sorted(columns, len(alphabet))
    if not fresh.all():
        if not keep_first:
            i = int((~fresh).argmax())
            first, second = sorted((int(order[i - 1]), int(order[i])))
            raise ValueError(f"sequences {first} and {second} are the same identifier: identifiers must be unique")
        order = order[fresh]

    at = np.zeros(len(order), dtype=np.int64)  # the node of each sorted row's prefix, level by level
    fresh = np.zeros(len(order), dtype=bool)  # does row i's prefix differ from row i - 1's?
    fresh[0] = True
    levels, parents, codes = [0, 1], [], []
    for column in columns:
        column = column[order]
        fresh[1:] |= column[1:] != column[:-1]
        lives = column > 0  # 0: the row has ended, and stays at its node
        new = fresh & lives
        parents.append(at[new])
        codes.append(column[new] - 1)
        at = np.where(lives, levels[-1] - 1 + np.cumsum(new), at)
        levels.append(levels[-1] + len(codes[-1]))
    holder = np.full(levels[-1], -1, dtype=np.int64)  # the position of the identifier that ends at each node
    holder[at] = order
    ends = holder >= 0
    return Nodes(alphabet, _joined(parents), _joined(codes), ends, holder[ends], levels, end_id, len(lengths))


def merged(old: Nodes, new: Nodes, keep_first: bool) -> Nodes:
    """Both tries in one; the positions of `new` go on after those of `old`. See `TrieIndex.merge`."""
    alphabet = sorted_unique(np.concatenate([old.alphabet, new.alphabet]))
    codes = [np.searchsorted(alphabet, trie.alphabet)[trie.codes] for trie in (old, new)]
    numbers = [np.zeros(len(trie.ends), dtype=np.int64) for trie in (old, new)]  # node -> node of the merged trie
    levels, parents, merged_codes = [0, 1], [], []
    for depth in range(1, max(len(old.levels), len(new.levels)) - 1):
        spans = [slice(*trie.levels[depth : depth + 2]) if depth + 1 < len(trie.levels) else slice(0, 0) for trie in (old, new)]
        edges = [slice(max(span.start - 1, 0), max(span.stop - 1, 0)) for span in spans]  # node n: edge n - 1
        keys = np.concatenate(
            [
                number[trie.parents[edge]] * len(alphabet) + code[edge]
                for trie, number, code, edge in zip((old, new), numbers, codes, edges)
            ]
        )
        order = np.argsort(keys, kind="stable")  # two ascending runs, which a stable sort merges in linear time
        keys = keys[order]
        fresh = np.append(True, keys[1:] != keys[:-1])
        place = np.empty(len(keys), dtype=np.int64)
        place[order] = levels[-1] - 1 + np.cumsum(fresh)
        split = edges[0].stop - edges[0].start
        numbers[0][spans[0]], numbers[1][spans[1]] = place[:split], place[split:]
        above, code = np.divmod(keys[fresh], len(alphabet))
        parents.append(above)
        merged_codes.append(code)
        levels.append(levels[-1] + len(above))

    at = [number[trie.ends] for trie, number in zip((old, new), numbers)]
    holder = np.full(levels[-1], -1, dtype=np.int64)
    holder[at[0]] = old.positions
    clash = holder[at[1]] >= 0
    if clash.any() and not keep_first:
        i = int(np.where(clash, new.positions, new.next_position).argmin())
        raise ValueError(
            f"sequence {int(new.positions[i])} of the batch is the identifier that position "
            f"{int(holder[at[1][i]])} already has: identifiers must be unique"
        )
    holder[at[1][~clash]] = new.positions[~clash] + old.next_position
    ends = holder >= 0
    return Nodes(
        alphabet,
        _joined(parents),
        _joined(merged_codes),
        ends,
        holder[ends],
        levels,
        old.end_id,
        old.next_position + new.next_position,
    )


def remaining(trie: Nodes, removed: Collection[int] | np.ndarray) -> Nodes:
    """`trie` without the identifiers at the positions `removed`. See `TrieIndex.without`."""
    if not isinstance(removed, np.ndarray):
        removed = np.fromiter(map(operator.index, removed), dtype=np.int64, count=len(removed))
    elif removed.ndim != 1 or not np.issubdtype(removed.dtype, np.integer):
        raise TypeError(f"positions must be a 1-D array of integers, got {removed.dtype} {removed.shape}")
    unknown = ~np.isin(removed, trie.positions)
    if unknown.any():
        raise ValueError(f"no identifier has position {int(removed[unknown.argmax()])}: it cannot be removed")
    stays = ~np.isin(trie.positions, removed)
    if not stays.any():
        raise ValueError("nothing would be left: a trie needs at least one identifier")

    ends = trie.ends.copy()
    ends[ends] = stays
    keep = ends.copy()  # nodes at or below which an identifier is left
    for start, stop in reversed(list(zip(trie.levels[1:], trie.levels[2:]))):
        keep[trie.parents[start - 1 : stop - 1][keep[start:stop]]] = True
    number = np.cumsum(keep) - 1  # old node -> new node
    edges = np.flatnonzero(keep[1:])
    levels = np.unique([0, *(int(number[stop - 1]) + 1 for stop in trie.levels[1:])]).tolist()  # empty ones drop out
    return Nodes(
        trie.alphabet,
        number[trie.parents[edges]],
        trie.codes[edges],
        ends[keep],
        trie.positions[stays],
        levels,
        trie.end_id,
        trie.next_position,
    )


def _flatten(sequences: Sequence[Sequence[int]] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All tokens in one array, and the length of each sequence; the checks that need no end token."""
    if len(sequences) == 0:
        raise ValueError("a trie needs at least one identifier, got none: build it over a non-empty gallery")
    if isinstance(sequences, np.ndarray):
        if sequences.ndim != 2 or not np.issubdtype(sequences.dtype, np.integer):
            raise TypeError(f"an array of sequences must be 2-D integers, got {sequences.dtype} {sequences.shape}")
        flat = sequences.reshape(-1).astype(np.int64, copy=False)
        lengths = np.full(len(sequences), sequences.shape[1])
    else:
        lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
        tokens = map(operator.index, chain.from_iterable(sequences))  # operator.index refuses floats and strings
        flat = np.fromiter(tokens, dtype=np.int64, count=int(lengths.sum()))
    if (lengths == 0).any():
        raise ValueError(f"sequence {int((lengths == 0).argmax())} is empty: it needs at least the end token")
    return flat, lengths


def _end_token(flat: np.ndarray, lengths: np.ndarray) -> int:
    """The token that closes every sequence, after a check that it does and that no sequence holds it before."""
    stops = np.cumsum(lengths)
    last = flat[stops - 1]
    end_id = int(last[0])
    if (last != end_id).any():
        i = int((last != end_id).argmax())
        raise ValueError(
            f"sequence {i} ends in token {int(last[i])}, the first one in {end_id}: close every "
            "identifier with the same end-of-identifier token"
        )
    inner = flat == end_id
    inner[stops - 1] = False
    if inner.any():
        i = int(np.searchsorted(stops, inner.argmax(), side="right"))
        raise ValueError(
            f"sequence {i} has the end-of-identifier token {end_id} before its end: use a token that no identifier contains"
        )
    if flat.min() < 0:
        i = int(np.searchsorted(stops, (flat < 0).argmax(), side="right"))
        raise ValueError(f"sequence {i} has a negative token id")
    return end_id


def _columns(flat: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(A,) alphabet and (longest - 1, N) the code + 1 of each sequence's tokens, without the end token, then zeros."""
    top = int(flat.max())
    if top < 2**20 + 8 * len(flat):  # a vocabulary: mark what occurs
        occurs = np.zeros(top + 1, dtype=bool)
        occurs[flat] = True
        alphabet = np.flatnonzero(occurs)
        codes = np.cumsum(occurs, dtype=np.min_scalar_type(len(alphabet)))[flat]
    else:  # sparse ids
        alphabet = sorted_unique(flat)
        codes = (np.searchsorted(alphabet, flat) + 1).astype(np.min_scalar_type(len(alphabet)))
    depth = int(lengths.max())
    if lengths.min() == depth:
        return alphabet, np.ascontiguousarray(codes.reshape(-1, depth)[:, :-1].T)
    codes[np.cumsum(lengths) - 1] = 0  # the end tokens
    rows = np.zeros((len(lengths), depth), dtype=codes.dtype)
    rows[np.arange(depth) < lengths[:, None]] = codes
    return alphabet, np.ascontiguousarray(rows[:, :-1].T)


def _sorted(columns: np.ndarray, letters: int) -> tuple[np.ndarray, np.ndarray]:
    """The order of the rows by column 0, then 1, ... (equal rows in input order); and which differ from the one before."""
    n = columns.shape[1]
    bits = letters.bit_length()
    words = []  # as many columns side by side in 64 bits as fit: one or few sorts instead of one a column
    for start in range(0, max(len(columns), 1), 64 // bits):
        word = np.zeros(n, dtype=np.uint64)
        for column in columns[start : start + 64 // bits]:
            word = word << np.uint64(bits) | column
        words.append(word)
    order = np.lexsort(words[::-1])
    fresh = np.zeros(n, dtype=bool)
    fresh[0] = True
    for word in words:
        fresh[1:] |= word[order[1:]] != word[order[:-1]]
    return order, fresh


def sorted_unique(values: np.ndarray) -> np.ndarray:
    """The distinct values, ascending, by sorting: many times faster here than the hash table of `np.unique`."""
    values = np.sort(values, kind="stable")
    return values[np.append(True, values[1:] != values[:-1])]


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
