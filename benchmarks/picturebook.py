"""How fast the Picturebook is on one core, in scenes a second: sampling, captions, drawing at 64, 96 and 256 pixels.

Run it with `python benchmarks/picturebook.py`. Stages take turns within a repeat, so that a busy machine slows all of
them alike; the table shows medians over the repeats. It is also written to benchmarks/results/picturebook.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # works without installing, too

import PIL
from _machine import machine

from gcr_tutorial.picturebook import captions, render, sample_scene, scene_seed

RESULT = ROOT / "benchmarks" / "results" / "picturebook.json"
SIZES = (64, 96, 256)  # pixels a side
TARGET = 400  # drawn scenes a second and core at the model's resolution, 96 px


def measure(stages: dict[str, Callable[[], None]], repeats: int, n: int) -> dict[str, dict[str, float]]:
    """Scenes a second of each stage, which handles `n` scenes a call: median, slowest and fastest repeat by the clock,
    and the median by the processor time of this process, which other programs disturb less."""
    clock: dict[str, list[float]] = {name: [] for name in stages}
    processor: dict[str, list[float]] = {name: [] for name in stages}
    for repeat in range(repeats + 1):
        for name, work in stages.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if repeat:  # the first repeat warms up caches
                clock[name].append(n / wall)
                processor[name].append(n / max(cpu, 1e-9))
        print(f"repeat {repeat} of {repeats} (0 warms up)", file=sys.stderr)
    return {
        name: {
            "scenes_per_s": statistics.median(clock[name]),
            "slowest": min(clock[name]),
            "fastest": max(clock[name]),
            "scenes_per_cpu_s": statistics.median(processor[name]),
        }
        for name in stages
    }


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=150, help="scenes a stage handles in one repeat (default 150)")
    parser.add_argument("--repeats", type=int, default=7, help="timed repeats (default 7)")
    arguments = parser.parse_args()
    if min(arguments.scenes, arguments.repeats) < 1:
        parser.error("--scenes and --repeats must be at least 1")
    about = machine(pillow=PIL.__version__)
    seeds = [scene_seed("pretraining", 0, i) for i in range(arguments.scenes)]
    scenes = [sample_scene(seed) for seed in seeds]

    def whole(seed: int) -> None:
        scene = sample_scene(seed)
        captions(scene)
        render(scene, 96)

    stages: dict[str, Callable[[], None]] = {
        "sample a scene": lambda: [sample_scene(seed) for seed in seeds],
        "write 5 captions": lambda: [captions(scene) for scene in scenes],
        **{f"draw at {size} px": lambda size=size: [render(scene, size) for scene in scenes] for size in SIZES},
        "all three, 96 px": lambda: [whole(seed) for seed in seeds],
    }
    rates = measure(stages, arguments.repeats, arguments.scenes)

    print(
        f"{about['cpu']}, {about['cores']} cores, load {about['load_before']} before the run; "
        f"Python {about['python']}, Pillow {about['pillow']}; one process"
    )
    print(f"{arguments.repeats} interleaved repeats of {arguments.scenes} scenes; scenes a second\n")
    header = f"{'stage':<18}{'median':>9}{'slowest':>9}{'fastest':>9}{'per CPU second':>16}"
    print(header + "\n" + "-" * len(header))
    for name, rate in rates.items():
        print(
            f"{name:<18}{rate['scenes_per_s']:>9.0f}{rate['slowest']:>9.0f}{rate['fastest']:>9.0f}"
            f"{rate['scenes_per_cpu_s']:>16.0f}"
        )
    print(f"\naim: {TARGET} drawn scenes a second and core at 96 px")
    result = {
        "machine": about,
        "scenes": arguments.scenes,
        "repeats": arguments.repeats,
        "target_96_px": TARGET,
        "rates": {name: {k: round(v, 1) for k, v in rate.items()} for name, rate in rates.items()},
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    aside = RESULT.with_suffix(".writing")
    aside.write_text(json.dumps(result, indent=1) + "\n")
    os.replace(aside, RESULT)
    print(f"written to {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
