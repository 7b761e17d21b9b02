"""How fast the constrained decoders are: ours against `generate`, on the same model, trie, beams, device and queries.

Three sides take turns within a repeat, each at its own best batch size, and must give the same answers:
  prefix fn   `model.generate` with a `prefix_allowed_tokens_fn` over a nested-dictionary trie walked from the root for
              every beam and step, as GRACE, AVG and GENRE do it;
  processor   `model.generate` with this package's `TrieLogitsProcessor` (`trie_search`);
  ours        `constrained_beam_search`.
A last table asks the trained tiny retriever: what beam search and `exact_top_k` evaluate, how long they take, what they
miss. Run it on idle cores: `python benchmarks/decoding.py` (the whole grid), `--quick` (two minutes). Writes
benchmarks/results/decoding.json, .md and .png. Exit status 1 where two sides disagree.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # works without installing, too
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import numpy as np
import torch
import transformers
from _machine import machine
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.decoding import (
    beam_search,
    beam_trace,
    constrained_beam_search,
    exact_top_k,
    left_pad,
    score_all_identifiers,
    trie_search,
)
from gcr_tutorial.decoding.scoring import ChildScorer
from gcr_tutorial.decoding.tree_attention import TokenTree
from gcr_tutorial.models.loading import load_backbone
from gcr_tutorial.models.prompts import RETRIEVE_INSTRUCTION, prompt_text
from gcr_tutorial.trie import TrieIndex

RESULTS = ROOT / "benchmarks" / "results"
VOCABULARY, PAD, END, FIRST_CODE = 49280, 0, 5, 40_000  # as SmolVLM's; identifier tokens lie above FIRST_CODE
CLUSTERS = 30  # children of a node, as in the paper's k = c = 30
MODELS = {  # text side only: a query holds no picture
    "tiny": dict(hidden_size=192, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=4, intermediate_size=512),
    "256m": dict(hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3, intermediate_size=1536),
}
SIDES = ("prefix fn", "processor", "ours")
TARGETS = {10: 4.0, 50: 8.0}  # times the speed of the prefix function, 256m, 100,000 images
TOLERANCE = 1e-3  # nats


def random_model(name: str) -> LlamaForCausalLM:
    """A random model with tied embeddings; its answers are nearly even, which is the worst case for skipping work."""
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY, tie_word_embeddings=True, max_position_embeddings=512, pad_token_id=PAD, **MODELS[name]
        )
    ).eval()


def real_prompts(n: int) -> list[list[int]]:
    """`n` prompts: the chat template around Picturebook captions of exactly twelve words, as token ids."""
    backbone = load_backbone(ROOT / "data" / "backbones" / "tiny-vlm")
    found: list[str] = []
    for seed in range(100):
        corpus = ImageCaptionCorpus.from_picturebook(0, 0, 60, seed=seed)
        found += [text for record in corpus.records for text in record.captions if len(text.split()) == 12]
        if len(found) >= n:
            break
    texts = [prompt_text(backbone, RETRIEVE_INSTRUCTION.format(query=query), image=False) for query in found[:n]]
    return backbone.tokenizer(texts, add_special_tokens=False)["input_ids"]


def random_identifiers(n: int) -> np.ndarray:
    """(n, length) distinct structured identifiers: a path of codes below CLUSTERS, an alphabet a level, and the end."""
    length = max(2, math.ceil(math.log(n, CLUSTERS)))
    numbers = np.random.default_rng(n).choice(CLUSTERS**length, size=n, replace=False)
    codes = numbers[:, None] // CLUSTERS ** np.arange(length)[::-1] % CLUSTERS
    return np.column_stack([FIRST_CODE + CLUSTERS * np.arange(length) + codes, np.full(n, END)])


# ---- the sides: each takes (model, prompts, beams, batch size) and returns what trie_search returns


def by_like_length(prompts: Sequence[Sequence[int]], batch_size: int, search: Callable) -> list:
    """Search batches of prompts of like length, padded on the left; answers in the order given."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    found: dict[int, Any] = {}
    for start in range(0, len(order), batch_size):
        places = order[start : start + batch_size]
        found.update(zip(places, search(left_pad([prompts[i] for i in places], PAD))))
    return [found[i] for i in range(len(prompts))]


def dictionary_trie(sequences: np.ndarray) -> dict:
    """Nested dictionaries; a leaf holds the identifier's position under its end token."""
    root: dict = {}
    for position, sequence in enumerate(sequences.tolist()):
        node = root
        for token in sequence[:-1]:
            node = node.setdefault(token, {})
        node[sequence[-1]] = position
    return root


