# exercise: interval
# notebook: 06_evaluation_and_analysis  number: 3
# title: a bootstrap interval
# difficulty: 3  importance: 4  minutes: 10
# --- text
# `correct[p][c]` is 1 where caption `c` of picture `p` was answered rightly, else 0. Each of `draws` lists numbers of pictures, drawn with replacement, as many as there are pictures. Return `(low, high)`: the 2.5th and the 97.5th percentile of R@1, in percent, over the draws.
# --- hint 1
# The recall of one draw is the mean of `correct` over the pictures in it, repeated ones counted as often as they occur.
# --- hint 2
# With `correct = np.asarray(correct)`, `correct[draw]` picks the rows of a whole draw; `np.percentile(values, (2.5, 97.5))` gives both ends.
# --- code
import numpy as np

def interval(correct: list[list[int]], draws: list[list[int]]) -> tuple[float, float]:
    """The middle 95 % of R@1, in percent, over the draws of pictures."""
    # BEGIN SOLUTION
    per_picture = np.asarray(correct, dtype=float).mean(axis=1)
    recalls = [100 * per_picture[draw].mean() for draw in draws]
    low, high = np.percentile(recalls, (2.5, 97.5))
    return float(low), float(high)
    # END SOLUTION
# --- after
# The same function gives the interval of a *difference* between two methods: hand it the difference of their arrays.
