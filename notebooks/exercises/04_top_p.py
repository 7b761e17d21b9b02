# exercise: top_p_filter
# notebook: 04_learning_to_retrieve  number: 1
# title: the nucleus
# difficulty: 3  importance: 4  minutes: 10
# --- text
# Nucleus sampling keeps the fewest tokens whose probabilities together reach `p`, the likeliest first, and forgets the long tail of nonsense. Write it: given the probabilities of all tokens (in any order), return them in the same order, with 0 for what was dropped and the rest scaled up so that it sums to 1. Of equally likely tokens the earlier one is kept first. `p` lies between 0 and 1.
# --- hint 1
# Go through the tokens from the likeliest down, and keep a running sum. A token is kept if the sum *before* it is still below `p`. So the likeliest is always kept.
# --- hint 2
# `order = sorted(range(len(probabilities)), key=lambda i: -probabilities[i])` gives the places, likeliest first, without losing where each belongs. Divide by the sum of what is kept at the end.
# --- code
def top_p_filter(probabilities: list[float], p: float) -> list[float]:
    """The probabilities with all but the nucleus set to 0, rescaled to sum to 1, in their original order."""
    # BEGIN SOLUTION
    order = sorted(range(len(probabilities)), key=lambda i: -probabilities[i])
    kept, total = [0.0] * len(probabilities), 0.0
    for i in order:
        if total >= p:
            break
        kept[i] = probabilities[i]
        total += probabilities[i]
    return [value / total for value in kept]
    # END SOLUTION
# --- after
# A fixed number of tokens (top-k) keeps too many where the model is sure and too few where it is not. The nucleus follows the model: it may hold one token after "wearing a pair of", and fifty at the start of a sentence.
