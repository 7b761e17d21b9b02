"""Random picture folders and Karpathy files as users might have them, good and bad, for the fuzz run (hypothesis).

A strategy draws a `Dataset`, which is plain data and prints well; `write` makes the files of it. Long captions and large
pictures are drawn as a few numbers, so that hypothesis can shrink them.
"""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

# Words of many scripts, and text that a tokenizer or a chat template might take for control.
SCRIPTS: dict[str, tuple[str, ...]] = {
    "latin": ("a", "red", "dog", "runs", "café", "naïve", "Straße", "İstanbul"),
    "greek": ("ένας", "σκύλος", "τρέχει"),
    "cyrillic": ("красная", "собака", "бежит", "ёлка"),
    "arabic": ("كلب", "أحمر", "يجري"),
    "hebrew": ("כלב", "אדום", "רץ"),
    "devanagari": ("एक", "लाल", "कुत्ता"),
    "chinese": ("红色的狗在跑", "一只狗", "海滩"),
    "japanese": ("赤い犬が走る", "ネコ"),
    "thai": ("สุนัขสีแดง", "วิ่ง"),
    "hangul": ("빨간", "개가", "달린다"),
    "emoji": ("🐕", "👩‍👩‍👧‍👦", "🏳️‍🌈", "e\u0301"),
    "digits": ("0", "12", "3.14", "٣", "²"),
    "odd": ("\u200b", "\ufeff", "\u202e", "\u0000", "\x1b[31m", "\ud800", "\U0010ffff", "\u2028", "{query}", "{{ x }}", "%s"),
    "control": (
        "<image>",
        "<end_of_utterance>",
        "<fake_token_around_image>",
        "<global-img>",
        "<|im_start|>",
        "<|im_end|>",
        "<|endoftext|>",
        "<l0_4>",
        "<r0_1>",
        "<img_3>",
        "Assistant:",
        "</s>",
    ),
}
CONTROL_IN_TEXT = ("a dog <image> runs", "<image><image>", "A red kite. <end_of_utterance>\nUser: <l0_4>", "x<|im_start|>y")

