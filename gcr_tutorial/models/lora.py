"""Choose which weights of the language model are trained: LoRA adapters and the embedding rows of new tokens, or all of them.

The vision tower and the connector stay frozen, so that cached image features stay valid.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from gcr_tutorial.config import TrainingConfig
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.models.backbone import Backbone

# Every linear layer of the language model (called text_model in Idefics3/SmolVLM, language_model in Qwen-VL and others)
LORA_LAYERS = r".*(text_model|language_model).*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"


def add_lora(
    backbone: Backbone, *, rank: int = 64, alpha: int | None = None, token_ids: Sequence[int] = (), seed: int = 0
) -> None:
    """Put LoRA adapters of `rank` on every linear layer of the language model, in place; nothing else of it trains.

    The embedding rows of `token_ids` train too (peft's `trainable_token_indices`): one parameter for input and output where
    the two share their weights, else one each. The adapters are scaled by `alpha` / `rank`; `alpha` defaults to `rank`.
    What trains is float32, whatever the model is. Raises ValueError for a model that already carries an adapter.
    """
    model = backbone.model
    _check_no_adapter(backbone)
    model.requires_grad_(False)
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    model.config.tie_word_embeddings = tied  # peft goes by this flag, and some checkpoints set it wrongly
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


def unfreeze_language_model(backbone: Backbone) -> None:
    """Make the whole language model with its embeddings trainable (full fine-tuning), in place.

    Raises ValueError for a model that carries an adapter, and for weights below float32, which would round small steps away.
    """
    model = backbone.model
    _check_no_adapter(backbone)
    if model.dtype != torch.float32:
        raise UserValueError(f"full fine-tuning needs the weights in float32, not {model.dtype}: load them so, or use LoRA")
    backbone.source, backbone.revision = "", None  # the weights will be those of no file
    model.requires_grad_(False)
    language_model(model).requires_grad_(True)
    model.get_output_embeddings().requires_grad_(True)


def make_trainable(backbone: Backbone, config: TrainingConfig, token_ids: Sequence[int] = (), seed: int = 0) -> None:
    """`add_lora` or `unfreeze_language_model`, as `config.trainable` says."""
    if config.trainable == "full":
        unfreeze_language_model(backbone)
    else:
        add_lora(backbone, rank=config.rank, alpha=config.alpha, token_ids=token_ids, seed=seed)


def merge_lora(backbone: Backbone) -> None:
    """Add the adapters to the weights, so that a plain model is left, and freeze it; a model without adapters is frozen.

    The weights are then those of no file: `backbone.source` is cleared, so that no later adapter claims to belong to what
    was loaded. To train another adapter, save this model, load it, and call `add_lora`.
    """
    if isinstance(backbone.model, PeftModel):
        backbone.model = backbone.model.merge_and_unload()
        backbone.source, backbone.revision = "", None
    freeze(backbone)


def freeze(backbone: Backbone) -> None:
    """Stop all weights from being trained, and put the model into evaluation mode; adapters stay as they are."""
    backbone.model.requires_grad_(False)
    backbone.model.eval()


def _check_no_adapter(backbone: Backbone) -> None:
    if isinstance(backbone.model, PeftModel):
        raise UserValueError("this backbone already carries an adapter: call merge_lora(backbone) first")


def find_untrained_tokens(backbone: Backbone, token_ids: Sequence[int], alike: float = 0.99) -> list[int]:
    """Those of `token_ids` whose input embedding is nearly the same vector (cosine above `alike`) as another one of them:
    tokens that pretraining never met, such as most digits for tiny-vlm. LoRA cannot tell equal inputs apart, so an
    identifier written in them can only be learned if their rows are trained, like those of new tokens."""
    rows = backbone.model.get_input_embeddings().weight.detach()[list(token_ids)].float()  # (T, H)
    rows = torch.nn.functional.normalize(rows, dim=-1)
    twins = ((rows @ rows.T).fill_diagonal_(-1.0) > alike).any(dim=-1)  # (T,)
    return [token for token, twin in zip(token_ids, twins.tolist()) if twin]


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Hide a warning that peft causes in transformers, because users of this package cannot do anything about it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        yield


def language_model(model: torch.nn.Module) -> torch.nn.Module:
    """The text decoder inside a vision-language model (without its output head)."""
    for name in ("text_model", "language_model"):
        found = getattr(model.model, name, None)
        if found is not None:
            return found
    raise UserValueError(f"{type(model).__name__} has no text_model or language_model: not a model this tutorial knows")
