# exercise: find_collisions
# notebook: 02_identifiers  number: 3
# title: who shares a name?
# difficulty: 2  importance: 4  minutes: 5 to 10
# --- text
# `names[i]` is the identifier of picture `i`, a tuple of tokens. Return the groups of pictures that have the same name: a list of lists of picture numbers, each ascending, in the order in which their first members come. Pictures with a name of their own are in no group.
# --- hint 1
# Collect the pictures of each name in a dictionary: a tuple can be its key. `names_to_pictures.setdefault(name, []).append(i)`.
# --- hint 2
# A dictionary remembers the order in which its keys came. Of its values, keep those with more than one picture.
# --- code
def find_collisions(names: list[tuple[str, ...]]) -> list[list[int]]:
    """Groups of two or more pictures with the same identifier."""
    # BEGIN SOLUTION
    owners: dict[tuple[str, ...], list[int]] = {}
    for picture, name in enumerate(names):
        owners.setdefault(name, []).append(picture)
    return [pictures for pictures in owners.values() if len(pictures) > 1]
    # END SOLUTION
# --- after
# A name that is the beginning of another is no collision: the end token tells them apart. The package refuses names that collide; a search over them would silently lose pictures.
