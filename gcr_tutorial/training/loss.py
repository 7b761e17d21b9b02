"""The loss: cross-entropy on the tokens of the completion only."""

from __future__ import annotations

import torch
from torch import nn

from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.features import model_inputs
from gcr_tutorial.training.prefix_cache import inputs_with_prefix_cache


class CompletionLoss(nn.Module):
    """Cross-entropy of target tokens given the prompt: the whole forward pass, so that it can be wrapped (DDP)."""

    def __init__(self, backbone: Backbone, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.backbone, self.model, self.label_smoothing = backbone, backbone.model, label_smoothing

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None,
        labels: torch.Tensor,
        features: torch.Tensor | None = None,
        image_rows: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Mean loss over the target tokens: input_ids (B, L) padded on the left, labels (B, T) aligned on the right."""
        logits = self.logits(input_ids, attention_mask, labels.shape[1], features, image_rows)  # (B, T, V)
        return nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), labels.flatten(), label_smoothing=self.label_smoothing
        )  # -100 is ignored

    def logits(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None,
        width: int,
        features: torch.Tensor | None = None,
        image_rows: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Logits (B, width, V) at the last `width` positions of input_ids (B, L): targets end every row, so the head is
        needed nowhere else."""
        if features is None:
            inputs = inputs_with_prefix_cache(self.backbone, input_ids, attention_mask, width)
        else:
            inputs = model_inputs(self.backbone, input_ids, attention_mask, features, image_rows)
        return self.model(**inputs, use_cache=False, logits_to_keep=width).logits
