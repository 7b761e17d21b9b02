# exercise: residual_code
# notebook: 02_identifiers  number: 2
# title: the residual codes of a vector
# difficulty: 3  importance: 4  minutes: 10
# --- text
# `codebooks[level]` is an array (K, D) of code vectors. For each level in turn, take the number of the code vector that is nearest to what is left of `vector` (Euclidean distance; of two equally near ones the lower number), then subtract it. Return the numbers as a list.
# --- hint 1
# Keep what is left in a variable of its own: it begins as `vector`, and each level makes it shorter.
# --- hint 2
# `((codebook - left) ** 2).sum(1)` are the squared distances of all code vectors; `.argmin()` is the number wanted, and `int(...)` makes a plain number of it.
# --- code
import numpy as np

def residual_code(vector: np.ndarray, codebooks: list[np.ndarray]) -> list[int]:
    """For each codebook the number of the vector nearest to what the earlier ones have left over."""
    # BEGIN SOLUTION
    left, codes = vector, []
    for codebook in codebooks:
        nearest = int(((codebook - left) ** 2).sum(1).argmin())
        codes.append(nearest)
        left = left - codebook[nearest]
    return codes
    # END SOLUTION
# --- after
# Greedy, as beam search is: the nearest first code does not always lead to the smallest residual in the end.
