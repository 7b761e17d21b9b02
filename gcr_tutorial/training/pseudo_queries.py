"""Pseudo-queries: captions that the model itself writes for images without any (in GRACE's learning to retrieve).

They are sampled from the captioner, which sees the pixels only, several different ones for each image. Make them before new
identifier tokens are added and trained.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch

from gcr_tutorial.config import CheckpointConfig, TrainingConfig
from gcr_tutorial.errors import UserFloatingPointError, UserValueError
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.features import model_inputs, next_position
from gcr_tutorial.models.prompts import CAPTION_INSTRUCTION, prompt_ids
from gcr_tutorial.training.examples import caption_examples
from gcr_tutorial.training.fine_tuning import training_of
from gcr_tutorial.training.loop import History, train


def fine_tune_captioner(
    backbone: Backbone,
    captions: Sequence[tuple[str, int]],
    *,
    features: torch.Tensor,
    epochs: int,
    config: TrainingConfig | None = None,
    seed: int = 0,
    progress: Callable[[str, int, int, float], None] | None = None,
    checkpoint: CheckpointConfig = CheckpointConfig(),
) -> History:
    """Teach `backbone` to caption in the words of the training split: `captions` are (text, row of `features`) pairs.

    Give captions of training images only. Changes the weights in place (LoRA is merged); after an error or an interruption
    they are those from before. `checkpoint` says where the state is saved and how often (see `train`).
    """
    config, history = config or TrainingConfig(lr=1e-3), History()
    if not captions or not epochs:
        return history
    report = None if progress is None else (lambda *at: progress("caption", *at))
    with training_of(backbone, config, seed=seed):
        history.losses["caption"], history.seconds["caption"] = train(
            backbone,
            caption_examples(backbone, captions),
            epochs=epochs,
            config=config,
            features=features,
            seed=seed,
            callback=report,
            checkpoint=checkpoint,
            name="caption",
        )
    return history


def generate_pseudo_queries(
    backbone: Backbone,
    features: torch.Tensor,
    k: int = 20,
    seed: int = 0,
    *,
    temperature: float = 1.0,
    top_k: int = 50,
    top_p: float = 0.95,
    max_new_tokens: int = 32,
    batch_size: int = 512,
    rounds: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> list[list[str]]:
    """Up to `k` different captions sampled for each image of `features` (N, image_seq_len, hidden).

    Duplicates are dropped (see `drop_near_duplicates`). Images with fewer than `k` captions after the first round are sampled
    again, in `rounds` rounds at most, so an image may end with fewer. `progress(done, total)` counts sampled captions. The same seed gives the same captions. Raises ValueError for k or rounds below 1.
    """
    if k < 1 or rounds < 1:
        raise UserValueError(f"k={k} captions in rounds={rounds}: both must be at least 1")
    found: list[list[str]] = [[] for _ in features]
    generator = torch.Generator(device=backbone.device).manual_seed(seed)
    done = 0
    for _ in range(rounds):
        short = [row for row, captions in enumerate(found) if len(captions) < k]
        per_batch = max(1, batch_size // k)
        for start in range(0, len(short), per_batch):
            rows = short[start : start + per_batch]
            sampled = sample_captions(
                backbone,
                features[rows],
                k,
                generator,
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
                max_new_tokens=max_new_tokens,
            )
            for row, captions in zip(rows, sampled, strict=True):
                found[row] = drop_near_duplicates(found[row] + captions)[:k]
            done += len(rows) * k
            if progress is not None:
                progress(done, max(done, len(features) * k))
    return found


@torch.no_grad()
def sample_captions(
    backbone: Backbone,
    features: torch.Tensor,
    k: int,
    generator: torch.Generator,
    *,
    temperature: float = 1.0,
    top_k: int = 50,
    top_p: float = 0.95,
    max_new_tokens: int = 32,
) -> list[list[str]]:
    """`k` sampled captions for each image of `features` (B, S, H). The prompt is computed once for each image, its cache is
    copied k times, and B * k captions are written at the same time. Special and added tokens are never chosen, apart from
    the end token. Raises UserFloatingPointError where the model's scores are not finite."""
    model, tokenizer = backbone.model, backbone.tokenizer
    prompt = torch.tensor([prompt_ids(backbone, CAPTION_INSTRUCTION, image=True)] * len(features), device=backbone.device)
    inputs = model_inputs(backbone, prompt, features=features)
    output = model(**inputs, use_cache=True, logits_to_keep=1)
    position = next_position(inputs).repeat_interleave(k, -2)  # of the next token: (B*k, 1), or (3, B*k, 1)
    cache, logits = output.past_key_values, output.logits[:, -1].repeat_interleave(k, 0)  # (B*k, V)
    cache.batch_repeat_interleave(k)
    barred = [i for i in tokenizer.all_special_ids + list(tokenizer.added_tokens_decoder) if i != backbone.end_id]
    tokens = torch.full((len(logits), max_new_tokens), backbone.end_id, device=backbone.device)
    ended = torch.zeros(len(logits), dtype=torch.bool, device=backbone.device)
    for step in range(max_new_tokens):
        logits[:, barred] = -torch.inf
        weights, ids = nucleus(logits, temperature, top_k, top_p)  # (B*k, top_k)
        chosen = ids.gather(1, torch.multinomial(weights, 1, generator=generator))[:, 0]
        tokens[:, step] = torch.where(ended, backbone.end_id, chosen)
        ended |= chosen == backbone.end_id
        if ended.all():
            break
        # With a cache only the newest token is evaluated: (B*k, 1).
        logits = model(
            input_ids=tokens[:, step : step + 1], past_key_values=cache, use_cache=True, position_ids=position + step
        ).logits[:, -1]
    texts = [text.strip() for text in tokenizer.batch_decode(tokens, skip_special_tokens=True)]
    return [texts[i : i + k] for i in range(0, len(texts), k)]


