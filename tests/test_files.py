"""Nothing is half written: what is there stays until what replaces it is whole."""

import os

import pytest

from gcr_tutorial.files import new_file, new_folder, write_text


def test_text_in_a_folder_that_is_made(tmp_path):
    write_text(tmp_path / "a" / "b.json", "größer")
    assert (tmp_path / "a" / "b.json").read_text(encoding="utf-8") == "größer"
    write_text(tmp_path / "a" / "b.json", "2")
    assert (tmp_path / "a" / "b.json").read_text() == "2" and os.listdir(tmp_path / "a") == ["b.json"]


def test_an_error_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "f", "old")
    with pytest.raises(KeyboardInterrupt), new_file(tmp_path / "f") as aside:
        aside.write_text("ne")
        raise KeyboardInterrupt
    assert (tmp_path / "f").read_text() == "old"
    with new_file(tmp_path / "f") as aside:  # what the interrupted one left behind is in nobody's way
        aside.write_text("new")
    assert (tmp_path / "f").read_text() == "new" and os.listdir(tmp_path) == ["f"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "deep" / "t"
    with new_folder(target) as aside:
        (aside / "one").write_text("1")
    with pytest.raises(ValueError), new_folder(target) as aside:
        (aside / "two").write_text("2")
        raise ValueError
    assert os.listdir(target) == ["one"]
    with new_folder(target) as aside:
        assert not os.listdir(aside)  # nothing of the attempt that failed
        (aside / "three").write_text("3")
    assert os.listdir(target) == ["three"] and os.listdir(target.parent) == ["t"]
