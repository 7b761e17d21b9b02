"""Keep vision features on disk, so that a second run over the same images never starts the vision tower.

An image is known by its pixels. A way of encoding it is known by the weights of the vision tower and the connector, the
processor's settings, the floating-point type and the versions of the code: where any of them changes, the features are
computed anew. The features lie in safetensors files of at most SHARD_BYTES, which are read by memory-mapping.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import warnings
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
import torchvision
import transformers
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from gcr_tutorial.files import new_file
from gcr_tutorial.models import preprocessing
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.features import chunks, image_features
from gcr_tutorial.models.lora import language_model
from gcr_tutorial.paths import cache_dir

GIB = 2**30
SHARD_BYTES = 256 * 2**20  # a file is written when so much has been computed: a killed run loses at most this


class FeatureTable:
    """Features of N images in memory-mapped files, indexed like the tensor (N, vectors, width) that they stand for:
    `table[3]`, `table[[0, 5]]` and `table[2:9]` read only these rows from the disk.

    `shards` are the mapped tensors, `found` says for each image which shard holds it and at which of its rows.
    """

    def __init__(self, shards: Sequence[torch.Tensor], found: Sequence[tuple[int, int]]) -> None:
        self.shards, self.found = shards, found

    def __len__(self) -> int:
        return len(self.found)

    @property
    def shape(self) -> torch.Size:
        """(N, vectors, width)."""
        return torch.Size((len(self), *self.shards[0].shape[1:]))

    def __getitem__(self, rows: int | slice | Sequence[int] | torch.Tensor) -> torch.Tensor:
        if isinstance(rows, slice):
            rows = range(len(self))[rows]
        if isinstance(rows, int):
            shard, row = self.found[rows]
            return self.shards[shard][row].clone()
        chosen = torch.empty(len(rows), *self.shape[1:], dtype=self.shards[0].dtype)
        for i, at in enumerate(rows):
            shard, row = self.found[int(at)]
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
    """Return what `image_features` returns, computed only for images that were never encoded in this way before.

    `folder` defaults to `cache_dir()/features`; nothing is kept where that is None. Features of up to `memory` bytes come
    back as a tensor, more as a `FeatureTable`. Of all files in `folder` the `disk` bytes used last are kept, and in any
    case those that this call uses. Where a file cannot be written, a warning says so and the features stay in memory.
    Several processes may use one folder.
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
        return image_features(backbone, [])
    store.write()
    _delete_oldest(folder, disk, keep=store.used)
    table = FeatureTable(store.shards, [store.found[key] for key in wanted])
    n_bytes = len(table) * table.shards[0][0].nbytes
    return table[:] if n_bytes <= memory else table


