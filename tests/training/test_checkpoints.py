"""Checkpoints: what was saved comes back, a kill while writing leaves the old one, and no code is ever read."""

import errno
import json
import os
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open

from gcr_tutorial.training import checkpoints
from gcr_tutorial.training.checkpoints import differences, load_checkpoint, save_checkpoint

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
]
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
    file = tmp_path_factory.getbasetemp() / "any" / "c"
    for _ in range(2):
        save_checkpoint(file, state)
        assert same(load_checkpoint(file), state)
    assert len(os.listdir(file)) == 2


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


def test_tensors_are_in_a_safetensors_file_and_the_rest_in_a_json_file(tmp_path):
    weight = torch.arange(6.0).view(2, 3).T
    save_checkpoint(tmp_path, {"model": {"weight": weight, 0: [weight]}, "step": 3})
    assert sorted(os.listdir(tmp_path)) == ["1.json", "1.safetensors"]
    with safe_open(tmp_path / "1.safetensors", "pt") as file:
        assert not file.metadata() and sorted(file.keys()) == ["model.0.0", "model.weight"]
        assert torch.equal(file.get_tensor("model.weight"), weight)
    assert json.loads((tmp_path / "1.json").read_text()) == {
        "dict": [
            ["model", {"dict": [["weight", {"tensor": "model.weight"}], [0, [{"tensor": "model.0.0"}]]]}],
            ["step", 3],
        ]
    }


def test_more_than_a_safetensors_header_may_hold_comes_back(tmp_path):
    """The library refuses to read a header above 100 MB, and used to be given all that is no tensor in its header."""
    captions = ["a red kite over a hill " * 1000] * 5_000  # 115 MB
    save_checkpoint(tmp_path, {"result": captions, "embeddings": torch.ones(2)})
    assert load_checkpoint(tmp_path)["result"] == captions
    assert (tmp_path / "1.json").stat().st_size > 100_000_000


def test_files_of_others_are_left_alone(tmp_path):
    for name in ("notes.txt", "settings.json", "model.safetensors"):
        (tmp_path / name).write_text("mine")
    for step in range(2):
        save_checkpoint(tmp_path, {"step": step})
    assert sorted(os.listdir(tmp_path)) == ["2.json", "2.safetensors", "model.safetensors", "notes.txt", "settings.json"]
    assert load_checkpoint(tmp_path) == {"step": 1}


def test_nothing_saved_is_none(tmp_path):
    assert load_checkpoint(tmp_path / "c") is None


def test_what_cannot_be_saved_is_named(tmp_path):
    with pytest.raises(ValueError, match="set"):
        save_checkpoint(tmp_path / "c", {"chosen": {1, 2}})
    assert load_checkpoint(tmp_path / "c") is None


def dies(death, after=lambda: None):
    """A function that does a part of its work, `after`, and then dies of `death`."""

    def instead(*arguments):
        after(*arguments)
        raise death

    return instead


FULL = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize("death", [KeyboardInterrupt(), MemoryError(), FULL, OSError(errno.ENOSPC, "No space left on device")])
@pytest.mark.parametrize("when", ["tensors", "tensors written", "json", "json written", "cleaning"])
def test_a_death_at_any_moment_leaves_a_complete_pair(tmp_path, monkeypatch, when, death):
    save_checkpoint(tmp_path, {"step": 1, "weight": torch.zeros(3)})
    half = {
        "tensors": ("save_file", lambda tensors, file: (tmp_path / ".tmpAbCdEf").write_bytes(b"half")),
        "tensors written": ("save_file", checkpoints.save_file),
        "json": ("write_text", lambda file, text: file.with_name(file.name + ".writing").write_text(text[:9])),
        "json written": ("write_text", checkpoints.write_text),
        "cleaning": ("_delete_all_but", lambda number, folder: None),
    }
    name, part = half[when]
    calls = []
    with monkeypatch.context() as patch:
        if when == "cleaning":  # the second time, when the new pair is complete
            patch.setattr(checkpoints, name, lambda *its: calls.append(its) or (len(calls) == 2 and dies(death)()))
        else:
            patch.setattr(checkpoints, name, dies(death, part))
        with pytest.raises(OSError if death is FULL and when != "cleaning" else type(death)) as error:
            save_checkpoint(tmp_path, {"step": 2, "weight": torch.ones(3)})
    step = 2 if when == "cleaning" or (when == "json written" and not isinstance(death, (OSError, SafetensorError))) else 1
    assert same(load_checkpoint(tmp_path), {"step": step, "weight": torch.full((3,), step - 1.0)})
    if isinstance(error.value, OSError):  # the disk is full: nothing half-written stays on it
        assert error.value.errno == errno.ENOSPC
        assert len(os.listdir(tmp_path)) == (2 if when != "cleaning" else 4)
    save_checkpoint(tmp_path, {"step": 3})  # what was left behind is not in the way, and goes
    assert load_checkpoint(tmp_path) == {"step": 3} and len(os.listdir(tmp_path)) == 2


