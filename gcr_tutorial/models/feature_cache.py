"""Vision features that outlive the run: a second run over the same images never starts the vision tower.

Every image is known by its pixels, every way of encoding one by the weights of the vision tower, the processor's settings
and the floating-point type: change any of them and the features are computed anew. Files are safetensors, read by
memory-mapping; a damaged one is thrown away and its images are encoded again.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from gcr_tutorial.files import new_file
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.features import chunks, image_features
from gcr_tutorial.models.lora import language_model
from gcr_tutorial.paths import cache_dir

GIB = 2**30
SHARD_BYTES = 64 * 2**20  # a file is written when so much has been computed


class FeatureTable:
    """Features of N images that lie in memory-mapped files, to be indexed like the tensor (N, vectors, width) they would
    be: `table[3]`, `table[[0, 5]]` and `table[2:9]` read just these rows."""

    def __init__(self, shards: Sequence[torch.Tensor], places: Sequence[tuple[int, int]]) -> None:
        self.shards, self.places = shards, places  # places: (shard, row in it) of each image

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> torch.Size:
        """(N, vectors, width)."""
        return torch.Size((len(self), *self.shards[0].shape[1:]))

    def __getitem__(self, rows: int | slice | Sequence[int] | torch.Tensor) -> torch.Tensor:
        if isinstance(rows, slice):
            rows = range(len(self))[rows]
        if isinstance(rows, int):
            shard, row = self.places[rows]
            return self.shards[shard][row].clone()
        chosen = torch.empty(len(rows), *self.shape[1:], dtype=self.shards[0].dtype)
        for i, at in enumerate(rows):
            shard, row = self.places[int(at)]
            chosen[i] = self.shards[shard][row]
        return chosen


def cached_features(
    backbone: Backbone,
    images: Iterable[Image.Image] | np.ndarray,
    batch_size: int = 64,
    *,
    folder: Path | None = None,
    memory: int = 2 * GIB,
    disk: int = 20 * GIB,
    progress: Callable[[int], None] | None = None,
) -> torch.Tensor | FeatureTable:
    """What `image_features` returns, computed only for images that were never seen in this way before.

    `folder` defaults to `cache_dir()/features`; nothing is kept where that is None. Features of up to `memory` bytes come
    back as a tensor, more as a `FeatureTable`. Of all caches in `folder` the `disk` bytes used last are kept (and what
    this call needs, in any case). Where the disk is full a warning says so, and the work goes on without.
    """
    folder = folder if folder is not None else cache_dir() and cache_dir() / "features"
    if folder is None:
        return image_features(backbone, images, batch_size, progress)
    store = _Store(folder / encoder_key(backbone))
    wanted: list[str] = []
    for chunk in chunks(images, batch_size):
        keys = [image_key(image) for image in chunk]
        new = {key: i for i, key in enumerate(keys) if not store.has(key)}
        if new:
            part = chunk[list(new.values())] if isinstance(chunk, np.ndarray) else [chunk[i] for i in new.values()]
            store.add(list(new), image_features(backbone, part, batch_size))
        wanted += keys
        if progress is not None:
            progress(len(wanted))
    if not wanted:
        return image_features(backbone, images)
    store.flush()
    store.forget_oldest(disk)
    table = store.table(wanted)
    size = len(table) * table.shards[0][0].numel() * table.shards[0].element_size()
    return table[:] if size <= memory else table


class _Store:
    """The shards of one encoder: files of features, whose headers name their images. Those used are mapped, not read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place: dict[str, tuple[Path | int, int]] = {}  # image -> (shard, row); a shard is a file, or -1, -2 ... if pending
        self.mapped: dict[Path | int, torch.Tensor] = {}
        self.pending: list[tuple[list[str], torch.Tensor]] = []
        for file in sorted(folder.glob("*.safetensors")):
            try:
                with safe_open(file, "pt") as opened:
                    keys = opened.metadata()["images"].split()
            except (SafetensorError, OSError, KeyError, TypeError):
                file.unlink(missing_ok=True)
                continue
            self.place.update({key: (file, row) for row, key in enumerate(keys)})

    def has(self, key: str) -> bool:
        """Whether the features of an image are here, and whole: a file is checked when it is first asked for."""
        if key not in self.place:
            return False
        file = self.place[key][0]
        if file not in self.mapped:
            features = _read(file)
            if features is None:
                self.place = {k: at for k, at in self.place.items() if at[0] != file}
                return self.has(key)
            self.mapped[file] = features
        return True

    def add(self, keys: list[str], features: torch.Tensor) -> None:
        """Keep what was computed; written once there is enough of it."""
        self.place.update({key: (-1 - len(self.pending), row) for row, key in enumerate(keys)})
        self.mapped[-1 - len(self.pending)] = features
        self.pending.append((keys, features))
        if sum(features.nbytes for _, features in self.pending) >= SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is pending to a file, and map that."""
        if not self.pending:
            return
        keys = [key for some, _ in self.pending for key in some]
        features = torch.cat([some for _, some in self.pending])
        file = self.folder / f"{_hash(*map(str.encode, keys))[:16]}-{os.getpid()}.safetensors"
        try:
            with new_file(file) as aside:
                save_file({"features": features}, aside, {"images": " ".join(keys), "crc32": str(_crc32(features))})
            self.mapped[file] = _read(file)
        except (OSError, SafetensorError) as error:
            file.with_name(file.name + ".writing").unlink(missing_ok=True)
            warnings.warn(f"vision features could not be kept in {self.folder} ({error}): they stay in memory", stacklevel=4)
            self.mapped[file] = features
        for number in range(len(self.pending)):
            del self.mapped[-1 - number]
        self.place.update({key: (file, row) for row, key in enumerate(keys)})
        self.pending = []

    def table(self, keys: Sequence[str]) -> FeatureTable:
        """The features of `keys`, in their order."""
        shards = list(self.mapped)
        number = {shard: i for i, shard in enumerate(shards)}
        return FeatureTable(
            [self.mapped[shard] for shard in shards], [(number[shard], row) for shard, row in (self.place[key] for key in keys)]
        )

    def forget_oldest(self, most: int) -> None:
        """Delete the files used longest ago, of any encoder, beyond `most` bytes; those in use stay."""
        for file in self.mapped:
            if file.exists():
                os.utime(file)
        files = [(file.stat(), file) for file in self.folder.parent.glob("*/*.safetensors")]
        total = sum(stat.st_size for stat, _ in files)
        for stat, file in sorted(files, key=lambda item: item[0].st_mtime):
            if total > most and file not in self.mapped:
                file.unlink(missing_ok=True)
                total -= stat.st_size


def _read(file: Path) -> torch.Tensor | None:
    """The features in `file`, memory-mapped; None where it is damaged (then it is deleted)."""
    try:
        with safe_open(file, "pt") as opened:
            about, features = opened.metadata(), opened.get_tensor("features")
        if len(features) == len(about["images"].split()) and int(about["crc32"]) == _crc32(features):
            return features
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        pass
    file.unlink(missing_ok=True)
    return None


def encoder_key(backbone: Backbone) -> str:
    """Names the way from pixels to features: weights of everything but the language model, settings, type."""
    model = backbone.plain_model
    text = {id(weight) for part in (language_model(model), model.get_output_embeddings()) for weight in part.parameters()}
    settings = {
        "class": type(model).__name__,
        "dtype": str(model.dtype),
        "size": backbone.image_size,
        "processor": json.loads(backbone.processor.image_processor.to_json_string()),
        "vision": model.config.vision_config.to_dict(),
    }
    parts = [json.dumps(settings, sort_keys=True, default=str).encode()]
    for name, weight in model.named_parameters():
        if id(weight) not in text:
            parts += [name.encode(), _bytes(weight.detach().cpu())]
    return _hash(*parts)


def image_key(image: Image.Image | np.ndarray) -> str:
    """Names a picture by its pixels."""
    pixels = np.asarray(image.convert("RGB") if isinstance(image, Image.Image) else image)
    return _hash(str(pixels.shape).encode(), np.ascontiguousarray(pixels))


def _hash(*parts: bytes | memoryview | np.ndarray) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()[:32]


def _bytes(tensor: torch.Tensor) -> np.ndarray:
    return tensor.contiguous().view(-1).view(torch.uint8).numpy()


def _crc32(tensor: torch.Tensor) -> int:
    return zlib.crc32(_bytes(tensor))
