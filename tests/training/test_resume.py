"""Nothing is lost: whatever ends a run, `--resume` brings it to the weights that it would have had."""

import json
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from killable import SMALL, outcome, start
from safetensors import SafetensorError
from test_cli import one_sentence
from tiny_data import SIZES, command, scratch

from gcr_tutorial import config as presets
from gcr_tutorial.cli import main
from gcr_tutorial.experiments import pipeline
from gcr_tutorial.training import checkpoints, loop
from gcr_tutorial.training.checkpoints import load_checkpoint
from gcr_tutorial.training.gradient import BatchGradient


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Default output folders are below the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def straight():
    """(outcome, seconds) of a run that nothing interrupts, in a process of its own."""
    folder = scratch() / "straight"
    start(["doctor-of-nothing"], folder).join()  # the imports are not part of the seconds
    began = time.monotonic()
    process = start(["run", *SMALL, "--out", "run"], folder)
    process.join()
    assert process.exitcode == 0, (folder / "err.txt").read_text()
    return outcome(folder / "run"), time.monotonic() - began


def write_in_progress(folder: Path) -> bool:
    """Whether a checkpoint is half written at this moment: its JSON file, or the tensors (safetensors' temporary file)."""
    return any(file.name.endswith(".writing") or file.name.startswith(".tmp") for file in folder.rglob("*"))


def survive(folder: Path, kills: int, straight, rng: random.Random) -> int:
    """Kill a run -9 `kills` times, every other time while it writes, and let it go on; returns how many hit a write."""
    expected, seconds = straight
    done = writes = 0
    while True:
        process = start(["run", *SMALL, "--resume", "--out", "run"], folder)
        if done < kills:
            until = time.monotonic() + rng.uniform(0, seconds)
            while process.is_alive() and time.monotonic() < until:
                time.sleep(0.005)
            while process.is_alive() and done % 2 and not write_in_progress(folder / "run"):
                pass
            process.kill()
        process.join()
        if process.exitcode == -signal.SIGKILL:
            done += 1
            writes += write_in_progress(folder / "run")
            continue
        assert process.exitcode == 0, (folder / "err.txt").read_text()
        assert outcome(folder / "run") == expected
        assert sorted(os.listdir(folder / "run")) == ["results.json", "retriever"]
        if done >= kills:
            return writes
        folder = folder.with_name(folder.name + "+")  # it came through: once more from the beginning


def test_killed_at_random_moments_it_comes_to_the_same_weights(tmp_path, straight):
    survive(tmp_path / "killed", 2, straight, random.Random())


@pytest.mark.soak
def test_killed_twenty_times_it_comes_to_the_same_weights(tmp_path, straight):
    writes = survive(tmp_path / "killed", 20, straight, random.Random())
    assert writes >= 5, "too few kills hit a write to say anything about writing"


def killed_inside_a_batch(*arguments: str) -> None:
    """The command, in this process, which kills itself when it begins the second part of the 13th batch."""
    original, calls = loop.collate, []

    def collate(*its):
        calls.append(1)
        if len(calls) == 2 * 12 + 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*its)

    loop.collate = collate
    main(list(arguments))


def test_killed_between_two_parts_of_a_batch_it_comes_to_the_same_weights(tmp_path):
    """The gradient of the first part is lost, and the whole batch is computed again."""
    arguments = ["run", *SMALL, "--accumulation", "2", "--out"]
    killed = start([*arguments, "run"], tmp_path, killed_inside_a_batch)
    straight = start([*arguments, "straight"], tmp_path)
    for process in (killed, straight):
        process.join()
    assert (killed.exitcode, straight.exitcode) == (-signal.SIGKILL, 0), (tmp_path / "err.txt").read_text()
    assert len(load_checkpoint(RETRIEVE)["losses"]) == 4  # eight memorize steps and these are the twelve before
    resumed = start([*arguments, "run", "--resume"], tmp_path)
    resumed.join()
    assert resumed.exitcode == 0 and outcome(Path("run")) == outcome(Path("straight"))


@pytest.fixture
def at_step(monkeypatch):
    """at_step(n, act): call `act(the BatchGradient)` before the gradient of the n-th batch from now, over all stages."""

    def plan(number, act):
        original, calls = BatchGradient.__call__, []

        def instead(self, batch):
            calls.append(1)
            if len(calls) == number:
                act(self)
            return original(self, batch)

        monkeypatch.setattr(BatchGradient, "__call__", instead)

    return plan


