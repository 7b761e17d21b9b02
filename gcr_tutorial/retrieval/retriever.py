"""`GenerativeRetriever`: a model that holds a gallery in its parameters, ready to be asked (GRACE section 3.4).

`GenerativeRetriever.from_pretrained(folder).search("a boy flying a kite")` needs no image and no vector index: the
query goes in, identifiers come out, and the trie keeps them to those that exist. (Two cases do keep vectors, and say so:
`rerank="clip"`, and the identifier kind "classifier".)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from gcr_tutorial.decoding import constrained_beam_search, left_pad
from gcr_tutorial.files import new_folder, write_text
from gcr_tutorial.identifiers import Identifiers
from gcr_tutorial.models.backbone import MAX_QUERY_TOKENS, Backbone
from gcr_tutorial.models.loading import load_backbone, save_backbone
from gcr_tutorial.models.prompts import retrieve_prompts
from gcr_tutorial.retrieval.reranking import DenseGallery
from gcr_tutorial.training.classifier import ClipClassifier, rank_by_classifier
from gcr_tutorial.trie import TrieIndex

FORMAT_VERSION = 1
DENSE_FILE, CLASSIFIER_FILE = "clip_gallery.safetensors", "classifier.safetensors"


@dataclass(frozen=True)
class Hit:
    """One found image: its name, its row among the memorized images, and log p(identifier | query) in nats (log p(image |
    query) of a classifier; the cosine of CLIP embeddings after `rerank="clip"`)."""

    image_id: str
    row: int
    score: float


@dataclass
class GenerativeRetriever:
    """A fine-tuned backbone with the identifiers it has memorized.

    `gallery`: rows (places in `identifiers`) that may be answered by default, all of them if empty. `about`: where the
    pictures are and how this was made; JSON values only. `dense`: the images' CLIP embeddings, for `rerank="clip"`, or the
    file they are read from when first asked for. `classifier`: of identifier kind "classifier" only; it ranks by one matrix
    product with CLIP embeddings, and generates nothing.
    """

    backbone: Backbone
    identifiers: Identifiers
    gallery: tuple[int, ...] = ()
    num_beams: int = 10
    about: dict[str, Any] = field(default_factory=dict)
    dense: DenseGallery | Path | None = None
    classifier: ClipClassifier | None = None

    def __post_init__(self) -> None:
        if (self.identifiers.kind == "classifier") != (self.classifier is not None):
            raise ValueError(
                f"{self.identifiers.kind} identifiers {'without' if self.classifier is None else 'with'} a "
                "classifier: fine_tune_classifier makes one, and kind 'classifier' alone has it"
            )
        if self.classifier is not None and len(self.classifier.embeddings) != len(self.identifiers):
            raise ValueError(
                f"a classifier over {len(self.classifier.embeddings)} images for {len(self.identifiers)} identifiers"
            )
        self._sequences = [] if self.classifier else self.identifiers.token_ids(self.backbone.tokenizer, self.backbone.end_id)
        self._tries: dict[tuple[int, ...], TrieIndex] = {}

    def trie(self, rows: Sequence[int] | None = None) -> tuple[TrieIndex, tuple[int, ...]]:
        """The trie of the identifiers of `rows` (default: `gallery`), and these rows in the trie's order. Raises ValueError
        for a classifier, which has none."""
        if self.classifier is not None:
            raise ValueError("a classifier has no trie: it ranks images by one matrix product and generates no identifier")
        rows = self._chosen(rows)
        if rows not in self._tries:
            self._tries[rows] = TrieIndex.build([self._sequences[row] for row in rows])
        return self._tries[rows], rows

    def _chosen(self, rows: Sequence[int] | None) -> tuple[int, ...]:
        rows = tuple(rows if rows is not None else self.gallery or range(len(self.identifiers)))
        if not all(0 <= row < len(self.identifiers) for row in rows):
            raise ValueError(f"rows must be from 0 to {len(self.identifiers) - 1}: places in the memorized images")
        return rows

    @torch.no_grad()
    def rank(
        self,
        queries: Sequence[str],
        k: int = 10,
        *,
        rows: Sequence[int] | None = None,
        num_beams: int | None = None,
        batch_size: int = 256,
        progress: Callable[[int, int], None] | None = None,
        rerank: str | None = None,
    ) -> list[list[Hit]]:
        """The `k` likeliest images for each query, best first, by constrained beam search over `rows`.

        With `rerank="clip"`, the hybrid: all that the beam found (`num_beams` images, or k where that is more), put in order
        by CLIP's similarity to the query, and cut to `k`.

        Raises ValueError for an empty query and for k < 1, FileNotFoundError where `rerank` lacks what it needs. `progress(done, total)` is
        called after each batch.
        """
        if any(not query.strip() for query in queries):
            raise ValueError("the query is empty: type a few words that describe the picture")
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        if rerank is not None:
            if rerank != "clip":
                raise ValueError(f"rerank={rerank!r}: 'clip' is the only re-ranking there is, or None")
            dense = self.dense_gallery()  # before any work
            wide = max(k, num_beams or self.num_beams)
            found = self.rank(queries, wide, rows=rows, num_beams=wide, batch_size=batch_size, progress=progress)
            return dense.rerank(queries, found, k)
        prompts = retrieve_prompts(self.backbone, list(queries))
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))  # like lengths together: little padding
        search, rows = self._searcher(rows, k, max(k, num_beams or self.num_beams))
        found: list[list[Hit]] = [[] for _ in prompts]
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            for i, answers in zip(batch, search([prompts[i] for i in batch])):
                found[i] = [Hit(self.identifiers.image_ids[rows[at]], rows[at], score) for at, score in answers]
            if progress is not None:
                progress(min(start + batch_size, len(order)), len(order))
        return found

    def _searcher(self, rows: Sequence[int] | None, k: int, beams: int) -> tuple[Callable[..., Any], tuple[int, ...]]:
        """A function from prompts (token ids) to a list of (place in `rows`, score) a prompt, and the rows it searches."""
        model, pad_id = self.backbone.model, self.backbone.pad_id
        if self.classifier is not None:
            rows = self._chosen(rows)
            return lambda prompts: rank_by_classifier(
                self.backbone, self.classifier, left_pad(prompts, pad_id, self.backbone.device), rows, k
            ), rows
        trie, rows = self.trie(rows)
        return lambda prompts: constrained_beam_search(model, prompts, trie, beams, k=k, pad_id=pad_id), rows

    def dense_gallery(self) -> DenseGallery:
        """The CLIP embeddings of the memorized images, read when first asked for. Raises FileNotFoundError where this
        retriever was saved without them, ValueError where they are damaged."""
        if self.dense is None:
            raise FileNotFoundError(
                "this retriever has no CLIP embeddings of its images (clip_gallery.safetensors), which "
                "rerank='clip' compares with. Memorize the gallery again (python -m gcr_tutorial run)"
            )
        if isinstance(self.dense, Path):
            self.dense = DenseGallery.load(self.dense)
        if len(self.dense.embeddings) != len(self.identifiers):
            raise ValueError(
                f"{len(self.dense.embeddings)} CLIP embeddings for {len(self.identifiers)} memorized images: "
                "memorize the gallery again"
            )
        return self.dense

    def search(self, query: str, k: int = 5, **how: Any) -> list[Hit]:
        """The `k` likeliest images for one query; see `rank`."""
        return self.rank([query], k, **how)[0]

    def save_pretrained(self, folder: str | Path) -> None:
        """Write model, identifiers, facts and what there is of `dense` and `classifier` to `folder` (safetensors and JSON),
        aside first; replaces what was there."""
        with new_folder(folder) as aside:
            save_backbone(self.backbone, aside / "backbone")
            self.identifiers.save(aside / "identifiers.json")
            if self.dense is not None:
                self.dense_gallery().save(aside / DENSE_FILE)
            if self.classifier is not None:
                self.classifier.save(aside / CLASSIFIER_FILE)
            facts = {
                "version": FORMAT_VERSION,
                "gallery": list(self.gallery),
                "num_beams": self.num_beams,
                "max_query_tokens": self.backbone.max_query_tokens,
                "about": self.about,
            }
            write_text(aside / "retriever.json", json.dumps(facts, indent=1))

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str | torch.device = "cpu") -> GenerativeRetriever:
        """Load what `save_pretrained` wrote. Raises FileNotFoundError or ValueError that says what to do."""
        folder = Path(folder)
        facts_file = folder / "retriever.json"
        if not facts_file.is_file():
            raise FileNotFoundError(
                f"no retriever in {folder} (no retriever.json): make one with "
                "`python -m gcr_tutorial run --out DIR` and give DIR/retriever"
            )
        try:
            facts = json.loads(facts_file.read_text())
            if facts["version"] != FORMAT_VERSION:
                raise ValueError(f"format {facts['version']}, this package reads {FORMAT_VERSION}")
            identifiers, dense, classifier = Identifiers.load(folder / "identifiers.json"), folder / DENSE_FILE, None
            if identifiers.kind == "classifier":
                dense = DenseGallery.load(dense)
                classifier = ClipClassifier.load(folder / CLASSIFIER_FILE, dense.embeddings).to(device)
            backbone = load_backbone(folder / "backbone", device)
            backbone.max_query_tokens = facts.get("max_query_tokens", MAX_QUERY_TOKENS)
            return cls(
                backbone,
                identifiers,
                tuple(facts["gallery"]),
                facts["num_beams"],
                facts["about"],
                dense if classifier or dense.is_file() else None,
                classifier,
            )
        except (KeyError, TypeError, ValueError, SafetensorError) as error:
            raise ValueError(f"the retriever in {folder} cannot be read ({error}): train it again") from error
