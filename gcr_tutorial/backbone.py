"""The multimodal language model whose parameters become the memory (GRACE's "MLLM").

`tiny-vlm` is an `Idefics3ForConditionalGeneration`, the class SmolVLM-256M/500M-Instruct load as: a vision transformer
(SigLIP style), a pixel-shuffle connector, a Llama text model with tied embeddings. Everything else here goes through
`AutoProcessor` / `AutoModelForImageTextToText` and the processor's own chat template, so that SmolVLM, SmolVLM2,
Qwen2.5-VL, Qwen3-VL or Gemma 3 can stand in for the tiny one (`tests/test_real_backbones.py` runs each).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import PeftModel
from PIL import Image
from tokenizers import AddedToken
from transformers import AutoModelForImageTextToText, AutoProcessor

from .files import new_folder
from .hub import from_hub, is_hub_id

# What the model is asked. Short on purpose: every token is paid for in every example.
CAPTION_INSTRUCTION = "Describe the picture."
MEMORIZE_INSTRUCTION = "Name the picture."
RETRIEVE_INSTRUCTION = "Find the picture: {query}"


@dataclass
class Backbone:
    """A vision-language model and its processor (image processor + tokenizer), always used together.

    `source` and `revision` say where the weights were loaded from, as `load_backbone` was told.
    """

    model: Any
    processor: Any
    source: str = ""
    revision: str | None = None

    @property
    def plain_model(self) -> Any:
        """The model itself, without the wrapper that an adapter (peft) puts around it."""
        return self.model.get_base_model() if isinstance(self.model, PeftModel) else self.model

    @property
    def tokenizer(self) -> Any:
        """The processor's tokenizer (pads on the left)."""
        return self.processor.tokenizer

    @property
    def image_token_id(self) -> int:
        """Id of the `<image>` placeholder that image features replace."""
        return self.model.config.image_token_id

    @property
    def image_size(self) -> int:
        """Pixels a side of the square that every picture is brought to: the vision tower's own, or, where that takes any
        size (Qwen-VL), the one set by `load_backbone(image_size=...)`, else the most that its processor allows."""
        fixed = getattr(self.model.config.vision_config, "image_size", None)
        if fixed is not None:
            return fixed
        settings = self.processor.image_processor
        step = settings.patch_size * settings.merge_size
        return max(1, int(settings.size["longest_edge"] ** 0.5) // step) * step

    @cached_property
    def answer_format(self) -> tuple[str, int]:
        """What the chat template puts before an answer, and the id of the token it ends an answer with."""
        asked = [_turn("user", "Why?")]
        prompt = self.processor.apply_chat_template(asked, add_generation_prompt=True)
        whole = self.processor.apply_chat_template([*asked, _turn("assistant", "Because")])
        if whole.startswith(prompt) and "Because" in whole[len(prompt) :]:
            before, _, after = whole[len(prompt) :].partition("Because")
            ids = self.tokenizer(after, add_special_tokens=False)["input_ids"]
            if ids and ids[0] in self.tokenizer.all_special_ids:
                return before, ids[0]
        return "", self.tokenizer.eos_token_id

    @property
    def end_id(self) -> int:
        """Id of the token that ends every answer: the end-of-identifier token."""
        return self.answer_format[1]

    @property
    def pad_id(self) -> int:
        """Id of the padding token."""
        return self.tokenizer.pad_token_id

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device


def _turn(role: str, text: str, image: bool = False) -> dict[str, Any]:
    """One turn of a chat, as `apply_chat_template` wants it."""
    return {"role": role, "content": [{"type": "image"}] * image + [{"type": "text", "text": text}]}


def load_backbone(
    path_or_hub_id: str | Path,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    revision: str | None = None,
    image_size: int | None = None,
) -> Backbone:
    """Load a backbone from a folder or from the Hub, ready for inference; image splitting is switched off.

    `dtype` defaults to float32. `revision` pins the Hub's commit. `image_size`: pixels a side of every picture, for
    models that take any size (the others keep theirs). A folder that holds an adapter is loaded with the model it belongs
    to. Raises FileNotFoundError, saying what to do, for a folder that is not there or has no `config.json`, and for a Hub
    model that is not in the cache and cannot be fetched; ValueError where its processor needs another package.
    """
    path, name = Path(path_or_hub_id), str(path_or_hub_id)
    if (path / "adapter_config.json").is_file():
        from .adapters import load_adapter  # which loads its base model with this function

        return load_adapter(path, device, dtype)
    hub = is_hub_id(path_or_hub_id)
    if not hub and not (path / "config.json").exists():
        raise FileNotFoundError(
            f"no backbone at {path} (no config.json there): give a folder saved by save_pretrained, or a Hub id such "
            "as HuggingFaceTB/SmolVLM-256M-Instruct; `python -m gcr_tutorial pretrain` makes the tiny one"
        )

    def load() -> tuple[Any, Any]:
        pinned = {"revision": revision} if hub and revision else {}
        try:
            processor = AutoProcessor.from_pretrained(name, **pinned)
        except ImportError as error:  # SmolVLM2's processor needs num2words
            raise ValueError(f"{name} needs a package that is not installed: {error}") from error
        return processor, AutoModelForImageTextToText.from_pretrained(name, dtype=dtype or torch.float32, **pinned)

    processor, model = from_hub(load, name, revision) if hub else load()
    one_picture_one_size(processor, image_size)
    return Backbone(model.to(device).eval(), processor, name, revision if hub else None)


def one_picture_one_size(processor: Any, image_size: int | None = None) -> None:
    """Set a processor so that every picture becomes equally many image tokens: no splitting into tiles, one size; and so
    that prompts are padded on the left."""
    settings = processor.image_processor
    if hasattr(settings, "do_image_splitting"):  # Idefics3, SmolVLM
        settings.do_image_splitting = False
        settings.size = {"longest_edge": settings.max_image_size["longest_edge"]}  # no detour over the size for tiles
    if hasattr(settings, "do_pan_and_scan"):  # Gemma 3
        settings.do_pan_and_scan = False
    if hasattr(settings, "merge_size") and image_size is not None:  # Qwen-VL: any size, given in pixels of area
        settings.size = {"shortest_edge": image_size**2, "longest_edge": image_size**2}
    processor.tokenizer.padding_side = "left"


def save_backbone(backbone: Backbone, folder: str | Path) -> None:
    """Write model and processor to `folder` (safetensors and JSON), aside first, so it is never half written. Of a model
    with an adapter only the adapter is written, and where its base model is."""
    if isinstance(backbone.model, PeftModel):
        from .adapters import save_adapter

        return save_adapter(backbone, folder)
    with new_folder(folder) as aside:
        backbone.model.save_pretrained(aside)
        backbone.processor.save_pretrained(aside)


def prompt_text(backbone: Backbone, text: str, image: bool) -> str:
    """`text` as the user's turn of the processor's chat template, up to where the answer starts ("Assistant:"), with one
    image placeholder if `image`."""
    return backbone.processor.apply_chat_template([_turn("user", text, image)], add_generation_prompt=True)


def prompt_ids(backbone: Backbone, text: str, image: bool) -> list[int]:
    """Token ids of the chat prompt; with `image`, the processor expands the placeholder to as many image tokens as a
    picture has vectors, and puts their wrappers around them. The answer starts with `answer_format[0]` (a space after
    "Assistant:")."""
    prompt = prompt_text(backbone, text, image)
    if not image:
        return backbone.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    blank = Image.new("RGB", (backbone.image_size,) * 2)
    return list(backbone.processor(text=[prompt], images=[[blank]], add_special_tokens=False)["input_ids"][0])


def image_inputs(backbone: Backbone, images: Sequence[Image.Image] | np.ndarray) -> dict[str, torch.Tensor]:
    """What the model's `get_image_features` takes, on the CPU: `pixel_values`, and for Qwen-VL `image_grid_thw`.

    Takes PIL images of any size (each is squeezed to a square of `backbone.image_size`), or a uint8 array (N, S, S, 3)
    at that size."""
    settings = backbone.processor.image_processor
    if hasattr(settings, "do_image_splitting"):
        return {"pixel_values": pixels(backbone, images)}
    square = (backbone.image_size,) * 2
    pictures = [Image.fromarray(image) if isinstance(image, np.ndarray) else image.convert("RGB") for image in images]
    pictures = [picture if picture.size == square else picture.resize(square, Image.Resampling.BICUBIC) for picture in pictures]
    made = settings(pictures, return_tensors="pt")
    return {name: made[name] for name in ("pixel_values", "image_grid_thw") if name in made}


def pixels(backbone: Backbone, images: Sequence[Image.Image] | np.ndarray) -> torch.Tensor:
    """Images as Idefics3 and SmolVLM want them: float tensor (N, 1, 3, S, S), normalised, on the CPU.

    Takes PIL images of any size (each is squeezed to S x S), or, much faster, a uint8 array (N, S, S, 3) already at the
    model's size. Raises ValueError for an array of another shape or type.
    """
    image_processor = backbone.processor.image_processor
    if isinstance(images, np.ndarray):
        size = backbone.model.config.vision_config.image_size
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (size, size, 3):
            raise ValueError(f"expected a uint8 array (N, {size}, {size}, 3), got {images.dtype} {images.shape}")
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (image_processor.image_mean, image_processor.image_std))
        channels_first = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)  # (N, 3, S, S)
        return ((channels_first.float() - mean * 255) / (std * 255)).unsqueeze(1).contiguous()
    return image_processor([[image.convert("RGB")] for image in images], return_tensors="pt")["pixel_values"]


