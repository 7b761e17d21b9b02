# exercise: without_near_duplicates
# notebook: 04_learning_to_retrieve  number: 2
# title: the same thing, said twice
# difficulty: 2  importance: 3  minutes: 10
# --- text
# Drop near-duplicates from a list of captions and keep the first of each. Two captions are near-duplicates if they consist of the same words, whatever the capitals, the order, the punctuation and the articles *a*, *an*, *the*. A word that comes twice counts twice: *two dogs and two cats* is not *two dogs and cats*. A caption without any word is dropped.
# --- hint 1
# Give each caption a key that is equal for near-duplicates: its words in lower case, without articles, sorted. `re.findall(r"\w+", text.lower())` finds the words.
# --- hint 2
# Make the key a tuple, remember the keys already met in a set, and append a caption only if its key is not empty and not in the set.
# --- code
import re

def without_near_duplicates(captions: list[str]) -> list[str]:
    """The captions in their order, without those that have no words or repeat an earlier one's."""
    # BEGIN SOLUTION
    kept, seen = [], set()
    for caption in captions:
        words = [word for word in re.findall(r"\w+", caption.lower()) if word not in ("a", "an", "the")]
        key = tuple(sorted(words))
        if key and key not in seen:
            seen.add(key)
            kept.append(caption)
    return kept
    # END SOLUTION
# --- after
# The price: *a dog behind a cat* and *a cat behind a dog* become one, though they mean different things. For pseudo-queries that is tolerable, because at worst one of twenty is lost. As a measure of meaning it would not be.
