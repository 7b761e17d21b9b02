"""`GenerativeRetriever`: a model that holds a gallery in its parameters, ready to be asked (GRACE section 3.4).

`GenerativeRetriever.from_pretrained(folder).search("a boy flying a kite")` needs no image and no vector index: the
query goes in, identifiers come out, and the trie keeps them to those that exist.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors import SafetensorError

from .backbone import Backbone, load_backbone, save_backbone
from .decoding import left_pad, trie_search
from .identifiers import Identifiers
from .images import open_image, resolve_folder, resolve_inside, square
from .picturebook import render, sample_scene, scene_seed
from .training import retrieve_prompts
from .trie import TrieIndex

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Hit:
    """One found image: its name, its row among the memorized images, and log p(identifier | query) in nats."""

    image_id: str
    row: int
    score: float


@dataclass
class GenerativeRetriever:
    """A fine-tuned backbone with the identifiers it has memorized.

    `gallery`: rows (places in `identifiers`) that may be answered by default, all of them if empty. `about`: where the
    pictures are and how this was made; JSON values only.
    """

    backbone: Backbone
    identifiers: Identifiers
    gallery: tuple[int, ...] = ()
    num_beams: int = 10
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._sequences = self.identifiers.token_ids(self.backbone.tokenizer, self.backbone.end_id)
        self._tries: dict[tuple[int, ...], TrieIndex] = {}

    def trie(self, rows: Sequence[int] | None = None) -> tuple[TrieIndex, tuple[int, ...]]:
        """The trie of the identifiers of `rows` (default: `gallery`), and these rows in the trie's order."""
        rows = tuple(rows if rows is not None else self.gallery or range(len(self.identifiers)))
        if not all(0 <= row < len(self.identifiers) for row in rows):
            raise ValueError(f"rows must be from 0 to {len(self.identifiers) - 1}: places in the memorized images")
        if rows not in self._tries:
            self._tries[rows] = TrieIndex.build([self._sequences[row] for row in rows])
        return self._tries[rows], rows

    @torch.no_grad()
    def rank(self, queries: Sequence[str], k: int = 10, *, rows: Sequence[int] | None = None, num_beams: int | None = None,
             batch_size: int = 64, progress: Callable[[int, int], None] | None = None) -> list[list[Hit]]:
        """The `k` likeliest images for each query, best first, by constrained beam search over `rows`.

        Raises ValueError for an empty query. `progress(done, total)` is called after each batch.
        """
        if any(not query.strip() for query in queries):
            raise ValueError("the query is empty: type a few words that describe the picture")
        trie, rows = self.trie(rows)
        prompts = retrieve_prompts(self.backbone, list(queries))
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))  # like lengths together: little padding
        beams, found = max(k, num_beams or self.num_beams), [[] for _ in prompts]
        for start in range(0, len(order), batch_size):
            batch = order[start:start + batch_size]
            inputs = left_pad([prompts[i] for i in batch], self.backbone.pad_id, self.backbone.device)
            for i, answers in zip(batch, trie_search(self.backbone.model, inputs, trie, beams, k=k, pad_id=self.backbone.pad_id)):
                found[i] = [Hit(self.identifiers.image_ids[rows[at]], rows[at], score) for at, score in answers]
            if progress is not None:
                progress(min(start + batch_size, len(order)), len(order))
        return found

    def search(self, query: str, k: int = 5, **how: Any) -> list[Hit]:
        """The `k` likeliest images for one query; see `rank`."""
        return self.rank([query], k, **how)[0]

    def save_pretrained(self, folder: str | Path) -> None:
        """Write model, identifiers and facts to `folder` (safetensors and JSON), aside first; replaces what was there."""
        folder = Path(folder)
        aside, old = (folder.with_name(folder.name + ending) for ending in (".writing", ".old"))
        for stale in (aside, old):
            shutil.rmtree(stale, ignore_errors=True)
        save_backbone(self.backbone, aside / "backbone")
        self.identifiers.save(aside / "identifiers.json")
        facts = {"version": FORMAT_VERSION, "gallery": list(self.gallery), "num_beams": self.num_beams, "about": self.about}
        (aside / "retriever.json").write_text(json.dumps(facts, indent=1))
        if folder.exists():
            os.replace(folder, old)
        os.replace(aside, folder)
        shutil.rmtree(old, ignore_errors=True)

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str | torch.device = "cpu") -> "GenerativeRetriever":
        """Load what `save_pretrained` wrote. Raises FileNotFoundError or ValueError that says what to do."""
        folder = Path(folder)
        facts_file = folder / "retriever.json"
        if not facts_file.is_file():
            raise FileNotFoundError(f"no retriever in {folder} (no retriever.json): make one with "
                                    "`python -m gcr_tutorial run --out DIR` and give DIR/retriever")
        try:
            facts = json.loads(facts_file.read_text())
            if facts["version"] != FORMAT_VERSION:
                raise ValueError(f"format {facts['version']}, this package reads {FORMAT_VERSION}")
            return cls(load_backbone(folder / "backbone", device), Identifiers.load(folder / "identifiers.json"),
                       tuple(facts["gallery"]), facts["num_beams"], facts["about"])
        except (KeyError, TypeError, ValueError, SafetensorError) as error:
            raise ValueError(f"the retriever in {folder} cannot be read ({error}): train it again") from error


def picture_of(retriever: GenerativeRetriever, hit: Hit, images_dir: str | Path | None = None, size: int | None = None) -> Image.Image:
    """The picture of a hit, for people to look at: drawn for the Picturebook, read from its folder otherwise.

    `images_dir` overrides where the pictures were when the retriever was made. Raises FileNotFoundError where it is gone.
    """
    if retriever.about.get("source") == "picturebook":
        corpus_seed, number = hit.image_id.split("-")[1:]
        return render(sample_scene(scene_seed("tutorial", int(corpus_seed), int(number))), size or 256)
    folder = images_dir or retriever.about.get("images_dir")
    if not folder or not Path(folder).is_dir():
        raise FileNotFoundError(f"the pictures are not in {folder}: say where they are with --images DIR")
    picture = open_image(resolve_inside(resolve_folder(folder), hit.image_id))
    return square(picture, size) if size else picture
