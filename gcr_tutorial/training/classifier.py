"""Retrieval as classification: what GRACE's official code runs under the name "atomic identifiers".

No identifier is generated. A linear map takes the last hidden state of the prompt into the space of *frozen CLIP image
embeddings*, and one matrix product with these embeddings scores every memorized image. There is no memorize step: the
embeddings say what the images look like, and they must be kept after training, unlike with the six generative kinds. It is
here to show what the official "atomic" figures measure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from gcr_tutorial.config import CheckpointConfig, TrainingConfig
from gcr_tutorial.errors import NonFiniteScoreError, UserFileNotFoundError, UserValueError
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.lora import language_model
from gcr_tutorial.models.prompts import retrieve_prompts
from gcr_tutorial.training.examples import Example
from gcr_tutorial.training.fine_tuning import check_rows, retrieve_epochs, training_of
from gcr_tutorial.training.loop import History, train


class ClipClassifier(nn.Module):
    """Logits of every image: (W h + b) . e_i, with h the prompt's last hidden state and e_i the image's frozen embedding.

    Args:
        hidden: width H of the language model.
        embeddings: (N, D), L2-normalised CLIP image embeddings, one for each memorized image; not trained.
    """

    embeddings: torch.Tensor

    def __init__(self, hidden: int, embeddings: torch.Tensor) -> None:
        super().__init__()
        if embeddings.ndim != 2 or not len(embeddings):
            raise UserValueError(f"the classifier needs CLIP embeddings (N, D), got shape {tuple(embeddings.shape)}")
        self.project = nn.Linear(hidden, embeddings.shape[1])
        self.register_buffer("embeddings", embeddings.float(), persistent=False)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """(B, H) hidden states -> (B, N) logits, in float32."""
        return self.project(hidden.float()) @ self.embeddings.T

    def save(self, path: str | Path) -> None:
        """Write W and b to the safetensors file `path`; the embeddings are kept elsewhere (see `DenseGallery`)."""
        save_file({name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()}, path)

    @classmethod
    def load(cls, path: str | Path, embeddings: torch.Tensor) -> ClipClassifier:
        """What `save` wrote, over the same embeddings. Raises FileNotFoundError, or ValueError where the two do not fit."""
        if not Path(path).is_file():
            raise UserFileNotFoundError(f"{path} is missing: train the classifier again (run --identifier classifier)")
        state = load_file(path)
        weight = state.get("project.weight")
        if weight is None or weight.ndim != 2 or len(weight) != embeddings.shape[1]:
            raise UserValueError(f"{path} does not fit embeddings of shape {tuple(embeddings.shape)}")
        classifier = cls(weight.shape[1], embeddings)
        classifier.load_state_dict(state)
        return classifier.requires_grad_(False).eval()


def last_hidden(backbone: Backbone, input_ids: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
    """(B, H): the language model's state at the last token of each prompt; input_ids (B, L) padded on the left."""
    model = backbone.model.get_base_model() if hasattr(backbone.model, "get_base_model") else backbone.model
    positions = None if attention_mask is None else (attention_mask.cumsum(1) - 1).clamp(min=0)
    return language_model(model)(
        input_ids=input_ids, attention_mask=attention_mask, position_ids=positions, use_cache=False
    ).last_hidden_state[:, -1]


class ClassifierLoss(nn.Module):
    """Cross-entropy of the right image among all of them. It can take the part of CompletionLoss in `train`; its labels are
    rows of the embeddings."""

    def __init__(self, backbone: Backbone, classifier: ClipClassifier, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.backbone, self.model, self.classifier = backbone, backbone.model, classifier
        self.label_smoothing = label_smoothing

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None, labels: torch.Tensor) -> torch.Tensor:
        """Mean loss: input_ids (B, L) prompts padded on the left, labels (B, 1) rows of the embeddings."""
        logits = self.classifier(last_hidden(self.backbone, input_ids, attention_mask))  # (B, N)
        return nn.functional.cross_entropy(logits, labels[:, 0], label_smoothing=self.label_smoothing)


def fine_tune_classifier(
    backbone: Backbone,
    embeddings: torch.Tensor,
    queries: Sequence[tuple[str, int]],
    *,
    config: TrainingConfig | None = None,
    seed: int = 0,
    merge: bool = True,
    progress: Callable[[str, int, int, float], None] | None = None,
    checkpoint: CheckpointConfig = CheckpointConfig(),
) -> tuple[ClipClassifier, History]:
    """Train the map, and the language model under it, on `queries` ((text, row) pairs: captions and pseudo-queries).

    Trains as the retrieve stage of `fine_tune` does, with either schedule, because there is nothing to memorize. `embeddings`
    (N, D) are the frozen CLIP embeddings of all memorized images. Changes `backbone.model` as `fine_tune` does; `progress(stage,
    step, total, loss)` is called after each step; `checkpoint` says where the state is saved and how often (see `train`). Raises
    ValueError without any query, and where a query names a row that is not there.
    """
    config = config or TrainingConfig()
    if not queries:
        raise UserValueError(
            "the classifier learns from captions and pseudo-queries, and there are none: raise "
            "--pseudo-queries, or choose another identifier kind"
        )
    check_rows(queries, len(embeddings))
    prompts = retrieve_prompts(backbone, [text for text, _ in queries])
    examples = [Example(tuple(ids), (row,)) for ids, (_, row) in zip(prompts, queries, strict=True)]
    hidden = backbone.model.config.get_text_config().hidden_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = ClipClassifier(hidden, embeddings).to(backbone.device)
    history, epochs = History(), retrieve_epochs(config, len(queries))
    if epochs:
        with training_of(backbone, config, seed=seed, merge=merge):
            output, embedding = backbone.model.get_output_embeddings(), backbone.model.get_input_embeddings()
            if output.weight is not embedding.weight:
                output.requires_grad_(False)  # no token is predicted, and several processes would wait for its gradient
            history.losses["retrieve"], history.seconds["retrieve"] = train(
                backbone,
                examples,
                epochs=epochs,
                config=config,
                seed=seed,
                callback=None if progress is None else lambda *at: progress("retrieve", *at),
                checkpoint=checkpoint,
                name="0_classifier",
                loss_model=ClassifierLoss(backbone, classifier, config.label_smoothing),
            )
    return classifier.requires_grad_(False).eval(), history


@torch.no_grad()
def rank_by_classifier(
    backbone: Backbone, classifier: ClipClassifier, inputs: Mapping[str, torch.Tensor], rows: Sequence[int], k: int
) -> list[list[tuple[int, float]]]:
    """The likeliest images for each prompt by one matrix product, in the form of `trie_search`.

    For each prompt of `inputs` (see `left_pad`) the `k` likeliest of `rows` as (index in `rows`, log-probability in nats among
    all N images), best first. Raises FloatingPointError for a prompt after which the logits are NaN or infinite.
    """
    logits = classifier(last_hidden(backbone, inputs["input_ids"], inputs.get("attention_mask")))  # (B, N)
    bad = ~logits.isfinite().all(dim=1)
    if bad.any():
        raise NonFiniteScoreError(int(bad.long().argmax()))
    scores, order = logits.log_softmax(-1)[:, list(rows)].sort(dim=1, descending=True, stable=True)
    return [list(zip(indices, values)) for indices, values in zip(order[:, :k].tolist(), scores[:, :k].tolist())]
