# exercise: expand_image
# notebook: 01_data_and_backbone  number: 2
# title: make room for the picture
# difficulty: 2  importance: 3  minutes: 5 to 10
# --- text
# The chat template writes one `<image>` for a picture. Replace every such placeholder by what the language model reads: `<fake_token_around_image>`, `<global-img>`, then `n` times `<image>`, then `<fake_token_around_image>` again.
# --- hint 1
# Build the piece that stands for one picture first. A list times a number repeats it: `["<image>"] * n`.
# --- hint 2
# Go through the tokens once and `extend` a new list: by the piece for a placeholder, by `[token]` for any other.
# --- code
def expand_image(tokens: list[str], n: int) -> list[str]:
    """`tokens` with each `<image>` placeholder expanded to `n` image tokens and their wrappers."""
    # BEGIN SOLUTION
    wrapper = "<fake_token_around_image>"
    piece = [wrapper, "<global-img>", *["<image>"] * n, wrapper]
    expanded = []
    for token in tokens:
        expanded.extend(piece if token == "<image>" else [token])
    return expanded
    # END SOLUTION
# --- after
# The processor does this with text instead of tokens. If the number of `<image>` tokens and of vectors differ, the model stops with an error: better than reading the wrong picture.
