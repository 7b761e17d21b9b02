"""Making a trie from sequences, and from another trie by adding or removing identifiers.

While a trie is being made, every node has an explicit entry (`Nodes`); `TrieIndex` then packs these. All steps work on
whole levels of the trie at once, so ten million identifiers need no Python loop over identifiers.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from gcr_tutorial.errors import UserTypeError, UserValueError


@dataclass(frozen=True, eq=False)
class Nodes:
    """The prefixes of identifiers (without the end token), numbered breadth first with siblings in token order.

    Attributes:
        alphabet: (A,) the token ids, ascending, end token included; a *code* is an index into it.
        parents: (P - 1,) the parent of each of the nodes 1 .. P - 1.
        codes: (P - 1,) the code that leads from the parent to each of these nodes.
        ends: (P,) bool, whether an identifier ends at each node.
        rows: (N,) the row of the identifier that ends at each node with `ends`, in node order.
        level_starts: the first node of each level, then P.
        end_id: the end-of-identifier token.
        next_row: the row that the next new identifier gets.
    """

    alphabet: np.ndarray
    parents: np.ndarray
    codes: np.ndarray
    ends: np.ndarray
    rows: np.ndarray
    level_starts: list[int]
    end_id: int
    next_row: int


def from_sequences(sequences: Sequence[Sequence[int]] | np.ndarray, keep_first: bool) -> Nodes:
    """The trie of `sequences`; see `TrieIndex.build`."""
    # 1. Check the input, and write it as columns of codes: column t holds token t of every sequence.
    flat, lengths = _flatten(sequences)
    end_id = _end_token(flat, lengths)
    alphabet, columns = _columns(flat, lengths)

    # 2. Sort the sequences, so that those with a common prefix are neighbours, and refuse or drop repeats.
    order, differs = _sorted(columns, len(alphabet))
    if not differs.all():
        if not keep_first:
            i = int((~differs).argmax())
            first, second = sorted((int(order[i - 1]), int(order[i])))
            raise UserValueError(f"sequences {first} and {second} are the same identifier: identifiers must be unique")
        order = order[differs]

    # 3. Level by level, make a node wherever a prefix differs from that of the sequence before.
    node = np.zeros(len(order), dtype=np.int64)  # the node of each sorted sequence's prefix so far
    differs = np.zeros(len(order), dtype=bool)  # whether the prefix of sorted sequence i differs from that of i - 1
    differs[0] = True
    level_starts, parents, codes = [0, 1], [], []
    for column in columns:
        column = column[order]
        differs[1:] |= column[1:] != column[:-1]
        goes_on = column > 0  # 0: the sequence has ended, and stays at its node
        new = differs & goes_on
        parents.append(node[new])
        codes.append(column[new] - 1)
        node = np.where(goes_on, level_starts[-1] - 1 + np.cumsum(new), node)
        level_starts.append(level_starts[-1] + len(codes[-1]))

    # 4. Note which sequence ends at which node.
    row_at = np.full(level_starts[-1], -1, dtype=np.int64)
    row_at[node] = order
    ends = row_at >= 0
    return Nodes(alphabet, _joined(parents), _joined(codes), ends, row_at[ends], level_starts, end_id, len(lengths))


def merged(old: Nodes, new: Nodes, keep_first: bool) -> Nodes:
    """Both tries in one; the rows of `new` follow those of `old`. See `TrieIndex.merge`."""
    # 1. Write the codes of both tries in one alphabet.
    alphabet = sorted_unique(np.concatenate([old.alphabet, new.alphabet]))
    old_codes, new_codes = (np.searchsorted(alphabet, trie.alphabet)[trie.codes] for trie in (old, new))

    # 2. Level by level, merge the edges of both tries, sorted by (parent in the merged trie, code). Equal edges become one.
    old_numbers, new_numbers = (np.zeros(len(trie.ends), dtype=np.int64) for trie in (old, new))  # node -> merged node
    level_starts, parents, codes = [0, 1], [], []
    for level in range(1, max(len(old.level_starts), len(new.level_starts)) - 1):
        old_nodes, new_nodes = _level(old, level), _level(new, level)
        keys = np.concatenate(
            [
                _edge_keys(old, old_nodes, old_numbers, old_codes, len(alphabet)),
                _edge_keys(new, new_nodes, new_numbers, new_codes, len(alphabet)),
            ]
        )
        order = np.argsort(keys, kind="stable")  # two ascending runs, which a stable sort merges in linear time
        keys = keys[order]
        differs = np.append(True, keys[1:] != keys[:-1])
        numbers = np.empty(len(keys), dtype=np.int64)
        numbers[order] = level_starts[-1] - 1 + np.cumsum(differs)
        old_numbers[old_nodes], new_numbers[new_nodes] = np.split(numbers, [old_nodes.stop - old_nodes.start])
        parent, code = np.divmod(keys[differs], len(alphabet))
        parents.append(parent)
        codes.append(code)
        level_starts.append(level_starts[-1] + len(parent))

    # 3. Note which identifier ends at which node, and refuse or drop what the old trie already has.
    row_at = np.full(level_starts[-1], -1, dtype=np.int64)
    row_at[old_numbers[old.ends]] = old.rows
    new_ends = new_numbers[new.ends]
    taken = row_at[new_ends] >= 0
    if taken.any() and not keep_first:
        i = int(np.where(taken, new.rows, new.next_row).argmin())
        raise UserValueError(
            f"sequence {int(new.rows[i])} of the batch is the identifier that row {int(row_at[new_ends[i]])} "
            "already has: identifiers must be unique"
        )
    row_at[new_ends[~taken]] = new.rows[~taken] + old.next_row
    ends = row_at >= 0
    next_row = old.next_row + new.next_row
    return Nodes(alphabet, _joined(parents), _joined(codes), ends, row_at[ends], level_starts, old.end_id, next_row)


def _level(trie: Nodes, level: int) -> slice:
    """The nodes of a level (from 0, the root's); none below the deepest."""
    starts = trie.level_starts
    return slice(starts[level], starts[level + 1]) if level + 1 < len(starts) else slice(len(trie.ends), len(trie.ends))


def _edge_keys(trie: Nodes, nodes: slice, numbers: np.ndarray, codes: np.ndarray, letters: int) -> np.ndarray:
    """For each of `nodes`, the merged number of its parent and the code that leads to it, as one integer."""
    edges = slice(nodes.start - 1, nodes.stop - 1)  # edge n - 1 leads to node n
    return numbers[trie.parents[edges]] * letters + codes[edges]


def remaining(trie: Nodes, removed: Collection[int] | np.ndarray) -> Nodes:
    """`trie` without the identifiers of the rows `removed`. See `TrieIndex.without`."""
    # 1. Check the rows.
    if not isinstance(removed, np.ndarray):
        removed = np.fromiter(map(operator.index, removed), dtype=np.int64, count=len(removed))
    elif removed.ndim != 1 or not np.issubdtype(removed.dtype, np.integer):
        raise UserTypeError(f"rows must be a 1-D array of integers, got {removed.dtype} {removed.shape}")
    unknown = ~np.isin(removed, trie.rows)
    if unknown.any():
        raise UserValueError(f"no identifier has row {int(removed[unknown.argmax()])}: it cannot be removed")
    stays = ~np.isin(trie.rows, removed)
    if not stays.any():
        raise UserValueError("nothing would be left: a trie needs at least one identifier")

    # 2. Keep the nodes at or below which an identifier is left, from the deepest level up.
    ends = trie.ends.copy()
    ends[ends] = stays
    keep = ends.copy()
    for start, stop in reversed(list(zip(trie.level_starts[1:], trie.level_starts[2:]))):
        keep[trie.parents[start - 1 : stop - 1][keep[start:stop]]] = True

    # 3. Renumber them; a level that has become empty drops out.
    number = np.cumsum(keep) - 1  # old node -> new node
    edges = np.flatnonzero(keep[1:])
    level_starts = np.unique([0, *(int(number[stop - 1]) + 1 for stop in trie.level_starts[1:])]).tolist()
    return Nodes(
        trie.alphabet,
        number[trie.parents[edges]],
        trie.codes[edges],
        ends[keep],
        trie.rows[stays],
        level_starts,
        trie.end_id,
        trie.next_row,
    )


def _flatten(sequences: Sequence[Sequence[int]] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All tokens in one array, and the length of each sequence. Checks types and that nothing is empty."""
    if len(sequences) == 0:
        raise UserValueError("a trie needs at least one identifier, got none: build it over a non-empty gallery")
    if isinstance(sequences, np.ndarray):
        if sequences.ndim != 2 or not np.issubdtype(sequences.dtype, np.integer):
            raise UserTypeError(f"an array of sequences must be 2-D integers, got {sequences.dtype} {sequences.shape}")
        flat = sequences.reshape(-1).astype(np.int64, copy=False)
        lengths = np.full(len(sequences), sequences.shape[1])
    else:
        lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
        tokens = map(operator.index, chain.from_iterable(sequences))  # operator.index refuses floats and strings
        flat = np.fromiter(tokens, dtype=np.int64, count=int(lengths.sum()))
    if (lengths == 0).any():
        raise UserValueError(f"sequence {int((lengths == 0).argmax())} is empty: it needs at least the end token")
    return flat, lengths


def _end_token(flat: np.ndarray, lengths: np.ndarray) -> int:
    """The token that closes every sequence. Checks that it does, that no sequence holds it earlier, and that no id is negative."""
    stops = np.cumsum(lengths)
    last = flat[stops - 1]
    end_id = int(last[0])
    if (last != end_id).any():
        i = int((last != end_id).argmax())
        raise UserValueError(
            f"sequence {i} ends in token {int(last[i])}, the first one in {end_id}: close every "
            "identifier with the same end-of-identifier token"
        )
    inner = flat == end_id
    inner[stops - 1] = False
    if inner.any():
        i = int(np.searchsorted(stops, inner.argmax(), side="right"))
        raise UserValueError(
            f"sequence {i} has the end-of-identifier token {end_id} before its end: use a token that no identifier contains"
        )
    if flat.min() < 0:
        i = int(np.searchsorted(stops, (flat < 0).argmax(), side="right"))
        raise UserValueError(f"sequence {i} has a negative token id")
    return end_id


def _columns(flat: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The alphabet (A,), and codes (longest - 1, N): column t holds the code + 1 of token t of each sequence, and 0 from its
    end token on."""
    top = int(flat.max())
    if top < 2**20 + 8 * len(flat):  # ids of a vocabulary: a table of those that occur is small
        occurs = np.zeros(top + 1, dtype=bool)
        occurs[flat] = True
        alphabet = np.flatnonzero(occurs)
        codes = np.cumsum(occurs, dtype=np.min_scalar_type(len(alphabet)))[flat]
    else:  # ids far apart
        alphabet = sorted_unique(flat)
        codes = (np.searchsorted(alphabet, flat) + 1).astype(np.min_scalar_type(len(alphabet)))
    depth = int(lengths.max())
    if lengths.min() == depth:
        return alphabet, np.ascontiguousarray(codes.reshape(-1, depth)[:, :-1].T)
    codes[np.cumsum(lengths) - 1] = 0  # the end tokens
    padded = np.zeros((len(lengths), depth), dtype=codes.dtype)
    padded[np.arange(depth) < lengths[:, None]] = codes
    return alphabet, np.ascontiguousarray(padded[:, :-1].T)


def _sorted(columns: np.ndarray, letters: int) -> tuple[np.ndarray, np.ndarray]:
    """The order of the sequences by column 0, then 1, ... (equal sequences stay in input order), and for each in this order
    whether it differs from the one before."""
    n = columns.shape[1]
    bits = letters.bit_length()
    words = []  # as many columns as fit, side by side in 64 bits: then there is one sort a word, not one a column
    for start in range(0, max(len(columns), 1), 64 // bits):
        word = np.zeros(n, dtype=np.uint64)
        for column in columns[start : start + 64 // bits]:
            word = word << np.uint64(bits) | column
        words.append(word)
    order = np.lexsort(words[::-1])
    differs = np.zeros(n, dtype=bool)
    differs[0] = True
    for word in words:
        differs[1:] |= word[order[1:]] != word[order[:-1]]
    return order, differs


def sorted_unique(values: np.ndarray) -> np.ndarray:
    """The distinct values, ascending, by sorting: many times faster here than the hash table of `np.unique`."""
    values = np.sort(values, kind="stable")
    return values[np.append(True, values[1:] != values[:-1])]


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """The arrays of all levels in one."""
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
