# exercise: mix_in
# notebook: 04_learning_to_retrieve  number: 3
# title: do not forget the pictures
# difficulty: 2  importance: 3  minutes: 5 to 10
# --- text
# While a model learns sentences it may forget pictures. The usual remedy is to keep some of the old lessons in the mix. Given the retrieve examples and the memorize examples, return one list for an epoch: all retrieve examples, followed by `round(share * len(retrieve))` memorize examples, taken in order, from the start again when they run out.
# --- hint 1
# How many are needed depends on the number of *retrieve* examples: with `share=0.5` there is one memorize example for every two of them.
# --- hint 2
# `memorize[i % len(memorize)]` starts again when `i` runs past the end. With a share of 0 nothing is added.
# --- code
def mix_in(retrieve: list, memorize: list, share: float) -> list:
    """All of `retrieve`, then round(share * len(retrieve)) items of `memorize`, cycled."""
    # BEGIN SOLUTION
    count = round(share * len(retrieve))
    return retrieve + [memorize[i % len(memorize)] for i in range(count)]
    # END SOLUTION
# --- after
# This is `memorize_share` of the package's `TrainingConfig`. The examples are shuffled afterwards, so that a batch holds some of each. Taken to its end, with as many memorize examples as the first step would have shown, it is the *joint* schedule.
