"""A very small random tiny-vlm for tests (under a second to build)."""

import random

import torch

from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.pretraining.tiny_vlm import build_tiny_vlm, train_tokenizer

WORDS = "a man woman boy girl dog red blue green ball kite beach park running sitting holding near the in on".split()


def captions(n: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(3, 8))).capitalize() + "." for _ in range(n)]


def tiny_backbone(seed: int = 0, **sizes) -> Backbone:
    sizes = dict(image_size=24, patch=6, hidden=32, heads=2, vision_layers=1, text_layers=2, vision_mlp=64, text_mlp=64) | sizes
    model, processor = build_tiny_vlm(train_tokenizer(captions(300), 600), seed=seed, **sizes)
    with torch.no_grad():  # weights of a trained model's size, so that what goes in matters to what comes out
        for weight in model.parameters():
            if weight.ndim > 1:
                weight *= 0.2 / weight.std()
    return Backbone(model, processor)


class CountedTokens:
    """Within it, `tokens` counts what goes through the first layer of `decoder` (padding included)."""

    def __init__(self, decoder: torch.nn.Module) -> None:
        self.layer, self.tokens = decoder.layers[0], 0

    def __enter__(self) -> "CountedTokens":
        self.hook = self.layer.register_forward_pre_hook(self._add, with_kwargs=True)
        return self

    def _add(self, layer: torch.nn.Module, inputs: tuple, named: dict) -> None:
        hidden = inputs[0] if inputs else named["hidden_states"]
        self.tokens += hidden.shape[0] * hidden.shape[1]

    def __exit__(self, *error: object) -> None:
        self.hook.remove()
