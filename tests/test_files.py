"""Nothing is half written: what is there stays until what replaces it is whole."""

import os
import shutil
from types import SimpleNamespace

import pytest

from gcr_tutorial import files
from gcr_tutorial.errors import UserOSError
from gcr_tutorial.files import check_writable, new_file, new_folder, recover_folder, write_text


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


class Killed(BaseException):
    """Stands for a kill: nothing below catches it."""


def killed_at(monkeypatch, number: int) -> None:
    """From now on the program ends instead of the `number`-th rename or deletion of a folder."""
    calls = []

    def dying(original):
        def instead(*arguments, **names):
            calls.append(arguments)
            if len(calls) >= number:
                raise Killed
            return original(*arguments, **names)

        return instead

    monkeypatch.setattr(files.os, "replace", dying(os.replace))
    monkeypatch.setattr(files.shutil, "rmtree", dying(shutil.rmtree))


def fill(folder, text: str) -> None:
    with new_folder(folder) as aside:
        (aside / "file").write_text(text)


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("reader", [recover_folder, lambda folder: fill(folder, "third")], ids=["read", "write"])
def test_a_kill_at_any_moment_leaves_a_whole_folder_that_is_found(tmp_path, monkeypatch, number, reader):
    target = tmp_path / "t"
    fill(target, "first")
    (tmp_path / "t.old").mkdir()  # a backup that a person made: nobody else's to delete
    (tmp_path / "t.old" / "file").write_text("mine")
    with monkeypatch.context() as patch:
        killed_at(patch, number)
        try:
            fill(target, "second")
        except Killed:
            pass
    reader(target)
    assert (target / "file").read_text() in (["third"] if reader is not recover_folder else ["first", "second"])
    fill(target, "last")
    assert (target / "file").read_text() == "last" and (tmp_path / "t.old" / "file").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["t", "t.old"]


def test_a_kill_between_the_renames_loses_neither_the_old_nor_the_new(tmp_path, monkeypatch):
    target = tmp_path / "t"
    fill(target, "first")
    replace = os.replace
    with monkeypatch.context() as patch, pytest.raises(Killed):

        def dies_once_the_place_is_free(source, to):
            if to == target and not target.exists():
                raise Killed
            replace(source, to)

        patch.setattr(files.os, "replace", dies_once_the_place_is_free)
        fill(target, "second")
    assert not target.exists()
    recover_folder(target)
    assert (target / "file").read_text() == "second" and os.listdir(tmp_path) == ["t"]


def test_what_the_first_version_left_is_put_back(tmp_path):
    """It moved the old folder to t.old, and was killed before t.writing took its place."""
    for name, text in (("t.old", "old"), ("t.writing", "new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(text)
    recover_folder(tmp_path / "t")
    assert (tmp_path / "t" / "file").read_text() == "old" and (tmp_path / "t.writing" / "file").read_text() == "new"
    (tmp_path / "t").rename(tmp_path / "t.old")
    shutil.rmtree(tmp_path / "t.writing")
    recover_folder(tmp_path / "t")  # moved there by a person: it stays
    assert os.listdir(tmp_path) == ["t.old"]


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert not os.listdir(tmp_path)
    (tmp_path / "c").mkdir()
    check_writable(tmp_path / "c", needed=1)
    assert os.listdir(tmp_path) == ["c"] and not os.listdir(tmp_path / "c")


@pytest.mark.parametrize("name", ["file", "file/below", "closed/below", "/proc/x"])
def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "closed").mkdir(mode=0o500)
    if name.startswith("closed") and os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    with pytest.raises(UserOSError, match="cannot write into .*: .*give another folder") as caught:
        check_writable(tmp_path / name)
    assert "\n" not in str(caught.value) and "Errno" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine"


def test_too_little_free_space_is_said_with_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: SimpleNamespace(free=3 * 2**30))
    check_writable(tmp_path / "a", needed=2 * 2**30)
    with pytest.raises(UserOSError, match="5.0 GiB will be written .*3.0 GiB are free"):
        check_writable(tmp_path / "a", needed=5 * 2**30)
