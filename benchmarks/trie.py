"""What the identifier trie costs: time and memory to build and change it, bytes an identifier, lookups a second.

Run it with `python benchmarks/trie.py` (100,000 and 1,000,000 identifiers, a minute) or `--full` (10,000,000 too, two
minutes more and 3 GB of memory). Every size is measured in a process of its own, so that its peak memory is its own. A
trie of nested Python dictionaries, as most generative retrieval code uses, stands beside it at 100,000; the two must
agree, or the exit status is 1. Writes benchmarks/results/trie.json and trie.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # works without installing, too

import numpy as np
import psutil
import torch
from _machine import machine

from gcr_tutorial.trie import TrieIndex

RESULTS = ROOT / "benchmarks" / "results"
VOCABULARY, END = 49_280, 2  # new tokens follow a vocabulary as large as SmolVLM's; the end token is one of the old
DICTIONARY_SIZE = 100_000
TARGET = 20  # bytes an identifier
KINDS = {"clusters": "4 codes, each of its own 256 tokens", "atomic": "one token of its own"}


def random_sequences(kind: str, n: int) -> np.ndarray:
    """(n, length) int64, distinct identifiers in random order, end token included."""
    rng = np.random.default_rng(0)
    if kind == "atomic":
        bodies = VOCABULARY + rng.permutation(n)[:, None]
    else:
        paths = np.unique(rng.integers(2**32, size=n + n // 100 + 100))  # few are drawn twice
        paths = rng.permutation(paths)[:n].astype("<u4")
        bodies = paths.view(np.uint8).reshape(n, 4) + (VOCABULARY + 256 * np.arange(4))
    return np.concatenate([bodies, np.full((n, 1), END)], axis=1)


def seconds(work: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Median, fastest and slowest of `repeats` calls by the clock, and the median by the processor time of this process,
    which other programs disturb less."""
    clock, processor = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - wall)
        processor.append(time.process_time() - cpu)
    return {"median": statistics.median(clock), "min": min(clock), "max": max(clock), "cpu": statistics.median(processor)}


def peak_memory() -> int:
    """The most memory that this process has held, in bytes."""
    try:  # Linux: getrusage would count the parent's memory, too
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure(file: Path, repeats: int) -> dict[str, Any]:
    """All figures of the trie of the sequences in `file`."""
    sequences = np.load(file)
    n, rng = len(sequences), np.random.default_rng(1)
    before = psutil.Process().memory_info().rss  # Python, PyTorch and the input
    start = time.perf_counter()
    trie = TrieIndex.build(sequences)
    first = time.perf_counter() - start
    peak = peak_memory()
    built = seconds(lambda: TrieIndex.build(sequences), repeats)

    batch = n // 100
    most, gone = TrieIndex.build(sequences[batch:]), rng.choice(n, size=batch, replace=False)
    with tempfile.TemporaryDirectory() as folder:
        save = seconds(lambda: trie.save(folder), 1)
        load = seconds(lambda: TrieIndex.load(folder), repeats)
        file_bytes = sum(path.stat().st_size for path in Path(folder).iterdir())
    asked = sequences[rng.integers(n, size=2_000)]
    many = torch.from_numpy(sequences[rng.integers(n, size=20_000)])
    nodes = rng.integers(trie.num_prefixes, size=20_000)
    on_cpu = trie.on("cpu")
    one_by_one = seconds(lambda: [trie.row_at(trie.walk(row)) for row in asked.tolist()], repeats)["cpu"]
    return {
        "identifiers": n,
        "prefixes": trie.num_prefixes,
        "build_first_s": first,
        "build_s": built,
        "bytes_per_identifier": trie.nbytes / n,
        "tensor_bytes_per_identifier": sum(part.nbytes for part in (on_cpu.alphabet, on_cpu.keys, on_cpu.targets, on_cpu.rows))
        / n,
        "input_mb": sequences.nbytes / 1e6,
        "before_mb": before / 1e6,
        "peak_mb": peak / 1e6,
        "file_bytes_per_identifier": file_bytes / n,
        "save_s": save,
        "load_s": load,
        "merge_1_percent_s": seconds(lambda: most.merge(sequences[:batch]), repeats),
        "without_1_percent_s": seconds(lambda: trie.without(gone), repeats),
        "lookups_per_cpu_s": len(asked) / one_by_one,
        "batched_lookups_per_cpu_s": len(many) / seconds(lambda: on_cpu.rows_of(many), repeats)["cpu"],
        "children_of_nodes_per_cpu_s": len(nodes) / seconds(lambda: trie.children_of(nodes), repeats)["cpu"],
    }


def dictionary_trie(sequences: list[list[int]]) -> dict:
    """Nested dictionaries; the end token leads to the row."""
    root: dict = {}
    for row, sequence in enumerate(sequences):
        node = root
        for token in sequence[:-1]:
            node = node.setdefault(token, {})
        node[sequence[-1]] = row
    return root


