"""A new open_clip folder with random weights: configuration, a tokenizer of its own, and the model.

open_clip opens such a folder with `create_model_and_transforms("local-dir:PATH")` and with
`get_tokenizer("local-dir:PATH")`."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.models.clip import CONFIG_FILE, WEIGHTS_FILE, Clip, open_clip_parts

PAD, BOS, EOS = "<pad>", "<bos>", "<eos>"


def train_clip_tokenizer(texts: Iterable[str], vocab_size: int = 2000, context_length: int = 32) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer that lowers case, puts BOS and EOS around a text and pads on the right. A text that is
    longer than `context_length` is cut, and still ends with EOS. Raises UserValueError where there are no texts."""
    texts = list(texts)
    if not texts:
        raise UserValueError("the tokenizer needs texts to learn its vocabulary from: give tokenizer_texts")
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[PAD, BOS, EOS],
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    bpe.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A {EOS}",
        pair=f"{BOS} $A $B {EOS}",
        special_tokens=[(token, bpe.token_to_id(token)) for token in (BOS, EOS)],
    )
    return wrap_tokenizer(bpe, context_length)


def wrap_tokenizer(bpe: Tokenizer, context_length: int) -> PreTrainedTokenizerFast:
    """`bpe` as a transformers tokenizer with its special tokens, padding on the right and the maximal length."""
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        padding_side="right",
        truncation_side="right",
        model_max_length=context_length,
    )


def clip_config(
    tokenizer: PreTrainedTokenizerFast,
    image_size: int = 96,
    patch_size: int = 12,
    width: int = 192,
    layers: int = 4,
    head_width: int = 48,
    mlp_ratio: float = 3.0,
    embed_dim: int = 192,
) -> dict[str, Any]:
    """The content of `open_clip_config.json` for an image and a text transformer of the same width and depth. Raises
    UserValueError where the patches do not fill the image."""
    if image_size % patch_size:
        raise UserValueError(f"image_size {image_size} is not a multiple of patch_size {patch_size}")
    return {
        "model_cfg": {
            "embed_dim": embed_dim,
            "vision_cfg": {
                "image_size": image_size,
                "patch_size": patch_size,
                "width": width,
                "layers": layers,
                "head_width": head_width,
                "mlp_ratio": mlp_ratio,
                "pool_type": "avg",
            },
            # pool_type: the default, "argmax", pools at the largest token id, which is EOS in OpenAI's tokenizer but not in ours
            "text_cfg": {
                "context_length": tokenizer.model_max_length,
                "vocab_size": len(tokenizer),
                "width": width,
                "heads": width // head_width,
                "layers": layers,
                "mlp_ratio": mlp_ratio,
                "pool_type": "eos",
                "eos_id": tokenizer.eos_token_id,
                "pad_id": tokenizer.pad_token_id,
                # any name will do: open_clip reads the tokenizer of a local-dir: model from the folder
                "hf_tokenizer_name": "tiny-clip",
            },
        },
        "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"},
    }


def new_clip(folder: str | Path, tokenizer: PreTrainedTokenizerFast, config: dict[str, Any], seed: int = 0) -> Clip:
    """Write configuration and tokenizer into `folder`, and open it with open_clip: a model with random weights, which
    `save_clip_weights` adds to the folder later."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1) + "\n")
    tokenizer.save_pretrained(folder)
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # open_clip warns that the folder has no weights, which is so until they are trained
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return open_clip_parts(f"local-dir:{folder}")
    finally:
        logging.disable(before)


def save_clip_weights(clip: Clip, folder: str | Path) -> None:
    """Write the weights (float32 safetensors) under the name that open_clip looks for."""
    state = {name: value.detach().float().cpu().contiguous() for name, value in clip.model.state_dict().items()}
    path = Path(folder) / WEIGHTS_FILE
    save_file(state, path, metadata={"format": "pt"})
    path.chmod(0o644)
