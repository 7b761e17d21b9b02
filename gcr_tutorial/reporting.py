"""Results as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def _row(name: str, recall: dict[str, float] | None, source: str, seconds: float | None = None) -> list[str]:
    cells = [f"{recall[k]:5.1f}" if recall else "-" for k in ("R@1", "R@5", "R@10")]
    return [name, *cells, source, "-" if seconds is None else f"{seconds:.0f}"]


def training_seconds(results: dict[str, Any]) -> float:
    """Seconds of pseudo-queries and fine-tuning: what an identifier kind costs."""
    stages = ("captioning", "pseudo-queries", "memorize", "retrieve", "joint")
    return sum(results["seconds"].get(stage, 0.0) for stage in stages)


def results_table(runs: Sequence[dict[str, Any]], source: str = "trained now") -> str:
    """Recall@K of each run (dicts as in results.json) and, once, the baselines and the oracle of the first."""
    rows = [["text -> image", "R@1", "R@5", "R@10", "source", "seconds"]]
    for results in runs:
        name = f"GRACE {results['identifier']}"
        made = results.get("source", source)
        rows.append(_row(f"{name}, {results['n_gallery']} images", results["recall"], made, training_seconds(results)))
        if results["n_memorized"] != results["n_gallery"]:
            rows.append(_row(f"{name}, all {results['n_memorized']}", results["recall_full_gallery"], made))
    names = {"clip_zero_shot": "CLIP zero-shot", "bm25": "BM25 over captions and pseudo-queries", "chance": "chance"}
    for key, name in names.items():
        if key in runs[0]["baselines"]:
            rows.append(_row(name, runs[0]["baselines"][key], "computed now"))
    if "oracle" in runs[0]:
        rows.append(_row("oracle (ambiguity's ceiling)", runs[0]["oracle"], "computed now"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) if i in (0, 4) else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths)))
             for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
