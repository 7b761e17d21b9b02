"""Re-ranking, the hybrid: generative search finds candidates, and CLIP puts them in order.

The beam search often finds the right image without ranking it first, and to compare a query with a few images costs CLIP
one text embedding. But it needs one stored CLIP vector for each image, which generative retrieval avoids; so it is an option.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from gcr_tutorial.errors import NonFiniteScoreError, UserFileNotFoundError, UserValueError
from gcr_tutorial.models.clip import Clip, embed_texts, load_clip
from gcr_tutorial.paths import located

PROBE = "a picture"  # its embedding tells one CLIP from another


@dataclass
class DenseGallery:
    """CLIP embeddings of the memorized images, and the CLIP that made them.

    Attributes:
        embeddings: (N, D) float32, L2-normalised, in the order of the memorized images.
        clip_name: what `load_clip` is given; "backbones/..." is a folder of the data directory.
        probe: (D,) embedding of PROBE by that CLIP.
    """

    embeddings: torch.Tensor
    clip_name: str
    probe: torch.Tensor
    _clip: Clip | None = field(default=None, repr=False)

    @classmethod
    def of(cls, clip: Clip, clip_name: str, embeddings: torch.Tensor) -> DenseGallery:
        """The gallery of `embeddings` (N, D) that `clip` made; `clip_name` is how to load it another time."""
        return cls(embeddings.float(), clip_name, embed_texts(clip, [PROBE])[0], clip)

    def embed(self, queries: Sequence[str]) -> torch.Tensor:
        """(Q, D) embeddings of queries, L2-normalised. CLIP is loaded on first use. Raises FileNotFoundError where it is
        gone, UserValueError where it is not the one that embedded the images."""
        if self._clip is None:
            clip = load_clip(located(self.clip_name))
            probe = embed_texts(clip, [PROBE])[0]
            if probe.shape != self.probe.shape or float(probe @ self.probe) < 0.99:
                raise UserValueError(
                    f"{self.clip_name} is not the CLIP that embedded this gallery: its text embeddings differ. "
                    "Put that one back, or memorize the gallery again (python -m gcr_tutorial run)"
                )
            self._clip = clip
        return embed_texts(self._clip, list(queries))

    def rerank(self, queries: Sequence[str], found: Sequence[Sequence[Any]], k: int | None = None) -> list[list[Any]]:
        """The hits of each query, most similar to it by CLIP first, at most `k`; their `score` becomes the cosine.

        Raises FloatingPointError for a query whose cosines are NaN.
        """
        if not queries:
            return []
        result = []
        for number, (query, hits) in enumerate(zip(self.embed(queries), found, strict=True)):
            cosines = self.embeddings[[hit.row for hit in hits]] @ query
            if not cosines.isfinite().all():
                raise NonFiniteScoreError(number, queries[number])
            cosines = cosines.tolist()
            order = sorted(
                range(len(hits)), key=lambda i: -cosines[i]
            )  # images of equal cosine stay in the order in which the search found them
            result.append([replace(hits[i], score=cosines[i]) for i in order[:k]])
        return result

    def save(self, path: str | Path) -> None:
        """Write them to the safetensors file `path`; the CLIP itself stays where it is."""
        tensors = {"embeddings": self.embeddings.contiguous(), "probe": self.probe.contiguous()}
        save_file(tensors, path, metadata={"clip": self.clip_name})

    @classmethod
    def load(cls, path: str | Path) -> DenseGallery:
        """Read what `save` wrote. Raises UserFileNotFoundError, or UserValueError for a damaged file."""
        if not Path(path).is_file():
            raise UserFileNotFoundError(
                f"{path} is missing: this retriever was saved without the CLIP embeddings of its images. "
                "Memorize the gallery again (python -m gcr_tutorial run) to have them"
            )
        try:
            with safe_open(path, "pt") as stored:
                dense = cls(stored.get_tensor("embeddings").clone(), stored.metadata()["clip"], stored.get_tensor("probe"))
        except (SafetensorError, KeyError, TypeError) as error:
            raise UserValueError(f"{path} cannot be read ({error}): memorize the gallery again") from error
        if dense.embeddings.ndim != 2 or dense.probe.shape != dense.embeddings.shape[1:]:
            raise UserValueError(f"{path} holds tensors of the wrong shape: memorize the gallery again")
        return dense
