"""The multimodal language model whose parameters become the memory (GRACE's "MLLM").

`tiny-vlm` is an `Idefics3ForConditionalGeneration`, the class SmolVLM-256M/500M-Instruct load as: a vision transformer
(SigLIP style), a pixel-shuffle connector, a Llama text model with tied embeddings. Everything here goes through plain
`AutoProcessor` / `AutoModelForImageTextToText`, so a real SmolVLM can stand in for the tiny one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
    LlamaConfig,
    PreTrainedTokenizerFast,
)

from .files import new_folder

from .files import new_folder

UNUSED, START, PAD = "<|endoftext|>", "<|im_start|>", "<|im_end|>"  # SmolVLM's names
END = "<end_of_utterance>"  # ends every answer, identifiers included
IMAGE, IMAGE_WRAPPER, GLOBAL_IMAGE = "<image>", "<fake_token_around_image>", "<global-img>"
SPECIAL_TOKENS = (UNUSED, START, PAD, IMAGE_WRAPPER, IMAGE, END, GLOBAL_IMAGE)

# What the model is asked. Short on purpose: every token is paid for in every example.
CAPTION_INSTRUCTION = "Describe the picture."
MEMORIZE_INSTRUCTION = "Name the picture."
RETRIEVE_INSTRUCTION = "Find the picture: {query}"

# SmolVLM's chat template: "<|im_start|>User:<image>text<end_of_utterance>\nAssistant:"
CHAT_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


@dataclass
class Backbone:
    """A vision-language model and its processor (image processor + tokenizer), always used together."""

    model: Any
    processor: Any

    @property
    def tokenizer(self) -> Any:
        """The processor's tokenizer (pads on the left)."""
        return self.processor.tokenizer

    @property
    def image_token_id(self) -> int:
        """Id of the `<image>` placeholder that image features replace."""
        return self.model.config.image_token_id

    @property
    def end_id(self) -> int:
        """Id of the token that ends every answer: the end-of-identifier token."""
        known = END in self.tokenizer.get_vocab()
        return self.tokenizer.convert_tokens_to_ids(END) if known else self.tokenizer.eos_token_id

    @property
    def pad_id(self) -> int:
        """Id of the padding token."""
        return self.tokenizer.pad_token_id

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device


