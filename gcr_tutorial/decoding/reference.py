"""Retrieval as generation (GRACE section 3.4): beam search over the identifier trie through `model.generate`.

This is the reference decoder: plain transformers, one processor, and the care that its beam search needs (neutral
generation settings, no length penalty, rows outside the trie dropped).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import GenerationConfig

from gcr_tutorial.decoding.processor import TrieLogitsProcessor
from gcr_tutorial.trie import TrieIndex

# transformers starts unused beams at -1e9 and gives that to rows that must not win; no real log-probability comes near.
FILLER_SCORE = -1e8


def left_pad(prompts: Sequence[Sequence[int]], pad_id: int, device: torch.device | str = "cpu") -> dict[str, torch.Tensor]:
    """Prompts of different lengths as {"input_ids", "attention_mask"}, each (B, longest), padded on the left."""
    if len(prompts) == 0 or min(map(len, prompts)) == 0:
        raise ValueError("every prompt needs at least one token, and there must be at least one prompt")
    longest = max(map(len, prompts))
    ids = [[pad_id] * (longest - len(p)) + list(p) for p in prompts]
    mask = [[0] * (longest - len(p)) + [1] * len(p) for p in prompts]
    return {"input_ids": torch.tensor(ids, device=device), "attention_mask": torch.tensor(mask, device=device)}


def trie_search(
    model: Any,
    inputs: Mapping[str, torch.Tensor],
    trie: TrieIndex,
    num_beams: int = 10,
    *,
    k: int | None = None,
    pad_id: int | None = None,
) -> list[list[tuple[int, float]]]:
    """The identifiers in `trie` that the model finds likeliest after each prompt, found by constrained beam search.

    With `num_beams` >= the number of identifiers the result is exact; below that, a beam may lose the right prefix.
    `num_beams=1` is greedy decoding. More beams than identifiers cost nothing: the number is cut to what exists.

    Args:
        model: a causal or image-text-to-text model with a language-model head, peft-wrapped or not; its device is
            used. Modules in training mode are switched to evaluation for the search and back.
        inputs: for `model.generate`, B prompts padded on the left: `input_ids` (B, L) and/or `inputs_embeds`
            (B, L, H), with `attention_mask` (B, L). The mask may be left out where nothing is padded.
        trie: identifiers ending in `trie.end_id`, which ends generation whatever the model's own end token is.
        k: how many results a query at most (default: `num_beams`).
        pad_id: the model's padding token (default: the end token); only fills, never part of a result.

    Returns:
        For each query a list of (position of the identifier in the trie's build input, its log-probability in nats
        under the full-vocabulary softmax, end token included), best first, each identifier at most once.

    Raises:
        ValueError: for an empty or right-padded batch, non-positive `num_beams` or `k`, or identifier tokens that the
            model's vocabulary lacks.
    """
    if num_beams < 1 or (k is not None and k < 1):
        raise ValueError(f"num_beams and k must be at least 1, got num_beams={num_beams}, k={k}")
    if hasattr(model, "get_base_model"):  # peft: the adapted layers sit inside the base model
        model = model.get_base_model()
    pad_id = trie.end_id if pad_id is None else pad_id
    beams = min(num_beams, len(trie))
    inputs = _checked(inputs, pad_id, model.device)
    prompt_length = inputs["input_ids"].shape[1] if "input_ids" in inputs else 0
    n_queries = len(inputs["attention_mask"])
    settings = dict(
        max_new_tokens=trie.depth,
        do_sample=False,
        use_cache=True,
        num_beams=beams,
        num_return_sequences=beams,
        eos_token_id=trie.end_id,
        pad_token_id=pad_id,
        return_dict_in_generate=True,
    )
    # Length penalty 0 and "never": scores are plain sums, and a query stops only when no open beam can still win.
    settings |= dict(output_logits=True) if beams == 1 else dict(output_scores=True, length_penalty=0.0, early_stopping="never")
    own_config = model.generation_config  # fills what ours leaves open (repetition penalty, suppressed tokens, ...)
    training = [module for module in model.modules() if module.training]
    try:
        model.generation_config = GenerationConfig()
        for module in training:
            module.training = False
        output = model.generate(
            **inputs,
            generation_config=GenerationConfig(**settings),
            logits_processor=[TrieLogitsProcessor(trie, prompt_length)],
        )
    finally:
        model.generation_config = own_config
        for module in training:
            module.training = True

    generated = output.sequences[:, prompt_length:]  # (B * beams, steps)
    scores = _greedy_scores(output.logits, generated, trie.end_id) if beams == 1 else output.sequences_scores
    positions, scores = trie.on(generated.device).rows_of(generated).tolist(), scores.tolist()
    results = []
    for start in range(0, n_queries * beams, beams):
        found = {}  # position -> score; rows come best first
        for position, score in zip(positions[start : start + beams], scores[start : start + beams]):
            if position >= 0 and score > FILLER_SCORE:
                found.setdefault(position, score)
        results.append(list(found.items())[:k])
    return results


def _checked(inputs: Mapping[str, torch.Tensor], pad_id: int, device: torch.device) -> dict[str, torch.Tensor]:
    """The inputs on the model's device, with a mask; refuses what would silently give wrong scores."""
    inputs = {name: value.to(device) for name, value in inputs.items() if value is not None}
    prompt = inputs.get("inputs_embeds", inputs.get("input_ids"))
    if prompt is None or prompt.numel() == 0:
        raise ValueError("inputs needs non-empty input_ids or inputs_embeds: give at least one query")
    mask = inputs.get("attention_mask")
    if mask is None:
        ids = inputs.get("input_ids")
        if ids is not None and len(ids) > 1 and ((ids[:, 0] == pad_id) | (ids[:, -1] == pad_id)).any():
            raise ValueError("these prompts are padded: pass attention_mask too (left_pad makes both)")
        inputs["attention_mask"] = torch.ones(prompt.shape[:2], dtype=torch.long, device=device)
    elif mask.shape != prompt.shape[:2]:
        raise ValueError(f"attention_mask is {tuple(mask.shape)}, the prompts are {tuple(prompt.shape[:2])}")
    elif (mask[:, -1] == 0).any():
        raise ValueError("prompts must be padded on the left (tokenizer.padding_side = 'left'), these are on the right")
    return inputs


def _greedy_scores(logits: tuple[torch.Tensor, ...], generated: torch.Tensor, end_id: int) -> torch.Tensor:
    """(B,) log-probabilities up to and with the first end token, from steps x (B, V) logits and (B, steps) tokens."""
    log_probs = torch.stack(
        [step.float().log_softmax(-1).gather(1, generated[:, t : t + 1])[:, 0] for t, step in enumerate(logits)], dim=1
    )  # (B, steps)
    ended = (generated == end_id).long().cumsum(1) - (generated == end_id).long()  # 0 up to and with the first end
    return (log_probs * (ended == 0)).sum(1)
