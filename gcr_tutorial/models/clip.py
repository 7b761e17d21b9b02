"""CLIP as the baseline of the paper's result tables: embed images and queries apart, rank by cosine similarity.

GRACE (Li et al., ACL 2024) compares with CLIP zero-shot; fine-tuning CLIP on the same captions and pseudo-queries that
the generative retriever learns from makes the comparison fair. Models are open_clip's (Ilharco et al.), from a folder
(`local-dir:`), such as `data/backbones/tiny-clip`, or by open_clip's own names where a network is at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import open_clip
import torch
from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from PIL import Image
from torch import Tensor, nn

from gcr_tutorial.data.text import normalize_text
from gcr_tutorial.errors import UserFileNotFoundError, UserValueError
from gcr_tutorial.files import recover_folder
from gcr_tutorial.hub import from_hub

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"
PICKLED = (
    "{name} has its weights only as a pickled file (.bin or .pt), which could run any code when it is read: take a model with "
    + WEIGHTS_FILE
)


@dataclass
class Clip:
    """An open_clip model with what it needs: `preprocess` (PIL -> (3, S, S)), `tokenizer` (texts -> (C, L) ids)."""

    model: nn.Module
    preprocess: Callable[[Image.Image], Tensor]
    tokenizer: Callable[[list[str]], Tensor]
    name: str = "clip"

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device


def load_clip(name: str | Path, device: str = "cpu", pretrained: str | None = None) -> Clip:
    """The CLIP model in the open_clip folder `name`, or of an open_clip name such as "ViT-B-32" (then `pretrained`
    names its weights) or "hf-hub:..." (these two need a network or a filled cache). In evaluation mode, float32.

    Weights are read from safetensors files only, never unpickled. Raises UserFileNotFoundError where `name` is neither, the
    folder lacks its configuration or weights, or the model is not in the cache and cannot be fetched; UserValueError for a
    model whose weights are only there as a pickled file (.bin)."""
    folder = Path(name)
    recover_folder(folder)
    if folder.is_dir():
        for file in (CONFIG_FILE, WEIGHTS_FILE):
            if not (folder / file).is_file():
                if file == WEIGHTS_FILE and any((*folder.glob("*.bin"), *folder.glob("*.pt*"))):
                    raise UserValueError(PICKLED.format(name=folder))
                raise UserFileNotFoundError(
                    f"{folder} has no {file}: give a complete open_clip folder (`python -m gcr_tutorial pretrain` makes one)"
                )
        name = f"local-dir:{folder}"
    elif str(name).startswith("hf-hub:"):
        _require_safetensors(str(name).removeprefix("hf-hub:"))
    elif ":" not in str(name) and str(name) not in open_clip.list_models():
        raise UserFileNotFoundError(
            f"{name} is neither a folder nor a model that open_clip knows: "
            "give the path of an open_clip folder, such as data/backbones/tiny-clip"
        )
    return open_clip_parts(str(name), device, pretrained)


def _require_safetensors(name: str) -> None:
    """Fetch the weights of "owner/model@revision" into the cache, where open_clip looks for them before any pickled file."""
    repository, _, revision = name.partition("@")

    def fetch() -> None:
        try:
            hf_hub_download(repository, WEIGHTS_FILE, revision=revision or None)
        except EntryNotFoundError as error:  # offline, this is raised for whatever is not in the cache
            pickled = try_to_load_from_cache(repository, "open_clip_pytorch_model.bin", revision=revision or None)
            if isinstance(pickled, str) or not isinstance(error, LocalEntryNotFoundError):
                raise UserValueError(PICKLED.format(name=repository)) from error
            raise

    from_hub(fetch, repository, revision or None)


def open_clip_parts(name: str, device: str = "cpu", pretrained: str | None = None) -> Clip:
    """The plain open_clip calls behind `load_clip`; `name` is in open_clip's own words ("local-dir:PATH", ...)."""
    model, _, preprocess = open_clip.create_model_and_transforms(name, pretrained=pretrained, device=device)
    return Clip(model.eval(), preprocess, open_clip.get_tokenizer(name), name)


@torch.no_grad()
def embed_images(
    clip: Clip, images: Iterable[Image.Image], batch_size: int = 64, progress: Callable[[int], None] | None = None
) -> Tensor:
    """L2-normalised embeddings (N, D), float32 on the CPU, of PIL images; read one batch at a time.
    `progress` is called with the number of images done."""
    return _embed(
        clip,
        images,
        lambda batch: clip.model.encode_image(
            torch.stack([clip.preprocess(image.convert("RGB")) for image in batch]).to(clip.device),
            normalize=True,
        ),
        batch_size,
        progress,
    )


@torch.no_grad()
def embed_texts(
    clip: Clip, texts: Iterable[str], batch_size: int = 256, progress: Callable[[int], None] | None = None
) -> Tensor:
    """L2-normalised embeddings (N, D), float32 on the CPU, of texts (normalised, and cut at the model's context length)."""
    return _embed(
        clip,
        texts,
        lambda batch: clip.model.encode_text(
            clip.tokenizer([normalize_text(text) for text in batch]).to(clip.device),
            normalize=True,
        ),
        batch_size,
        progress,
    )


def _embed(
    clip: Clip, items: Iterable, encode: Callable[[list], Tensor], batch_size: int, progress: Callable[[int], None] | None
) -> Tensor:
    if isinstance(items, (str, Image.Image)):
        raise UserValueError("give a list of texts or images, not a single one")
    with evaluating(clip.model):
        parts, batch, done = [], [], 0
        for item in items:
            batch.append(item)
            if len(batch) == batch_size:
                parts.append(encode(batch).float().cpu())
                done += len(batch)
                batch = []
                if progress:
                    progress(done)
        if batch:
            parts.append(encode(batch).float().cpu())
            if progress:
                progress(done + len(batch))
    if not parts:
        raise UserValueError("nothing to embed: the list of texts or images is empty")
    return torch.cat(parts)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside the block, the former mode after it."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
