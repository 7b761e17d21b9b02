# exercise: best_first
# notebook: 05_constrained_decoding  number: 3
# title: a search that cannot err
# difficulty: 4  importance: 3  minutes: 20
# --- text
# `log_probs` maps every prefix that goes on to the log-probabilities of its children; token `0` ends an identifier. Looking up `log_probs[prefix]` stands for one evaluation of the model, so it is what costs. Always evaluate the open prefix with the highest score. Return the `k` best identifiers as `(identifier, log-probability)` pairs, best first (identifiers with their final `0`), and the number of evaluations.
#
# When may you stop? Log-probabilities are never positive, so nothing below a prefix can score higher than the prefix itself.
# --- hint 1
# `heapq` keeps the smallest on top: push `(-score, prefix)`. Children that end in `0` go to a list of finished identifiers, the others on the heap.
# --- hint 2
# Before each evaluation: once there are `k` finished identifiers, and the best open score is not above the k-th of them, the search is over.
# --- code
import heapq

def best_first(log_probs: dict[tuple[int, ...], dict[int, float]], k: int) -> tuple[list, int]:
    """The best `k` as (identifier, log-probability), best first, and the number of look-ups in `log_probs`."""
    # BEGIN SOLUTION
    open_prefixes, finished, evaluations = [(0.0, ())], [], 0
    while open_prefixes:
        cost, prefix = heapq.heappop(open_prefixes)
        finished = sorted(finished, key=lambda pair: -pair[1])[:k]
        if len(finished) == k and -cost <= finished[-1][1]:
            break
        evaluations += 1
        for token, log_p in log_probs[prefix].items():
            longer, score = (*prefix, token), -cost + log_p
            if token == 0:
                finished.append((longer, score))
            else:
                heapq.heappush(open_prefixes, (-score, longer))
    return sorted(finished, key=lambda pair: -pair[1])[:k], evaluations
    # END SOLUTION
# --- after
# This is `exact_top_k`, but for its batches: the package evaluates up to 16 open prefixes of a query in one pass, which wastes a few evaluations and saves many passes.
