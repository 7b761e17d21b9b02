"""Contrastive training of CLIP, shared by pretraining and fine-tuning: the loss, one step, optimizers, learning rate.

The loss is InfoNCE in both directions (Radford et al., Learning Transferable Visual Models From Natural Language
Supervision, 2021), for images that bring several captions to a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gcr_tutorial.errors import UserFloatingPointError, UserValueError
from gcr_tutorial.models.clip import Clip
from gcr_tutorial.training.clip_towers import fast_encode_images, fast_encode_texts, fast_towers_fit


def contrastive_loss(images: Tensor, captions: Tensor, owner: Tensor, scale: Tensor) -> Tensor:
    """InfoNCE in both directions where an image may have several captions in the batch.

    `images` (B, D) and `captions` (C, D) are L2-normalised, `owner` (C,) is each caption's row in `images`, `scale` the
    logit scale. Caption -> image: each caption is to find its image among the B images. Image -> caption: each image is to
    find each of its captions among that one and the captions of the other images; its other captions do not count."""
    logits = scale * captions @ images.T  # (C, B)
    to_image = F.cross_entropy(logits, owner)
    own = F.one_hot(owner, len(images)).bool()  # (C, B)
    others = logits.masked_fill(own, float("-inf")).logsumexp(0)  # (B,): the captions of the other images
    to_caption = F.softplus(others[owner] - logits[own]).mean()
    return (to_image + to_caption) / 2


def contrastive_step(
    clip: Clip,
    optimizers: Sequence[torch.optim.Optimizer],
    encode_images: Callable[[Tensor], Tensor],
    encode_texts: Callable[[Tensor], Tensor],
    pixels: Tensor,
    tokens: Tensor,
    owner: Tensor,
    bf16: bool,
) -> float:
    """One step of the optimizers on `pixels` (B, 3, S, S) and `tokens` (C, L) whose images are rows `owner` (C,); returns the
    loss. Raises UserFloatingPointError, before the weights are changed, where the loss is not finite."""
    device = clip.device
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        images = encode_images(pixels.to(device))
        captions = encode_texts(tokens.to(device))
    loss = contrastive_loss(
        F.normalize(images.float(), dim=-1),
        F.normalize(captions.float(), dim=-1),
        owner.to(device),
        clip.model.logit_scale.exp(),
    )
    if not torch.isfinite(loss):
        raise UserFloatingPointError(f"the contrastive loss became {loss.item()}: start anew with a lower learning rate")
    clip.model.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(clip.model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
    with torch.no_grad():
        clip.model.logit_scale.clamp_(0.0, float(np.log(100)))  # as in CLIP
    return loss.item()


def training_encoders(model: nn.Module) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """(pixels -> embeddings, tokens -> embeddings): the fast towers where they fit, open_clip's own elsewhere."""
    if fast_towers_fit(model):
        return (lambda pixels: fast_encode_images(model, pixels)), (lambda tokens: fast_encode_texts(model, tokens))
    return model.encode_image, model.encode_text


def clip_optimizers(model: nn.Module, lr: float, weight_decay: float, muon: bool = False) -> list[torch.optim.Optimizer]:
    """AdamW with weight decay on the weight matrices only (not on biases, norms, embeddings, positions, logit scale).
    With `muon` the matrices inside the transformer blocks go to Muon instead (Jordan et al., 2024), its steps scaled to
    AdamW's size so that one `lr` serves both: fewer steps to the same loss, at some more time a step."""
    hidden, decayed, plain = [], [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            vector = parameter.ndim < 2 or "embedding" in name
            (plain if vector else hidden if muon and "resblocks" in name else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98), eps=1e-6)
    if not muon:
        return [adamw]
    if not hasattr(torch.optim, "Muon"):
        raise UserValueError(f"PyTorch {torch.__version__} has no Muon optimizer: update it, or pass muon=False")
    return [adamw, torch.optim.Muon(hidden, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")]


def set_lr(optimizers: Sequence[torch.optim.Optimizer], lr: float) -> None:
    """Give every parameter group the learning rate `lr`."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = lr


def cosine_share(fraction: float, warmup: float) -> float:
    """Share of the peak learning rate at `fraction` of the training: linear up to `warmup`, then a cosine to 0."""
    if fraction < warmup:
        return fraction / warmup
    return 0.5 * (1 + float(np.cos(np.pi * min(1.0, (fraction - warmup) / (1 - warmup)))))


def draw_captions(captions: Sequence[Sequence[str]], count: int, rng: np.random.Generator) -> tuple[list[str], Tensor]:
    """Up to `count` different captions of each image, and for each caption the row (C,) of its image."""
    texts, owner = [], []
    for row, own in enumerate(captions):
        for chosen in rng.permutation(len(own))[:count]:
            texts.append(own[chosen])
            owner.append(row)
    return texts, torch.tensor(owner)


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware (AVX512-bf16 or AMX): nearly twice as fast."""
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # older versions of PyTorch cannot tell: then no
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
