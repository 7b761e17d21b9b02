"""A bit vector with rank: which numbers are marked, and how many marked numbers come before one of them.

The trie stores a value for marked nodes only. The value of node i is entry rank(i) of the list of values, and rank takes
constant time: the bits lie in words of 64, and the number of ones before each word is kept (the block counts of Jacobson
1989, with one word a block). This costs at most 2 bits a number, and 1.5 where the block counts fit in 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WORD = 64  # bits in a word, which is also a block


@dataclass(frozen=True, eq=False)
class RankBitVector:
    """One bit for each of the numbers 0 .. size - 1.

    Attributes:
        words: (size // 64 + 1,) uint64. Number i is bit i % 64 of word i // 64; the bits past the last number are 0.
        block_counts: (words,) the number of ones in the words before each word.
    """

    words: np.ndarray
    block_counts: np.ndarray

    @classmethod
    def from_bits(cls, bits: np.ndarray) -> RankBitVector:
        """Make the vector of (size,) booleans."""
        packed = np.zeros((len(bits) // WORD + 1) * 8, dtype=np.uint8)
        content = np.packbits(bits, bitorder="little")
        packed[: len(content)] = content
        return cls.from_words(packed.view("<u8"))

    @classmethod
    def from_words(cls, words: np.ndarray) -> RankBitVector:
        """Make the vector from its words; the block counts follow from them."""
        counts = np.cumsum(_popcount(words))
        before = np.concatenate([[0], counts[:-1]])
        return cls(words, before.astype(np.min_scalar_type(int(counts[-1]))))

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        return self.words.nbytes + self.block_counts.nbytes

    def bits(self, size: int) -> np.ndarray:
        """The first `size` bits as booleans."""
        return np.unpackbits(self.words.view(np.uint8), count=size, bitorder="little").view(bool)

    def rank(self, number: int) -> tuple[bool, int]:
        """(bit, rank) of `number`: whether it is marked, and how many smaller numbers are."""
        word, bit = int(self.words[number // WORD]), number % WORD
        return bool(word >> bit & 1), int(self.block_counts[number // WORD]) + (word & ((1 << bit) - 1)).bit_count()

    def ranks(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`rank` of (R,) int64 numbers at once: (R,) bool bits and (R,) int64 ranks."""
        block, bit = numbers // WORD, (numbers % WORD).astype(np.uint64)
        words, one = self.words[block], np.uint64(1)
        below = words & ((one << bit) - one)
        return (words >> bit & one).astype(bool), self.block_counts[block] + _popcount(below)


def _popcount(words: np.ndarray) -> np.ndarray:
    """(W,) uint64 -> (W,) int64, the number of ones in each: sums over pairs of bits, then over 4 bits, bytes, words."""
    words = words - (words >> np.uint64(1) & np.uint64(0x5555555555555555))
    words = (words & np.uint64(0x3333333333333333)) + (words >> np.uint64(2) & np.uint64(0x3333333333333333))
    words = words + (words >> np.uint64(4)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (words * np.uint64(0x0101010101010101) >> np.uint64(56)).astype(np.int64)
