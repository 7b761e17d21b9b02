"""Results as tables for people, and training losses as curves of few points."""

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
        if results.get("hybrid"):
            rows.append(_row(f"{name}, beam re-ranked by CLIP", results["hybrid"], made))
    computed = runs[0].get("source", source).replace("trained", "computed")
    names = {"clip_zero_shot": "CLIP zero-shot", "bm25": "BM25 over captions and pseudo-queries", "chance": "chance"}
    for key, name in names.items():
        if key in runs[0]["baselines"]:
            rows.append(_row(name, runs[0]["baselines"][key], computed))
    if "oracle" in runs[0]:
        rows.append(_row("oracle (ambiguity's ceiling)", runs[0]["oracle"], computed))
    return _aligned(rows, left=(0, 4))


def comparison_rows(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `compare` tells of each run: recall in percent (of the test gallery; "all" is every memorized image; "hybrid" is
    the beam re-ranked by CLIP), cost in tokens and seconds. Training is memorize and retrieve, without pseudo-queries,
    which all kinds share; None where nothing was measured."""
    return [
        {
            "kind": results["identifier"],
            "tokens": results["tokens_per_identifier"],
            "new tokens": results["n_new_tokens"],
            **(results["recall"] or dict.fromkeys(("R@1", "R@5", "R@10"))),
            "R@1 all": (results["recall_full_gallery"] or {}).get("R@1"),
            "R@1 hybrid": (results["hybrid"] or {}).get("R@1"),
            "valid rate": results["valid_rate"],
            "training s": sum(results["seconds"].get(stage, 0.0) for stage in ("memorize", "retrieve", "joint")),
            "search s": results["seconds"].get("search"),
        }
        for results in runs
    ]


def _comparison_cells(runs: Sequence[dict[str, Any]]) -> list[list[str]]:
    forms = {"kind": "", "tokens": ".1f", "new tokens": "d", "valid rate": ".3f", "training s": ".0f", "search s": ".1f"}
    rows = comparison_rows(runs)
    return [list(rows[0])] + [
        ["-" if value is None else format(value, forms.get(name, ".1f")) for name, value in row.items()] for row in rows
    ]


def comparison_table(runs: Sequence[dict[str, Any]]) -> str:
    """The rows of `comparison_rows` as a table for the terminal."""
    return _aligned(_comparison_cells(runs), left=(0,))


def comparison_markdown(runs: Sequence[dict[str, Any]]) -> str:
    """The same as Markdown, with a line before it that says what was run."""
    first, (head, *rows) = runs[0], _comparison_cells(runs)
    about = (
        f"Preset {first['preset']}, {first['corpus']}, {first['n_memorized']} images memorized, {first['n_gallery']} of "
        f"them searched by {first['n_queries']} queries, schedule {first['schedule']}, seed {first['seed']}; recall in "
        "percent. Tokens: mean of an identifier, its end not counted. R@1 all: searching every memorized image. R@1 "
        "hybrid: the beam re-ranked by CLIP. The classifier generates no identifier: one matrix product ranks frozen "
        "CLIP embeddings."
    )
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join([about, "", *(f"| {' | '.join(line)} |" for line in lines)])


def thin(values: Sequence[float], most: int = 200) -> list[float]:
    """At most `most` of `values`, evenly spaced and rounded to four digits: enough for a curve."""
    step = max(1, -(-len(values) // most))
    return [round(value, 4) for value in values[::step]]


def _aligned(rows: list[list[str]], left: Sequence[int]) -> str:
    """Rows of cells, the first a heading, in columns: those in `left` start at the left, the others end at the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(w) if i in left else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))) for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
