# exercise: named_right
# notebook: 03_learning_to_memorize  number: 2
# title: exact match
# difficulty: 1  importance: 4  minutes: 5
# --- text
# How many percent of the pictures are named right? `written[i]` is what the model wrote for picture `i` before it was stopped; `targets[i]` is its identifier, closed by the end token. Only the whole identifier counts: every token, in order, and then the end. What stands *after* an end token is of no interest (a batch is generated until its longest row is finished).
# --- hint 1
# Compare the first `len(target)` tokens of what was written with the target.
# --- hint 2
# `written[i][:len(targets[i])] == targets[i]` is False for what is too short, and ignores what follows the end token. Sum over all pictures, divide by their number, times 100.
# --- code
def named_right(written: list[list[int]], targets: list[list[int]]) -> float:
    """Percent of the pictures whose identifier was written from the first token to the end token."""
    # BEGIN SOLUTION
    right = sum(tokens[:len(target)] == target for tokens, target in zip(written, targets))
    return 100 * right / len(targets)
    # END SOLUTION
# --- after
# Exact match asks for much more than a low loss does: with four tokens an identifier, a memory that has each token right nine times out of ten names only about two pictures in three.
