# exercise: recall_at_k
# notebook: 00_start_here  number: 2
# title: Recall@K
# difficulty: 1  importance: 5  minutes: 5
# --- text
# `rankings[i]` lists what was found for query `i`, best first, and may be shorter than `k` or even empty. `targets[i]` is what should have been found. Return Recall@K **in percent over all queries**.
# --- hint 1
# A query counts as found if `target in ranking[:k]`. Slicing a short list is allowed.
# --- hint 2
# Sum over `zip(rankings, targets)`, then divide by `len(targets)`: a query that found nothing has failed, but it was asked.
# --- code
def recall_at_k(rankings: list[list[int]], targets: list[int], k: int) -> float:
    """Percent of all queries whose target is among the first `k` of its ranking."""
    # BEGIN SOLUTION
    found = sum(target in ranking[:k] for ranking, target in zip(rankings, targets))
    return 100 * found / len(targets)
    # END SOLUTION
# --- after
# The paper's published code leaves queries that raised an error out of the denominator. Small as it looks, that changes the number.
