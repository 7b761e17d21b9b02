# exercise: precision_at_r
# notebook: 06_evaluation_and_analysis  number: 1
# title: R-Precision
# difficulty: 2  importance: 4  minutes: 10
# --- text
# `rankings[i]` lists what was found for query `i`, best first; `relevant[i]` is the set of all items that satisfy it, never empty. Return R-Precision **in percent**: for each query the share of its relevant items that stands among the first `r` places, where `r = len(relevant[i])`; then the mean over all queries. A ranking may be shorter than `r`, or name an item twice (which finds it once).
# --- hint 1
# For one query: cut the ranking to `r` places, and intersect it with the relevant items.
# --- hint 2
# `len(set(ranking[:r]) & wanted) / r` is the share; collect these in a list and take the mean.
# --- code
def precision_at_r(rankings: list[list[int]], relevant: list[set[int]]) -> float:
    """R-Precision in percent, over all queries."""
    # BEGIN SOLUTION
    shares = []
    for ranking, wanted in zip(rankings, relevant):
        r = len(wanted)
        shares.append(len(set(ranking[:r]) & wanted) / r)
    return 100 * sum(shares) / len(shares)
    # END SOLUTION
# --- after
# For a query with one relevant item this is Recall@1, so over mostly unambiguous captions the two stay close.
