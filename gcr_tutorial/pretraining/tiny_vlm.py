"""tiny-vlm before pretraining: its byte-level BPE tokenizer, and a small model of SmolVLM-256M's architecture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
    LlamaConfig,
    PreTrainedTokenizerFast,
)

from gcr_tutorial.errors import UserValueError
from gcr_tutorial.models.prompts import CAPTION_INSTRUCTION, MEMORIZE_INSTRUCTION, RETRIEVE_INSTRUCTION

UNUSED, START, PAD = "<|endoftext|>", "<|im_start|>", "<|im_end|>"  # SmolVLM's names
END_OF_UTTERANCE = "<end_of_utterance>"  # ends every answer, identifiers included
IMAGE, IMAGE_WRAPPER, GLOBAL_IMAGE = "<image>", "<fake_token_around_image>", "<global-img>"
SPECIAL_TOKENS = (UNUSED, START, PAD, IMAGE_WRAPPER, IMAGE, END_OF_UTTERANCE, GLOBAL_IMAGE)

# SmolVLM's chat template: "<|im_start|>User:<image>text<end_of_utterance>\nAssistant:"
CHAT_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


def train_tokenizer(texts: Iterable[str], vocab_size: int = 1500) -> PreTrainedTokenizerFast:
    """Byte-level BPE trained on `texts`, the chat template's words and all two-digit numbers; pads on the left.

    With the 90 two-digit tokens, `string` identifiers differ from `numeric` ones, which are written digit by digit. The
    vocabulary is smaller than `vocab_size` where the texts have too few pairs to merge. Raises UserValueError for a size
    that is too small.
    """
    texts = list(texts)
    numbers = [str(n) for n in range(10, 100)]
    smallest = 256 + len(SPECIAL_TOKENS) + len(numbers) + 50
    if vocab_size < smallest:
        raise UserValueError(f"vocab_size={vocab_size} is too small for bytes, specials and numbers: use >= {smallest}")
    common = Counter(word for text in texts for word in text.split()).most_common(100)
    weight = 10 + (
        common[-1][1] if common else 0
    )  # as often as the 100th most common word, so that our words get tokens before rare ones
    prompts = [CAPTION_INSTRUCTION, MEMORIZE_INSTRUCTION, RETRIEVE_INSTRUCTION.format(query="")]
    ours = " ".join(numbers) + "\nUser:\nAssistant: " + "".join(f"\n{prompt}\n {prompt}" for prompt in prompts)

    tokenizer = Tokenizer(models.BPE())
    # Splits as GPT-2 does, but runs of digits into pairs, so that all numbers are made of few tokens.
    pattern = Regex(r"\p{N}{1,2}| ?\p{L}+|'(?:s|t|re|ve|m|ll|d)| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(pattern, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
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
        tokenizer_object=tokenizer,
        bos_token=START,
        eos_token=END_OF_UTTERANCE,
        pad_token=PAD,
        unk_token=UNUSED,
        additional_special_tokens=[IMAGE_WRAPPER, IMAGE, END_OF_UTTERANCE, GLOBAL_IMAGE],
        padding_side="left",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def build_tiny_vlm(
    tokenizer: PreTrainedTokenizerFast,
    *,
    image_size: int = 96,
    patch: int = 12,
    scale: int = 2,
    hidden: int = 192,
    vision_layers: int = 4,
    text_layers: int = 4,
    heads: int = 4,
    vision_mlp: int = 640,
    text_mlp: int = 512,
    seed: int = 0,
) -> tuple[Idefics3ForConditionalGeneration, Idefics3Processor]:
    """A randomly initialised tiny-vlm in float32 and its processor.

    An image of `image_size` px becomes (image_size / patch)^2 patches and, after the connector's pixel shuffle,
    (image_size / patch)^2 / scale^2 image tokens (16 by default). Raises UserValueError where the sizes do not divide.
    """
    side, rest = divmod(image_size, patch)
    if rest or side % scale:
        raise UserValueError(f"image_size={image_size} must be a multiple of patch*scale={patch * scale}")
    if hidden % heads or (hidden // heads) % 2:
        raise UserValueError(f"hidden={hidden} must split into {heads} heads of even width")
    config = Idefics3Config(
        vision_config=dict(
            hidden_size=hidden,
            intermediate_size=vision_mlp,
            num_hidden_layers=vision_layers,
            num_attention_heads=heads,
            image_size=image_size,
            patch_size=patch,
        ),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=hidden,
            intermediate_size=text_mlp,
            num_hidden_layers=text_layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            head_dim=hidden // heads,
            max_position_embeddings=512,
            rms_norm_eps=1e-5,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        scale_factor=scale,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Idefics3ForConditionalGeneration(config).float().eval()
    for field in ("bos_token_id", "eos_token_id", "pad_token_id"):
        setattr(model.generation_config, field, getattr(tokenizer, field))
    image_processor = Idefics3ImageProcessor(
        do_image_splitting=False,
        size={"longest_edge": image_size},
        max_image_size={"longest_edge": image_size},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    processor = Idefics3Processor(image_processor, tokenizer, image_seq_len=side**2 // scale**2, chat_template=CHAT_TEMPLATE)
    return model, processor