def nucleus(
    logits: torch.Tensor, temperature: float = 1.0, top_k: int = 50, top_p: float = 0.95
) -> tuple[torch.Tensor, torch.Tensor]:
    """The tokens that may be sampled next: their weights and ids, both (B, top_k), likeliest first, from `logits` (B, V).

    Among the `top_k` likeliest tokens at this `temperature` the smallest set is kept whose probability reaches `top_p`
    (nucleus sampling, Holtzman et al. 2020); it always holds the likeliest. The others get the weight 0, and the weights are
    not rescaled. Raises UserFloatingPointError where a logit is NaN or infinite upwards.
    """
    values, ids = (logits.float() / temperature).topk(min(top_k, logits.shape[1]))
    if not torch.isfinite(values[:, 0]).all():  # the largest one is NaN or infinite if any one is
        raise UserFloatingPointError(
            "the model's scores for the next word of a caption are infinite or NaN: load it in float32 or bfloat16 (--dtype)"
        )
    weights = values.softmax(-1)
    weights[weights.cumsum(-1) - weights >= top_p] = 0.0
    return weights, ids


def filter_by_clip_score(
    candidates: Sequence[Sequence[str]], image_embeddings: torch.Tensor, embed: Callable[[list[str]], torch.Tensor], k: int
) -> list[list[str]]:
    """Of each image's candidate captions the `k` that a CLIP finds most like the image, best first.

    `image_embeddings` (N, D) and what `embed(texts)` returns are L2-normalised, from the same CLIP. A caption of something
    that is not in the image gets a lower score than a true one. Raises UserFloatingPointError where embeddings are not finite.
    """
    if not torch.isfinite(image_embeddings).all():
        raise UserFloatingPointError("the CLIP embeddings of the images are infinite or NaN: compute them in float32")
    if len(candidates) != len(image_embeddings):
        raise UserValueError(f"captions of {len(candidates)} images for {len(image_embeddings)} embeddings: need one each")
    texts = [text for captions in candidates for text in captions]
    embedded, kept, at = embed(texts) if texts else None, [], 0
    for captions, image in zip(candidates, image_embeddings):
        scores = embedded[at : at + len(captions)] @ image if captions else torch.empty(0)  # (captions,)
        kept.append([captions[i] for i in scores.argsort(descending=True, stable=True)[:k].tolist()])
        at += len(captions)
    return kept


def drop_near_duplicates(captions: Sequence[str]) -> list[str]:
    """`captions` without empty ones and near-duplicates, first ones kept. Two are near-duplicates when they hold the
    same words, whatever their case, order, punctuation and articles."""
    kept: dict[tuple[str, ...], str] = {}
    for caption in captions:
        words = sorted(word for word in re.findall(r"\w+", caption.lower()) if word not in ("a", "an", "the"))
        if words:
            kept.setdefault(tuple(words), caption)
    return list(kept.values())
