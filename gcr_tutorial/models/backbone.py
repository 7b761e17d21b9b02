"""The multimodal language model whose parameters become the memory (GRACE's "MLLM").

`tiny-vlm` is an `Idefics3ForConditionalGeneration`, the class SmolVLM-256M/500M-Instruct load as: a vision transformer
(SigLIP style), a pixel-shuffle connector, a Llama text model with tied embeddings. Everything else here goes through
`AutoProcessor` / `AutoModelForImageTextToText` and the processor's own chat template, so that SmolVLM, SmolVLM2,
Qwen2.5-VL, Qwen3-VL or Gemma 3 can stand in for the tiny one (`tests/test_real_backbones.py` runs each).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForImageTextToText, AutoProcessor

from gcr_tutorial.errors import UserFileNotFoundError, UserValueError
from gcr_tutorial.hub import from_hub, is_hub_id

MAX_QUERY_TOKENS = 64  # no caption of Flickr8k has more; the official code takes 25 words


@dataclass
class Backbone:
    """A vision-language model and its processor (image processor + tokenizer), always used together.

    `source` and `revision` say where the weights were loaded from, as `load_backbone` was told. Queries and captions are cut
    to `max_query_tokens` tokens, the same in training and in search.
    """

    model: Any
    processor: Any
    source: str = ""
    revision: str | None = None
    max_query_tokens: int = MAX_QUERY_TOKENS

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
        asked = [chat_turn("user", "Why?")]
        prompt = self.processor.apply_chat_template(asked, add_generation_prompt=True)
        whole = self.processor.apply_chat_template([*asked, chat_turn("assistant", "Because")])
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


def chat_turn(role: str, text: str, image: bool = False) -> dict[str, Any]:
    """One turn of a chat, as `apply_chat_template` wants it."""
    return {"role": role, "content": [{"type": "image"}] * image + [{"type": "text", "text": text}]}


def load_base_model(
    path_or_hub_id: str | Path,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    revision: str | None = None,
    image_size: int | None = None,
) -> Backbone:
    """Load a backbone that carries no adapter; arguments and errors as for `load_backbone`."""
    path, name = Path(path_or_hub_id), str(path_or_hub_id)
    hub = is_hub_id(path_or_hub_id)
    if not hub and not (path / "config.json").exists():
        raise UserFileNotFoundError(
            f"no backbone at {path} (no config.json there): give a folder saved by save_pretrained, or a Hub id such "
            "as HuggingFaceTB/SmolVLM-256M-Instruct; `python -m gcr_tutorial pretrain` makes the tiny one"
        )

    def load() -> tuple[Any, Any]:
        pinned = {"revision": revision} if hub and revision else {}
        try:
            processor = AutoProcessor.from_pretrained(name, **pinned)
        except ImportError as error:  # SmolVLM2's processor needs num2words
            raise UserValueError(f"{name} needs a package that is not installed: {error}") from error
        return processor, AutoModelForImageTextToText.from_pretrained(name, dtype=dtype or torch.float32, **pinned)

    processor, model = from_hub(load, name, revision) if hub else load()
    use_fixed_image_size(processor, image_size)
    return Backbone(model.to(device).eval(), processor, name, revision if hub else None)


def use_fixed_image_size(processor: Any, image_size: int | None = None) -> None:
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
