"""`GenerativeRetriever`: a model that holds a gallery in its parameters, ready to be asked (GRACE section 3.4).

`GenerativeRetriever.from_pretrained(folder).search("a boy flying a kite")` needs no image and no vector index: the
query goes in, identifiers come out, and the trie allows only those that exist. Two cases do keep vectors:
`rerank="clip"`, and the identifier kind "classifier".
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import HfApi
from safetensors import SafetensorError

from gcr_tutorial.decoding import constrained_beam_search, left_pad
from gcr_tutorial.errors import NonFiniteScoreError, UserError, UserFileNotFoundError, UserValueError
from gcr_tutorial.files import new_folder, recover_folder, write_text
from gcr_tutorial.hub import is_hub_id, snapshot
from gcr_tutorial.identifiers import Identifiers
from gcr_tutorial.models.backbone import MAX_QUERY_TOKENS, Backbone
from gcr_tutorial.models.device import resolve_device, resolve_dtype
from gcr_tutorial.models.loading import load_backbone, save_backbone
from gcr_tutorial.models.prompts import retrieve_prompts
from gcr_tutorial.retrieval.reranking import DenseGallery
from gcr_tutorial.training.classifier import ClipClassifier, rank_by_classifier
from gcr_tutorial.trie import TrieIndex

FORMAT_VERSION = 1
FACTS_FILE, IDENTIFIERS_FILE = "retriever.json", "identifiers.json"
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

    Attributes:
        backbone: the model that writes identifiers.
        identifiers: of every memorized image, by row.
        gallery: rows that may be answered by default; all of them if empty.
        num_beams: width of the beam search by default.
        about: where the pictures are (`ImageCaptionCorpus.source`) and how this was made; JSON values only.
        dense: the images' CLIP embeddings, for `rerank="clip"`, or the file that they are read from on first use.
        classifier: of identifier kind "classifier" only; it ranks by one matrix product with CLIP embeddings, and generates
            nothing.

    Raises UserValueError where identifiers and classifier do not belong together.
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
            raise UserValueError(
                f"{self.identifiers.kind} identifiers {'without' if self.classifier is None else 'with'} a "
                "classifier: fine_tune_classifier makes one, and kind 'classifier' alone has it"
            )
        if self.classifier is not None and len(self.classifier.embeddings) != len(self.identifiers):
            raise UserValueError(
                f"a classifier over {len(self.classifier.embeddings)} images for {len(self.identifiers)} identifiers"
            )
        self._sequences = [] if self.classifier else self.identifiers.token_ids(self.backbone.tokenizer, self.backbone.end_id)
        self._tries: dict[tuple[int, ...], TrieIndex] = {}

    def trie(self, rows: Sequence[int] | None = None) -> tuple[TrieIndex, tuple[int, ...]]:
        """The trie of the identifiers of `rows` (default: `gallery`), and these rows in the trie's order. Raises
        UserValueError for a classifier, which has none."""
        if self.classifier is not None:
            raise UserValueError("a classifier has no trie: it ranks images by one matrix product and generates no identifier")
        rows = self._chosen(rows)
        if rows not in self._tries:
            self._tries[rows] = TrieIndex.build([self._sequences[row] for row in rows])
        return self._tries[rows], rows

    def _chosen(self, rows: Sequence[int] | None) -> tuple[int, ...]:
        rows = tuple(rows if rows is not None else self.gallery or range(len(self.identifiers)))
        if not all(0 <= row < len(self.identifiers) for row in rows):
            raise UserValueError(f"rows must be from 0 to {len(self.identifiers) - 1}: one for each memorized image")
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

        Args:
            queries: texts that describe a picture.
            k: how many images a query at most.
            rows: the images that may be answered; default: `gallery`.
            num_beams: width of the search, at least k; default: `self.num_beams`, or k where that is more.
            batch_size: queries searched at once.
            progress: is called with (queries done, all queries) after each batch.
            rerank: "clip" is the hybrid: all `num_beams` images that the search found are put in order by CLIP's similarity
                to the query, and the first k are returned.

        Raises UserValueError for an empty query, for k below 1 and for fewer beams than k; UserFileNotFoundError where
        `rerank` lacks what it needs; FloatingPointError for a query after which the scores are NaN or infinite.
        """
        if any(not query.strip() for query in queries):
            raise UserValueError("the query is empty: type a few words that describe the picture")
        if k < 1:
            raise UserValueError(f"k must be at least 1, got {k}")
        if num_beams is not None and num_beams < k:
            raise UserValueError(f"{num_beams} beams find at most {num_beams} images, and k={k} are asked for: give k beams")
        wide = num_beams or max(k, self.num_beams)
        if rerank is not None:
            if rerank != "clip":
                raise UserValueError(f"rerank={rerank!r}: 'clip' is the only re-ranking there is, or None")
            dense = self.dense_gallery()  # before any work
            found = self.rank(queries, wide, rows=rows, num_beams=wide, batch_size=batch_size, progress=progress)
            return dense.rerank(queries, found, k)
        prompts = retrieve_prompts(self.backbone, list(queries))
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))  # like lengths together: little padding
        search, rows = self._searcher(rows, k, wide)
        found: list[list[Hit]] = [[] for _ in prompts]
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            try:
                found_now = search([prompts[i] for i in batch])
            except NonFiniteScoreError as error:  # it has the number in this batch
                query = batch[error.query]
                raise NonFiniteScoreError(query, queries[query]) from None
            for i, answers in zip(batch, found_now):
                found[i] = [Hit(self.identifiers.image_ids[rows[at]], rows[at], score) for at, score in answers]
            if progress is not None:
                progress(min(start + batch_size, len(order)), len(order))
        return found

    def _searcher(self, rows: Sequence[int] | None, k: int, beams: int) -> tuple[Callable[..., Any], tuple[int, ...]]:
        """A function from prompts (token ids) to a list of (index in `rows`, score) for each prompt, and the rows it searches."""
        model, pad_id = self.backbone.model, self.backbone.pad_id
        if self.classifier is not None:
            rows = self._chosen(rows)
            return lambda prompts: rank_by_classifier(
                self.backbone, self.classifier, left_pad(prompts, pad_id, self.backbone.device), rows, k
            ), rows
        trie, rows = self.trie(rows)
        return lambda prompts: constrained_beam_search(model, prompts, trie, beams, k=k, pad_id=pad_id), rows

    def dense_gallery(self) -> DenseGallery:
        """The CLIP embeddings of the memorized images, read on first use. Raises UserFileNotFoundError where this
        retriever was saved without them, UserValueError where they are damaged."""
        if self.dense is None:
            raise UserFileNotFoundError(
                "this retriever has no CLIP embeddings of its images (clip_gallery.safetensors), which "
                "rerank='clip' compares with. Memorize the gallery again (python -m gcr_tutorial run)"
            )
        if isinstance(self.dense, Path):
            self.dense = DenseGallery.load(self.dense)
        if len(self.dense.embeddings) != len(self.identifiers):
            raise UserValueError(
                f"{len(self.dense.embeddings)} CLIP embeddings for {len(self.identifiers)} memorized images: "
                "memorize the gallery again"
            )
        return self.dense

    def search(self, query: str, k: int = 5, **how: Any) -> list[Hit]:
        """The `k` likeliest images for one query; see `rank`."""
        return self.rank([query], k, **how)[0]

    def save_pretrained(self, folder: str | Path, weights: bool = True) -> None:
        """Write model, identifiers, facts and what there is of `dense` and `classifier` to `folder` (safetensors and JSON),
        aside first; replaces what was there. Without `weights` only the small files are written: to find out before a long
        training whether all can be."""
        facts = {
            "version": FORMAT_VERSION,
            "gallery": list(self.gallery),
            "num_beams": self.num_beams,
            "max_query_tokens": self.backbone.max_query_tokens,
            "about": self.about,
        }
        with new_folder(folder) as aside:
            self.identifiers.save(aside / IDENTIFIERS_FILE)
            write_text(aside / FACTS_FILE, json.dumps(facts, indent=1))
            if not weights:
                self.backbone.model.save_pretrained(aside / "backbone", state_dict={})
                self.backbone.processor.save_pretrained(aside / "backbone")
                return
            save_backbone(self.backbone, aside / "backbone")
            if self.dense is not None:
                self.dense_gallery().save(aside / DENSE_FILE)
            if self.classifier is not None:
                self.classifier.save(aside / CLASSIFIER_FILE)

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        device: str | torch.device = "cpu",
        dtype: str | torch.dtype | None = None,
        revision: str | None = None,
    ) -> GenerativeRetriever:
        """Load what `save_pretrained` wrote.

        Args:
            folder: that folder, or the folder of the run that it is in, or "owner/name" on the Hub.
            device: where the model runs; "auto" is the GPU if there is one, else the CPU.
            dtype: the type of its weights (float32 by default); "auto" is what suits the device.
            revision: the commit on the Hub, without which nothing is loaded from there.

        Raises UserFileNotFoundError or UserValueError that says what is wrong and what to do.
        """
        device = resolve_device(device)
        dtype = resolve_dtype(dtype, device) if isinstance(dtype, str) else dtype
        folder = snapshot(str(folder), revision) if is_hub_id(folder) else Path(folder)
        for one in (folder / "retriever", folder):
            recover_folder(one)
        folder = folder / "retriever" if (folder / "retriever").is_dir() else folder
        if not (folder / FACTS_FILE).is_file():
            raise UserFileNotFoundError(
                f"no retriever in {folder} (no {FACTS_FILE}): make one with `python -m gcr_tutorial run --out DIR` and give DIR"
            )
        with _damage_explained(folder):
            facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
            if facts["version"] != FORMAT_VERSION:
                raise UserValueError(f"it has format {facts['version']}, this package reads {FORMAT_VERSION}: train it again")
            identifiers, dense, classifier = Identifiers.load(folder / IDENTIFIERS_FILE), folder / DENSE_FILE, None
            if identifiers.kind == "classifier":
                dense = DenseGallery.load(dense)
                classifier = ClipClassifier.load(folder / CLASSIFIER_FILE, dense.embeddings).to(device)
            backbone = load_backbone(folder / "backbone", device, dtype)
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

    def push_to_hub(self, name: str, *, private: bool = True) -> str:
        """Save to the repository `name` ("owner/name") of the Hugging Face Hub, made where it is missing; returns the commit,
        which `from_pretrained` takes as `revision`. The path of the pictures on this machine is left out."""
        about = {key: value for key, value in self.about.items() if key != "images_dir"}
        with tempfile.TemporaryDirectory() as folder:
            replace(self, about=about).save_pretrained(Path(folder) / "retriever")
            api = HfApi()
            api.create_repo(name, private=private, exist_ok=True)
            return api.upload_folder(repo_id=name, folder_path=Path(folder) / "retriever").oid


@contextmanager
def _damage_explained(folder: Path) -> Iterator[None]:
    """Errors of a damaged file become one sentence. Where the files are whole and something else is wrong, such as a package
    that the backbone needs and this machine lacks, the sentence is the true reason alone."""
    try:
        yield
    except UserError as error:
        raise type(error)(f"the retriever in {folder} cannot be read: {error}") from error
    except (KeyError, TypeError, SafetensorError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserValueError(f"the retriever in {folder} cannot be read ({error}): train it again") from error
    except ValueError as error:
        raise UserValueError(f"the retriever in {folder} cannot be loaded: {error}") from error
