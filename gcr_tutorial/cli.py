"""The command line: `python -m gcr_tutorial COMMAND`. Each command prints what it does and how long is left."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from gcr_tutorial.options import add_recipe_options, checkpoint_options, preset_and_corpus

COMMANDS = ("run", "compare", "search", "pretrain", "doctor", "tutorial", "notebooks", "exercises", "badges")


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status. Mistakes of the user end in one sentence, not in a traceback."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.do(arguments)
    except KeyboardInterrupt as error:
        print(_sentence("interrupted", error), file=sys.stderr)
        return 128 + getattr(error, "number", signal.SIGINT)
    except Exception as error:
        if not _is_expected(error):
            raise
        print(_sentence("error", error), file=sys.stderr)
        return 2


def _sentence(kind: str, error: BaseException) -> str:
    """What happened, and what to do about it, on one line."""
    said = " ".join(str(error).split()) or ("out of memory" if isinstance(error, MemoryError) else "")
    return "; ".join([f"{kind}: {said}" if said else kind, *getattr(error, "__notes__", ())])


def _is_expected(error: Exception) -> bool:
    """Whether `error` is one that a user can do something about: no traceback then."""
    if isinstance(error, (OSError, ValueError, FloatingPointError, MemoryError, ImportError)):
        return True
    from accelerate.utils.memory import should_reduce_batch_size  # only now: it takes seconds
    from safetensors import SafetensorError

    from gcr_tutorial.processes import is_peer_failure

    if is_peer_failure(error):
        error.add_note("another process of this run ended: see what it said")
    return is_peer_failure(error) or isinstance(error, SafetensorError) or should_reduce_batch_size(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gcr_tutorial", description="Generative cross-modal retrieval (GRACE).")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")

    run = commands.add_parser("run", help="memorize a gallery, measure retrieval, save the retriever")
    run.add_argument(
        "--identifier", default="atomic", help="atomic (default), structured, numeric, string, semantic, residual or classifier"
    )
    run.add_argument("--out", metavar="DIR", help="where results.json and the retriever go (default: runs/KIND)")
    add_recipe_options(run)
    run.set_defaults(do=_run)

    compare = commands.add_parser("compare", help="run every identifier kind with one recipe; writes the table of them")
    compare.add_argument("--kinds", default="all", help="all (default), or some of them, with commas: atomic,structured")
    compare.add_argument(
        "--out",
        metavar="DIR",
        default="runs/compare",
        help="DIR/KIND, DIR/comparison.md and .json; a kind finished there with the same settings is not run "
        "again (default: runs/compare)",
    )
    add_recipe_options(compare)
    compare.set_defaults(do=_compare)

    search = commands.add_parser("search", help="ask a saved retriever; prints the ranking, writes a picture of it")
    search.add_argument("retriever", metavar="DIR", help="what `run --out` was given, or the retriever folder in it")
    search.add_argument("query")
    search.add_argument("-k", type=int, default=5, help="how many pictures (default 5)")
    search.add_argument("--rerank", choices=("clip",), help="put what the beam found in CLIP's order (the hybrid)")
    search.add_argument("--images", metavar="DIR", help="where the pictures are, if they were moved since")
    search.add_argument("--png", metavar="FILE", help="where the picture goes (default: runs/search.png)")
    search.set_defaults(do=_search)

    pretrain = commands.add_parser("pretrain", help="make the shipped backbones from nothing (hours on a CPU)")
    pretrain.add_argument("--out", metavar="DIR", default="runs/backbones", help="where tiny-vlm/ and tiny-clip/ go")
    pretrain.add_argument("--only", choices=("tiny-vlm", "tiny-clip"), help="one of the two")
    pretrain.add_argument("--minutes", type=float, default=120.0, help="training time of each (default 120)")
    pretrain.add_argument("--start-from", metavar="DIR", help="go on from the backbones in this folder (data/backbones, say)")
    pretrain.add_argument("--scenes", type=int, default=240_000, help="pictures in the scene bank (default 240,000)")
    pretrain.add_argument("--bank", metavar="DIR", default="runs/bank", help="where the scene bank is kept")
    pretrain.add_argument("--seed", type=int, default=0)
    pretrain.add_argument("--cpu-time", action="store_true", help="count processor time, not wall time: on a busy machine")
    pretrain.set_defaults(do=_pretrain)

    commands.add_parser("doctor", help="check this environment").set_defaults(do=_doctor)

    tutorial = commands.add_parser("tutorial", help="execute every notebook, then print the table of results")
    tutorial.add_argument("--out", metavar="DIR", default="build/tutorial")
    tutorial.set_defaults(do=_tutorial)

    notebooks = commands.add_parser(
        "notebooks", help="stamp exercises and badges, execute the notebooks, save them with outputs"
    )
    notebooks.set_defaults(do=_notebooks)

    exercises = commands.add_parser("exercises", help="write the sources in notebooks/exercises into the notebooks' cells")
    exercises.add_argument("folder", nargs="?", metavar="DIR", help="the notebooks' folder (default: this clone's)")
    exercises.add_argument("--check", action="store_true", help="change nothing; fail if a notebook differs from the sources")
    exercises.set_defaults(do=_exercises)

    badges = commands.add_parser("badges", help="write pyproject.toml's owner/repository into notebooks and README.md")
    badges.add_argument("--check", action="store_true", help="change nothing; fail if a file differs from the setting")
    badges.set_defaults(do=_badges)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from gcr_tutorial import processes
    from gcr_tutorial.experiments.pipeline import run
    from gcr_tutorial.experiments.reporting import results_table
    from gcr_tutorial.experiments.unfinished import note_checkpoint_on_error
    from gcr_tutorial.notebook_tools.session import quiet

    quiet()
    preset, corpus, about = preset_and_corpus(arguments)
    out = Path(arguments.out or f"runs/{arguments.identifier}")
    processes.start()
    say = processes.print_main
    say(f"{corpus!r}, preset {preset.name}, identifier {arguments.identifier}, protocol {arguments.protocol}")
    with note_checkpoint_on_error(out):
        results = run(
            corpus,
            preset,
            identifier=arguments.identifier,
            protocol=arguments.protocol,
            seed=arguments.seed,
            out=out,
            about=about,
            **checkpoint_options(arguments),
        )
    say(results_table([results]))
    say(f'written: {out / "results.json"} and {out / "retriever"}; ask it: python -m gcr_tutorial search {out} "your words"')
    processes.stop()
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from gcr_tutorial import processes
    from gcr_tutorial.experiments.comparison import compare
    from gcr_tutorial.experiments.reporting import comparison_table
    from gcr_tutorial.identifiers import IDENTIFIER_KINDS
    from gcr_tutorial.notebook_tools.session import quiet

    quiet()
    kinds = IDENTIFIER_KINDS if arguments.kinds == "all" else tuple(kind.strip() for kind in arguments.kinds.split(","))
    preset, corpus, about = preset_and_corpus(arguments)
    out = Path(arguments.out)
    processes.start()
    say = processes.print_main
    say(f"{corpus!r}, preset {preset.name}, protocol {arguments.protocol}, identifiers {', '.join(kinds)}")
    runs = compare(
        corpus,
        preset,
        kinds,
        out,
        protocol=arguments.protocol,
        seed=arguments.seed,
        about=about,
        **checkpoint_options(arguments),
    )
    say(comparison_table(runs))
    say(f"written: {out / 'comparison.md'} and {out / 'comparison.json'}")
    processes.stop()
    return 0


def _search(arguments: argparse.Namespace) -> int:
    from gcr_tutorial.notebook_tools.session import quiet
    from gcr_tutorial.retrieval.pictures import picture_of
    from gcr_tutorial.retrieval.retriever import GenerativeRetriever
    from gcr_tutorial.viz.pictures import save_ranking

    quiet()
    folder = Path(arguments.retriever)
    folder = folder / "retriever" if (folder / "retriever").is_dir() else folder
    retriever = GenerativeRetriever.from_pretrained(folder)
    hits = retriever.search(arguments.query, arguments.k, rerank=arguments.rerank)
    for rank, hit in enumerate(hits, 1):
        print(f"{rank:3d}. {hit.image_id}  {'log p' if arguments.rerank is None else 'cosine'} = {hit.score:.2f}")
    target = Path(arguments.png or "runs/search.png")
    save_ranking(target, arguments.query, [(picture_of(retriever, hit, arguments.images), hit) for hit in hits])
    print(f"written: {target}")
    return 0


def _pretrain(arguments: argparse.Namespace) -> int:
    from gcr_tutorial.notebook_tools.session import quiet
    from gcr_tutorial.pretraining.run import pretrain_backbones

    quiet()
    pretrain_backbones(
        Path(arguments.out),
        Path(arguments.bank),
        minutes=arguments.minutes,
        scenes=arguments.scenes,
        seed=arguments.seed,
        only=arguments.only,
        start_from=Path(arguments.start_from) if arguments.start_from else None,
        clock=time.process_time if arguments.cpu_time else time.perf_counter,
    )
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from gcr_tutorial.doctor import run_doctor

    return run_doctor()


def _tutorial(arguments: argparse.Namespace) -> int:
    from gcr_tutorial.notebook_tools.runner import run_tutorial

    return run_tutorial(Path(arguments.out))


def _notebooks(arguments: argparse.Namespace) -> int:
    from gcr_tutorial.notebook_tools.badges import stamp_badges
    from gcr_tutorial.notebook_tools.exercises import stamp_all
    from gcr_tutorial.notebook_tools.runner import save_notebooks

    stamp_all()
    stamp_badges()
    return save_notebooks()


def _exercises(arguments: argparse.Namespace) -> int:
    from gcr_tutorial.notebook_tools.exercises import stamp_all
    from gcr_tutorial.notebook_tools.files import NOTEBOOKS

    return stamp_all(Path(arguments.folder or NOTEBOOKS), arguments.check)


def _badges(arguments: argparse.Namespace) -> int:
    from gcr_tutorial.notebook_tools.badges import stamp_badges

    return stamp_badges(check=arguments.check)