def test_what_the_system_refuses_is_an_oserror_that_names_itself(tmp_path):
    """Not a full disk, which a test cannot make, but a limit of this process, which fails in the same place."""
    resource = pytest.importorskip("resource")
    save_checkpoint(tmp_path, {"step": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        with pytest.raises(OSError, match="File too large") as error:
            save_checkpoint(tmp_path, {"step": 2, "weight": torch.ones(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.errno == errno.EFBIG and load_checkpoint(tmp_path) == {"step": 1} and len(os.listdir(tmp_path)) == 2


def test_the_old_one_stays_until_the_new_one_is_on_disk(tmp_path, monkeypatch):
    file, seen = tmp_path / "c", []
    save_checkpoint(file, {"step": 1})
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(load_checkpoint(file)))
    save_checkpoint(file, {"step": 2})
    assert seen == [{"step": 1}] * 2 and load_checkpoint(file) == {"step": 2}  # its tensors, then the rest


class Evil:
    """Pickles to a call."""

    def __reduce__(self):
        return os.mkdir, ("created_by_a_checkpoint",)


@pytest.mark.parametrize("damaged", ["1.safetensors", "1.json"])
@pytest.mark.parametrize("damage", ["pickle", "cut", "empty", "other", "missing"])
def test_a_damaged_file_is_refused_and_no_code_is_run(tmp_path, monkeypatch, damage, damaged):
    monkeypatch.chdir(tmp_path)
    save_checkpoint(tmp_path / "c", {"weight": torch.ones(9)})
    file = tmp_path / "c" / damaged
    whole = file.read_bytes()
    damages = {"pickle": pickle.dumps({"step": Evil()}), "cut": whole[:-4], "empty": b"", "other": b"\x02\0\0\0\0\0\0\0{}"}
    file.unlink() if damage == "missing" else file.write_bytes(damages[damage])
    if (damage, damaged) == ("missing", "1.json"):  # as a kill before it was renamed leaves it
        assert load_checkpoint(tmp_path / "c") is None
    else:
        with pytest.raises(ValueError, match="cannot be read .*delete it"):
            load_checkpoint(tmp_path / "c")
    assert not (tmp_path / "created_by_a_checkpoint").exists()


def test_a_checkpoint_in_one_file_of_an_earlier_version_is_refused(tmp_path):
    (tmp_path / "c").write_bytes(b"anything")
    with pytest.raises(ValueError, match="cannot be read .*delete it"):
        load_checkpoint(tmp_path / "c")


def test_differences_are_told_option_by_option():
    saved = {"seed": 0, "recipe": {"lr": 0.1, "rank": 4}, "old": 1}
    assert differences(saved, {"seed": 0, "recipe": {"lr": 0.2, "rank": 4}, "new": [1, 2]}) == [
        "recipe.lr was 0.1 and is 0.2",
        "old was 1 and is None",
        "new was None and is [1, 2]",
    ]
    assert differences(saved, json.loads(json.dumps(saved))) == []