def run(*more: str):
    """A run in this process; it has 8 memorize steps, then 24 retrieve steps."""
    return command("run", *SMALL, "--out", "run", *more)


RETRIEVE = Path("run/checkpoints/training/1_retrieve")


def assert_it_goes_on_from(step: int, straight) -> None:
    """The last good checkpoint is of that step, and a resumed run ends where it should have."""
    assert len(load_checkpoint(RETRIEVE)["losses"]) == step
    status, out, err = run("--resume")
    assert status == 0, err
    assert out.count("as before the interruption") == 2  # embeddings, pseudo-queries
    assert outcome(Path("run")) == straight[0]
    assert sorted(os.listdir("run")) == ["results.json", "retriever"]


@pytest.mark.parametrize("number, status, name", [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 130, "Ctrl-C")])
def test_stopped_it_saves_first(straight, at_step, number, status, name):
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    at_step(13, lambda gradient: signal.raise_signal(number))
    ended, _, err = run("--checkpoint-steps", "1000")  # nothing else saves on the way
    assert ended == status and err.count("\n") == 1
    assert f"interrupted: stopped by {name} after step 5, which is saved in {RETRIEVE}; " in err and "--resume" in err
    assert not Path("run/results.json").exists()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == handlers
    if number == signal.SIGTERM:
        assert_it_goes_on_from(5, straight)


def test_a_second_ctrl_c_ends_at_once(at_step):
    at_step(13, lambda gradient: [signal.raise_signal(signal.SIGINT) for _ in range(2)])
    ended, _, err = run("--checkpoint-steps", "1000")
    assert ended == 130 and err.startswith("interrupted; what is done is kept in run/checkpoints") and not RETRIEVE.exists()


def test_a_full_disk_is_one_sentence(straight, at_step, monkeypatch):
    def full(tensors, file):
        (file.parent / ".tmpAbCdEf").write_bytes(b"half of it")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    with monkeypatch.context() as patch:
        at_step(13, lambda gradient: patch.setattr(checkpoints, "save_file", full))
        status, _, err = run()
    assert sorted(os.listdir(RETRIEVE)) == ["4.json", "4.safetensors"]
    message = one_sentence(err)
    assert status == 2 and "No space left on device: the checkpoint of step 5 could not be written" in message
    assert "that of step 4 is still good" in message and "--resume" in message
    assert_it_goes_on_from(4, straight)


@pytest.mark.parametrize("spoil", ["weights", "gradient"])
def test_a_loss_that_is_no_number_is_one_sentence(straight, at_step, monkeypatch, spoil):
    def act(gradient):
        weight = next(weight for weight in gradient.model.parameters() if weight.requires_grad)
        if spoil == "weights":
            weight.data.fill_(torch.nan)
        else:  # of one step, while the loss is fine
            hook = weight.register_hook(lambda grad: (hook.remove(), grad * torch.nan)[1])

    at_step(13, act)
    status, _, err = run()
    message = one_sentence(err)
    assert status == 2 and "lower learning rate (--lr); the state after step 4 is in run/checkpoints" in message
    assert all(torch.isfinite(weight).all() for weight in load_checkpoint(RETRIEVE)["weights"].values())
    if spoil == "gradient":
        assert_it_goes_on_from(4, straight)


def out_of_memory(gradient, most: int) -> None:
    """From now on a part of more than `most` examples does not fit."""
    original = gradient.to_tensors

    def to_tensors(part):
        if len(part) > most:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
        return original(part)

    gradient.to_tensors = to_tensors


def test_out_of_memory_altogether_is_one_sentence(straight, at_step):
    at_step(13, lambda gradient: out_of_memory(gradient, 0))
    with pytest.warns(UserWarning, match="computed in 8 parts"):
        status, _, err = run()
    message = one_sentence(err)
    assert status == 2 and "out of memory even for one of the batch's 8 examples" in message and "--resume" in message
    assert_it_goes_on_from(4, straight)


def test_out_of_memory_elsewhere_is_one_sentence(straight, at_step, monkeypatch):
    def fails(*arguments, **names):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "evaluate_rankings", fails)
        status, _, err = run()
    assert status == 2 and "CUDA out of memory" in one_sentence(err) and "--resume" in err
    assert_it_goes_on_from(24, straight)