def train_tokenizer(texts: Iterable[str], vocab_size: int = 1500) -> PreTrainedTokenizerFast:
    """Byte-level BPE trained on `texts`, the chat template's words and all two-digit numbers; pads on the left.

    The 90 two-digit tokens make `string` identifiers differ from digit-by-digit `numeric` ones. The vocabulary may end
    up smaller than `vocab_size` where the texts run out of pairs to merge. Raises ValueError for too small a size.
    """
    texts = list(texts)
    numbers = [str(n) for n in range(10, 100)]
    smallest = 256 + len(SPECIAL_TOKENS) + len(numbers) + 50
    if vocab_size < smallest:
        raise ValueError(f"vocab_size={vocab_size} is too small for bytes, specials and numbers: use >= {smallest}")
    common = Counter(word for text in texts for word in text.split()).most_common(100)
    weight = 10 + (common[-1][1] if common else 0)  # as often as the texts' 100th word: ours never lose to rare words
    prompts = [CAPTION_INSTRUCTION, MEMORIZE_INSTRUCTION, RETRIEVE_INSTRUCTION.format(query="")]
    ours = " ".join(numbers) + "\nUser:\nAssistant: " + "".join(f"\n{prompt}\n {prompt}" for prompt in prompts)

    tokenizer = Tokenizer(models.BPE())
    # Like GPT-2's splitting, but runs of digits split into pairs so that numbers stay made of few, shared tokens.
    pattern = Regex(r"\p{N}{1,2}| ?\p{L}+|'(?:s|t|re|ve|m|ll|d)| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(pattern, "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(token, normalized=False, special=True) for token in SPECIAL_TOKENS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        min_frequency=2,
        show_progress=False,
    )

    def stream() -> Iterable[str]:
        for text in texts:
            yield text
            yield " " + text  # an answer follows "Assistant:" after a space
        for _ in range(weight):
            yield ours

    tokenizer.train_from_iterator(stream(), trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=START, eos_token=END, pad_token=PAD, unk_token=UNUSED,
        additional_special_tokens=[IMAGE_WRAPPER, IMAGE, END, GLOBAL_IMAGE],
        padding_side="left", model_max_length=512, clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def build_tiny_vlm(
    tokenizer: PreTrainedTokenizerFast, *, image_size: int = 96, patch: int = 12, scale: int = 2, hidden: int = 192,
    vision_layers: int = 4, text_layers: int = 4, heads: int = 4, vision_mlp: int = 640, text_mlp: int = 512,
    seed: int = 0,
) -> tuple[Idefics3ForConditionalGeneration, Idefics3Processor]:
    """A randomly initialised tiny-vlm in float32 and its processor.

    An image of `image_size` px becomes (image_size / patch)^2 patches and, after the connector's pixel shuffle,
    (image_size / patch)^2 / scale^2 image tokens (16 by default). Raises ValueError where the sizes do not divide.
    """
    side, rest = divmod(image_size, patch)
    if rest or side % scale:
        raise ValueError(f"image_size={image_size} must be a multiple of patch*scale={patch * scale}")
    if hidden % heads or (hidden // heads) % 2:
        raise ValueError(f"hidden={hidden} must split into {heads} heads of even width")
    config = Idefics3Config(
        vision_config=dict(
            hidden_size=hidden, intermediate_size=vision_mlp, num_hidden_layers=vision_layers,
            num_attention_heads=heads, image_size=image_size, patch_size=patch,
        ),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=text_mlp, num_hidden_layers=text_layers,
            num_attention_heads=heads, num_key_value_heads=heads, head_dim=hidden // heads,
            max_position_embeddings=512, rms_norm_eps=1e-5, tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE), scale_factor=scale, tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Idefics3ForConditionalGeneration(config).float().eval()
    for field in ("bos_token_id", "eos_token_id", "pad_token_id"):
        setattr(model.generation_config, field, getattr(tokenizer, field))
    image_processor = Idefics3ImageProcessor(
        do_image_splitting=False, size={"longest_edge": image_size}, max_image_size={"longest_edge": image_size},
        image_mean=[0.5] * 3, image_std=[0.5] * 3,
    )
    processor = Idefics3Processor(
        image_processor, tokenizer, image_seq_len=side**2 // scale**2, chat_template=CHAT_TEMPLATE
    )
    return model, processor


def load_backbone(path_or_hub_id: str | Path, device: str | torch.device = "cpu",
                  dtype: torch.dtype | None = None) -> Backbone:
    """Load a backbone from a folder or from the Hub, ready for inference; image splitting is switched off.

    `dtype` defaults to float32. Raises FileNotFoundError for a folder that is not there or has no `config.json`.
    """
    path, name = Path(path_or_hub_id), str(path_or_hub_id)
    local = isinstance(path_or_hub_id, Path) or path.exists() or path.is_absolute() or name.startswith(".")
    if (local or name.count("/") != 1) and not (path / "config.json").exists():
        raise FileNotFoundError(
            f"no backbone at {path} (no config.json there): give a folder saved by save_pretrained, or a Hub id such "
            "as HuggingFaceTB/SmolVLM-256M-Instruct; `python -m gcr_tutorial pretrain` makes the tiny one"
        )
    processor = AutoProcessor.from_pretrained(name)
    model = AutoModelForImageTextToText.from_pretrained(name, dtype=dtype or torch.float32)
    if hasattr(processor.image_processor, "do_image_splitting"):
        processor.image_processor.do_image_splitting = False
    processor.tokenizer.padding_side = "left"
    return Backbone(model.to(device).eval(), processor)


def save_backbone(backbone: Backbone, folder: str | Path) -> None:
    """Write model and processor to `folder` (safetensors and JSON), aside first, so it is never half written."""
    with new_folder(folder) as aside:
        backbone.model.save_pretrained(aside)
        backbone.processor.save_pretrained(aside)


def prompt_text(backbone: Backbone, text: str, image: bool) -> str:
    """`text` as the user's turn of the chat template, up to and including "Assistant:" (one `<image>` if `image`)."""
    content = [{"type": "image"}] if image else []
    content.append({"type": "text", "text": text})
    return backbone.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)


def prompt_ids(backbone: Backbone, text: str, image: bool) -> list[int]:
    """Token ids of the chat prompt; with `image`, the placeholder is expanded to `image_seq_len` `<image>` tokens and
    their wrappers. The answer starts with a space ("Assistant: A boy ...")."""
    prompt = prompt_text(backbone, text, image)
    if not image:
        return backbone.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    blank = Image.new("RGB", (32, 32))
    return list(backbone.processor(text=[prompt], images=[[blank]], add_special_tokens=False)["input_ids"][0])


def pixels(backbone: Backbone, images: Sequence[Image.Image] | np.ndarray) -> torch.Tensor:
    """Images as the model wants them: float tensor (N, 1, 3, S, S), normalised, on the CPU.

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
