"""How long identifiers take to make, and how much memory, for a large gallery: structured and residual, by clustering.

Run it with `python benchmarks/identifiers.py` (100,000 random embeddings of 512 dimensions; `--images 1000000` for the
figure the project aims at: structured identifiers of a million in under 15 minutes and 8 GB on 2 cores). Random directions
are the hard case, having no clusters at all. Writes benchmarks/results/identifiers-N.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # works without installing, too

import faiss
import numpy as np
from _machine import machine

from gcr_tutorial.doctor import usable_cores
from gcr_tutorial.identifiers import make_identifiers

TARGET = {"images": 1_000_000, "minutes": 15.0, "gb": 8.0}  # of structured identifiers


def peak_gb() -> float:
    """The most memory this process has held so far, in GiB."""
    import resource

    unit = 1 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30, 2)


def embeddings(n: int, dimensions: int, seed: int) -> np.ndarray:
    """(n, dimensions) float32 rows of a normal distribution, made in place."""
    return np.random.default_rng(seed).standard_normal((n, dimensions), dtype=np.float32)


def measure(kind: str, points: np.ndarray, clusters: int, leaf_size: int) -> dict[str, float | int | str]:
    """Seconds by the clock and of this process's cores, the shape of what came out, and the peak memory so far."""
    names = [str(i) for i in range(len(points))]
    wall, cpu = time.perf_counter(), time.process_time()
    identifiers = make_identifiers(kind, names, points, clusters, leaf_size)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    lengths = list(map(len, identifiers.codes))
    leaves = Counter(code[:-1] for code in identifiers.codes)
    return {
        "kind": kind,
        "seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_gb": peak_gb(),
        "longest": max(lengths),
        "mean_length": round(statistics.fmean(lengths), 2),
        "new_tokens": len(identifiers.new_tokens),
        "largest_leaf": max(leaves.values()),
    }


def main() -> int:
    """Measure, print the table, write the JSON; exit status 1 where a million images miss the aim."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000, help="embeddings (default 100,000)")
    parser.add_argument("--dimensions", type=int, default=512, help="of an embedding (default 512)")
    parser.add_argument("--clusters", type=int, default=30, help="clusters of a level (default 30, as the official code)")
    parser.add_argument("--leaf-size", type=int, default=30, help="most images in a leaf (default 30)")
    parser.add_argument("--kinds", default="structured,residual", help="default: structured,residual")
    arguments = parser.parse_args()
    about, rows = machine(cores_usable=usable_cores(), numpy=np.__version__, kmeans=f"faiss {faiss.__version__}"), []
    print(
        f"{about['cpu']}, {about['cores_usable']} cores usable, load {about['load_before']} before the run; {about['kmeans']}; "
        f"{arguments.images:,} random embeddings of {arguments.dimensions} dimensions, k = {arguments.clusters}, "
        f"leaves of at most {arguments.leaf_size}",
        flush=True,
    )
    points = embeddings(arguments.images, arguments.dimensions, seed=0)
    header = f"{'kind':<12}{'seconds':>9}{'of CPU':>9}{'peak GB':>9}{'longest':>9}{'mean':>7}{'tokens':>8}{'largest leaf':>14}"
    print(header + "\n" + "-" * len(header), flush=True)
    for kind in arguments.kinds.split(","):
        row = measure(kind, points, arguments.clusters, arguments.leaf_size)
        rows.append(row)
        print(
            f"{kind:<12}{row['seconds']:>9.1f}{row['cpu_seconds']:>9.1f}{row['peak_gb']:>9.2f}{row['longest']:>9}"
            f"{row['mean_length']:>7.2f}{row['new_tokens']:>8}{row['largest_leaf']:>14}",
            flush=True,
        )
    result = ROOT / "benchmarks" / "results" / f"identifiers-{arguments.images}.json"
    aside = result.with_suffix(".writing")
    result.parent.mkdir(parents=True, exist_ok=True)
    aside.write_text(json.dumps({"machine": about, **vars(arguments), "target": TARGET, "rows": rows}, indent=1) + "\n")
    os.replace(aside, result)
    print(f"written to {result.relative_to(ROOT)}")
    missed = [
        row
        for row in rows
        if row["kind"] == "structured"
        and arguments.images >= TARGET["images"]
        and (row["seconds"] > 60 * TARGET["minutes"] or row["peak_gb"] > TARGET["gb"])
    ]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
