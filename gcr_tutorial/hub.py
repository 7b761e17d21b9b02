"""Models from the Hugging Face Hub, by name and pinned revision, and what to do where they cannot be had."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from huggingface_hub import snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

from gcr_tutorial.errors import UserFileNotFoundError, UserValueError

T = TypeVar("T")
FILES = ("*.json", "*.safetensors", "*.txt", "*.jinja", "*.model")  # what a folder made by save_pretrained holds


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
        raise UserFileNotFoundError(
            f"{at} is neither a folder nor in the Hugging Face cache, and could not be downloaded: {advice}"
        ) from error


def snapshot(name: str, revision: str | None) -> Path:
    """The folder with the files of `name` at the commit `revision`, from the cache or downloaded: JSON, text, templates and
    safetensors, nothing that could be run. Raises UserValueError without a revision, and as `from_hub` does."""
    if not revision:
        raise UserValueError(f"{name} is on the Hub, where it can change: give the commit to load (revision=...)")
    load = partial(snapshot_download, name, revision=revision, allow_patterns=FILES)
    return Path(from_hub(load, name, revision))


def in_cache(name: str, revision: str | None = None) -> bool:
    """Whether `name` is in the local cache (at `revision`), as far as its configuration tells."""
    return isinstance(try_to_load_from_cache(name, "config.json", revision=revision), str)
