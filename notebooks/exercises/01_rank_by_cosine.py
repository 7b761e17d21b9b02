# exercise: rank_by_cosine
# notebook: 01_data_and_backbone  number: 3
# title: a search engine in three lines
# difficulty: 2  importance: 5  minutes: 5 to 10
# --- text
# Rank pictures for a query as CLIP does. `query` is a vector (D,), `images` a matrix (N, D); neither is normalised. Return the row numbers of all pictures as a list, best first; of two equal ones the lower row first.
# --- hint 1
# The cosine of two vectors is their scalar product after each was divided by its length (`.norm()`). The query's own length is the same for all pictures.
# --- hint 2
# `argsort(descending=True, stable=True)` keeps the order of equal ones; `.tolist()` makes a list.
# --- code
import torch

def rank_by_cosine(query: torch.Tensor, images: torch.Tensor) -> list[int]:
    """Rows of `images` in the order of their cosine with `query`, highest first."""
    # BEGIN SOLUTION
    units = images / images.norm(dim=1, keepdim=True)  # (N, D)
    cosines = units @ (query / query.norm())  # (N,)
    return cosines.argsort(descending=True, stable=True).tolist()
    # END SOLUTION
# --- after
# The work grows with the number of pictures. Libraries such as FAISS skip most of them; a generative memory has no such list at all, and pays elsewhere (notebook 07).
