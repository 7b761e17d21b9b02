"""What each part of the recipe is worth: `run` with one thing changed at a time, over several seeds.

Two groups. *Steps*: the recipe as it is, without the memorize step, without pseudo-queries, with the joint schedule, with
pseudo-queries that CLIP did not choose; and the recipe as it is with structured identifiers, for its spread.
*Pseudo-queries*: how recall depends on how many an image gets (K) and on the share of them that is true of it; all are
sampled from the model, 64 an image, those first that CLIP finds most fitting, and the Picturebook's parser knows which are
true. All variants take about as many optimizer steps.

`python benchmarks/ablations.py` works on as many runs at once as there are cores, one thread each: hours on two cores. Runs
that ablations.json holds already, with today's settings and weights, are not made again. `--quick`: small pictures' worth of
work, two seeds: shows that it works, measures nothing. Writes ablations.json (notebooks 04 and 06 read
data/studies/ablations.json) and ablations.png.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # works without installing, too
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

from gcr_tutorial.config import Preset, RunConfig, get_preset
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.loading import load_pictures
from gcr_tutorial.data.task import RetrievalTask, make_task
from gcr_tutorial.experiments.pipeline import run
from gcr_tutorial.experiments.run_folder import RunFolder
from gcr_tutorial.experiments.settings import settings_of
from gcr_tutorial.files import write_text
from gcr_tutorial.models.clip import embed_images, embed_texts, load_clip
from gcr_tutorial.models.feature_cache import cached_features
from gcr_tutorial.models.loading import load_backbone
from gcr_tutorial.paths import data_dir
from gcr_tutorial.training.pseudo_queries import filter_by_clip_score, generate_pseudo_queries
from gcr_tutorial.viz.recalls import ablation_figure

AS_IS, FEW = "as it is", 10  # pseudo-queries an image where their truth is varied
UNFILTERED = "not chosen by CLIP"  # pseudo-queries drawn at random from the sampled ones
STEPS = (AS_IS, "no memorize step", "no pseudo-queries", "joint schedule", UNFILTERED)
STRUCTURED = "structured, as it is"
TRUTHS = {"10, all true": 1.0, "10, none true": 0.0, "10, half true": 0.5}
COUNTS = {"5 pseudo-queries": 5, "10 pseudo-queries": FEW, "40 pseudo-queries": 40}  # besides the preset's
PSEUDO = ("10 pseudo-queries", *TRUTHS, "5 pseudo-queries", "40 pseudo-queries")
GROUPS = {
    "steps": (*STEPS, STRUCTURED),
    "counts": ("no pseudo-queries", *COUNTS, AS_IS),
    "truths": ("10 pseudo-queries", *TRUTHS),
}  # the panels of the figure
RECALLS = ("R@1", "R@5", "R@10")


def variant_preset(name: str, preset: Preset) -> Preset:
    """The preset `tiny` with what `name` changes."""
    changed = {"no memorize step": {"memorize_epochs": 0}, "joint schedule": {"schedule": "joint"}}.get(name, {})
    preset = replace(preset, training=replace(preset.training, **changed))
    count = 0 if name == "no pseudo-queries" else FEW if name in TRUTHS else COUNTS.get(name, preset.pseudo_queries)
    return replace(preset, pseudo_queries=count)


def sampled(corpus: ImageCaptionCorpus, task: RetrievalTask, preset: Preset, seed: int, store: Path) -> list[list[str]]:
    """All captions sampled for each image without human ones, best CLIP agreement first: made once a seed, kept in `store`.
    Every variant chooses its pseudo-queries from these, as the pipeline itself would with this seed."""
    if store.is_file():
        return json.loads(store.read_text(encoding="utf-8"))
    backbone, clip = load_backbone(preset.backbone_path), load_clip(preset.clip_path)
    features = cached_features(backbone, load_pictures(corpus, task.memorize, preset.image_size), preset.feature_batch)
    features = features[[task.row_of[image] for image in task.uncaptioned]]
    found = generate_pseudo_queries(backbone, features, max(preset.pseudo_queries, preset.pseudo_samples), seed)
    images = embed_images(clip, load_pictures(corpus, task.uncaptioned, preset.image_size))
    ranked = filter_by_clip_score(found, images, lambda texts: embed_texts(clip, texts), preset.pseudo_samples)
    write_text(store, json.dumps(ranked))
    return ranked


def chosen(name: str, count: int, pool: Sequence[str], is_true: Callable[[str], bool]) -> list[str]:
    """`count` of an image's sampled captions: the first, or of each sort (true, false) as many as the variant says. Where a
    sort runs out there are fewer: what is left is not filled up with the other."""
    if name == UNFILTERED:
        return random.Random(repr(pool)).sample(list(pool), min(count, len(pool)))
    if name not in TRUTHS:
        return list(pool[:count])
    true = [text for text in pool if is_true(text)]
    n_true = round(TRUTHS[name] * count)
    return true[:n_true] + [text for text in pool if text not in true][: count - n_true]


def what_all_learn(quick: bool) -> tuple[Preset, ImageCaptionCorpus]:
    """The preset that every variant changes, and the pictures."""
    preset = get_preset("tiny")
    if quick:
        few = replace(preset.training, least_steps=0, memorize_epochs=1, retrieve_epochs=1)
        preset = replace(preset, training=few, n_train=40, n_test=20, pseudo_samples=12, pseudo_queries=10)
    return preset, ImageCaptionCorpus.from_picturebook(preset.n_train, preset.n_val, preset.n_test)


def kind_of(name: str) -> str:
    """The identifiers of a variant."""
    return "structured" if name == STRUCTURED else "atomic"


def checksum(settings: dict[str, Any]) -> int:
    """Of what a result depends on (weights of the backbones included): runs with another one are run again."""
    return crc32(json.dumps(settings, sort_keys=True).encode())


def still_true(file: Path, quick: bool) -> list[dict[str, Any]]:
    """The runs in an earlier ablations.json whose settings are those of today."""
    try:
        runs = json.loads(file.read_text(encoding="utf-8"))["runs"]
    except (FileNotFoundError, ValueError, KeyError):
        return []
    preset, corpus = what_all_learn(quick)
    return [
        run
        for run in runs
        if run["settings_crc32"]
        == checksum(
            settings_of(
                corpus,
                variant_preset(run["variant"], preset),
                RunConfig(identifier=kind_of(run["variant"]), seed=run["seed"]),
            )
        )
    ]


def one(name: str, seed: int, work: Path, quick: bool) -> dict[str, Any]:
    """Run a variant, or find that it was run before; writes `work/NAME-SEED/results.json` and returns what the study keeps."""
    preset, corpus = what_all_learn(quick)
    task, out = make_task(corpus, "karpathy", seed), work / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"
    changed = variant_preset(name, preset)
    pool = sampled(corpus, task, preset, seed, work / f"sampled-{seed}.json")
    texts = [
        chosen(name, changed.pseudo_queries, pool_of_one, partial(corpus.is_true, i=image))
        for pool_of_one, image in zip(pool, task.uncaptioned)
    ]
    identifier = kind_of(name)
    store = work / f"{out.name}.json"
    config = RunConfig(identifier=identifier, seed=seed, out=out, resume=True, pseudo_queries_file=store)
    settings = settings_of(corpus, changed, config)
    results = RunFolder(out, settings).results()
    if results is None:
        key = {setting: value for setting, value in settings.items() if setting != "identifier"}
        write_text(store, json.dumps({"settings": key, "seconds": 0.0, "texts": texts}))
        results = run(corpus, changed, config, progress=lambda line: None)
    steps = sum(results["seconds"].get(stage, 0.0) for stage in ("memorize", "retrieve", "joint"))
    return {
        "variant": name,
        "identifier": identifier,
        "seed": seed,
        "recall": results["recall"],
        "valid_rate": results["valid_rate"],
        "bm25": results["baselines"]["bm25"],
        "pseudo_queries_an_image": round(results["n_pseudo_queries"] / len(task.uncaptioned), 2),
        "true_share": results["pseudo_true_share"],
        "training_seconds": round(steps, 1),
        "settings_crc32": checksum(settings),
    }


def table(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a variant: mean recall in percent, the spread of R@1 over the seeds, and what its pseudo-queries were."""
    rows = []
    for name in (*STEPS, STRUCTURED, *PSEUDO):
        same = [run for run in runs if run["variant"] == name]
        if same:
            recall = {key: statistics.fmean(run["recall"][key] for run in same) for key in RECALLS}
            first = [run["recall"]["R@1"] for run in same]
            shares = [run["true_share"] for run in same if run["true_share"] is not None]
            rows.append(
                {
                    "variant": name,
                    "seeds": len(same),
                    **{key: round(value, 1) for key, value in recall.items()},
                    "R@1 from": round(min(first), 1),
                    "to": round(max(first), 1),
                    "pseudo-queries": round(statistics.fmean(run["pseudo_queries_an_image"] for run in same), 1),
                    "true %": round(100 * statistics.fmean(shares), 1) if shares else "-",
                }
            )
    return rows