class _Store:
    """The features that one encoder has made: files whose headers name their images, and features not yet written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards: list[torch.Tensor] = []  # of the files used so far, memory-mapped
        self.found: dict[str, tuple[int, int]] = {}  # image -> (shard, row in it)
        self.used: set[Path] = set()
        self.new: dict[str, torch.Tensor] = {}  # image -> features that are in no file yet
        self.files: dict[str, Path] = {}  # image -> file that holds it, by the headers alone
        for file in _list(folder, "*.safetensors"):
            for key in _read(file, header_only=True)[0]:
                self.files[key] = file

    def has(self, key: str) -> bool:
        """Whether the features of an image are known. The file that holds them is opened and checked when first needed."""
        if key not in self.found and key not in self.new and key in self.files:
            file = self.files[key]
            keys, features = _read(file)
            self.files = {other: path for other, path in self.files.items() if path != file}
            if features is not None:
                self._use(file, keys, features)
        return key in self.found or key in self.new

    def add(self, keys: list[str], features: torch.Tensor) -> None:
        """Keep new features; they are written once there are enough of them for a file."""
        self.new.update(zip(keys, features, strict=True))
        if len(self.new) * features[0].nbytes >= SHARD_BYTES:
            self.write()

    def write(self) -> None:
        """Write the new features to a file and map it, so that they no longer take memory."""
        if not self.new:
            return
        keys, features = list(self.new), torch.stack(list(self.new.values()))
        self.new = {}
        file = self.folder / f"{_hash(*map(str.encode, keys))[:16]}-{os.getpid()}.safetensors"
        try:
            with new_file(file) as aside:
                save_file({"features": features}, aside, {"images": " ".join(keys), "crc32": str(_crc32(features))})
            features = _map(file)[1]
        except (OSError, RuntimeError, SafetensorError) as error:
            with suppress(OSError):
                file.with_name(file.name + ".writing").unlink(missing_ok=True)
            warnings.warn(f"vision features could not be kept in {self.folder} ({error}): they stay in memory", stacklevel=4)
        self._use(file, keys, features)

    def _use(self, file: Path, keys: list[str], features: torch.Tensor) -> None:
        self.found.update({key: (len(self.shards), row) for row, key in enumerate(keys)})
        self.shards.append(features)
        self.used.add(file)
        with suppress(OSError):  # a folder that may only be read, or a file that another process has just deleted
            os.utime(file)


def _list(folder: Path, pattern: str) -> list[Path]:
    """The files in `folder` of the names `pattern`, sorted; none where it cannot be listed just now."""
    with suppress(OSError):
        return sorted(folder.glob(pattern))
    return []


def _map(file: Path) -> tuple[dict[str, str], torch.Tensor]:
    """(metadata, features), memory-mapped, of one file."""
    with safe_open(file, "pt") as opened:
        return opened.metadata(), opened.get_tensor("features")


def _read(file: Path, header_only: bool = False) -> tuple[list[str], torch.Tensor | None]:
    """(images, features) of one file; ([], None) where it cannot be used. A damaged file is deleted, but not one that
    cannot be opened just now (too many open files, no right to read it, deleted by another process)."""
    try:
        if header_only:
            with safe_open(file, "pt") as opened:
                return opened.metadata()["images"].split(), None
        about, features = _map(file)
        keys = about["images"].split()
        if len(features) == len(keys) and int(about["crc32"]) == _crc32(features):
            return keys, features
    except (SafetensorError, KeyError, TypeError, ValueError):
        pass
    except (OSError, RuntimeError):
        return [], None
    with suppress(OSError):
        file.unlink(missing_ok=True)
    return [], None


def _delete_oldest(folder: Path, most: int, keep: set[Path]) -> None:
    """Delete the files used longest ago, of any encoder, beyond `most` bytes; those in `keep` stay.

    Another process may delete the same files at the same time, and still use files that are deleted here.
    """
    files = []
    for file in _list(folder, "*/*"):  # also those that a killed process left half written
        with suppress(OSError):
            files.append((file.stat().st_mtime, file.stat().st_size, file))
    total = sum(size for _, size, _ in files)
    for _, size, file in sorted(files):
        if total > most and file not in keep:
            with suppress(OSError):
                file.unlink()
            total -= size


def encoder_key(backbone: Backbone) -> str:
    """Names the way from pixels to features: all weights but the language model's, settings, type, versions of the code."""
    model = backbone.plain_model
    text = {id(weight) for part in (language_model(model), model.get_output_embeddings()) for weight in part.parameters()}
    settings = {
        "class": type(model).__name__,
        "dtype": str(model.dtype),
        "size": backbone.image_size,
        "processor": json.loads(backbone.processor.image_processor.to_json_string()),
        "vision": model.config.vision_config.to_dict(),
        "versions": [module.__version__ for module in (torch, torchvision, transformers)],
        "code": [inspect.getsource(preprocessing), inspect.getsource(image_features)],
    }
    parts = [json.dumps(settings, sort_keys=True, default=str).encode()]
    for name, weight in model.named_parameters():
        if id(weight) not in text:
            parts += [name.encode(), _bytes(weight.detach().cpu())]
    return _hash(*parts)


def image_key(image: Image.Image | np.ndarray) -> str:
    """Names an image by its pixels (RGB, 8 bits) and its size."""
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