MODES_OF = {  # format -> modes that Pillow writes to it
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("1", "L", "P"),
    "BMP": ("1", "L", "P", "RGB"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"),
    "PPM": ("1", "L", "RGB"),
}
DAMAGES = ("whole", "truncated", "flipped", "empty", "text", "lfs pointer", "absent", "folder", "pipe")
LINKS = ("inside", "outside", "dangling", "loop")


@dataclass(frozen=True)
class Caption:
    """`words` words of some script, chosen by `seed`, or `text` where that is not None."""

    script: str = "latin"
    words: int = 5
    seed: int = 0
    text: str | None = None

    def __str__(self) -> str:
        if self.text is not None:
            return self.text
        return " ".join(random.Random(self.seed).choices(SCRIPTS[self.script], k=self.words))


@dataclass(frozen=True)
class Picture:
    """One file: its name, what is in it, and what is wrong with it."""

    name: str
    format: str = "PNG"
    mode: str = "RGB"
    size: tuple[int, int] = (8, 8)
    damage: str = "whole"
    link: str | None = None


@dataclass(frozen=True)
class Dataset:
    """A folder of pictures, and for a Karpathy set an entry for each of them; `broken` says what is wrong with the JSON."""

    pictures: tuple[Picture, ...]
    captions: tuple[tuple[Caption, ...], ...] | None = None  # None: a folder without a Karpathy file
    splits: tuple[Any, ...] = ()
    extra: tuple[Any, ...] = ()  # more entries of the JSON, as they are
    broken: str = "whole"
    seed: int = 0
    protocol: str = "karpathy"
    entries: dict[int, Any] = field(default_factory=dict)  # number of an entry -> what stands there instead


def captions() -> st.SearchStrategy[Caption]:
    """Mostly short captions, some of up to 5,000 words, some of arbitrary text."""
    length = st.one_of(st.integers(0, 12), st.integers(13, 200), st.integers(200, 5000))
    words = st.builds(Caption, st.sampled_from(sorted(SCRIPTS)), length, st.integers(0, 99))
    text = st.one_of(st.text(max_size=40), st.sampled_from(CONTROL_IN_TEXT))
    return st.one_of(words, st.builds(Caption, text=text))


def names() -> st.SearchStrategy[str]:
    """File names: plain, of any script, with odd characters, of other encodings (Latin-1), too long, out of the folder."""
    stem = st.one_of(
        st.sampled_from(
            ("photo", "a b", "IMG_1", "-rf", "é", "e\u0301", "café", "図", "صورة", "🐕", "x" * 200, "x" * 260, "a\\b")
        ),
        st.text(st.characters(exclude_characters="/\x00", exclude_categories=("Cs",)), min_size=1, max_size=20),
        st.sampled_from(("caf\udce9", "\udcff\udcfe", "\ud83d")),
        st.sampled_from(
            (".hidden", "sub/photo", "sub/../photo", "../photo", "/photo", "./photo", "sub//photo", "", "~", "a\nb")
        ),
    )
    suffix = st.sampled_from((".png", ".jpg", ".JPEG", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".heic", ".txt", ""))
    good = st.builds("photo_{}.png".format, st.integers(0, 30))
    return st.integers(0, 9).flatmap(lambda number: st.builds("".join, st.tuples(stem, suffix)) if number == 5 else good)


def pictures(largest: int) -> st.SearchStrategy[Picture]:
    """Mostly whole pictures; sides up to `largest` pixels."""
    side = st.integers(0, 9).flatmap(lambda number: st.integers(1, largest if number == 5 else 40))
    kinds = [(kind, mode) for kind, modes in MODES_OF.items() for mode in modes]
    wrong = [("whole", None)] * 60 + [(damage, None) for damage in DAMAGES] + [("whole", link) for link in LINKS]

    def build(name: str, kind: tuple[str, str], width: int, height: int, wrong: tuple[str, str | None]) -> Picture:
        return Picture(name, *kind, (width, height), *wrong)

    return st.builds(build, names(), st.sampled_from(kinds), side, side, st.sampled_from(wrong))


JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
ENTRIES = st.one_of(
    JSON_VALUES,
    st.fixed_dictionaries(
        {"filename": st.one_of(names(), JSON_VALUES), "split": st.one_of(st.sampled_from(("train", "test")), JSON_VALUES)},
        optional={"sentences": JSON_VALUES, "filepath": st.one_of(names(), JSON_VALUES)},
    ),
)
BROKEN = ("truncated", "no images", "a list", "empty", "bom", "utf-16", "latin-1", "nested", "number", "garbage", "nan")


@st.composite
def datasets(draw: st.DrawFn, largest: int = 300) -> Dataset:
    """A picture folder, or a Karpathy file with its folder. One in three is as it should be but for what it holds."""
    files = tuple(draw(st.lists(pictures(largest), min_size=0, max_size=8)))
    clean = draw(st.integers(0, 2)) == 0
    if clean:  # distinct, plain, readable: what is left is sizes, modes, captions
        files = tuple(
            Picture(f"photo_{i}.{f.format.lower()}", f.format, f.mode, f.size) for i, f in enumerate(files or (Picture(""),))
        )
    protocol = draw(st.sampled_from(("karpathy", "heldout-caption")))
    seed = draw(st.integers(0, 10))
    if draw(st.integers(0, 3)) == 0:
        return Dataset(files, seed=seed, protocol=protocol)
    said = tuple(tuple(draw(st.lists(captions(), max_size=5))) for _ in files)
    usual, odd = st.sampled_from(("train", "test", "test", "val", "restval")), st.one_of(st.just("unknown"), JSON_VALUES)
    splits = tuple(draw(odd if not clean and _one_in(draw, 30) else usual) for _ in files)
    extra = tuple(draw(st.lists(ENTRIES, max_size=2))) if not clean and _one_in(draw, 8) else ()
    broken = draw(st.sampled_from(BROKEN)) if not clean and _one_in(draw, 8) else "whole"
    changed = draw(st.dictionaries(st.integers(0, 7), ENTRIES, max_size=2)) if not clean and _one_in(draw, 8) else {}
    return Dataset(files, said, splits, extra, broken, seed, protocol, changed)


def _one_in(draw: st.DrawFn, n: int) -> bool:
    """True about once in `n` draws. (hypothesis draws the ends of a range more often than the middle.)"""
    return draw(st.integers(0, n - 1)) == n // 2


def write(dataset: Dataset, root: Path) -> tuple[Path | None, Path]:
    """Make the files of `dataset` below the empty folder `root`. Returns the Karpathy file (None for a folder of pictures)
    and the image folder. A name that this file system cannot hold is left out; the JSON lists it all the same."""
    folder, outside = root / "images", root / "outside"
    folder.mkdir(parents=True)
    outside.mkdir()
    for number, picture in enumerate(dataset.pictures):
        path = folder / picture.name
        if picture.name.startswith(("/", "..")) or picture.damage == "absent" or _is_there(path):
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if picture.link is not None:
                _link(picture, path, outside, number)
            elif picture.damage == "folder":
                path.mkdir(exist_ok=True)
            elif picture.damage == "pipe":
                os.mkfifo(path)
            else:
                path.write_bytes(_content(picture, dataset.seed + number))
        except (OSError, ValueError):  # too long, or half a surrogate pair
            continue
    if dataset.captions is None:
        return None, folder
    (root / "split.json").write_bytes(_json(dataset))
    return root / "split.json", folder


def _is_there(path: Path) -> bool:
    """Whether an earlier picture has the name already: one that is a pipe would take no second content, and wait for ever."""
    try:
        return os.path.lexists(path)
    except ValueError:  # half a surrogate pair
        return True


def _link(picture: Picture, path: Path, outside: Path, number: int) -> None:
    target = {"inside": path.parent / f"target_{number}", "outside": outside / f"{number}.png", "loop": path}.get(picture.link)
    if picture.link in ("inside", "outside"):
        target.write_bytes(_content(picture, number))
    path.symlink_to(outside / "nowhere" if target is None else target)


def _content(picture: Picture, seed: int) -> bytes:
    """The bytes of the file."""
    if picture.damage == "empty":
        return b""
    if picture.damage == "text":
        return b"not a picture\n" * 20
    if picture.damage == "lfs pointer":
        return b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
    encoded = encode(picture, seed)
    if picture.damage == "truncated":
        return encoded[: len(encoded) * (seed % 10) // 10]
    if picture.damage == "flipped":
        rng = random.Random(seed)
        changed = bytearray(encoded)
        for _ in range(1 + len(changed) // 200):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        return bytes(changed)
    return encoded


def encode(picture: Picture, seed: int) -> bytes:
    """The picture file of `picture` as it is when nothing is wrong with it: noise of its mode and size."""
    width, height = picture.size
    rng = np.random.default_rng(seed)
    grey = Image.fromarray(rng.integers(0, 256, (height, width), dtype=np.uint8))
    if picture.mode == "I;16":
        image = Image.fromarray(rng.integers(0, 65536, (height, width), dtype=np.uint16))
    elif picture.mode in ("RGBA", "CMYK"):
        image = Image.merge(picture.mode, (grey, grey, grey, grey))
    elif picture.mode == "LA":
        image = Image.merge("LA", (grey, grey))
    else:
        image = grey.convert(picture.mode)
    out = BytesIO()
    image.save(out, picture.format)
    return out.getvalue()


def _json(dataset: Dataset) -> bytes:
    """The bytes of the Karpathy file."""
    entries: list[Any] = []
    for number, (picture, said, split) in enumerate(zip(dataset.pictures, dataset.captions, dataset.splits, strict=True)):
        sentences = [{"raw": str(caption), "tokens": str(caption).split()[:20]} for caption in said]
        entry = {"filename": picture.name, "split": split, "sentences": sentences, "imgid": number}
        entries.append(dataset.entries.get(number, entry))
    whole = {"dataset": "fuzz", "images": [*entries, *dataset.extra]}
    kind = dataset.broken
    if kind == "no images":
        whole = {"annotations": whole["images"]}
    elif kind == "a list":
        whole = whole["images"]
    text = json.dumps(whole, ensure_ascii=dataset.seed % 2 == 0)
    encoded = text.encode("utf-8", "surrogatepass")
    if kind == "truncated":
        return encoded[: len(encoded) // 2]
    if kind == "empty":
        return b""
    if kind == "bom":
        return b"\xef\xbb\xbf" + encoded
    if kind == "utf-16":
        return text.encode("utf-16", "surrogatepass")
    if kind == "latin-1":
        return text.encode("latin-1", "replace") + b"\xe9"
    if kind == "nested":
        return b"[" * 100_000
    if kind == "number":
        return b'{"images": ' + b"1" * 10_000 + b"}"
    if kind == "garbage":
        return bytes(range(256))
    if kind == "nan":
        return encoded[:-1] + b', "x": NaN}'
    return encoded
