"""The command line: `python -m gcr_tutorial COMMAND`. Each command prints what it does and how long is left."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

COMMANDS = ("run", "compare", "search", "pretrain", "doctor", "tutorial", "notebooks", "exercises", "badges")


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status. Mistakes of the user end in one sentence, not in a traceback."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.do(arguments)
    except (OSError, ValueError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gcr_tutorial", description="Generative cross-modal retrieval (GRACE).")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")

    run = commands.add_parser("run", help="memorize a gallery, measure retrieval, save the retriever")
    run.add_argument("--identifier", default="atomic", help="atomic (default), structured, numeric, string, semantic, "
                     "residual or classifier")
    run.add_argument("--out", metavar="DIR", help="where results.json and the retriever go (default: runs/KIND)")
    _add_recipe(run)
    run.set_defaults(do=_run)

    compare = commands.add_parser("compare", help="run every identifier kind with one recipe; writes the table of them")
    compare.add_argument("--kinds", default="all", help="all (default), or some of them, with commas: atomic,structured")
    compare.add_argument("--out", metavar="DIR", default="runs/compare",
                         help="DIR/KIND, DIR/comparison.md and .json; a kind finished there with the same settings is not run "
                              "again (default: runs/compare)")
    _add_recipe(compare)
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

    notebooks = commands.add_parser("notebooks", help="stamp exercises and badges, execute the notebooks, save them with outputs")
    notebooks.set_defaults(do=_notebooks)

    exercises = commands.add_parser("exercises", help="write the sources in notebooks/exercises into the notebooks' cells")
    exercises.add_argument("folder", nargs="?", metavar="DIR", help="the notebooks' folder (default: this clone's)")
    exercises.add_argument("--check", action="store_true", help="change nothing; fail if a notebook differs from the sources")
    exercises.set_defaults(do=_exercises)

    badges = commands.add_parser("badges", help="write pyproject.toml's owner/repository into notebooks and README.md")
    badges.add_argument("--check", action="store_true", help="change nothing; fail if a file differs from the setting")
    badges.set_defaults(do=_badges)
    return parser


def _add_recipe(command: argparse.ArgumentParser) -> None:
    """What `run` and `compare` have in common: which images, and how they are learned."""
    command.add_argument("--preset", help="tiny (default), colab or paper; else the variable GCR_PRESET")
    command.add_argument("--protocol", default="karpathy", help="karpathy (default) or heldout-caption")
    command.add_argument("--karpathy", metavar="JSON", help="a Karpathy split file (Flickr8k, Flickr30K, MS-COCO)")
    command.add_argument("--images", metavar="DIR", help="the folder of its images; alone: a folder of pictures without captions")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--schedule", choices=("sequential", "joint"), help="default: the preset's")
    command.add_argument("--trainable", choices=("lora", "full"), help="default: the preset's")
    command.add_argument("--lr", type=float, help="learning rate; default: the preset's")
    command.add_argument("--pseudo-queries", type=int, metavar="K", help="captions the model writes for each uncaptioned image")
    command.add_argument("--memorize-epochs", type=int, metavar="N")
    command.add_argument("--retrieve-epochs", type=int, metavar="N")
    command.add_argument("--train-images", type=int, metavar="N", help="Picturebook only: size of the training split")
    command.add_argument("--test-images", type=int, metavar="N", help="Picturebook only: size of the test gallery")


def _asked_for(arguments: argparse.Namespace) -> tuple[Any, Any, dict[str, str]]:
    """(preset, corpus, where its pictures are) as the options say."""
    from .corpus import ImageCaptionCorpus
    from .presets import get_preset

    preset = get_preset(arguments.preset)
    changes = {"schedule": arguments.schedule, "trainable": arguments.trainable, "lr": arguments.lr,
               "memorize_epochs": arguments.memorize_epochs, "retrieve_epochs": arguments.retrieve_epochs,
               "least_steps": None if arguments.retrieve_epochs is None else 0}  # who says how many epochs gets them
    recipe = replace(preset.recipe, **{name: value for name, value in changes.items() if value is not None})
    preset = replace(preset, recipe=recipe)
    if arguments.pseudo_queries is not None:
        preset = replace(preset, pseudo_queries=arguments.pseudo_queries, pseudo_samples=2 * arguments.pseudo_queries)
    if arguments.karpathy:
        if not arguments.images:
            raise ValueError("--karpathy needs --images: the folder that holds its pictures")
        corpus = ImageCaptionCorpus.from_karpathy(arguments.karpathy, arguments.images)
        about = {"source": "files", "images_dir": str(Path(arguments.images).resolve())}
    elif arguments.images:
        corpus = ImageCaptionCorpus.from_folder(arguments.images)
        about = {"source": "files", "images_dir": str(Path(arguments.images).resolve())}
    else:
        train, test = arguments.train_images, arguments.test_images  # 0 is a number too
        corpus = ImageCaptionCorpus.from_picturebook(preset.n_train if train is None else train, preset.n_val,
                                                     preset.n_test if test is None else test, seed=0)
        about = {"source": "picturebook"}
    return preset, corpus, about


def _run(arguments: argparse.Namespace) -> int:
    from .pipeline import run
    from .reporting import results_table
    from .session import quiet

    quiet()
    preset, corpus, about = _asked_for(arguments)
    out = Path(arguments.out or f"runs/{arguments.identifier}")
    print(f"{corpus!r}, preset {preset.name}, identifier {arguments.identifier}, protocol {arguments.protocol}")
    results = run(corpus, preset, identifier=arguments.identifier, protocol=arguments.protocol, seed=arguments.seed, out=out,
                  about=about)
    print(results_table([results]))
    print(f"written: {out / 'results.json'} and {out / 'retriever'}; ask it: "
          f'python -m gcr_tutorial search {out} "your words"')
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from .comparison import compare
    from .identifiers import KINDS
    from .reporting import comparison_table
    from .session import quiet

    quiet()
    kinds = KINDS if arguments.kinds == "all" else tuple(kind.strip() for kind in arguments.kinds.split(","))
    preset, corpus, about = _asked_for(arguments)
    out = Path(arguments.out)
    print(f"{corpus!r}, preset {preset.name}, protocol {arguments.protocol}, identifiers {', '.join(kinds)}")
    runs = compare(corpus, preset, kinds, out, protocol=arguments.protocol, seed=arguments.seed, about=about)
    print(comparison_table(runs))
    print(f"written: {out / 'comparison.md'} and {out / 'comparison.json'}")
    return 0


def _search(arguments: argparse.Namespace) -> int:
    from .plots import save_ranking
    from .retriever import GenerativeRetriever, picture_of
    from .session import quiet

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
    from .pretraining_run import pretrain_backbones
    from .session import quiet

    quiet()
    pretrain_backbones(Path(arguments.out), Path(arguments.bank), minutes=arguments.minutes, scenes=arguments.scenes,
                       seed=arguments.seed, only=arguments.only,
                       start_from=Path(arguments.start_from) if arguments.start_from else None,
                       clock=time.process_time if arguments.cpu_time else time.perf_counter)
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from .doctor import run_doctor

    return run_doctor()


def _tutorial(arguments: argparse.Namespace) -> int:
    from .notebook_runner import run_tutorial

    return run_tutorial(Path(arguments.out))


def _notebooks(arguments: argparse.Namespace) -> int:
    from .exercises import stamp_all
    from .notebook_runner import save_notebooks
    from .series import stamp_badges

    stamp_all()
    stamp_badges()
    return save_notebooks()


def _exercises(arguments: argparse.Namespace) -> int:
    from .exercises import stamp_all
    from .notebook_files import NOTEBOOKS

    return stamp_all(Path(arguments.folder or NOTEBOOKS), arguments.check)


def _badges(arguments: argparse.Namespace) -> int:
    from .series import stamp_badges

    return stamp_badges(check=arguments.check)


if __name__ == "__main__":
    sys.exit(main())