def prefix_function_side(root: dict, depth: int, leaves: int) -> Callable:
    """`generate` with a function that walks the dictionaries from the root for every beam and step."""

    def search(model, prompts, beams, batch_size):
        beams = min(beams, leaves)

        def batch(inputs):
            length = inputs["input_ids"].shape[1]

            def allowed(_, ids):
                node = root
                for token in ids[length:].tolist():
                    node = node.get(token, {}) if isinstance(node, dict) else {}
                return list(node) if isinstance(node, dict) and node else [END]

            scores = (
                dict(output_scores=True, length_penalty=0.0, early_stopping="never") if beams > 1 else dict(output_logits=True)
            )
            output = model.generate(
                **inputs,
                prefix_allowed_tokens_fn=allowed,
                generation_config=GenerationConfig(
                    max_new_tokens=depth,
                    num_beams=beams,
                    num_return_sequences=beams,
                    eos_token_id=END,
                    pad_token_id=PAD,
                    return_dict_in_generate=True,
                    **scores,
                ),
            )
            answers = output.sequences[:, length:].tolist()
            if beams > 1:
                totals = output.sequences_scores.tolist()
            else:
                steps = torch.stack([step.log_softmax(-1) for step in output.logits], 1)  # (B, steps, V)
                totals = [
                    float(row[range(answer.index(END) + 1), answer[: answer.index(END) + 1]].sum())
                    for row, answer in zip(steps, answers)
                ]
            results = []
            for start in range(0, len(answers), beams):
                found = {}
                for answer, total in zip(answers[start : start + beams], totals[start : start + beams]):
                    node: Any = root
                    for token in answer[: answer.index(END) + 1] if END in answer else []:
                        node = node.get(token) if isinstance(node, dict) else None
                    if isinstance(node, int) and total > -1e8:
                        found.setdefault(node, total)
                results.append(list(found.items()))
            return results

        return by_like_length(prompts, batch_size, batch)

    return search


def processor_side(trie: TrieIndex) -> Callable:
    """`generate` with our logits processor."""
    return lambda model, prompts, beams, batch_size: by_like_length(
        prompts, batch_size, lambda inputs: trie_search(model, inputs, trie, beams, pad_id=PAD)
    )


def our_side(trie: TrieIndex) -> Callable:
    """The fast search; it makes its own batches."""
    return lambda model, prompts, beams, batch_size: constrained_beam_search(model, prompts, trie, beams, batch_size=batch_size)


# ---- measuring


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def peak_mib(work: Callable[[], Any]) -> float:
    """How far the process' memory rises above where it stands now, in MiB; NaN where the system does not tell."""

    def status(key: str) -> float:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))

    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before = status("VmRSS")
        work()
        return status("VmHWM") - before
    except (OSError, StopIteration):
        return math.nan


def best_batch_size(run: Callable[[int], Any], queries: int, largest: int) -> int:
    """The fastest of 1, 2, 4 ... `largest` by the time a query takes, the better of two tries; stops at the second size that
    is no faster."""
    best, fastest, worse, size = 1, math.inf, 0, 1
    while size <= min(largest, queries) and worse < 2:
        took = min(seconds(lambda: run(size))[0] for _ in range(2)) / size
        if took < 0.98 * fastest:
            best, fastest, worse = size, took, 0
        else:
            worse += 1
        size *= 2
    return best


def tied(model, prompt: Sequence[int], trie: TrieIndex, beams: int) -> bool:
    """Was a place in some beam given away by less than TOLERANCE? Then rounding may decide who gets it."""
    for step in beam_trace(model, prompt, trie, beams).steps:
        children = [child for prefix in step.prefixes for child in prefix.children]
        kept = [child.score for child in children if child.survives]
        lost = [child.score for child in children if not child.survives]
        if kept and lost and min(kept) - max(lost) < TOLERANCE:
            return True
    return False


def disagreements(found: list, expected: list) -> list[int]:
    """Queries whose answers differ by more than rounding and the order of equal scores."""
    different = []
    for i, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        close = len(ours) == len(theirs) and all(abs(a - b) < TOLERANCE for (_, a), (_, b) in zip(ours, theirs))
        if not close or {position for position, _ in ours} != {position for position, _ in theirs}:
            different.append(i)
    return different


