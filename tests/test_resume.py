"""Nothing is lost: whatever ends a run, `--resume` brings it to the weights that it would have had."""

import errno
import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from gcr_tutorial import optimization, pipeline, training_state
from gcr_tutorial.checkpoints import load_checkpoint
from gcr_tutorial.optimization import BatchGradient
from killable import SMALL, outcome, start
from test_cli import one_sentence
from tiny_data import command, one_thread, scratch  # noqa: F401


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
    """Whether a checkpoint is half written at this moment."""
    return any(folder.rglob("*.writing"))


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


@pytest.fixture
def at_step(monkeypatch):
    """at_step(n, act): call `act()` in place of the gradient of the n-th batch from now, over all stages."""
    def plan(number, act):
        original, calls = BatchGradient.__call__, []

        def instead(self, batch):
            calls.append(1)
            if len(calls) == number:
                act()
            return original(self, batch)

        monkeypatch.setattr(BatchGradient, "__call__", instead)
    return plan


def run(*more: str, out: str = "run"):
    return command("run", *SMALL, "--out", out, *more)


def checkpoints(out: str = "run") -> list[str]:
    return sorted(path.name for path in Path(out, "checkpoints", "training").iterdir())


@pytest.mark.parametrize("number, status, name", [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 130, "Ctrl-C")])
def test_stopped_it_saves_first(straight, at_step, monkeypatch, number, status, name):
    with monkeypatch.context():
        at_step(13, lambda: signal.raise_signal(number))
        ended, _, err = run("--checkpoint-steps", "1000")  # the last of two counts: nothing is saved on the way
    monkeypatch.undo()
    assert ended == status and err.count("\n") == 1
    assert f"interrupted: stopped by {name} after step 5, which is saved in run/checkpoints/training/1_retrieve" in err
    assert "--resume" in err and not Path("run/results.json").exists()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL  # as it was
    assert len(load_checkpoint("run/checkpoints/training/1_retrieve.safetensors")["losses"]) == 5
    os.chdir(Path("run").resolve().parent)
    assert run("--resume")[0] == 0 and outcome(Path("run")) == straight[0]
