"""Pictures at scale: images a second with 0, 1 and 2 worker processes, and the memory held, at 30,000 images.

Two collections: the Picturebook (drawn at 96 px, as the preset `tiny` wants it) and JPEG files of 500 x 375 pixels, the size
of Flickr's, made into a temporary folder (read at 512 px, as `colab` wants it). Every way runs in a process of its own, whose
memory (its workers' added, pages that they share counted for each) is looked at twenty times a second; they take turns.
A last row reads a split file as large as MS-COCO's (123,287 entries). `--quick`: 600 images, 5,000 entries. Writes
benchmarks/results/data.json and .md. Exit status 1 where something held 12 GB, the memory of a free Colab machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # works without installing, too

import PIL
import psutil
from _machine import machine
from PIL import Image

from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.loading import load_pictures
from gcr_tutorial.doctor import usable_cores
from gcr_tutorial.files import write_text
from gcr_tutorial.picturebook import render, sample_scene, scene_seed

RESULTS = ROOT / "benchmarks" / "results"
SIZES = {"Picturebook": 96, "JPEG files": 512}  # pixels a side
WORKERS = (0, 1, 2)
LIMIT_MIB = 12_000  # a free Colab machine has 12 GB
DISTINCT = 40  # JPEG files that differ in more than their names


def make_jpegs(folder: Path, n: int) -> None:
    """`n` files of 500 x 375 pixels in `folder`: DISTINCT drawn scenes with grain, again and again."""
    grain = Image.effect_noise((500, 500), 40).convert("RGB")
    encoded = []
    for i in range(DISTINCT):
        drawn = Image.blend(render(sample_scene(scene_seed("tutorial", 0, i)), 500), grain, 0.15)
        file = BytesIO()
        drawn.crop((0, 62, 500, 437)).save(file, "JPEG", quality=90)
        encoded.append(file.getvalue())
    folder.mkdir()
    for i in range(n):
        (folder / f"{i:06d}.jpg").write_bytes(encoded[i % DISTINCT])


def make_split_file(folder: Path, n: int) -> None:
    """`n` entries as Karpathy's dataset_coco.json has them, and an empty file for each."""
    rng, images = random.Random(0), []
    words = "a man woman dog running on the street with red car near tree holding kite beach and two people standing".split()
    for part in ("train2014", "val2014"):
        (folder / "images" / part).mkdir(parents=True)
    for i in range(n):
        part, split = ("train2014", "train") if i < 0.67 * n else ("val2014", rng.choice(("restval", "val", "test")))
        sentences = []
        for j in range(5):
            said = rng.choices(words, k=rng.randint(9, 13))
            sentences.append({"tokens": said, "raw": " ".join(said) + ".", "imgid": i, "sentid": 5 * i + j})
        name = f"COCO_{part}_{i:012d}.jpg"
        (folder / "images" / part / name).touch()
        images.append(
            {
                "filepath": part,
                "sentids": list(range(5 * i, 5 * i + 5)),
                "filename": name,
                "imgid": i,
                "split": split,
                "sentences": sentences,
                "cocoid": i,
            }
        )
    (folder / "dataset_coco.json").write_text(json.dumps({"images": images, "dataset": "coco"}))