def trie_share(model, prompts, trie: TrieIndex, beams: int, batch_size: int) -> float:
    """Share of our search's time that goes into the trie and the choice of beams (not the model)."""
    spent, places = (
        0.0,
        [(TrieIndex, "children_of"), (TrieIndex, "rows_at"), (beam_search, "best_first"), (beam_search, "nth_best")],
    )
    own = [getattr(place, name) for place, name in places]

    def timed(function):
        def call(*arguments):
            nonlocal spent
            took, result = seconds(lambda: function(*arguments))
            spent += took
            return result

        return call

    try:
        for (place, name), function in zip(places, own):
            setattr(place, name, timed(function))
        total, _ = seconds(lambda: constrained_beam_search(model, prompts, trie, beams, batch_size=batch_size))
    finally:
        for (place, name), function in zip(places, own):
            setattr(place, name, function)
    return spent / total


def evaluated_tokens(work: Callable[[], Any]) -> tuple[int, int]:
    """(tokens that go through the model, prompts included; prefixes that its head scores) in a search of ours."""
    tokens, scored, forward, score = 0, 0, TokenTree._forward, ChildScorer.__call__

    def counted(self, row, *rest):
        nonlocal tokens
        tokens += len(row)
        return forward(self, row, *rest)

    def counted_too(self, hidden, *rest):
        nonlocal scored
        scored += len(hidden)
        return score(self, hidden, *rest)

    TokenTree._forward, ChildScorer.__call__ = counted, counted_too
    try:
        work()
    finally:
        TokenTree._forward, ChildScorer.__call__ = forward, score
    return tokens, scored


def multiplications(model, tokens: float, scored: float) -> float:
    """Of `tokens` through the layers' matrices and `scored` hidden states through the head (attention left out)."""
    head = model.get_output_embeddings().weight.numel()
    layers = sum(p.numel() for p in model.get_decoder().layers.parameters() if p.dim() == 2)
    return tokens * layers + scored * head


