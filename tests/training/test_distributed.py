"""One run on two processes (CPU, gloo): the same losses and recalls as on one; one of them killed ends the other."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from killable import start, start_many
from safetensors.torch import load_file, save_file
from tiny_backbone import captions, tiny_backbone
from tiny_data import data_folder, scratch
from torch.distributed.tensor import DTensor

from gcr_tutorial import processes
from gcr_tutorial.config import TrainingConfig
from gcr_tutorial.models.lora import make_trainable
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.training import sharding
from gcr_tutorial.training.classifier import fine_tune_classifier
from gcr_tutorial.training.examples import memorize_examples, retrieve_examples, target_ids
from gcr_tutorial.training.loop import train

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "data" / "accelerate"
# 16 images: batches of 7 leave 2 over (memorize), and parts of unequal token counts. Structured: identifiers of two lengths.
RUN = [
    "run",
    "--identifier",
    "structured",
    "--train-images",
    "10",
    "--test-images",
    "6",
    "--pseudo-queries",
    "2",
    "--batch-size",
    "7",
    "--memorize-epochs",
    "2",
    "--retrieve-epochs",
    "2",
    "--rank",
    "4",
]


@pytest.fixture(scope="module")
def alone() -> Path:
    """The folder of a run on one process."""
    process = start([*RUN, "--out", "run"], scratch() / "alone")
    process.join()
    assert process.exitcode == 0, (scratch() / "alone" / "err.txt").read_text()
    return scratch() / "alone" / "run"


def assert_same_run(one: Path, two: Path) -> None:
    first, second = (json.loads((folder / "results.json").read_text()) for folder in (one, two))
    assert first["losses"].keys() == second["losses"].keys()
    for stage, losses in first["losses"].items():  # rounded to 1e-4 in results.json
        assert second["losses"][stage] == pytest.approx(losses, abs=1.5e-4)
    for name in ("recall", "recall_full_gallery", "valid_rate", "oracle", "baselines", "n_pseudo_queries"):
        assert first[name] == second[name], name
    weights, others = (load_file(folder / "retriever" / "backbone" / "model.safetensors") for folder in (one, two))
    for name, weight in weights.items():
        torch.testing.assert_close(others[name], weight, rtol=1e-3, atol=1e-4)


def all_end_well(started: list, folder: Path) -> None:
    """Wait for the processes, whose errors go to `folder`."""
    for process in started:
        process.join()
    assert all(process.exitcode == 0 for process in started), [file.read_text() for file in folder.glob("err*")]


def stopped_while_retrieving(many: list, number: int, folder: Path) -> None:
    """SIGTERM to one of the two processes of a run in `folder` once its second stage is saved: both end by it."""
    while not list((folder / "run").glob("checkpoints/training/1_*/*.json")) and all(process.is_alive() for process in many):
        time.sleep(0.01)
    os.kill(many[number].pid, signal.SIGTERM)
    for process in many:
        process.join()
    assert [process.exitcode for process in many] == [143, 143], (folder / "err0.txt").read_text()


def launch(config: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess:
    """`accelerate launch` with a shipped configuration, in `folder`."""
    environment = os.environ | {"GCR_DATA": str(data_folder()), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(CONFIGS / f"{config}.yaml"), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def held(model: torch.nn.Module) -> float:
    """The share of the model's weights that this process holds while it trains."""
    weights = list(model.parameters())
    here = [weight.to_local() if isinstance(weight, DTensor) else weight for weight in weights]
    return sum(weight.numel() for weight in here) / sum(weight.numel() for weight in weights)


def train_here(batch_size: int, accumulation: int, file: str, trainable: str = "lora") -> None:
    """Train on identifiers of two lengths, some after an image and some after words; losses and weights go to `file`."""
    processes.start()
    torch.manual_seed(0)
    backbone, features = tiny_backbone(), torch.randn(6, 4, 32)
    add_tokens(backbone, ["<a>", "<b>", "<c>", "<d>"])
    codes = [["<a>"], ["<b>"], ["<c>"], ["<d>", "<a>"], ["<d>", "<b>", "<c>"], ["<d>", "<c>"]]
    targets = target_ids(backbone, codes)
    queries = [(text, row % 6) for row, text in enumerate(captions(13))]
    examples = memorize_examples(backbone, targets) + retrieve_examples(backbone, queries, targets)  # 19
    config = TrainingConfig(
        batch_size=batch_size, accumulation=accumulation, trainable=trainable, rank=4, lr=1e-2 if trainable == "lora" else 1e-3
    )
    make_trainable(backbone, config, sorted({token for target in targets for token in target[:-1]}))
    unshard = sharding.unshard
    sharding.unshard = lambda parts, whole: (
        Path(f"{file}{processes.rank()}.txt").write_text(str(held(parts))) and unshard(parts, whole)
    )
    losses, _ = train(backbone, examples, epochs=3, config=config, features=features)
    Path(f"{file}{processes.rank()}.json").write_text(json.dumps(losses))
    save_file(
        {name: weight.contiguous() for name, weight in backbone.model.state_dict().items() if "lm_head" not in name},
        f"{file}{processes.rank()}.safetensors",
    )
    processes.stop()


