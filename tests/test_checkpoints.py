"""Checkpoints: what was saved comes back, a kill while writing leaves the old one, and no code is ever read."""

import os

import pytest
import torch

from gcr_tutorial.checkpoints import load_checkpoint, save_checkpoint


def test_round_trip_into_a_new_folder(tmp_path):
    state = {"step": 3, "rate": 0.5, "name": "run", "losses": [1.0, 0.5], "model": {"w": torch.arange(4.0).bfloat16()}}
    save_checkpoint(tmp_path / "new" / "c.pt", state)
    loaded = load_checkpoint(tmp_path / "new" / "c.pt")
    assert torch.equal(loaded["model"].pop("w"), state["model"].pop("w")) and loaded == state
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["c.pt"]


def test_nothing_saved_is_none(tmp_path):
    assert load_checkpoint(tmp_path / "c.pt") is None


@pytest.mark.parametrize("death", [KeyboardInterrupt, MemoryError])
def test_a_kill_while_writing_leaves_the_old_one(tmp_path, monkeypatch, death):
    file = tmp_path / "c.pt"
    save_checkpoint(file, {"step": 1})

    def dies(state, opened):
        opened.write_bytes(b"PK half of a file")
        raise death

    with monkeypatch.context() as patch, pytest.raises(death):
        patch.setattr(torch, "save", dies)
        save_checkpoint(file, {"step": 2})
    assert load_checkpoint(file) == {"step": 1}
    save_checkpoint(file, {"step": 3})  # the half-written file is not in the way
    assert load_checkpoint(file) == {"step": 3} and os.listdir(tmp_path) == ["c.pt"]


def test_the_old_one_stays_until_the_new_one_is_on_disk(tmp_path, monkeypatch):
    file, seen = tmp_path / "c.pt", []
    save_checkpoint(file, {"step": 1})
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(load_checkpoint(file)))
    save_checkpoint(file, {"step": 2})
    assert seen == [{"step": 1}] and load_checkpoint(file) == {"step": 2}


class Evil:
    """Pickles to a call."""

    def __reduce__(self):
        return os.mkdir, ("created_by_a_checkpoint",)


def test_code_in_a_checkpoint_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"step": Evil()}, tmp_path / "c.pt")
    with pytest.raises(Exception, match="[Ww]eights.only"):
        load_checkpoint(tmp_path / "c.pt")
    assert not (tmp_path / "created_by_a_checkpoint").exists()
