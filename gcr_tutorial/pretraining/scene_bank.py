"""The scene bank: the pictures, captions and questions of the pretraining scenes, made once and kept on disk.

tiny-vlm and tiny-clip are both trained on it, so that a comparison of the two is fair: they saw the same images and captions.
"""

from __future__ import annotations

import json
import random
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gcr_tutorial.errors import UserFileNotFoundError, UserValueError
from gcr_tutorial.files import write_text
from gcr_tutorial.picturebook import captions, render, sample_scene, scene_seed
from gcr_tutorial.picturebook.questions import inventory, questions

CHUNK = 500  # scenes that one process makes at a time
QUESTIONS = 6  # about each scene


@dataclass
class SceneBank:
    """N scenes: `images` (N, S, S, 3) uint8, `captions` five sentences each, `questions` (question, answer) pairs, of which
    the first asks for everything in the picture. Scene i has the seed `scene_seed("pretraining", seed, i)`."""

    images: np.ndarray
    captions: list[list[str]]
    questions: list[list[tuple[str, str]]]
    seed: int = 0

    def __len__(self) -> int:
        return len(self.captions)

    @classmethod
    def open(cls, directory: str | Path) -> SceneBank:
        """The bank that `build` wrote into `directory`. The pictures stay on disk (memory-mapped). Raises
        UserFileNotFoundError where there is none."""
        directory = Path(directory)
        if not (directory / "bank.json").exists():
            raise UserFileNotFoundError(f"no scene bank in {directory}: build one with SceneBank.build")
        said = [json.loads(line) for line in (directory / "said.jsonl").read_text().splitlines()]
        return cls(
            np.load(directory / "images.npy", mmap_mode="r"),
            [s["captions"] for s in said],
            [s["questions"] for s in said],
            json.loads((directory / "bank.json").read_text())["seed"],
        )

    @classmethod
    def build(
        cls,
        directory: str | Path,
        n: int,
        size: int,
        seed: int = 0,
        workers: int = 2,
        avoid: frozenset = frozenset(),
        progress=print,
    ) -> SceneBank:
        """Make the bank of scenes 0..n-1 of the world "pretraining" in `directory`, with pictures of `size` pixels a side.
        Where the same bank is there already, and today's code would draw and describe the same, it is opened.

        `avoid` holds the `Scene.content` of scenes that must not be in the bank (those of the tutorial). Raises
        UserValueError where one of them is.
        """
        directory = Path(directory)
        about = {"n": n, "size": size, "seed": seed, "rules": _fingerprint(size, seed)}
        done = directory / "bank.json"
        if done.exists() and json.loads(done.read_text()) == about:
            return cls.open(directory)
        directory.mkdir(parents=True, exist_ok=True)
        done.unlink(missing_ok=True)
        images = np.lib.format.open_memmap(directory / "images.npy", "w+", np.uint8, (n, size, size, 3))
        start = time.time()
        with ProcessPoolExecutor(workers) as pool, open(directory / "said.jsonl", "w") as said:
            chunks = [(i, min(i + CHUNK, n), size, seed) for i in range(0, n, CHUNK)]
            for (first, last, _, _), (pictures, lines, contents) in zip(chunks, pool.map(_render_chunk, chunks)):
                if not avoid.isdisjoint(contents):
                    raise UserValueError(f"a scene among {first}..{last - 1} is one of the tutorial's: take another seed")
                images[first:last] = pictures
                said.writelines(lines)
                rate = last / (time.time() - start)
                progress(f"scene bank: {last}/{n} scenes, {rate:.0f}/s, {(n - last) / rate:.0f} s left")
        images.flush()
        write_text(done, json.dumps(about))
        return cls.open(directory)


def _fingerprint(size: int, seed: int) -> int:
    """A number that changes when the code draws or describes the first 20 scenes in another way."""
    pictures, lines, _ = _render_chunk((0, 20, size, seed))
    return zlib.crc32("".join(lines).encode(), zlib.crc32(pictures.tobytes()))


def _render_chunk(job: tuple[int, int, int, int]) -> tuple[np.ndarray, list[str], list[tuple]]:
    """Pictures, lines of said.jsonl and `Scene.content` of the scenes first..last - 1."""
    first, last, size, seed = job
    pictures, lines, contents = np.empty((last - first, size, size, 3), np.uint8), [], []
    for i in range(first, last):
        scene = sample_scene(scene_seed("pretraining", seed, i))
        pictures[i - first] = np.asarray(render(scene, size))
        asked = [inventory(scene), *questions(scene, QUESTIONS, random.Random(scene.seed))]
        lines.append(json.dumps({"captions": [c.text for c in captions(scene)], "questions": asked}) + "\n")
        contents.append(scene.content)
    return pictures, lines, contents