def classify_here(batch_size: int, accumulation: int, file: str) -> None:
    """The same of the classifier, the whole language model and its map."""
    processes.start()
    embeddings = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    queries = [(text, row % 6) for row, text in enumerate(captions(13))]
    config = TrainingConfig(trainable="full", batch_size=batch_size, accumulation=accumulation, lr=1e-3, retrieve_epochs=3)
    _, history = fine_tune_classifier(tiny_backbone(), embeddings, queries, config=config)
    Path(f"{file}{processes.rank()}.json").write_text(json.dumps(history.losses["retrieve"]))
    processes.stop()


def test_a_classifiers_losses_do_not_depend_on_it_either(tmp_path):
    started = [
        start([4, 1, "alone"], tmp_path, classify_here),
        *start_many([4, 1, "two"], tmp_path, 2, classify_here),
        *start_many([4, 1, "split"], tmp_path, 2, classify_here, ACCELERATE_USE_FSDP="true"),
    ]
    all_end_well(started, tmp_path)
    losses = {file.stem: json.loads(file.read_text()) for file in tmp_path.glob("*.json")}
    assert len(losses["alone0"]) == 12 and losses["alone0"][-1] < losses["alone0"][0]
    for name in ("two0", "two1", "split0", "split1"):
        assert losses[name] == pytest.approx(losses["alone0"], abs=1e-5), name


def test_losses_do_not_depend_on_the_number_of_processes(tmp_path):
    """At the same effective batch, to 1e-5. Batches of 6 of 19 leave one over: a process and a part have nothing to do."""
    started = [
        start([6, 1, "alone"], tmp_path, train_here),
        *start_many([6, 1, "two"], tmp_path, 2, train_here),
        *start_many([6, 2, "parts"], tmp_path, 2, train_here),
    ]
    all_end_well(started, tmp_path)
    losses = {file.stem: json.loads(file.read_text()) for file in tmp_path.glob("*.json")}
    assert set(losses) == {"alone0", "two0", "two1", "parts0", "parts1"}
    assert len(losses["alone0"]) == 12 and losses["alone0"][-1] < losses["alone0"][0]
    for name, values in losses.items():
        assert values == pytest.approx(losses["alone0"], abs=1e-5), name


@pytest.mark.parametrize("trainable", ["lora", "full"])
def test_split_weights_learn_what_whole_ones_do(tmp_path, trainable):
    """FSDP: each process holds half, in parts of a batch too; losses to 1e-5, and whole weights in the end on both."""
    split = {"work": train_here, "ACCELERATE_USE_FSDP": "true"}
    started = [
        start([6, 1, "alone", trainable], tmp_path, train_here),
        *start_many([6, 1, "split", trainable], tmp_path, **split),
        *start_many([6, 2, "parts", trainable], tmp_path, **split),
    ]
    all_end_well(started, tmp_path)
    shares = {file.stem: float(file.read_text()) for file in tmp_path.glob("*[01].txt") if "err" not in file.stem}
    assert shares.pop("alone0") == 1 and len(shares) == 4 and all(0.4 < share < 0.6 for share in shares.values()), shares
    losses, weights = json.loads((tmp_path / "alone0.json").read_text()), load_file(tmp_path / "alone0.safetensors")
    assert len(losses) == 12 and losses[-1] < losses[0]
    for name in shares:
        assert json.loads((tmp_path / f"{name}.json").read_text()) == pytest.approx(losses, abs=1e-5), name
        found = load_file(tmp_path / f"{name}.safetensors")
        assert found.keys() == weights.keys()
        for key, weight in weights.items():
            torch.testing.assert_close(found[key], weight, rtol=1e-3, atol=1e-4)


def test_a_split_run_stopped_on_the_way_goes_on_alone_or_split(alone, tmp_path):
    """What FSDP saves is whole: one process takes it up, or two that split it again, and both end as the one did."""
    many = start_many([*RUN, "--out", "run", "--checkpoint-steps", "1"], tmp_path, ACCELERATE_USE_FSDP="true")
    stopped_while_retrieving(many, 0, tmp_path)
    shutil.copytree(tmp_path / "run", tmp_path / "again")
    for name, go_on in (("run", lambda *its: [start(*its)]), ("again", partial(start_many, ACCELERATE_USE_FSDP="true"))):
        started = go_on([*RUN, "--out", name, "--resume"], tmp_path)
        all_end_well(started, tmp_path)
        assert_same_run(alone, tmp_path / name)


def test_a_split_run_killed_goes_on_with_more_processes(alone, tmp_path):
    """SIGKILL to both of two; three split the weights again (peft 2946)."""
    many = start_many([*RUN, "--out", "run", "--checkpoint-steps", "1"], tmp_path, ACCELERATE_USE_FSDP="true")
    while not list((tmp_path / "run").glob("checkpoints/training/1_*/*.json")) and all(process.is_alive() for process in many):
        time.sleep(0.01)
    for process in many:
        process.kill()
        process.join()
    assert [process.exitcode for process in many] == [-signal.SIGKILL] * 2, (tmp_path / "err0.txt").read_text()
    all_end_well(start_many([*RUN, "--out", "run", "--resume"], tmp_path, 3, ACCELERATE_USE_FSDP="true"), tmp_path)
    assert_same_run(alone, tmp_path / "run")


