"""Checkpoints: what was saved comes back, a kill while writing leaves the old one, and no code is ever read."""

import builtins
import errno
import json
import os
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from gcr_tutorial.training.checkpoints import DTYPES, differences, load_checkpoint, save_checkpoint

NUMBERS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
TENSORS = st.builds(
    lambda dtype, shape: torch.arange(torch.Size(shape).numel()).reshape(shape).to(dtype),
    st.sampled_from(sorted(DTYPES, key=str)),
    st.lists(st.integers(0, 3), max_size=3),
)
STATES = st.recursive(
    NUMBERS | TENSORS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=12,
)


def same(a, b) -> bool:
    """Equal in value and in type, tensors bit for bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@settings(max_examples=30)
@given(state=STATES)
def test_what_was_saved_comes_back(tmp_path_factory, state):
    file = tmp_path_factory.getbasetemp() / "any" / "c.safetensors"
    save_checkpoint(file, state)
    assert same(load_checkpoint(file), state)
    assert os.listdir(file.parent) == ["c.safetensors"]


def test_an_optimizer_goes_on_from_its_state(tmp_path):
    def steps(model, optimizer, count):
        for _ in range(count):
            model(torch.ones(1, 3)).sum().backward()
            optimizer.step()

    models = [torch.nn.Linear(3, 2) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    optimizers = [torch.optim.AdamW(model.parameters(), lr=0.1) for model in models]
    steps(models[0], optimizers[0], 2)
    steps(models[1], optimizers[1], 1)
    save_checkpoint(tmp_path / "c", {"model": models[1].state_dict(), "optimizer": optimizers[1].state_dict()})
    saved, other = load_checkpoint(tmp_path / "c"), torch.nn.Linear(3, 2)
    gradients = [weight.grad.clone() for weight in models[1].parameters()]
    other.load_state_dict(saved["model"])
    for weight, gradient in zip(other.parameters(), gradients):
        weight.grad = gradient
    resumed = torch.optim.AdamW(other.parameters(), lr=9.0)
    resumed.load_state_dict(saved["optimizer"])
    steps(other, resumed, 1)
    assert all(map(torch.equal, other.parameters(), models[0].parameters()))


def test_a_checkpoint_is_a_plain_safetensors_file(tmp_path):
    save_checkpoint(tmp_path / "c", {"weight": torch.arange(6.0).view(2, 3).T, "step": 3})
    with safe_open(tmp_path / "c", "pt") as file:
        assert list(file.keys()) == ["0"] and torch.equal(file.get_tensor("0"), torch.arange(6.0).view(2, 3).T)
        assert json.loads(file.metadata()["state"]) == {"dict": [["weight", {"tensor": 0}], ["step", 3]]}


def test_nothing_saved_is_none(tmp_path):
    assert load_checkpoint(tmp_path / "c") is None


def test_what_cannot_be_saved_is_named(tmp_path):
    with pytest.raises(ValueError, match="set"):
        save_checkpoint(tmp_path / "c", {"chosen": {1, 2}})
    assert not (tmp_path / "c").exists()


class Dying:
    """A file that takes one write and then dies of `death`."""

    def __init__(self, file, death):
        self.file, self.death, self.written = file, death, 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, data):
        self.written += 1
        if self.written > 1:
            raise self.death
        return self.file.write(data)


@pytest.mark.parametrize("death", [KeyboardInterrupt(), MemoryError(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_death_while_writing_leaves_the_old_one(tmp_path, monkeypatch, death):
    file = tmp_path / "c"
    save_checkpoint(file, {"step": 1})
    with monkeypatch.context() as patch, pytest.raises(type(death)):
        real = open
        patch.setattr(builtins, "open", lambda path, mode: Dying(real(path, mode), death))
        save_checkpoint(file, {"step": 2, "weight": torch.ones(3)})
    assert load_checkpoint(file) == {"step": 1}
    if isinstance(death, OSError):  # the disk is full: nothing half-written stays on it
        assert os.listdir(tmp_path) == ["c"]
    save_checkpoint(file, {"step": 3})  # a half-written file is not in the way
    assert load_checkpoint(file) == {"step": 3} and os.listdir(tmp_path) == ["c"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_full_disk_is_an_oserror_that_names_itself(tmp_path):
    save_checkpoint(tmp_path / "c", {"step": 1})
    (tmp_path / "c.writing").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as error:
        save_checkpoint(tmp_path / "c", {"step": 2, "weight": torch.ones(100_000)})
    assert error.value.errno == errno.ENOSPC and load_checkpoint(tmp_path / "c") == {"step": 1}


def test_the_old_one_stays_until_the_new_one_is_on_disk(tmp_path, monkeypatch):
    file, seen = tmp_path / "c", []
    save_checkpoint(file, {"step": 1})
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(load_checkpoint(file)))
    save_checkpoint(file, {"step": 2})
    assert seen == [{"step": 1}] and load_checkpoint(file) == {"step": 2}


class Evil:
    """Pickles to a call."""

    def __reduce__(self):
        return os.mkdir, ("created_by_a_checkpoint",)


@pytest.mark.parametrize("damage", ["pickle", "cut", "empty", "other"])
def test_a_damaged_file_is_refused_and_no_code_is_run(tmp_path, monkeypatch, damage):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "c"
    save_checkpoint(file, {"weight": torch.ones(9)})
    whole = file.read_bytes()
    file.write_bytes(
        {"pickle": pickle.dumps({"step": Evil()}), "cut": whole[:-4], "empty": b"", "other": b"\x02\0\0\0\0\0\0\0{}"}[damage]
    )
    with pytest.raises(ValueError, match="cannot be read .*delete it"):
        load_checkpoint(file)
    assert not (tmp_path / "created_by_a_checkpoint").exists()


def test_differences_are_told_option_by_option():
    saved = {"seed": 0, "recipe": {"lr": 0.1, "rank": 4}, "old": 1}
    assert differences(saved, {"seed": 0, "recipe": {"lr": 0.2, "rank": 4}, "new": [1, 2]}) == [
        "recipe.lr was 0.1 and is 0.2",
        "old was 1 and is None",
        "new was None and is [1, 2]",
    ]
    assert differences(saved, json.loads(json.dumps(saved))) == []
