"""Images with captions, and the retrieval task made of them (GRACE, section 4.1: datasets and splits).

An `ImageCaptionCorpus` comes from the Picturebook, from a Karpathy split file (Flickr8k, Flickr30K, MS-COCO), from a
copy on the Hugging Face Hub or from a bare folder of pictures. `make_task` says which images get an identifier, which
captions train and which are queries.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from operator import index as as_int
from pathlib import Path
from typing import Any

from cachetools import LRUCache, cachedmethod
from PIL import Image

from gcr_tutorial import picturebook
from gcr_tutorial.data.hub_copies import read_hub_copy
from gcr_tutorial.data.image_files import decode_image, find_images, open_image, resolve_folder, resolve_inside, square
from gcr_tutorial.data.karpathy import read_karpathy
from gcr_tutorial.data.records import SPLITS, ImageRecord
from gcr_tutorial.errors import UserValueError

PICTUREBOOK_SIZE = 256  # pixels, where no size is asked for
CACHE_BYTES = 64 * 2**20  # of the pictures used last


class ImageCaptionCorpus:
    """Images with captions and splits; pixels are drawn or read when asked for. Make one with a `from_...` method."""

    def __init__(
        self,
        name: str,
        records: Sequence[ImageRecord],
        images_dir: Path | None = None,
        scenes: Sequence[Any] = (),
        meanings: Sequence[Sequence[Any]] = (),
        stored: Callable[[int], bytes] | None = None,
        source: dict[str, Any] | None = None,
    ):
        self.name = name
        self.source = source or {}  # how to find the pictures again, as JSON values: a saved retriever keeps it
        self.records = tuple(records)
        self._images_dir = images_dir  # resolved; None where the pictures are not files of a folder
        self._scenes = scenes  # (N,) for the Picturebook, else empty
        self._meanings = meanings  # (N, captions of the image), as `_scenes`
        self._stored = stored  # picture file `i` of a Hub data set; else None
        self._cache = LRUCache(CACHE_BYTES, getsizeof=_n_bytes)

    @classmethod
    def from_picturebook(cls, n_train: int = 1000, n_val: int = 100, n_test: int = 300, seed: int = 0) -> ImageCaptionCorpus:
        """Scenes of the tutorial's world, five captions each. More training scenes leave test and val unchanged.

        Raises ValueError for a negative number, or for no scenes at all."""
        counts = {"train": n_train, "val": n_val, "test": n_test}
        if min(counts.values()) < 0 or sum(counts.values()) == 0:
            raise UserValueError(f"numbers of scenes must be 0 or more, and not all 0: {counts}")
        first = {"test": 0, "val": n_test, "train": n_test + n_val}
        records, scenes, meanings = [], [], []
        for split in SPLITS:
            for number in range(first[split], first[split] + counts[split]):
                scene_seed = picturebook.scene_seed("tutorial", seed, number)
                scene = picturebook.sample_scene(scene_seed)
                captions = picturebook.captions(scene, n=5)
                texts = tuple(caption.text for caption in captions)
                records.append(ImageRecord(f"scene-{seed}-{number:06d}", split, texts, scene_seed))
                scenes.append(scene)
                meanings.append(tuple(caption.meaning for caption in captions))
        return cls("picturebook", records, scenes=tuple(scenes), meanings=tuple(meanings), source={"source": "picturebook"})

    @classmethod
    def from_karpathy(cls, json_path: str | Path, images_dir: str | Path) -> ImageCaptionCorpus:
        """Karpathy's split file and the folder of its images; an entry's `filepath` (MS-COCO) is a subfolder of that.

        `restval` counts as train. Raises FileNotFoundError (no such file, folder or image) or ValueError (not such a
        JSON; unknown split; duplicate file; a file outside the folder); each names the file and says what to do.
        """
        json_path, folder = Path(json_path), resolve_folder(images_dir)
        name, images = read_karpathy(json_path, folder)
        records = [ImageRecord(path, split, captions, path) for path, split, captions in images]
        bare = [record.id for record in records if not record.captions]
        if bare:
            warnings.warn(
                f"{json_path}: {len(bare)} of {len(records)} images have no caption (the first: {bare[0]}): "
                "they can be memorized, with pseudo-queries, but no query asks for them",
                stacklevel=2,
            )
        return cls(name, records, images_dir=folder, source={"source": "files", "images_dir": str(folder)})

    @classmethod
    def from_hub(cls, name: str, revision: str | None = None) -> ImageCaptionCorpus:
        """A copy on the Hugging Face Hub, at a pinned commit; see `read_hub_copy`."""
        copy = read_hub_copy(name, revision)
        source = {"source": "hub", "name": str(name), "revision": revision}
        return cls(copy.name, copy.records, stored=copy.picture_bytes, source=source)

    @classmethod
    def from_folder(cls, images_dir: str | Path) -> ImageCaptionCorpus:
        """Every picture in a folder and its subfolders, sorted by path; no captions, all in split "test".

        Hidden files and files of other kinds are passed over (with a warning for pictures of a format not read here).
        """
        folder = resolve_folder(images_dir)
        records = [ImageRecord(name, "test", (), name) for name in find_images(folder)]
        source = {"source": "files", "images_dir": str(folder)}
        return cls(folder.name, records, images_dir=folder, source=source)

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        counts = Counter(record.split for record in self.records)
        return f"ImageCaptionCorpus({self.name!r}, {', '.join(f'{counts[split]} {split}' for split in SPLITS)})"

    def indices(self, split: str) -> list[int]:
        """Corpus indices of the images of one split. Raises ValueError for another split than train, val or test."""
        if split not in SPLITS:
            raise UserValueError(f"unknown split {split!r}: expected one of {', '.join(SPLITS)}")
        return [i for i, record in enumerate(self.records) if record.split == split]

    def image(self, i: int, size: int | None = None) -> Image.Image:
        """Image `i` as RGB, the caller's to change. size: pixels; the centre square at size x size. None: a file's full
        size, the Picturebook's 256. Raises FileNotFoundError or ValueError (damaged file), naming the file."""
        i = as_int(i)
        if not 0 <= i < len(self):
            raise IndexError(f"image {i} of a corpus of {len(self)}")
        if size is not None and size < 1:
            raise UserValueError(f"size must be at least 1 pixel, not {size}")
        return self._picture(i, size).copy()

    @cachedmethod(lambda self: self._cache)
    def _picture(self, i: int, size: int | None) -> Image.Image:
        return self.picture_job(i, size)()

    def picture_job(self, i: int, size: int | None = None) -> Callable[[], Image.Image]:
        """Return a function that makes image `i`, in this process or in another one: it can be pickled, and holds no more than
        this one image needs. It raises what `image` raises."""
        if self._stored is not None:
            return partial(_decode, self._stored(i), f"{self.records[i].id} of {self.name}", size)
        if self._images_dir is None:
            return partial(picturebook.render, self._scenes[i], size or PICTUREBOOK_SIZE)
        return partial(_read, self._images_dir, str(self.records[i].source), size)

    def meaning(self, i: int, j: int) -> Any | None:
        """The `picturebook.Meaning` of caption `j` of image `i`; None where the corpus is not the Picturebook."""
        return self._meanings[i][j] if self._scenes else None

    def relevant(self, meanings: Sequence[Any], gallery: Sequence[int] | None = None) -> list[list[int]]:
        """For each meaning, the images of `gallery` (default: all) that truly satisfy it, in the gallery's order.
        Raises ValueError where the corpus is not the Picturebook: only there is the truth known."""
        if not self._scenes:
            raise UserValueError(f"{self!r} is not the Picturebook: which images satisfy a caption is not known")
        gallery = range(len(self)) if gallery is None else gallery
        return [[i for i in gallery if picturebook.satisfies(self._scenes[i], meaning)] for meaning in meanings]

    def is_true(self, text: str, i: int) -> bool | None:
        """Whether `text` can be read (`picturebook.parse`) and is true of image `i`; None where the corpus is not the
        Picturebook."""
        if not self._scenes:
            return None
        meaning = picturebook.parse(text)
        return meaning is not None and picturebook.satisfies(self._scenes[i], meaning)


def _n_bytes(image: Image.Image) -> int:
    return 4 * image.width * image.height  # Pillow takes 4 bytes a pixel for RGB, too


def _read(folder: Path, name: str, size: int | None) -> Image.Image:
    path = resolve_inside(folder, name)
    return open_image(path) if size is None else square(open_image(path, at_least=2 * size), size)


def _decode(encoded: bytes, name: str, size: int | None) -> Image.Image:
    if size is None:
        return decode_image(BytesIO(encoded), name)
    return square(decode_image(BytesIO(encoded), name, at_least=2 * size), size)
