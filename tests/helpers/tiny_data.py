"""A data folder with random tiny backbones, small runs over it, and small photo collections, for tests.

Made once a session (`cache`), in a temporary folder. Set GCR_DATA to `data_folder()` before running anything on it.
"""

import contextlib
import io
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest
from PIL import Image
from tiny_backbone import tiny_backbone

from gcr_tutorial.cli import main
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.models.loading import save_backbone
from gcr_tutorial.pretraining.clip_folder import clip_config, new_clip, save_clip_weights, train_clip_tokenizer

TRAIN, TEST = 12, 8
SIZES = ["--train-images", str(TRAIN), "--test-images", str(TEST)]
QUICK = ["--pseudo-queries", "3", "--memorize-epochs", "2", "--retrieve-epochs", "2"]


@cache
def scratch() -> Path:
    """A folder that goes away with the session."""
    kept.append(tempfile.TemporaryDirectory(prefix="gcr_tests_"))
    return Path(kept[-1].name)


kept: list[tempfile.TemporaryDirectory] = []


@cache
def data_folder() -> Path:
    """`data/` as it is shipped, but with random weights."""
    backbones = scratch() / "data" / "backbones"
    said = [text for record in ImageCaptionCorpus.from_picturebook(60, 0, 0, seed=9).records for text in record.captions]
    save_backbone(tiny_backbone(), backbones / "tiny-vlm")
    tokenizer = train_clip_tokenizer(said, vocab_size=400, context_length=24)
    config = clip_config(tokenizer, image_size=24, patch_size=8, width=32, layers=1, head_width=16, embed_dim=16)
    save_clip_weights(new_clip(backbones / "tiny-clip", tokenizer, config), backbones / "tiny-clip")
    return scratch() / "data"


def command(*arguments: str, data: Path | None = None) -> tuple[int, str, str]:
    """(exit status, stdout, stderr) of `python -m gcr_tutorial ...`, on the tiny data unless `data` is another folder."""
    data, out, err = data or data_folder(), io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setenv("GCR_DATA", str(data))
        status = main(list(arguments))
    return status, out.getvalue(), err.getvalue()


@cache
def finished_run(kind: str = "atomic") -> Path:
    """The folder of a quick run over the Picturebook. Leave it as it is: tests share it (`own_copy` gives one)."""
    out = scratch() / "runs" / kind
    status, _, err = command("run", "--identifier", kind, *SIZES, *QUICK, "--out", str(out))
    assert status == 0, err
    return out


def own_copy(folder: Path, to: Path) -> Path:
    """A copy of `folder` that a test may spoil."""
    return Path(shutil.copytree(folder, to))


def photographs(folder: Path, n: int = 6) -> list[str]:
    """`n` small JPEG files in `folder`; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"photo_{i}.jpg" for i in range(n)]
    for i, name in enumerate(names):
        Image.new("RGB", (40, 30), (40 * i % 256, 90, 255 - 40 * i % 256)).save(folder / name)
    return names


def karpathy_set(folder: Path, n: int = 6, test: int = 2) -> tuple[Path, Path]:
    """(JSON, image folder) of a photo set in Karpathy's layout, three captions a picture."""
    names = photographs(folder / "images", n)
    words = ("dog", "boy", "kite", "beach", "horse", "car", "tree", "girl")
    entries = [
        {
            "filename": name,
            "split": "test" if i < test else "train",
            "sentences": [
                {"raw": f"A {words[i % 8]} number {i} {tail} ."} for tail in ("outside", "in the sun", "near a wall")
            ],
        }
        for i, name in enumerate(names)
    ]
    (folder / "split.json").write_text(json.dumps({"dataset": "mini", "images": entries}))
    return folder / "split.json", folder / "images"
