"""The fast search from within `model.generate`: `model.generate(**inputs, custom_generate=trie_generate, trie=trie, beams=10)`."""

from __future__ import annotations

from typing import Any

import torch
from transformers import GenerationConfig
from transformers.generation import GenerateBeamDecoderOnlyOutput

from gcr_tutorial.decoding.beam_search import beam_search_tokens
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.trie import TrieIndex

_NOT_INPUTS = {"past_key_values", "use_cache", "logits_to_keep", "output_attentions", "output_hidden_states"}


def trie_generate(
    model: Any,
    input_ids: torch.Tensor,
    logits_processor: Any = None,
    stopping_criteria: Any = None,
    generation_config: GenerationConfig | None = None,
    *,
    trie: TrieIndex,
    beams: int = 10,
    results: int | None = None,
    normalize: str = "vocabulary",
    **inputs: Any,
) -> torch.Tensor | GenerateBeamDecoderOnlyOutput:
    """`constrained_beam_search` in the form that `generate` asks of a `custom_generate` function.

    The number of beams has a keyword of its own, `beams`: with `num_beams`, generate would copy every prompt that many times
    before it calls this function. Processors, stopping criteria and sampling settings do not apply and are ignored.

    Args:
        trie, beams, normalize: as for `constrained_beam_search` (its `num_beams`).
        results: identifiers returned for each query (default: `beams`); fewer only if the trie holds fewer.

    Returns:
        As `generate` with that many beams and return sequences: (B * results, L + length) token ids, best first, the
        prompt (empty where generate was given embeddings only) followed by the identifier with its end token and padding;
        with `return_dict_in_generate` an object with `sequences` and `sequences_scores` (B * results,). Where the beams found
        fewer identifiers, the last sequences of the query are padding with score -inf.

    Raises:
        ValueError: as `constrained_beam_search`; also where generate was given `num_beams` or `num_return_sequences` > 1.
        FloatingPointError: as `constrained_beam_search`.
    """
    config = generation_config or model.generation_config
    if max(config.num_beams or 1, config.num_return_sequences or 1) > 1:
        raise UserValueError(
            "generate has copied the prompts: leave num_beams and num_return_sequences out, say beams= and results= instead"
        )
    given = {name: value for name, value in inputs.items() if isinstance(value, torch.Tensor) and name not in _NOT_INPUTS}
    if input_ids.shape[1]:
        given["input_ids"] = input_ids
    if "inputs_embeds" not in given and "pixel_values" not in given:
        given.pop("position_ids", None)  # positions of plain text, which the search counts itself
    end_id = trie.end_id
    pad_id = end_id if config.pad_token_id is None else config.pad_token_id
    found = beam_search_tokens(model, given, trie, beams, k=results, pad_id=pad_id, normalize=normalize)
    count = min(beams if results is None else results, len(trie))
    longest = max((len(tokens) for hits in found for _, _, tokens in hits), default=0)
    answers = torch.full((len(found), count, longest), pad_id, dtype=torch.long)
    scores = torch.full((len(found), count), -torch.inf)
    for query, hits in enumerate(found):
        for rank, (_, score, tokens) in enumerate(hits):
            answers[query, rank, : len(tokens)] = torch.tensor(tokens)
            scores[query, rank] = score
    prompts = input_ids.repeat_interleave(count, dim=0)
    sequences = torch.cat([prompts, answers.flatten(0, 1).to(input_ids.device)], dim=1)
    if not config.return_dict_in_generate:
        return sequences
    return GenerateBeamDecoderOnlyOutput(sequences=sequences, sequences_scores=scores.flatten().to(input_ids.device))
