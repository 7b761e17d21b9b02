"""Commands in processes of their own, which a test may kill: forked from one that has the imports done already."""

import json
import multiprocessing
import os
import socket
import sys
from hashlib import sha256
from pathlib import Path

from tiny_data import data_folder

HERE = Path(__file__).resolve().parent
TESTS = [folder for folder in HERE.parent.iterdir() if folder.is_dir()]  # where a test module that names `work` may be
SMALL = [
    "--train-images",
    "10",
    "--test-images",
    "6",
    "--pseudo-queries",
    "2",
    "--batch-size",
    "8",
    "--rank",
    "4",
    "--memorize-epochs",
    "4",
    "--retrieve-epochs",
    "3",
    "--checkpoint-steps",
    "1",
]  # 8 + 24 steps


def _command(*arguments) -> None:
    from gcr_tutorial.cli import main

    sys.exit(main(list(arguments)))


def _child(work, arguments, environment, folder):
    os.setsid()
    os.environ.update(environment)
    os.chdir(folder)
    sys.stdout = open("out.txt", "a", buffering=1)
    sys.stderr = open(f"err{environment.get('RANK', '')}.txt", "a", buffering=1)
    import torch

    torch.set_num_threads(1)
    work(*arguments)


def start(arguments, folder: Path, work=_command, **environment) -> multiprocessing.Process:
    """`python -m gcr_tutorial ARGUMENTS` in `folder` (made if missing), where it writes out.txt and err.txt; or another
    function of these arguments."""
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["warm_imports"])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), *map(str, TESTS), str(HERE.parents[1]), before or ""])
    try:
        environment = {"GCR_DATA": str(data_folder()), **environment}
        process = context.Process(target=_child, args=(work, list(arguments), environment, folder))
        process.start()
    finally:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)
    return process


def start_many(arguments, folder: Path, count: int = 2, work=_command, **environment) -> list[multiprocessing.Process]:
    """The same as `count` processes of one run, as a launcher would start them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alike = {
        **environment,
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    return [start(arguments, folder, work, RANK=str(rank), LOCAL_RANK=str(rank), **alike) for rank in range(count)]


def outcome(out: Path) -> dict:
    """What must not depend on how often a run was interrupted: a checksum of the weights, losses, recalls."""
    results = json.loads((out / "results.json").read_text())
    weights = (out / "retriever" / "backbone" / "model.safetensors").read_bytes()
    return {
        "weights": sha256(weights).hexdigest(),
        **{
            name: results[name]
            for name in ("losses", "recall", "recall_full_gallery", "valid_rate", "baselines", "n_pseudo_queries")
        },
    }
