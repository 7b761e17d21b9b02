"""The loss: cross-entropy of the completion tokens (GRACE, Li et al., ACL 2024, equations of section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.features import model_inputs
from gcr_tutorial.training.prefix_cache import inputs_with_prefix_cache

IGNORED = -100  # the label of a position that is not learned


def completion_labels(completions: Sequence[Sequence[int]]) -> torch.Tensor:
    """The label mask: labels (B, T) with the tokens of each completion at the right end of its row, and IGNORED before them.

    T is the length of the longest completion. Prompts end where completions begin, so no label is needed for them.
    """
    labels = torch.full((len(completions), max(map(len, completions))), IGNORED)
    for row, completion in enumerate(completions):
        labels[row, labels.shape[1] - len(completion) :] = torch.tensor(completion)
    return labels


class CompletionLoss(nn.Module):
    """The mean cross-entropy of the completion tokens given the prompt. It is a module with the whole forward pass in it, so
    that DDP and FSDP can wrap it."""

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
        """The mean loss in nats over the completion tokens of a batch; arguments as `collate` returns them."""
        logits = self.logits(input_ids, attention_mask, labels.shape[1], features, image_rows)  # (B, T, V)
        return nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, label_smoothing=self.label_smoothing
        )

    def logits(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None,
        width: int,
        features: torch.Tensor | None = None,
        image_rows: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Logits (B, width, V) at the last `width` positions of input_ids (B, L). A completion ends every row, so the output
        head is computed at these positions only."""
        if features is None:
            inputs = inputs_with_prefix_cache(self.backbone, input_ids, attention_mask, width)
        else:
            inputs = model_inputs(self.backbone, input_ids, attention_mask, features, image_rows)
        return self.model(**inputs, use_cache=False, logits_to_keep=width).logits
