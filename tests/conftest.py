"""Shared test settings: one torch thread, no network, quiet libraries, and a line now and then with the time left."""

from __future__ import annotations

import os
import time

# Set before any library reads them; the notebooks' kernels inherit them.
os.environ.update(
    GCR_PRESET="tiny",
    GCR_CACHE="",
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    TRANSFORMERS_VERBOSITY="error",
    TOKENIZERS_PARALLELISM="false",
    OMP_NUM_THREADS="2",
    MPLBACKEND="Agg",
)

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# No deadline per example: the machine may be busy. On CI the same examples every time.
settings.register_profile("gcr_tutorial", deadline=None, print_blob=True, derandomize="CI" in os.environ)
settings.load_profile("gcr_tutorial")

SECONDS_BETWEEN_LINES = 15
DURATIONS = "gcr_tutorial/durations"  # key in pytest's cache: seconds of each test, as last measured


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """The tests' models are far too small to share between threads. (Notebooks run in kernels, with two.)"""
    import torch

    torch.set_num_threads(1)


class TimeLeft:
    """Prints how many tests are done and how long the rest will take, judging by the last run of each test.

    A test never timed on this machine counts as an average one.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.known: dict[str, float] = config.cache.get(DURATIONS, {})
        self.measured: dict[str, float] = {}
        self.tests: list[str] = []
        self.started = self.last_line = time.monotonic()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which tests will run."""
        self.tests = [item.nodeid for item in session.items]
        self.started = self.last_line = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up set-up, call and tear-down of a test."""
        self.measured[report.nodeid] = self.measured.get(report.nodeid, 0.0) + report.duration

    def seconds_left(self) -> float:
        """Expected seconds of the tests not yet run."""
        seen = {**self.known, **self.measured}
        timed = [seen[test] for test in self.tests if test in seen]
        average = sum(timed) / len(timed) if timed else 1.0
        return sum(self.known.get(test, average) for test in self.tests if test not in self.measured)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Print a line if the last one is some seconds old."""
        now = time.monotonic()
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or now - self.last_line < SECONDS_BETWEEN_LINES or len(self.measured) >= len(self.tests):
            return
        self.last_line = now
        reporter.ensure_newline()
        reporter.write_line(
            f"    {len(self.measured)} of {len(self.tests)} tests in {now - self.started:.0f} s, "
            f"about {self.seconds_left():.0f} s left{'' if self.known else ' at this pace'}; "
            f"now {nodeid.partition('::')[0]}"
        )

    def pytest_sessionfinish(self) -> None:
        """Remember the durations for the next run's estimate."""
        self.config.cache.set(DURATIONS, {**self.known, **{k: round(v, 3) for k, v in self.measured.items()}})


def pytest_configure(config: pytest.Config) -> None:
    """Switch the time-left lines on."""
    if getattr(config, "cache", None) is not None:
        config.pluginmanager.register(TimeLeft(config), "gcr_time_left")
