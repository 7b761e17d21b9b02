# exercise: beam_step
# notebook: 05_constrained_decoding  number: 2
# title: one step of a beam
# difficulty: 2  importance: 5  minutes: 10
# --- text
# `live` maps each living prefix to its log-probability, and `children` maps each of these prefixes to the log-probabilities of the tokens that may follow. Return the best `width` longer prefixes with their log-probabilities, as a dictionary like `live`. (End tokens need no special care here.)
# --- hint 1
# Make one dictionary of *all* candidates first: the key is `(*prefix, token)`, the value is the prefix's score plus the token's.
# --- hint 2
# `sorted(candidates, key=candidates.get, reverse=True)[:width]` are the keys that survive.
# --- code
def beam_step(live: dict[tuple[int, ...], float], children: dict[tuple[int, ...], dict[int, float]],
              width: int) -> dict[tuple[int, ...], float]:
    """The `width` likeliest one-token-longer prefixes, as {prefix: log-probability}."""
    # BEGIN SOLUTION
    candidates = {(*prefix, token): score + log_p
                  for prefix, score in live.items() for token, log_p in children[prefix].items()}
    best = sorted(candidates, key=candidates.get, reverse=True)[:width]
    return {prefix: candidates[prefix] for prefix in best}
    # END SOLUTION
# --- after
# The sort is over beams × children, never over beams × vocabulary: the trie has already thrown out the rest.