def test_two_processes_stopped_once_do_what_one_does(alone, tmp_path):
    """Interrupted on the way by SIGTERM to one of them only: both end at the same step, and both go on."""
    many = start_many([*RUN, "--out", "run", "--checkpoint-steps", "1"], tmp_path)
    stopped_while_retrieving(many, 1, tmp_path)
    assert "after step" in (tmp_path / "err0.txt").read_text()
    many = start_many([*RUN, "--out", "run", "--resume", "--accumulation", "2"], tmp_path)
    for process in many:
        process.join()
    assert [process.exitcode for process in many] == [0, 0], [file.read_text() for file in tmp_path.glob("err*")]
    assert_same_run(alone, tmp_path / "run")
    said = (tmp_path / "out.txt").read_text()
    assert said.count("GRACE structured, 6 images") == said.count("written: ") == 1  # one of them talks
    assert sorted(os.listdir(tmp_path / "run")) == ["results.json", "retriever"]


def test_a_killed_process_ends_the_run(tmp_path):
    many = start_many([*RUN, "--out", "run", "--checkpoint-steps", "1"], tmp_path)
    while not list((tmp_path / "run").glob("checkpoints/training/*/*.json")) and all(process.is_alive() for process in many):
        time.sleep(0.01)
    many[1].kill()
    many[0].join(120)
    assert many[0].exitcode == 2, "the other one hangs" if many[0].is_alive() else (tmp_path / "err0.txt").read_text()
    said = (tmp_path / "err0.txt").read_text()
    assert "Traceback" not in said and "another process of this run ended" in said and "--resume" in said
    assert list((tmp_path / "run" / "checkpoints" / "training").glob("*/*.json"))


@pytest.mark.parametrize("rank, order", [(0, ["work", "wait"]), (1, ["wait", "work"])])
def test_the_main_process_goes_first(monkeypatch, rank, order):
    did = []
    monkeypatch.setattr(processes, "rank", lambda: rank)
    monkeypatch.setattr(processes, "wait", lambda: did.append("wait"))
    assert processes.main_first(lambda: did.append("work") or "made") == "made" and did == order


@pytest.mark.soak
def test_accelerate_launch_with_the_shipped_fsdp_configuration(alone, tmp_path):
    """On two processes without GPUs instead of four with one each."""
    command = ["--num_processes", "2", "--gpu_ids=-1,-1", "-m", "gcr_tutorial", *RUN]
    done = launch("fsdp", *command, "--out", "run", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_same_run(alone, tmp_path / "run")
    done = launch("fsdp", *command, "--mixed-precision", "fp16", folder=tmp_path)
    assert done.returncode != 0 and "add --mixed-precision bf16" in done.stderr


@pytest.mark.soak
def test_accelerate_launch_with_the_shipped_configuration(alone, tmp_path):
    command = ["-m", "gcr_tutorial", *RUN, "--out", "run"]
    done = launch("cpu", *command, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("written: ") == 1
    assert_same_run(alone, tmp_path / "run")
    done = launch("cpu", *command, "--resume", "--lr", "1", folder=tmp_path)
    assert done.returncode != 0 and "error: " in done.stderr and "preset.recipe.lr was 0.003 and is 1.0" in done.stderr


@pytest.mark.parametrize("name", ["cpu", "one_gpu", "many_gpus", "fsdp"])
def test_shipped_configurations_are_accelerates_and_say_whether_they_were_run(name):
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(CONFIGS / f"{name}.yaml"))
    assert config.num_processes == {"cpu": 2, "one_gpu": 1, "many_gpus": 4, "fsdp": 4}[name]
    text = (CONFIGS / f"{name}.yaml").read_text()
    assert yaml.safe_load(text)["use_cpu"] == (name == "cpu")
    assert ("Run and tested" in text) != ("Not run yet" in text)


def test_alone_everything_is_the_plain_thing():
    processes.start()
    assert (processes.count(), processes.rank(), processes.is_main()) == (1, 0, True)
    assert processes.total([1.5, True]) == [1.5, 1] and processes.gather("a") == ["a"]
    assert processes.map_sharded([3, 4, 5], lambda items: [item * 2 for item in items]) == [6, 8, 10]
    processes.wait()
    processes.stop()


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shares_come_back_in_order(monkeypatch, count):
    items, shares = list("abcde"), []
    monkeypatch.setattr(processes, "count", lambda: count)
    for rank in range(count):
        monkeypatch.setattr(processes, "rank", lambda rank=rank: rank)
        monkeypatch.setattr(processes, "gather", lambda value: shares.append(value) or [[]] * count)
        try:
            processes.map_sharded(items, lambda share: [item.upper() for item in share])
        except ValueError:
            pass  # an empty answer for a share that is not empty
    monkeypatch.setattr(processes, "gather", lambda value: shares)
    assert processes.map_sharded(items, lambda share: [item.upper() for item in share]) == list("ABCDE")
