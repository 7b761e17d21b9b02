# exercise: constrain
# notebook: 05_constrained_decoding  number: 1
# title: the mask
# difficulty: 2  importance: 5  minutes: 10
# --- text
# Before each token the model gives a score to every token of the vocabulary. Return these scores with `-math.inf` wherever the token does not continue an identifier of `trie` (nested dictionaries, as above) after `prefix`. Allowed scores stay as they are. If the prefix itself has left the trie, allow the token `end` and nothing else.
# --- hint 1
# Walk first: start at `node = trie`, and for each token of the prefix take `node = node.get(token, {})`. An empty node then means "outside, or nothing below".
# --- hint 2
# `allowed = node or {end}`, and the result is a list comprehension over `enumerate(scores)`.
# --- code
import math

def constrain(trie: dict, prefix: tuple[int, ...], scores: list[float], end: int) -> list[float]:
    """`scores` (one a vocabulary token) with -inf for each token that the trie does not allow next."""
    # BEGIN SOLUTION
    node = trie
    for token in prefix:
        node = node.get(token, {})
    allowed = node or {end}
    return [score if token in allowed else -math.inf for token, score in enumerate(scores)]
    # END SOLUTION
# --- after
# The package's `TrieLogitsProcessor` does this to all beams at once, with two tensor operations instead of a loop over the vocabulary.