def watched(work: Callable[[], Any]) -> dict[str, float]:
    """Seconds by the clock and of the processors, and the most MiB that this process and its children held at once."""
    me, most, over = psutil.Process(), [0.0], threading.Event()

    def watch() -> None:
        while not over.is_set():
            held = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    held += process.memory_info().rss
                except psutil.NoSuchProcess:
                    pass
            most[0] = max(most[0], held / 2**20)
            over.wait(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    started, before = time.perf_counter(), os.times()
    work()
    took, after = time.perf_counter() - started, os.times()
    over.set()
    watcher.join()
    processors = sum(after[:4]) - sum(before[:4])  # ended children included
    return {"seconds": took, "processor_seconds": processors, "peak_mib": round(most[0], 1)}


def one_way(kind: str, workers: int, n: int, folder: Path) -> dict[str, Any]:
    """Go once through all `n` pictures, keeping none; runs in a process of its own."""
    if kind == "split file":
        return watched(lambda: ImageCaptionCorpus.from_karpathy(folder / "dataset_coco.json", folder / "images"))
    started = time.perf_counter()
    corpus = ImageCaptionCorpus.from_picturebook(n, 0, 0) if kind == "Picturebook" else ImageCaptionCorpus.from_folder(folder)
    made = time.perf_counter() - started

    def go_through() -> None:
        count = sum(image.size == (SIZES[kind],) * 2 for image in load_pictures(corpus, range(n), SIZES[kind], workers))
        if count != n:
            raise SystemExit(f"{count} pictures of {n} came")

    return {**watched(go_through), "corpus_seconds": made}


def in_own_process(kind: str, workers: int, n: int, folder: Path) -> dict[str, Any]:
    """`one_way` in a fresh interpreter."""
    command = [sys.executable, __file__, "--one", kind, str(workers), str(n), str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def markdown(report: dict[str, Any]) -> str:
    """The table for people."""
    about = report["machine"]
    out = [
        "# Pictures at scale",
        "",
        f"{about['cpu']}, {about['cores']} cores, load {about['load_before']} before; Python {about['python']}, Pillow "
        f"{about['pillow']}. {report['images']:,} images, {report['repeats']} interleaved repeats: medians. Images a processor "
        "second count what this work used, whatever else ran.",
        "",
        "| collection | workers | images/s | images a processor second | peak MiB, workers included |",
        "|---|---:|---:|---:|---:|",
    ]
    out += [
        f"| {row['collection']}, {row['pixels']} px | {row['workers']} | {row['images_per_s']:.1f} | "
        f"{row['images_per_processor_s']:.1f} | {row['peak_mib']:.0f} |"
        for row in report["rows"]
    ]
    coco = report["split_file"]
    out += [
        "",
        f"A split file of {coco['entries']:,} entries ({coco['mib']} MiB): {coco['processor_seconds']:.1f} processor seconds, "
        f"peak {coco['peak_mib']:.0f} MiB. Everything must stay under {LIMIT_MIB:,} MiB.",
    ]
    return "\n".join(out) + "\n"


def main() -> int:
    """Measure, print, write; 1 where something held too much."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="600 images, a split file of 5,000 entries")
    parser.add_argument("--images", type=int, default=30_000)
    parser.add_argument("--entries", type=int, default=123_287, help="of the split file (default: MS-COCO's 123,287)")
    parser.add_argument("--repeats", type=int, default=1, help="default 1: each goes through all images")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of data.json and data.md")
    parser.add_argument("--one", nargs=4, metavar=("KIND", "WORKERS", "N", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        kind, workers, n, folder = arguments.one
        print(json.dumps(one_way(kind, int(workers), int(n), Path(folder))))
        return 0
    if min(arguments.images, arguments.entries, arguments.repeats) < 1:
        parser.error("numbers must be at least 1")
    if arguments.quick:
        arguments.images, arguments.entries = 600, 5000
    about, found = (
        machine(cores=usable_cores(), pillow=PIL.__version__),
        {(kind, workers): [] for kind in SIZES for workers in WORKERS},
    )
    with tempfile.TemporaryDirectory(prefix="gcr_data_") as scratch:
        print(
            f"making {arguments.images:,} JPEG files and a split file of {arguments.entries:,} entries in {scratch}", flush=True
        )
        folders = {"Picturebook": Path(scratch), "JPEG files": Path(scratch, "photos"), "split file": Path(scratch, "coco")}
        make_jpegs(folders["JPEG files"], arguments.images)
        make_split_file(folders["split file"], arguments.entries)
        mib = round((folders["split file"] / "dataset_coco.json").stat().st_size / 2**20, 1)
        for _repeat in range(arguments.repeats):
            for kind, workers in found:
                once = in_own_process(kind, workers, arguments.images, folders[kind])
                found[kind, workers].append(once)
                print(
                    f"{kind}, {workers} workers: {arguments.images / once['seconds']:.1f} images/s, {once['peak_mib']:.0f} MiB",
                    flush=True,
                )
        coco = in_own_process("split file", 0, 0, folders["split file"])
    rows = []
    for (kind, workers), times in found.items():
        rates = {
            f"images_per_{of}s": round(statistics.median(arguments.images / once[f"{of}seconds"] for once in times), 1)
            for of in ("", "processor_")
        }
        rows.append(
            {
                "collection": kind,
                "pixels": SIZES[kind],
                "workers": workers,
                **rates,
                "peak_mib": max(once["peak_mib"] for once in times),
                "corpus_seconds": round(statistics.median(once["corpus_seconds"] for once in times), 1),
            }
        )
    report = {
        "machine": about,
        "images": arguments.images,
        "repeats": arguments.repeats,
        "rows": rows,
        "split_file": {"entries": arguments.entries, "mib": mib, **{k: round(v, 2) for k, v in coco.items()}},
    }
    write_text(arguments.out / "data.json", json.dumps(report, indent=1) + "\n")
    write_text(arguments.out / "data.md", markdown(report))
    print(f"\n{markdown(report)}\nwritten to {arguments.out}/data.json and data.md")
    held = max([coco["peak_mib"], *(row["peak_mib"] for row in rows)])
    if held >= LIMIT_MIB:
        print(f"{held:.0f} MiB were held: it must stay under {LIMIT_MIB:,}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