@torch.no_grad()
def add_tokens(backbone: Backbone, tokens: Sequence[str], seed: int = 0) -> list[int]:
    """Add new tokens (identifier codes) to tokenizer and embeddings; returns their ids, in order.

    New rows start at the mean of the existing ones plus a little seeded noise, in the input embeddings and, where it is
    not tied, in the output head. Tokens are not "special": decoding to text shows them. Raises ValueError for a
    duplicate or for a token that the tokenizer already has.
    """
    tokens = list(tokens)
    known = backbone.tokenizer.get_vocab()
    twice = [token for token, count in Counter(tokens).items() if count > 1 or token in known]
    if twice:
        raise ValueError(f"tokens must be new and distinct; already there: {twice[:5]}")
    if not tokens:
        return []
    model, rows_before = backbone.model, backbone.model.get_input_embeddings().weight.shape[0]
    backbone.tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in tokens])
    ids = backbone.tokenizer.convert_tokens_to_ids(tokens)
    if max(ids) >= rows_before:
        model.resize_token_embeddings(max(ids) + 1, mean_resizing=False)
    generator = torch.Generator().manual_seed(seed)
    tables = [model.get_input_embeddings().weight]
    if model.get_output_embeddings().weight is not tables[0]:
        tables.append(model.get_output_embeddings().weight)
    for table in tables:
        old = table[: min(ids)].float()
        noise = torch.randn(len(ids), old.shape[1], generator=generator).to(old.device)
        table[ids] = (old.mean(0) + 0.2 * old.std(0) * noise).to(table.dtype)
    return ids
