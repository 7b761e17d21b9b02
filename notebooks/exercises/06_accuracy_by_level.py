# exercise: accuracy_by_level
# notebook: 06_evaluation_and_analysis  number: 2
# title: accuracy by level
# difficulty: 3  importance: 3  minutes: 10
# --- text
# `found[i]` is the identifier that was answered to query `i`, `right[i]` the one that should have been, all of one length. For each level return, **in percent**, how many answers have the right token there *among those that were right at all levels before*. Stop before a level that nobody has reached.
# --- hint 1
# "Right so far" at level `n` means `f[:n] == r[:n]`; at level 0 that is everybody.
# --- hint 2
# In a loop over levels: collect the pairs that are right so far, stop if there are none, append the share of those with `f[n] == r[n]`.
# --- code
from collections.abc import Sequence

def accuracy_by_level(found: Sequence[Sequence[str]], right: Sequence[Sequence[str]]) -> list[float]:
    """Percent of right tokens at each level, among answers that are right so far."""
    # BEGIN SOLUTION
    shares = []
    for n in range(len(right[0])):
        so_far = [(f[n], r[n]) for f, r in zip(found, right) if f[:n] == r[:n]]
        if not so_far:
            break
        shares.append(100 * sum(f == r for f, r in so_far) / len(so_far))
    return shares
    # END SOLUTION
# --- after
# The product of these shares is the share of answers that are right to the end: R@1. So a level at 90 % costs every level after it a tenth of its chances.
