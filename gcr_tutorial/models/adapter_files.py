"""Save and load adapters: LoRA weights and the embedding rows of identifier tokens, megabytes instead of gigabytes.

A folder holds what peft writes (`adapter_config.json`, `adapter_model.safetensors`), the processor with the new tokens,
and `new_rows.safetensors`: the embedding rows of every added token, so that the softmax is the same to the last bit.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoProcessor

from gcr_tutorial.errors import UserFileNotFoundError, UserValueError
from gcr_tutorial.files import new_folder, write_text
from gcr_tutorial.hub import is_hub_id
from gcr_tutorial.models.backbone import Backbone, load_base_model, use_fixed_image_size
from gcr_tutorial.models.lora import language_model, quiet_peft
from gcr_tutorial.paths import data_dir, located

CONFIG, ROWS = "adapter_config.json", "new_rows.safetensors"


def save_adapter(backbone: Backbone, folder: str | Path) -> None:
    """Write the adapter of `backbone` to `folder` (safetensors and JSON), aside first; see `load_adapter`.

    Where the base model is goes in as its Hub id and revision, as "backbones/NAME" for a shipped one, else as a path
    relative to `folder`, so that the two may move together. Raises ValueError for a model without an adapter.
    """
    if not isinstance(backbone.model, PeftModel):
        raise UserValueError("this backbone carries no adapter: add_lora(backbone) first, or save_backbone to save all of it")
    with new_folder(folder) as aside:
        backbone.model.save_pretrained(aside, save_embedding_layers=False)
        (aside / "README.md").unlink(missing_ok=True)  # peft's model card: empty, but for a path of this machine
        config = json.loads((aside / CONFIG).read_text())
        config["base_model_name_or_path"] = _portable(backbone.source, Path(folder))
        config["revision"] = backbone.revision
        write_text(aside / CONFIG, json.dumps(config, indent=1, sort_keys=True))
        backbone.processor.save_pretrained(aside)
        save_file(_new_rows(backbone), aside / ROWS)


def load_adapter(
    folder: str | Path, device: str | torch.device = "cpu", dtype: torch.dtype | None = None, base: str | Path | None = None
) -> Backbone:
    """The base model with the adapter that `save_adapter` wrote to `folder`: scores as they were when it was saved.

    `base` says where the base model is now, if it was moved. `merge_lora(backbone)` adds the adapter to the weights. Raises
    FileNotFoundError where the base model is not found, ValueError where it is another one.
    """
    folder = Path(folder)
    config = json.loads((folder / CONFIG).read_text())
    named = config["base_model_name_or_path"]
    try:
        backbone = load_base_model(base or _located(named, folder), device, dtype, None if base else config.get("revision"))
    except FileNotFoundError as error:
        raise UserFileNotFoundError(
            f"the adapter in {folder} belongs to the model {named}, which was not found ({error}); say "
            "where it is with load_adapter(folder, base=...)"
        ) from error
    rows = load_file(folder / ROWS)
    sample, here = rows["base_sample"].float(), _base_sample(backbone).float()
    if sample.shape != here.shape or not torch.allclose(sample, here, rtol=0, atol=0.02 * sample.abs().max().item()):
        raise UserValueError(
            f"the adapter in {folder} was trained on another model than {backbone.source}: give the one it names ({named})"
        )
    backbone.processor = AutoProcessor.from_pretrained(folder)
    use_fixed_image_size(backbone.processor)
    model, n_rows = backbone.model, int(rows["n_rows"])
    if n_rows > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(n_rows, mean_resizing=False)
    with torch.no_grad():
        for table, name in ((model.get_input_embeddings(), "input"), (model.get_output_embeddings(), "output")):
            if name in rows:
                table.weight[rows["ids"].to(device)] = rows[name].to(table.weight)
    with quiet_peft():
        backbone.model = PeftModel.from_pretrained(model, folder).eval()
    backbone.__dict__.pop("answer_format", None)  # the processor is another
    return backbone


def _new_rows(backbone: Backbone) -> dict[str, torch.Tensor]:
    """`ids` of all added tokens with their rows before training ("input", and "output" where it is not tied), the number
    of rows of the whole table, and a sample of the base model to know it by."""
    model = backbone.plain_model
    ids = sorted(set(backbone.tokenizer.added_tokens_decoder) - set(backbone.tokenizer.all_special_ids))
    tables = {"input": _base_weight(model.get_input_embeddings())}
    output = _base_weight(model.get_output_embeddings())
    if output is not tables["input"]:
        tables["output"] = output
    rows = {name: table[ids].detach().cpu().clone() for name, table in tables.items()}
    return {
        **rows,
        "ids": torch.tensor(ids, dtype=torch.long),
        "n_rows": torch.tensor(len(tables["input"])),
        "base_sample": _base_sample(backbone),
    }


def _base_weight(module: Any) -> torch.Tensor:
    """The weight below whatever peft has wrapped around `module`."""
    return module.token_adapter.base_layer.weight if hasattr(module, "token_adapter") else module.weight


def _base_sample(backbone: Backbone) -> torch.Tensor:
    """A few weights of the language model's last layer, before any adapter."""
    named = language_model(backbone.plain_model).named_parameters()
    last = [weight for name, weight in named if "down_proj" in name and name.endswith("weight") and "lora" not in name][-1]
    return last.detach().flatten()[:: max(1, last.numel() // 256)][:256].cpu().clone()


def _portable(source: str, folder: Path) -> str:
    """How a folder of adapters names its base model, so that it means the same on another machine."""
    if not source:
        raise UserValueError(
            "the base model of this adapter was never saved: save_backbone it, load it, and call add_lora on that"
        )
    if is_hub_id(source):
        return source
    path = Path(source).resolve()
    try:
        if path.is_relative_to(data_dir().resolve() / "backbones"):
            return path.relative_to(data_dir().resolve()).as_posix()
    except FileNotFoundError:
        pass  # no data folder here: then the model is not in it
    relative = Path(os.path.relpath(path, folder.resolve())).as_posix()
    return relative if relative.startswith("..") else f"./{relative}"


def _located(named: str, folder: Path) -> str:
    return str((folder / named).resolve()) if named.startswith(".") else located(named)
