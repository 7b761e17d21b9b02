"""One caption of 3,000 words among twenty: the run goes through, with one warning and batches of bounded length."""

import json
import warnings
from dataclasses import replace

import pytest
from tiny_data import data_folder, karpathy_set

from gcr_tutorial.config import RunConfig, TrainingConfig, get_preset
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.experiments.pipeline import run
from gcr_tutorial.retrieval.retriever import GenerativeRetriever
from gcr_tutorial.training import loop


@pytest.mark.parametrize("kind", ["atomic", "semantic"])
def test_a_caption_of_3000_words_is_cut_once_and_told_once(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("GCR_DATA", str(data_folder()))
    split, images = karpathy_set(tmp_path, n=7)
    entries = json.loads(split.read_text())
    entries["images"][4]["sentences"][0]["raw"] = "a red kite " * 1000
    entries["images"][1]["sentences"][2]["raw"] = "a blue ball " * 1000  # a query
    split.write_text(json.dumps(entries))
    lengths, collate = [], loop.collate

    def watched(*arguments):
        batch = collate(*arguments)
        lengths.append(batch["input_ids"].shape[1])
        return batch

    monkeypatch.setattr(loop, "collate", watched)
    training = TrainingConfig(memorize_epochs=1, retrieve_epochs=1)
    preset = replace(get_preset("tiny"), training=training, pseudo_queries=2, pseudo_samples=2, caption_epochs=1)
    preset = replace(preset, max_query_tokens=100, max_identifier_tokens=12)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(
            ImageCaptionCorpus.from_karpathy(split, images),
            preset,
            RunConfig(kind, out=tmp_path / "run"),
            progress=lambda _: None,
        )
        told = [str(w.message) for w in caught if "tokens and were cut" in str(w.message)]
    assert told[0].startswith("2 of 21 captions are longer than 100 tokens") and len(told) == (2 if kind == "semantic" else 1)
    assert all("captions that may name an image are longer than 12" in text for text in told[1:])
    assert len(lengths) >= 3 and max(lengths) < 160
    retriever = GenerativeRetriever.from_pretrained(tmp_path / "run" / "retriever")
    assert retriever.backbone.max_query_tokens == 100 and max(map(len, retriever.identifiers.codes)) <= 12 + 8
    with pytest.warns(UserWarning, match="1 of 1 queries are longer than 100 tokens"):
        assert len(retriever.search("a red kite " * 1400, 2)) == 2
