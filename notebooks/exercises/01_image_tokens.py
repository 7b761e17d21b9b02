# exercise: image_tokens
# notebook: 01_data_and_backbone  number: 1
# title: how many image tokens
# difficulty: 1  importance: 4  minutes: 5
# --- text
# How many `<image>` tokens does a square picture need? `size` is its side in pixels, `patch` the side of a patch in pixels, `scale` the side of a cell in patches. The sizes divide.
# --- hint 1
# First count the patches along one side, then the cells along one side.
# --- hint 2
# The picture has two sides: both the patches and the pixel shuffle count squared.
# --- code
def image_tokens(size: int, patch: int, scale: int) -> int:
    """Number of `<image>` tokens of a picture of `size` x `size` pixels."""
    # BEGIN SOLUTION
    cells_a_side = size // patch // scale
    return cells_a_side**2
    # END SOLUTION
# --- after
# SmolVLM-256M has 512 pixels, patches of 16 and a scale of 4: 64 tokens a picture. Halving the patch size costs four times the tokens.
