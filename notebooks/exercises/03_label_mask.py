# exercise: next_token_labels
# notebook: 03_learning_to_memorize  number: 1
# title: the label mask
# difficulty: 2  importance: 5  minutes: 5 to 10
# --- text
# Write the label mask as plain lists. `tokens` is the whole example: prompt, identifier, end. The model reads all of it but the last token, and at each position it read it should predict the *next* token. Return one label for each position that is read: the next token where that belongs to the answer, -100, which `cross_entropy` passes over, where it is still part of the prompt.
# --- hint 1
# The model reads `tokens[:-1]`, and what comes next at position `i` is `tokens[i + 1]`: the two lists are shifted by one.
# --- hint 2
# The answer starts at place `prompt_length`. The first position with a label is the one *before* it: the last token of the prompt has to predict the first token of the identifier.
# --- code
def next_token_labels(tokens: list[int], prompt_length: int) -> list[int]:
    """For each of the positions that are read, the token to predict there, or -100 within the prompt."""
    # BEGIN SOLUTION
    return [tokens[i + 1] if i + 1 >= prompt_length else -100 for i in range(len(tokens) - 1)]
    # END SOLUTION
# --- after
# Hugging Face models shift inside: they want labels as long as the input, and compare position `i` with label `i + 1`. This package cuts the head's work down to the last positions and shifts by itself. To do both, or neither, is among the commonest silent mistakes: the loss still falls, because copying what one has just read is easy to learn.
