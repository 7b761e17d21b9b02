"""The long runs (`make soak`): the whole tiny preset twice, and the real photographs, against what is promised."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = ROOT.parent / "shared" / "flickr8k-sample"
pytestmark = pytest.mark.soak


def run(out: Path, *options: str) -> tuple[dict, float]:
    """results.json of `python -m gcr_tutorial run` in a process of its own, and the minutes it took."""
    started = time.monotonic()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GCR_")}
    subprocess.run(
        [sys.executable, "-m", "gcr_tutorial", "run", "--preset", "tiny", "--out", str(out), *options],
        cwd=ROOT,
        env=environment,
        check=True,
    )
    return json.loads((out / "results.json").read_text()), (time.monotonic() - started) / 60


@pytest.mark.parametrize("identifier", ["atomic", "structured"])
def test_same_seed_same_recalls_at_full_size(tmp_path: Path, identifier: str) -> None:
    first, _ = run(tmp_path / "first", "--identifier", identifier)
    second, _ = run(tmp_path / "second", "--identifier", identifier)
    for key in ("recall", "recall_full_gallery", "valid_rate", "baselines", "oracle", "n_pseudo_queries"):
        assert first[key] == second[key], key
    assert (first["n_memorized"], first["n_gallery"], first["n_queries"]) == (1300, 300, 1500)
    assert first["valid_rate"] == 1.0 and first["peak_memory_gb"] < 4
    assert first["recall"]["R@1"] > 5 * first["baselines"]["chance"]["R@1"]


@pytest.mark.skipif(not (PHOTOS / "dataset_flickr8k.json").is_file(), reason="../shared/flickr8k-sample is absent")
def test_700_photographs_remembered_by_their_captions(tmp_path: Path) -> None:
    results, minutes = run(
        tmp_path / "photos",
        "--karpathy",
        str(PHOTOS / "dataset_flickr8k.json"),
        "--images",
        str(PHOTOS / "images"),
        "--protocol",
        "heldout-caption",
    )
    assert (results["n_gallery"], results["n_queries"], results["valid_rate"]) == (700, 700, 1.0)
    assert results["recall"]["R@10"] >= max(40.0, results["baselines"]["bm25"]["R@10"] / 2)
    assert minutes < 15