def text_table(rows: Sequence[dict[str, Any]]) -> str:
    """`rows` in columns."""
    cells = [list(rows[0]), *[[str(value) for value in row.values()] for row in rows]]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells)


def write_study(runs: Sequence[dict[str, Any]], wanted: Sequence[tuple[str, int]], out: Path) -> list[dict[str, Any]]:
    """Write ablations.json and .png with the runs so far; returns the table's rows."""
    runs = sorted(runs, key=lambda run: wanted.index((run["variant"], run["seed"])))
    rows = table(runs)
    provenance = {"command": "python benchmarks/ablations.py", "runs": f"{len(runs)} of {len(wanted)}"}
    study = {"rows": rows, "runs": runs, "groups": GROUPS, "provenance": provenance}
    write_text(out / "ablations.json", json.dumps(study, indent=1) + "\n")
    ablation_figure(study).savefig(out / "ablations.png")
    return rows


def wanted_runs(seeds: int, pseudo_seeds: int, structured_seeds: int) -> list[tuple[str, int]]:
    """(variant, seed) in the order in which they are worth having."""
    return (
        [(name, seed) for name in STEPS for seed in range(seeds)]
        + [(name, seed) for seed in range(pseudo_seeds) for name in PSEUDO]
        + [(STRUCTURED, seed) for seed in range(structured_seeds)]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small and short: shows that it works, measures nothing")
    parser.add_argument("--seeds", type=int, default=3, help="of the steps (default 3)")
    parser.add_argument("--pseudo-seeds", type=int, default=1, help="of the pseudo-query variants (default 1)")
    parser.add_argument("--structured-seeds", type=int, default=3, help="of the recipe as it is, structured (default 3)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at once (default: one a core)")
    parser.add_argument("--work", type=Path, help="where the runs go (default runs/ablations)")
    parser.add_argument("--out", type=Path, help="folder of ablations.json and .png (default data/studies; --quick: --work)")
    parser.add_argument("--one", nargs=2, metavar=("VARIANT", "SEED"), help=argparse.SUPPRESS)  # in a process of its own
    arguments = parser.parse_args()
    if min(arguments.seeds, arguments.jobs) < 1 or min(arguments.pseudo_seeds, arguments.structured_seeds) < 0:
        parser.error("--seeds and --jobs must be at least 1, the other numbers at least 0")
    work = (arguments.work or ROOT / "runs" / ("ablations-quick" if arguments.quick else "ablations")).resolve()
    if arguments.one:
        print(json.dumps(one(arguments.one[0], int(arguments.one[1]), work, arguments.quick)))
        return 0
    work.mkdir(parents=True, exist_ok=True)
    out = arguments.out or (work if arguments.quick else data_dir() / "studies")
    seeds = [
        min(most, 2) if arguments.quick else most
        for most in (arguments.seeds, arguments.pseudo_seeds, arguments.structured_seeds)
    ]
    threads, begun = max(1, (os.cpu_count() or 1) // arguments.jobs), time.monotonic()
    wanted, failed = wanted_runs(*seeds), []
    runs = [run for run in still_true(out / "ablations.json", arguments.quick) if (run["variant"], run["seed"]) in wanted]
    jobs, before = [job for job in wanted if job not in {(run["variant"], run["seed"]) for run in runs}], len(runs)
    print(f"{len(wanted)} runs, {before} of them in {out / 'ablations.json'} already", flush=True)

    def work_off(job: tuple[str, int]) -> None:
        name, seed = job
        command = [sys.executable, __file__, "--one", name, str(seed), "--work", str(work)]
        made = subprocess.run(
            command + ["--quick"] * arguments.quick,
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )
        if made.returncode:
            failed.append(job)
            print(f"{name}, seed {seed}: FAILED\n{made.stderr[-2000:]}", flush=True)
            return
        runs.append(json.loads(made.stdout.splitlines()[-1]))
        write_study(runs, wanted, out)
        minutes = (time.monotonic() - begun) / 60
        print(
            f"{len(runs)} of {len(wanted)}: {name}, seed {seed}: R@1 {runs[-1]['recall']['R@1']:.1f}; {minutes:.0f} min, about "
            f"{minutes / (len(runs) - before) * (len(wanted) - len(runs)):.0f} left",
            flush=True,
        )

    with ThreadPoolExecutor(arguments.jobs) as executor:
        list(executor.map(work_off, jobs))
    if runs:
        print(text_table(write_study(runs, wanted, out)))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
