"""What of the language model is trained: LoRA adapters and the new tokens' embedding rows, or all of it.

The vision tower and the connector stay frozen, so that cached image features stay true.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from .backbone import Backbone

# Every linear layer of the language model (called text_model in Idefics3/SmolVLM, language_model in Qwen-VL and others)
LORA_LAYERS = r".*(text_model|language_model).*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"


def adapt(
    backbone: Backbone,
    *,
    trainable: str = "lora",
    rank: int = 64,
    alpha: int | None = None,
    token_ids: Sequence[int] = (),
    seed: int = 0,
) -> None:
    """Make part of `backbone.model` trainable, in place.

    "lora": LoRA of `rank` on every linear layer of the language model, plus the embedding rows of `token_ids` (one
    parameter for input and output where the two share their weights, else one each; peft's `trainable_token_indices`).
    What LoRA trains is float32, whatever the model is. "full": the whole language model with its embeddings. Raises
    ValueError for another word, for a model that already carries an adapter, and for "full" below float32: small steps
    would be rounded away.
    """
    model = backbone.model
    if isinstance(model, PeftModel):
        raise ValueError("this backbone already carries an adapter: call finish(backbone) to fold it in first")
    model.requires_grad_(False)
    if trainable == "full":
        if model.dtype != torch.float32:
            raise ValueError(f"trainable='full' needs the weights in float32, not {model.dtype}: load them so, or use 'lora'")
        backbone.source, backbone.revision = "", None
        language_model(model).requires_grad_(True)
        model.get_output_embeddings().requires_grad_(True)
    elif trainable == "lora":
        tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
        model.config.tie_word_embeddings = tied  # what peft goes by; some checkpoints say otherwise than they are
        embeddings = {"embed_tokens": list(token_ids)} if token_ids else None
        if token_ids and not tied:
            embeddings["lm_head"] = list(token_ids)
        config = LoraConfig(
            r=rank,
            lora_alpha=alpha or rank,
            lora_dropout=0.0,
            target_modules=LORA_LAYERS,
            trainable_token_indices=embeddings,
            task_type="CAUSAL_LM",
        )
        with torch.random.fork_rng(devices=[]), quiet_peft():
            torch.manual_seed(seed)
            backbone.model = get_peft_model(model, config)
    else:
        raise ValueError(f"trainable={trainable!r}: choose 'lora' or 'full'")


def tokens_never_read(backbone: Backbone, token_ids: Sequence[int], alike: float = 0.99) -> list[int]:
    """Those of `token_ids` whose input embedding is all but the same vector (cosine above `alike`) as another one of them:
    tokens that pretraining never met, such as most digits for tiny-vlm. LoRA cannot tell equal inputs apart, so an
    identifier written in them can only be learned if their rows are trained, like those of new tokens."""
    rows = backbone.model.get_input_embeddings().weight.detach()[list(token_ids)].float()  # (T, H)
    rows = torch.nn.functional.normalize(rows, dim=-1)
    twins = ((rows @ rows.T).fill_diagonal_(-1.0) > alike).any(dim=-1)  # (T,)
    return [token for token, twin in zip(token_ids, twins.tolist()) if twin]


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Without the warning that peft sets off in transformers, and about which nobody here can do anything."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        yield


def finish(backbone: Backbone, merge: bool = True) -> None:
    """Freeze everything again and, with `merge`, fold an adapter into the weights: a plain model is left.

    The weights are then those of no file: `backbone.source` is cleared, so that no later adapter claims to belong to what
    was loaded (save them, load them, and adapt that).
    """
    if merge and isinstance(backbone.model, PeftModel):
        backbone.model = backbone.model.merge_and_unload()
        backbone.source, backbone.revision = "", None
    backbone.model.requires_grad_(False)
    backbone.model.eval()


def language_model(model: torch.nn.Module) -> torch.nn.Module:
    """The text decoder inside a vision-language model (without its output head)."""
    for name in ("text_model", "language_model"):
        found = getattr(model.model, name, None)
        if found is not None:
            return found
    raise ValueError(f"{type(model).__name__} has no text_model or language_model: not a model this tutorial knows")
