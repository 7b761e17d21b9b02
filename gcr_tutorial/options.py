"""The options that `run` and `compare` share, and what they mean: a preset, a corpus, and how a run is kept."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any


def add_recipe_options(command: argparse.ArgumentParser) -> None:
    """What `run` and `compare` have in common: which images, and how they are learned."""
    command.add_argument("--preset", help="tiny (default), colab or paper; else the variable GCR_PRESET")
    command.add_argument("--protocol", default="karpathy", help="karpathy (default) or heldout-caption")
    command.add_argument("--karpathy", metavar="JSON", help="a Karpathy split file (Flickr8k, Flickr30K, MS-COCO)")
    command.add_argument(
        "--images", metavar="DIR", help="the folder of its images; alone: a folder of pictures without captions"
    )
    command.add_argument(
        "--hub",
        metavar="NAME",
        help="a copy on the Hugging Face Hub: flickr30k, or OWNER/NAME with --revision, "
        "or the folder of one (needs the package `datasets`)",
    )
    command.add_argument("--revision", metavar="COMMIT", help="the commit of --hub to take")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--schedule", choices=("sequential", "joint"), help="default: the preset's")
    command.add_argument("--trainable", choices=("lora", "full"), help="default: the preset's")
    command.add_argument("--lr", type=float, help="learning rate; default: the preset's")
    command.add_argument("--rank", type=int, metavar="R", help="of LoRA; default: the preset's")
    command.add_argument(
        "--batch-size", type=int, metavar="N", help="examples a step over all processes; default: the preset's"
    )
    command.add_argument("--accumulation", type=int, metavar="N", help="compute a batch in N parts: less memory, same result")
    command.add_argument("--mixed-precision", choices=("no", "fp16", "bf16"), help="default: the preset's")
    pseudo = command.add_mutually_exclusive_group()
    pseudo.add_argument("--pseudo-queries", type=int, metavar="K", help="captions the model writes for each uncaptioned image")
    pseudo.add_argument(
        "--no-pseudo-queries",
        dest="pseudo_queries",
        action="store_const",
        const=0,
        help="learn to retrieve from people's captions alone",
    )
    command.add_argument(
        "--pseudo-samples",
        type=int,
        metavar="N",
        help="captions it writes to choose those K from by CLIP's "
        "agreement with the image (default: the preset's, or 2 K; K or fewer: no choice is made)",
    )
    memorize = command.add_mutually_exclusive_group()
    memorize.add_argument("--memorize-epochs", type=int, metavar="N", help="default: the preset's")
    memorize.add_argument(
        "--no-memorize",
        dest="memorize_epochs",
        action="store_const",
        const=0,
        help="skip the memorize step: learn to retrieve only",
    )
    command.add_argument("--retrieve-epochs", type=int, metavar="N", help="default: the preset's")
    command.add_argument("--train-images", type=int, metavar="N", help="Picturebook only: size of the training split")
    command.add_argument("--test-images", type=int, metavar="N", help="Picturebook only: size of the test gallery")
    command.add_argument("--resume", action="store_true", help="go on with the interrupted run in --out, if there is one")
    command.add_argument("--checkpoint-seconds", type=float, default=60.0, metavar="S", help="save so often (default 60)")
    command.add_argument("--checkpoint-steps", type=int, metavar="N", help="save it every N steps, too")


def preset_and_corpus(arguments: argparse.Namespace) -> tuple[Any, Any, dict[str, str]]:
    """(preset, corpus, where its pictures are) as the options say."""
    from gcr_tutorial.config import get_preset
    from gcr_tutorial.data.corpus import ImageCaptionCorpus

    for name in ("pseudo_queries", "pseudo_samples", "checkpoint_seconds", "checkpoint_steps"):
        if (value := getattr(arguments, name)) is not None and not value >= (least := int(name == "checkpoint_steps")):
            raise ValueError(f"--{name.replace('_', '-')} {value}: give {least} or more")
    preset = get_preset(arguments.preset)
    changes = {
        "schedule": arguments.schedule,
        "trainable": arguments.trainable,
        "lr": arguments.lr,
        "rank": arguments.rank,
        "batch_size": arguments.batch_size,
        "accumulation": arguments.accumulation,
        "mixed_precision": arguments.mixed_precision,
        "memorize_epochs": arguments.memorize_epochs,
        "retrieve_epochs": arguments.retrieve_epochs,
        "memorize_share": 0.0 if arguments.memorize_epochs == 0 else None,
        "least_steps": None if arguments.retrieve_epochs is None else 0,
    }  # who says how many epochs gets them
    config = replace(preset.training, **{name: value for name, value in changes.items() if value is not None})
    preset = replace(preset, training=config)
    if arguments.pseudo_queries is not None:
        preset = replace(preset, pseudo_queries=arguments.pseudo_queries, pseudo_samples=2 * arguments.pseudo_queries)
    if arguments.pseudo_samples is not None:
        preset = replace(preset, pseudo_samples=arguments.pseudo_samples)
    if arguments.karpathy:
        if not arguments.images:
            raise ValueError("--karpathy needs --images: the folder that holds its pictures")
        corpus = ImageCaptionCorpus.from_karpathy(arguments.karpathy, arguments.images)
        about = {"source": "files", "images_dir": str(Path(arguments.images).resolve())}
    elif arguments.hub:
        corpus = ImageCaptionCorpus.from_hub(arguments.hub, arguments.revision)
        about = {"source": "hub", "name": arguments.hub, "revision": arguments.revision}
    elif arguments.images:
        corpus = ImageCaptionCorpus.from_folder(arguments.images)
        about = {"source": "files", "images_dir": str(Path(arguments.images).resolve())}
    else:
        train, test = arguments.train_images, arguments.test_images  # 0 is a number too
        corpus = ImageCaptionCorpus.from_picturebook(
            preset.n_train if train is None else train, preset.n_val, preset.n_test if test is None else test, seed=0
        )
        about = {"source": "picturebook"}
    return preset, corpus, about


def checkpoint_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the options say about going on with an interrupted run, and about keeping this one."""
    return {name: getattr(arguments, name) for name in ("resume", "checkpoint_seconds", "checkpoint_steps")}