def test_batches_that_do_not_fit_are_halved_to_the_same_result(straight, at_step):
    at_step(1, lambda gradient: out_of_memory(gradient, 2))  # the memorize stage only
    with pytest.warns(UserWarning, match="batches of 8 are computed in 4 parts"):
        assert run()[0] == 0
    losses = outcome(Path("run"))["losses"]
    assert losses["memorize"] == pytest.approx(straight[0]["losses"]["memorize"], abs=2e-4)
    assert losses["retrieve"] == pytest.approx(straight[0]["losses"]["retrieve"], abs=2e-3)


def test_another_runs_checkpoint_is_refused_by_name(at_step):
    at_step(13, lambda gradient: signal.raise_signal(signal.SIGTERM))
    assert run()[0] == 143
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    for options, told in (
        (["--lr", "0.5"], ["preset.recipe.lr was 0.003 and is 0.5"]),
        (["--seed", "1", "--schedule", "joint"], ["seed was 0 and is 1", "recipe.schedule was 'sequential' and is 'joint'"]),
        (["--trainable", "full"], ["preset.recipe.trainable was 'lora' and is 'full'"]),
        (["--memorize-epochs", "0"], ["preset.recipe.memorize_epochs was 4 and is 0"]),
        (["--train-images", "11"], ["preset.n_train was 10 and is 11", "corpus.images was", "corpus.crc32 was"]),
    ):
        status, out, err = run("--resume", *options)
        assert status == 2 and all(line in one_sentence(err) for line in told) and "vision features" not in out
        assert err.count(" was ") == len(told)  # and nothing else
    status, _, err = run()  # without --resume: nobody's work is thrown away
    assert status == 2 and "holds an unfinished run: add --resume" in one_sentence(err)
    assert {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()} == before


def test_a_complete_run_is_left_as_it_is(straight):
    assert run()[0] == 0
    written = Path("run/results.json").stat().st_mtime_ns
    status, out, _ = run("--resume", "--accumulation", "2")
    assert status == 0 and "complete" in out and "load backbone" not in out and "GRACE atomic" in out
    assert Path("run/results.json").stat().st_mtime_ns == written
    status, _, err = run("--resume", "--identifier", "structured")
    assert status == 2 and "identifier was 'atomic' and is 'structured'" in one_sentence(err)
    assert outcome(Path("run")) == straight[0]
    Path("run/checkpoints/training").mkdir(parents=True)  # as a kill during the clean-up leaves it: settings.json goes first
    status, out, _ = run("--resume")
    assert status == 0 and "complete" in out and sorted(os.listdir("run")) == ["results.json", "retriever"]


def test_a_classifier_is_resumed_too(at_step):
    arguments = [
        "run",
        "--identifier",
        "classifier",
        *SIZES,
        "--pseudo-queries",
        "2",
        "--batch-size",
        "16",
        "--rank",
        "4",
        "--retrieve-epochs",
        "1",
        "--out",
    ]
    assert command(*arguments, "straight")[0] == 0
    at_step(3, lambda gradient: signal.raise_signal(signal.SIGTERM))
    assert command(*arguments, "run")[0] == 143
    assert os.listdir("run/checkpoints/training") == ["0_classifier"]
    assert command(*arguments, "run", "--resume")[0] == 0
    assert outcome(Path("run")) == outcome(Path("straight"))
    assert len({Path(name, "retriever", "classifier.safetensors").read_bytes() for name in ("run", "straight")}) == 1


def test_a_captioning_step_is_resumed_too(monkeypatch, at_step):
    monkeypatch.setitem(presets.PRESETS, "tiny", replace(presets.PRESETS["tiny"], caption_epochs=1))
    arguments = ["run", *SIZES, "--pseudo-queries", "2", "--batch-size", "16", "--no-memorize", "--retrieve-epochs", "1"]
    assert command(*arguments, "--out", "straight")[0] == 0
    at_step(3, lambda gradient: signal.raise_signal(signal.SIGTERM))
    assert command(*arguments, "--out", "run")[0] == 143
    assert os.listdir("run/checkpoints/training") == ["caption"]
    at_step(4, lambda gradient: signal.raise_signal(signal.SIGTERM))  # in the retrieve stage: pseudo-queries are kept
    assert command(*arguments, "--out", "run", "--resume")[0] == 143
    assert command(*arguments, "--out", "run", "--resume")[0] == 0
    assert outcome(Path("run")) == outcome(Path("straight"))
    assert "captioning" in json.loads(Path("run/results.json").read_text())["seconds"]
