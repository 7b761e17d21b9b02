# exercise: next_tokens
# notebook: 00_start_here  number: 1
# title: what may come next
# difficulty: 2  importance: 4  minutes: 5 to 10
# --- text
# Write the trie's one question as a plain function, without a trie: given all identifiers (tuples of tokens, each closed by `"<end>"`) and a prefix, which tokens may follow? Return them sorted, each once.
# --- hint 1
# An identifier *starts with* the prefix if `identifier[:len(prefix)] == prefix`.
# --- hint 2
# Of such an identifier you need the one token at place `len(prefix)`, if it is that long. A set comprehension removes doubles, `sorted` makes a list of it.
# --- code
def next_tokens(identifiers: tuple[tuple[str, ...], ...], prefix: tuple[str, ...]) -> list[str]:
    """The tokens that may follow `prefix` in one of `identifiers`, sorted, each once."""
    # BEGIN SOLUTION
    n = len(prefix)
    matching = [identifier for identifier in identifiers if identifier[:n] == prefix]
    return sorted({identifier[n] for identifier in matching if len(identifier) > n})
    # END SOLUTION
# --- after
# It looks at every identifier at every step. A trie looks only at the children of one node: notebook 05 measures what that is worth.
