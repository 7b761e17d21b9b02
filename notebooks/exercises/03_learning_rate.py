# exercise: learning_rate
# notebook: 03_learning_to_memorize  number: 3
# title: warm up, then a straight line down
# difficulty: 2  importance: 3  minutes: 5 to 10
# --- text
# The paper trains with a linear schedule and 500 warm-up steps (this package with a cosine). Write the linear one: from 0 at step 0 straight up to `peak` at step `warmup`, then straight down to 0 at step `total`, and 0 ever after. `warmup` may be 0.
# --- hint 1
# Two cases. On the way up the rate is `peak` times the share of the warm-up that is done.
# --- hint 2
# On the way down it is `peak` times the share of the *rest* that is left: `(total - step) / (total - warmup)`, and never below 0.
# --- code
def learning_rate(step: int, total: int, warmup: int, peak: float) -> float:
    """The learning rate of a step (0, 1, ...): linear warm-up to `peak`, then linear decay to 0 at `total`."""
    # BEGIN SOLUTION
    if step < warmup:
        return peak * step / warmup
    return peak * max(0.0, (total - step) / max(1, total - warmup))
    # END SOLUTION
# --- after
# Why warm up at all? AdamW divides each gradient by a running estimate of its size, and in the first steps that estimate rests on a handful of batches. Large steps in directions that are hardly known can throw away what pretraining has put there.