def measure_dictionary(sequences: np.ndarray, repeats: int) -> dict[str, Any]:
    """The same of nested dictionaries, and whether they and the trie agree."""
    rows, trie = sequences.tolist(), TrieIndex.build(sequences)
    tracemalloc.start()
    root = dictionary_trie(rows)
    nbytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    def find(row: list[int]) -> int | None:
        node = root
        for token in row:
            node = node.get(token) if isinstance(node, dict) else None
        return node if isinstance(node, int) else None

    rng = np.random.default_rng(1)
    asked = sequences[rng.integers(len(rows), size=2_000)]
    changed = asked.copy()
    changed[:, -2] = sequences[rng.integers(len(rows), size=2_000), -2]  # many of these are in neither
    both = np.concatenate([asked, changed])
    expected = [find(row) for row in both.tolist()]
    agree = (
        expected
        == [trie.row_at(trie.walk(row)) for row in both.tolist()]
        == [None if row < 0 else row for row in trie.on("cpu").rows_of(torch.from_numpy(both)).tolist()]
    )
    taken = seconds(lambda: [find(row) for row in asked.tolist()], repeats)["cpu"]
    return {
        "identifiers": len(rows),
        "build_s": seconds(lambda: dictionary_trie(rows), repeats),
        "bytes_per_identifier": nbytes / len(rows),
        "lookups_per_cpu_s": len(asked) / taken,
        "agrees": agree,
    }


def table(result: dict[str, Any]) -> str:
    """The figures in Markdown."""
    about = result["machine"]
    columns = (
        "identifiers",
        "",
        "build s (min-max)",
        "build CPU s",
        "peak MB, before",
        "bytes each",
        "on disk",
        "as tensors",
        "merge 1 % CPU s",
        "without 1 % CPU s",
        "load CPU s",
        "lookups/CPU s",
        "batched",
    )
    lines = [
        "# The identifier trie",
        "",
        f"{about['cpu']}, {about['cores']} cores, load {about['load_before']} before the run, one thread; Python "
        f"{about['python']}, NumPy {about['numpy']}, PyTorch {about['torch']}. Medians of {result['repeats']}.",
        "",
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
    ]
    for kind, rows in result["trie"].items():
        for row in rows:
            build = row["build_s"]
            cells = (
                f"{row['identifiers']:,} {kind}",
                "`TrieIndex`",
                f"{build['median']:.2f} ({build['min']:.2f}-{build['max']:.2f})",
                f"{build['cpu']:.2f}",
                f"{row['peak_mb']:,.0f}, {row['before_mb']:,.0f}",
                f"{row['bytes_per_identifier']:.1f}",
                f"{row['file_bytes_per_identifier']:.1f}",
                f"{row['tensor_bytes_per_identifier']:.1f}",
                f"{row['merge_1_percent_s']['cpu']:.2f}",
                f"{row['without_1_percent_s']['cpu']:.2f}",
                f"{row['load_s']['cpu']:.2f}",
                f"{row['lookups_per_cpu_s']:,.0f}",
                f"{row['batched_lookups_per_cpu_s']:,.0f}",
            )
            lines.append("| " + " | ".join(cells) + " |")
            other = result["dictionaries"][kind]
            if row["identifiers"] == other["identifiers"]:
                build = other["build_s"]
                cells = (
                    f"{other['identifiers']:,} {kind}",
                    "nested dictionaries",
                    f"{build['median']:.2f} ({build['min']:.2f}-{build['max']:.2f})",
                    f"{build['cpu']:.2f}",
                    "",
                    f"{other['bytes_per_identifier']:.1f}",
                    *[""] * 5,
                    f"{other['lookups_per_cpu_s']:,.0f}",
                    "",
                )
                lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "; ".join(f"*{kind}*: {what}" for kind, what in KINDS.items()) + "; an end token closes each. *As "
        "tensors*: what `TrieIndex.on` adds on a device. *Lookups*: identifier to row from a Python list one "
        "by one, or as rows of one tensor on the CPU. *Peak*: of the whole process while it builds, and what it held "
        "just before (Python, PyTorch, the input array). CPU seconds count this process alone.",
        f"Aim: at most {TARGET} bytes an identifier.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="10,000,000 identifiers too")
    parser.add_argument("--repeats", type=int, default=5, help="timed repeats (default 5)")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)  # one size, in a process of its own
    arguments = parser.parse_args()
    if arguments.repeats < 1:
        parser.error("--repeats must be at least 1")
    torch.set_num_threads(1)
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.repeats)))
        return 0

    about = machine(numpy=np.__version__, torch=torch.__version__)
    result: dict[str, Any] = {
        "machine": about,
        "repeats": arguments.repeats,
        "target_bytes": TARGET,
        "trie": {},
        "dictionaries": {},
    }
    for kind in KINDS:
        result["dictionaries"][kind] = measure_dictionary(random_sequences(kind, DICTIONARY_SIZE), arguments.repeats)
        result["trie"][kind] = []
        for n in (100_000, 1_000_000, 10_000_000)[: 3 if arguments.full else 2]:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "sequences.npy"
                np.save(file, random_sequences(kind, n))
                command = [sys.executable, __file__, "--measure", str(file), "--repeats", str(arguments.repeats)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            result["trie"][kind].append(json.loads(done.stdout))
            print(f"{n:,} {kind}: done", file=sys.stderr)

    text = table(result)
    print(text)
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name, content in (("trie.json", json.dumps(result, indent=1) + "\n"), ("trie.md", text)):
        aside = RESULTS / f"{name}.writing"
        aside.write_text(content)
        os.replace(aside, RESULTS / name)
    print(f"written to {(RESULTS / 'trie.md').relative_to(ROOT)} and trie.json")
    if not all(other["agrees"] for other in result["dictionaries"].values()):
        print("the trie and the dictionaries do not agree", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
