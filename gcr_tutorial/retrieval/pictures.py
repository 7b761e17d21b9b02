"""The picture of a search result, for people to look at."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PIL import Image

from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.image_files import open_image, resolve_folder, resolve_inside, square
from gcr_tutorial.errors import UserFileNotFoundError
from gcr_tutorial.picturebook import render, sample_scene, scene_seed
from gcr_tutorial.retrieval.retriever import GenerativeRetriever, Hit


def picture_of(
    retriever: GenerativeRetriever, hit: Hit, images_dir: str | Path | None = None, size: int | None = None
) -> Image.Image:
    """The picture of a hit, for people to look at: drawn for the Picturebook, read from the Hub's copy or from its
    folder otherwise.

    `images_dir` overrides where the pictures were when the retriever was made. Raises UserFileNotFoundError where it is gone.
    """
    if retriever.about.get("source") == "picturebook":
        corpus_seed, number = hit.image_id.split("-")[1:]
        return render(sample_scene(scene_seed("tutorial", int(corpus_seed), int(number))), size or 256)
    if retriever.about.get("source") == "hub":
        corpus, image_of = _hub_corpus(retriever.about["name"], retriever.about["revision"])
        return corpus.image(image_of[hit.image_id], size)
    folder = images_dir or retriever.about.get("images_dir")
    if not folder or not Path(folder).is_dir():
        raise UserFileNotFoundError(f"the pictures are not in {folder}: say where they are with --images DIR")
    picture = open_image(resolve_inside(resolve_folder(folder), hit.image_id))
    return square(picture, size) if size else picture


@lru_cache(maxsize=1)
def _hub_corpus(name: str, revision: str | None) -> tuple[ImageCaptionCorpus, dict[str, int]]:
    """A data set of the Hub and the index of each of its images by name; kept, since a ranking shows several of them."""
    corpus = ImageCaptionCorpus.from_hub(name, revision)
    return corpus, {record.id: i for i, record in enumerate(corpus.records)}