def measure(
    name: str, galleries: Sequence[int], beam_counts: Sequence[int], n_queries: int, repeats: int, largest: int
) -> list[dict[str, Any]]:
    """The rows of the grid for one model."""
    model, prompts, rows = random_model(name), real_prompts(n_queries), []
    sizes: dict[tuple[str, int], int] = {}  # best batch size of (side, beams), found on the first gallery
    for gallery in galleries:
        sequences = random_identifiers(gallery)
        trie_seconds, trie = seconds(lambda: TrieIndex.build(sequences))
        held: list[dict] = []
        dictionary_mib = peak_mib(lambda: held.append(dictionary_trie(sequences)))
        sides = dict(zip(SIDES, (prefix_function_side(held[0], trie.depth, gallery), processor_side(trie), our_side(trie))))
        for beams in beam_counts:
            few = max(1, -(-n_queries // max(1, beams // 10)))  # wide beams take long: fewer queries
            asked = prompts[: max(min(n_queries, 16), few)]
            for side in SIDES:
                if (side, beams) not in sizes:
                    search = sides[side]
                    search(model, asked[:1], beams, 1)  # warm up
                    sizes[side, beams] = best_batch_size(
                        lambda size: search(model, asked[:size], beams, size), len(asked), largest
                    )
            times: dict[str, list[float]] = {side: [] for side in SIDES}
            ties, answers = 0, {}
            for repeat in range(repeats):
                turn = SIDES[repeat % 3 :] + SIDES[: repeat % 3]  # nobody is always first
                for side in turn:
                    took, answers[side] = seconds(lambda: sides[side](model, asked, beams, sizes[side, beams]))
                    times[side].append(len(asked) / took)
                for side in SIDES[1:]:
                    for i in disagreements(answers[side], answers[SIDES[0]]):
                        if not tied(model, asked[i], trie, beams):
                            raise SystemExit(
                                f"{name}, {gallery} images, {beams} beams, query {i}: {side!r} found "
                                f"{answers[side][i][:3]} ..., {SIDES[0]!r} {answers[SIDES[0]][i][:3]} ..."
                            )
                        ties += 1
            tokens, scored = evaluated_tokens(lambda: sides["ours"](model, asked, beams, sizes["ours", beams]))
            live = min(beams, gallery)
            generated = live * sum(len(prompt) + trie.depth - 1 for prompt in asked)  # each beam has a prompt of its own
            row = {
                "model": name,
                "gallery": gallery,
                "beams": beams,
                "queries": len(asked),
                "queries_per_s": {side: summary(times[side]) for side in SIDES},
                "batch_size": {side: sizes[side, beams] for side in SIDES},
                "speedup": {side: summary([a / b for a, b in zip(times["ours"], times[side])]) for side in SIDES[:2]},
                "peak_mib": {
                    side: round(peak_mib(lambda: sides[side](model, asked, beams, sizes[side, beams]))) for side in SIDES
                },
                "tokens_per_query": {"ours": round(tokens / len(asked), 1), "generate": round(generated / len(asked), 1)},
                "work_saved": round(
                    multiplications(model, generated, live * trie.depth * len(asked)) / multiplications(model, tokens, scored),
                    2,
                ),
                "trie_share": round(trie_share(model, asked, trie, beams, sizes["ours", beams]), 4),
                "trie_mib": round(trie.nbytes / 2**20, 2),
                "dictionary_mib": round(dictionary_mib, 1),
                "trie_build_s": round(trie_seconds, 2),
                "excused_ties": ties,
            }
            rows.append(row)
            print(line(row), flush=True)
    return rows


def summary(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": round(statistics.median(values), 3), "least": round(min(values), 3), "greatest": round(max(values), 3)}


def line(row: dict[str, Any]) -> str:
    """A row of the grid for people."""
    rate, size, faster = row["queries_per_s"], row["batch_size"], row["speedup"]
    rates = "".join(f"{rate[side]['median']:>9.2f} /{size[side]:>3}" for side in SIDES)
    spread = faster[SIDES[0]]
    return (
        f"{row['model']:<6}{row['gallery']:>9,}{row['beams']:>6}{rates}{spread['median']:>8.2f}x "
        f"({spread['least']:.2f}-{spread['greatest']:.2f}){faster[SIDES[1]]['median']:>7.2f}x"
        f"{row['tokens_per_query']['generate']:>9.0f}{row['tokens_per_query']['ours']:>7.0f}"
        f"{row['work_saved']:>6.2f}x{row['trie_share']:>8.1%}"
    )


HEADER = (
    f"{'model':<6}{'gallery':>9}{'beams':>6}"
    + "".join(f"{side + '/batch':>14}" for side in SIDES)
    + f"{'vs prefix fn':>21}{'vs proc':>8}{'tokens':>9}{'ours':>7}{'work':>7}{'trie':>8}"
)


def trained(n_queries: int, repeats: int) -> dict[str, Any] | None:
    """The trained tiny retriever: evaluations, speed and search errors of beam search and exact_top_k."""
    from gcr_tutorial.models.prompts import retrieve_prompts
    from gcr_tutorial.retrieval.retriever import GenerativeRetriever

    folder = ROOT / "data" / "artifacts" / "structured" / "retriever"
    if not folder.is_dir():
        return None
    retriever = GenerativeRetriever.from_pretrained(folder)
    model, (trie, _) = retriever.backbone.model, retriever.trie(range(len(retriever.identifiers)))
    corpus = ImageCaptionCorpus.from_picturebook(0, 0, -(-n_queries // 5), seed=0)
    queries = [text for record in corpus.records for text in record.captions][:n_queries]
    prompts = retrieve_prompts(retriever.backbone, queries)
    print(f"\ntrained tiny retriever, {len(trie):,} images, {len(prompts)} queries")
    truth = score_all_identifiers(model, prompts[:40], trie)
    ways: dict[str, tuple[int, Callable[[], list]]] = {}
    for k in (1, 10):
        for beams in (1, 10, 50):
            if beams >= k:
                ways[f"beam search, {beams} beams, top {k}"] = (
                    k,
                    lambda b=beams, k=k: constrained_beam_search(model, prompts, trie, b, k=k),
                )
        ways[f"exact_top_k, k = {k}"] = k, lambda k=k: exact_top_k(model, prompts, trie, k, expand=4, batch_size=32).results
    times: dict[str, list[float]] = {way: [] for way in ways}
    for repeat in range(repeats + 1):
        for way, (_, search) in ways.items():
            took, _ = seconds(search)
            if repeat:  # the first warms up
                times[way].append(len(prompts) / took)
    answers = {way: search() for way, (_, search) in ways.items()}
    prompt_tokens, _ = evaluated_tokens(lambda: constrained_beam_search(model, prompts, TrieIndex.build([[END]]), 1))
    rows = []
    for way, (k, search) in ways.items():
        exact = answers[f"exact_top_k, k = {k}"]
        same = statistics.mean(len({p for p, _ in a} & {p for p, _ in b}) / k for a, b in zip(answers[way], exact))
        prefixes = (evaluated_tokens(search)[0] - prompt_tokens) / len(prompts)
        rows.append(
            {
                "way": way,
                "k": k,
                "prefixes_per_query": round(prefixes, 1),
                "queries_per_s": summary(times[way]),
                "of_true_top_k": round(same, 4),
            }
        )
        print(
            f"{way:<32}{prefixes:>8.1f} prefixes a query{rows[-1]['queries_per_s']['median']:>9.1f} queries/s"
            f"{same:>9.1%} of the true top {k}"
        )
    for row, hits in zip(truth, answers["exact_top_k, k = 10"]):
        best = np.sort(row)[::-1][:10]
        if not np.allclose(best, [score for _, score in hits], atol=TOLERANCE):
            raise SystemExit(f"exact_top_k found {hits[:3]} ..., the gallery's best are {best[:3]} ...")
    return {"images": len(trie), "queries": len(prompts), "gallery_checked": len(truth), "rows": rows}


# ---- what is written


def markdown(report: dict[str, Any]) -> str:
    """The tables for people."""
    about = report["machine"]
    out = [
        "# Constrained decoding",
        "",
        f"{about['cpu']}, {about['threads']} threads of {about['cores']} cores, load {about['load_before']} before; Python "
        f"{about['python']}, torch {about['torch']}, transformers {about['transformers']}. Vocabulary {VOCABULARY:,}, "
        f"float32, random weights, prompts of {report['prompt_tokens']['least']}-{report['prompt_tokens']['greatest']} "
        f"tokens (mean {report['prompt_tokens']['mean']}; the chat template around 12-word queries). Queries/s: median of "
        f"{report['repeats']} interleaved repeats; speed-up: median (least-greatest) of the repeats' ratios. Every side at "
        "its own best batch size; all sides gave the same answers. Work saved: multiplications of generate over ours, "
        "which is what code that is equally good at multiplying matrices can gain; random weights give nearly even "
        "scores, so no prefix is ever far enough behind to be skipped.",
        "",
        "| model | gallery | beams | prefix fn | processor | ours | ours / prefix fn | ours / processor | tokens a query: "
        "generate | ours | work saved | peak MiB: prefix fn | ours | trie's share |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in report["grid"]:
        rate, faster = row["queries_per_s"], row["speedup"]
        one = faster[SIDES[0]]
        out.append(
            f"| {row['model']} | {row['gallery']:,} | {row['beams']} | "
            + " | ".join(f"{rate[side]['median']:.2f}" for side in SIDES)
            + f" | **{one['median']:.2f}** ({one['least']:.2f}-{one['greatest']:.2f}) | {faster[SIDES[1]]['median']:.2f} | "
            f"{row['tokens_per_query']['generate']:.0f} | {row['tokens_per_query']['ours']:.0f} | {row['work_saved']:.2f} | "
            f"{row['peak_mib']['prefix fn']} | {row['peak_mib']['ours']} | {row['trie_share']:.1%} |"
        )
    out += [
        "",
        "The trie of each gallery in MiB (TrieIndex / nested dictionaries): "
        + "; ".join(
            f"{gallery:,}: {row['trie_mib']} / {row['dictionary_mib']}"
            for gallery, row in {row["gallery"]: row for row in report["grid"]}.items()
        )
        + ".",
    ]
    if report["trained"]:
        found = report["trained"]
        out += [
            "",
            f"The trained tiny retriever ({found['images']:,} images, {found['queries']} queries; exact_top_k checked "
            f"against every identifier's score on {found['gallery_checked']}):",
            "",
            "| search | prefixes evaluated a query | queries/s | of the true top k |",
            "|---|---:|---:|---:|",
        ]
        out += [
            f"| {row['way']} | {row['prefixes_per_query']} | {row['queries_per_s']['median']:.1f} | "
            f"{row['of_true_top_k']:.1%} |"
            for row in found["rows"]
        ]
    return "\n".join(out) + "\n"


def plot(report: dict[str, Any], path: Path) -> None:
    """Queries a second against the number of beams, a panel a model, at its largest gallery up to 100,000."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(row["model"] for row in report["grid"]))
    figure, panels = plt.subplots(1, len(names), figsize=(5.2 * len(names), 4), squeeze=False, layout="constrained")
    styles = {"prefix fn": ("#D55E00", "s", ":"), "processor": ("#0072B2", "^", "--"), "ours": ("#009E73", "o", "-")}
    for panel, name in zip(panels[0], names):
        gallery = max(row["gallery"] for row in report["grid"] if row["model"] == name and row["gallery"] <= 100_000)
        rows = [row for row in report["grid"] if row["model"] == name and row["gallery"] == gallery]
        beams = [row["beams"] for row in rows]
        for side, (color, marker, style) in styles.items():
            rates = [row["queries_per_s"][side] for row in rows]
            middle = [rate["median"] for rate in rates]
            spread = [
                [m - rate["least"] for m, rate in zip(middle, rates)],
                [rate["greatest"] - m for m, rate in zip(middle, rates)],
            ]
            panel.errorbar(beams, middle, spread, color=color, marker=marker, linestyle=style, label=side, capsize=3)
        for row in rows:
            panel.annotate(
                f"{row['speedup']['prefix fn']['median']:.1f}x",
                (row["beams"], row["queries_per_s"]["ours"]["median"]),
                textcoords="offset points",
                xytext=(0, 8),
                ha="center",
                fontsize=9,
            )
        panel.set(xscale="log", yscale="log", xlabel="beams", title=f"{name}, {gallery:,} images")
        panel.set_xticks(beams, [str(b) for b in beams])
        panel.margins(y=0.15)
        panel.grid(alpha=0.3, which="both")
    panels[0][0].set_ylabel("queries a second")
    panels[0][0].legend()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main() -> None:
    """Measure, print, write; exit status 1 where two sides disagree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the tiny model and small galleries only, two repeats")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--galleries", nargs="+", type=int, default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--beams", nargs="+", type=int, default=[1, 10, 50])
    parser.add_argument("--queries", type=int, default=32, help="queries a repeat (wide beams: at least 16)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--largest-batch", type=int, default=32, help="largest batch size tried")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of decoding.json, .md and .png")
    arguments = parser.parse_args()
    if min(arguments.queries, arguments.repeats, arguments.threads, *arguments.beams, *arguments.galleries) < 1:
        parser.error("numbers must be at least 1")
    if arguments.quick:
        arguments.models, arguments.galleries, arguments.repeats, arguments.queries = ["tiny"], [1_000, 100_000], 2, 16
    torch.set_num_threads(arguments.threads)
    about, started = (
        machine(threads=arguments.threads, torch=torch.__version__, transformers=transformers.__version__),
        time.perf_counter(),
    )
    lengths = [len(prompt) for prompt in real_prompts(arguments.queries)]
    print(f"{about['cpu']}, {about['threads']} threads, load {about['load_before']} before; torch {about['torch']}")
    print(f"prompts: {min(lengths)}-{max(lengths)} tokens, mean {statistics.mean(lengths):.1f}; vocabulary {VOCABULARY:,}")
    print(
        f"queries/s at the best batch size; medians of {arguments.repeats} interleaved repeats\n\n{HEADER}\n{'-' * len(HEADER)}"
    )
    with torch.no_grad():
        grid = [
            row
            for name in arguments.models
            for row in measure(
                name, arguments.galleries, arguments.beams, arguments.queries, arguments.repeats, arguments.largest_batch
            )
        ]
        found = trained(20 if arguments.quick else 100, 2 if arguments.quick else arguments.repeats)
    report = {
        "machine": about,
        "vocabulary": VOCABULARY,
        "repeats": arguments.repeats,
        "prompt_tokens": {"least": min(lengths), "greatest": max(lengths), "mean": round(statistics.mean(lengths), 1)},
        "grid": grid,
        "trained": found,
        "seconds": round(time.perf_counter() - started),
    }
    for row in grid:
        if row["model"] == "256m" and row["gallery"] == 100_000 and row["beams"] in TARGETS:
            reached, aim = row["speedup"]["prefix fn"]["median"], TARGETS[row["beams"]]
            print(
                f"aim at {row['beams']} beams, 100,000 images: {aim:.0f}x; measured {reached:.2f}x"
                f" ({'reached' if reached >= aim else 'MISSED'})"
            )
    arguments.out.mkdir(parents=True, exist_ok=True)
    for suffix, text in ((".json", json.dumps(report, indent=1) + "\n"), (".md", markdown(report))):
        aside = arguments.out / f"decoding{suffix}.writing"
        aside.write_text(text)
        os.replace(aside, arguments.out / f"decoding{suffix}")
    plot(report, arguments.out / "decoding.png")
    print(f"written to {arguments.out}/decoding.json, .md and .png after {report['seconds']} s")


if __name__ == "__main__":
    main()
