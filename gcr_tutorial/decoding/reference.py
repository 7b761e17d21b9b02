"""Retrieval as generation (GRACE section 3.4): beam search over the identifier trie through `model.generate`.

This is the reference decoder: plain transformers and one logits processor. Its beam search needs neutral generation settings
and no length penalty, and sequences outside the trie must be dropped from its result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers import GenerationConfig

from gcr_tutorial.decoding.inputs import check_inputs, check_sizes, searching
from gcr_tutorial.decoding.processor import TrieLogitsProcessor
from gcr_tutorial.errors import NonFiniteScoreError, UserValueError
from gcr_tutorial.trie import TrieIndex

# transformers gives -1e9 to unused beams and to sequences that must not win; no log-probability comes near it.
FILLER_SCORE = -1e8


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
        k: results of a query at most (default: `num_beams`); `generate` finds no more than `num_beams`.
        pad_id: the model's padding token (default: the end token); only fills, never part of a result.

    Returns:
        For each query a list of (row of the identifier in what the trie was built from, its log-probability in nats
        under the full-vocabulary softmax, end token included), best first, each identifier at most once.

    Raises:
        ValueError: for an empty or right-padded batch, `num_beams` or `k` below 1, `k` above `num_beams`, or identifier
            tokens that the model's vocabulary lacks.
        FloatingPointError: where the model's scores after a prompt are NaN or infinite; it names the query.
    """
    check_sizes(num_beams=num_beams, k=num_beams if k is None else k)
    if k is not None and k > num_beams:
        raise UserValueError(f"generate finds at most num_beams={num_beams} identifiers, k={k} asks for more: raise num_beams")
    pad_id = trie.end_id if pad_id is None else pad_id
    beams = min(num_beams, len(trie))
    inputs = check_inputs(inputs, pad_id, model.device)
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
    # With length penalty 0 scores are plain sums; with "never" a query stops only when no open beam can still win.
    settings |= dict(output_logits=True) if beams == 1 else dict(output_scores=True, length_penalty=0.0, early_stopping="never")
    with searching(model) as model:
        own_config = model.generation_config  # it would fill what ours leaves open (repetition penalty, suppressed tokens, ...)
        try:
            model.generation_config = GenerationConfig()
            output = model.generate(
                **inputs,
                generation_config=GenerationConfig(**settings),
                logits_processor=[TrieLogitsProcessor(trie, prompt_length, beams)],
            )
        finally:
            model.generation_config = own_config

    generated = output.sequences[:, prompt_length:]  # (B * beams, steps)
    scores = _greedy_scores(output.logits, generated, trie.end_id) if beams == 1 else output.sequences_scores
    if scores.isnan().any():
        raise NonFiniteScoreError(int(scores.isnan().long().argmax()) // beams)
    rows, scores = trie.on(generated.device).rows_of(generated).tolist(), scores.tolist()
    results = []
    for start in range(0, n_queries * beams, beams):
        found = {}  # row -> score; `generate` returns the best sequence of a query first
        for row, score in zip(rows[start : start + beams], scores[start : start + beams]):
            if row >= 0 and score > FILLER_SCORE:
                found.setdefault(row, score)
        results.append(list(found.items())[:k])
    return results


def _greedy_scores(logits: tuple[torch.Tensor, ...], generated: torch.Tensor, end_id: int) -> torch.Tensor:
    """(B,) log-probabilities of greedy sequences up to their first end token, this included.

    logits: for each step (B, V); generated: (B, steps).
    """
    log_probs = torch.stack(
        [step.float().log_softmax(-1).gather(1, generated[:, t : t + 1])[:, 0] for t, step in enumerate(logits)], dim=1
    )  # (B, steps)
    ended = (generated == end_id).long().cumsum(1) - (generated == end_id).long()  # 0 up to and with the first end
    return (log_probs * (ended == 0)).sum(1)
