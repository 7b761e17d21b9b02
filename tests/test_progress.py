"""How far a stage is: lines now and then in a log, a bar in a terminal, nothing for a short stage."""

import io
import sys

import pytest
import tqdm.std

from gcr_tutorial.progress import StageProgress


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time in seconds, for a test to set."""
    now = [100.0]
    monkeypatch.setattr(tqdm.std, "time", lambda: now[0])
    return now


def test_lines_say_how_long_is_left(clock):
    said: list[str] = []
    report = StageProgress(said.append)
    for step in range(1, 21):  # 4 seconds a step
        report("memorize", step, 20, 1.5)
        clock[0] += 4
    for done in (64, 128, 192):  # counts by batches, without a loss
        report("search", done, 640)
        clock[0] += 20
    report.close()
    assert said[0] == "  memorize 4/20, loss 1.500, 01:04 left"
    assert said[1:6] == [f"  memorize {n}/20, loss 1.500, 00:{4 * (20 - n):02d} left" for n in (7, 10, 13, 16, 19)]
    assert said[6] == "  memorize 20/20, loss 1.500, 00:00 left"
    assert said[7:9] == ["  search 128/640, 02:40 left", "  search 192/640, 02:20 left"] and len(said) <= 10


def test_the_next_stage_of_the_same_length_starts_anew(clock):
    said: list[str] = []
    report = StageProgress(said.append)
    for stage in ("search", "search the full gallery"):
        for done in (64, 128):
            report(stage, done, 128)
            clock[0] += 30
    report.close()
    assert list(dict.fromkeys(said)) == ["  search 128/128, 00:00 left", "  search the full gallery 128/128, 00:00 left"]


def test_a_total_that_grows_is_the_same_stage(clock):
    said: list[str] = []
    report = StageProgress(said.append)
    for done, total in ((10, 20), (20, 20), (25, 40), (40, 40)):
        report("pseudo-queries", done, total)
        clock[0] += 12
    assert said == [
        f"  pseudo-queries {at}, 00:{left} left" for at, left in (("20/20", "00"), ("25/40", "24"), ("40/40", "00"))
    ]


def test_a_short_stage_shows_nothing(clock):
    said: list[str] = []
    report = StageProgress(said.append)
    for step in range(1, 9):
        report("memorize", step, 8, 0.5)
        clock[0] += 1
    report.close()
    assert said == []


def test_a_terminal_gets_a_bar_and_a_log_gets_lines(monkeypatch, capsys, clock):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for file, bar in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", file)
        report = StageProgress(print)
        for step in (1, 5, 10):
            report("memorize", step, 10, 0.25)
            clock[0] += 30
        report.close()
        assert ("\r" in file.getvalue() and "10/10" in file.getvalue() and "loss 0.250" in file.getvalue()) is bar
        assert ("memorize 10/10, loss 0.250" in capsys.readouterr().out) is not bar
