"""Models from the Hugging Face Hub, by name and pinned revision, and what to do where they cannot be had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

T = TypeVar("T")


def is_hub_id(name: str | Path) -> bool:
    """Whether `name` is read as "owner/model" on the Hub: a string with one slash that names no path here."""
    text = str(name)
    return (
        not isinstance(name, Path) and text.count("/") == 1 and not text.startswith((".", "/", "~")) and not Path(text).exists()
    )


def download_command(name: str, revision: str | None = None) -> str:
    """The command that fetches `name` from the Hub into the cache."""
    return f"hf download {name}" + (f" --revision {revision}" if revision else "")


def from_hub(load: Callable[[], T], name: str, revision: str | None = None) -> T:
    """`load()`, whose failures to fetch `name` become one sentence that says what to do.

    Raises FileNotFoundError where it is not in the cache and the Hub cannot be reached, or has no such model or revision.
    """
    try:
        return load()
    except OSError as error:
        causes, cause = [], error
        while cause is not None:
            causes.append(cause)
            cause = cause.__cause__ or cause.__context__
        at = f"{name}{f' at revision {revision}' if revision else ''}"
        if any(isinstance(cause, GatedRepoError) for cause in causes):
            advice = (
                f"accept its licence at https://huggingface.co/{name}, then `hf auth login` and "
                f"`{download_command(name, revision)}`"
            )
        elif any(isinstance(cause, (RepositoryNotFoundError, RevisionNotFoundError)) for cause in causes):
            advice = "the Hub has no such model or revision: check the name"
        else:
            advice = (
                f"on a machine with a network run `{download_command(name, revision)}`, copy its cache folder here "
                "(~/.cache/huggingface) and set HF_HOME to the copy"
            )
        raise FileNotFoundError(
            f"{at} is neither a folder nor in the Hugging Face cache, and could not be downloaded: {advice}"
        ) from error


def in_cache(name: str, revision: str | None = None) -> bool:
    """Whether `name` is in the local cache (at `revision`), as far as its configuration tells."""
    return isinstance(try_to_load_from_cache(name, "config.json", revision=revision), str)
