# exercise: spell_path
# notebook: 02_identifiers  number: 1
# title: spell a path
# difficulty: 1  importance: 4  minutes: 5
# --- text
# A path through the cluster tree is a sequence of numbers. Spell it as a tuple of tokens, with one alphabet for each level: number 5 on level 0 is `<l0_5>`, number 5 on level 1 is `<l1_5>`.
# --- hint 1
# You need each number together with its level: `enumerate(path)` gives both.
# --- hint 2
# An f-string writes a token: `f"<l{level}_{number}>"`. `tuple(...)` around a generator makes the result.
# --- code
def spell_path(path: tuple[int, ...]) -> tuple[str, ...]:
    """The tokens of a path through the cluster tree, one alphabet a level."""
    # BEGIN SOLUTION
    return tuple(f"<l{level}_{number}>" for level, number in enumerate(path))
    # END SOLUTION
# --- after
# With k = c = 8 and four levels that makes at most 32 tokens. Without the level in the name there would be 8, each with four meanings.
