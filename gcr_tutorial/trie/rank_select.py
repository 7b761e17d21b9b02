"""A bit vector that can count: which of many things are marked, and how many are marked before one of them.

With it the trie stores a value for the marked nodes only and still finds it in constant time: the value of node i is
number rank(i) in the list. The counts are kept for every 64th place (a rank directory, Jacobson 1989), so a mark costs
1.5 bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WORD = 64


@dataclass(frozen=True, eq=False)
class RankBitVector:
    """RankBitVector on the numbers 0 .. size - 1.

    Attributes:
        words: (size // 64 + 1,) uint64, number i is bit i % 64 of word i // 64; bits past the last number are 0.
        before: (words,) the marks in the words before each one.
    """

    words: np.ndarray
    before: np.ndarray

    @classmethod
    def of(cls, flags: np.ndarray) -> RankBitVector:
        """From (size,) booleans."""
        packed = np.zeros((len(flags) // WORD + 1) * 8, dtype=np.uint8)
        bits = np.packbits(flags, bitorder="little")
        packed[: len(bits)] = bits
        return cls.from_words(packed.view("<u8"))

    @classmethod
    def from_words(cls, words: np.ndarray) -> RankBitVector:
        """From `words` alone: the counts follow from them."""
        counts = np.cumsum(_popcount(words))
        before = np.concatenate([[0], counts[:-1]])
        return cls(words, before.astype(np.min_scalar_type(int(counts[-1]))))

    @property
    def nbytes(self) -> int:
        return self.words.nbytes + self.before.nbytes

    def flags(self, size: int) -> np.ndarray:
        """(size,) booleans again."""
        return np.unpackbits(self.words.view(np.uint8), count=size, bitorder="little").view(bool)

    def rank(self, number: int) -> tuple[bool, int]:
        """Is `number` marked, and how many smaller numbers are."""
        word, bit = int(self.words[number // WORD]), number % WORD
        return bool(word >> bit & 1), int(self.before[number // WORD]) + (word & ((1 << bit) - 1)).bit_count()

    def ranks(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`look` for (R,) int64 numbers at once: (R,) booleans and (R,) int64 counts."""
        at, bit = numbers // WORD, (numbers % WORD).astype(np.uint64)
        words, one = self.words[at], np.uint64(1)
        below = words & ((one << bit) - one)
        return (words >> bit & one).astype(bool), self.before[at] + _popcount(below)


def _popcount(words: np.ndarray) -> np.ndarray:
    """(W,) uint64 -> (W,) int64, the bits set in each: sums of neighbouring bits, pairs, nibbles, then bytes."""
    words = words - (words >> np.uint64(1) & np.uint64(0x5555555555555555))
    words = (words & np.uint64(0x3333333333333333)) + (words >> np.uint64(2) & np.uint64(0x3333333333333333))
    words = words + (words >> np.uint64(4)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (words * np.uint64(0x0101010101010101) >> np.uint64(56)).astype(np.int64)
