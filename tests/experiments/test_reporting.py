"""The table of results says what was measured, and a dash where nothing was."""

import pytest

from gcr_tutorial.experiments.reporting import results_table, training_seconds

RUN = {
    "identifier": "atomic",
    "n_memorized": 20,
    "n_gallery": 8,
    "recall": {"R@1": 62.5, "R@5": 90.0, "R@10": 100.0},
    "recall_full_gallery": {"R@1": 40.0, "R@5": 70.0, "R@10": 80.0},
    "baselines": {
        "chance": {"R@1": 12.5, "R@5": 62.5, "R@10": 100.0},
        "bm25": {"R@1": 30.0, "R@5": 50.0, "R@10": 60.0},
        "clip_zero_shot": {"R@1": 33.3, "R@5": 55.5, "R@10": 77.7},
    },
    "oracle": {"R@1": 95.0, "R@5": 99.9, "R@10": 100.0},
    "seconds": {"pseudo-queries": 30.0, "memorize": 10.4, "retrieve": 19.2, "search": 500.0},
}


def rows(runs, **how) -> dict[str, list[str]]:
    """Cells after the name, by name."""
    lines = results_table(runs, **how).splitlines()
    assert set(lines[1]) == {"-"} and len(lines[1]) == len(lines[0])
    assert len({len(line) for line in lines}) == 1  # columns are in step
    return {line[: line.index("  ")]: line[line.index("  ") :].split() for line in lines[:1] + lines[2:]}


def test_every_figure_stands_in_its_row():
    table = rows([RUN])
    assert table == {
        "text -> image": ["R@1", "R@5", "R@10", "source", "seconds"],
        "GRACE atomic, 8 images": ["62.5", "90.0", "100.0", "trained", "now", "60"],
        "GRACE atomic, all 20": ["40.0", "70.0", "80.0", "trained", "now", "-"],
        "CLIP zero-shot": ["33.3", "55.5", "77.7", "computed", "now", "-"],
        "BM25 over captions and pseudo-queries": ["30.0", "50.0", "60.0", "computed", "now", "-"],
        "chance": ["12.5", "62.5", "100.0", "computed", "now", "-"],
        "oracle (ambiguity's ceiling)": ["95.0", "99.9", "100.0", "computed", "now", "-"],
    }


def test_several_runs_share_the_baselines():
    other = RUN | {"identifier": "structured", "source": "shipped", "recall": {"R@1": 1.0, "R@5": 2.0, "R@10": 3.0}}
    table = rows([RUN, other], source="built before")
    assert table["GRACE atomic, 8 images"][3:5] == ["built", "before"]
    assert table["GRACE structured, 8 images"] == ["1.0", "2.0", "3.0", "shipped", "60"]
    assert len(table) == 9


def test_baselines_come_from_where_the_first_run_does():
    assert rows([RUN | {"source": "shipped"}])["chance"][3:] == ["shipped", "-"]


def test_one_gallery_is_one_row_and_nothing_measured_is_a_dash():
    bare = {
        "identifier": "atomic",
        "n_memorized": 8,
        "n_gallery": 8,
        "recall": None,
        "recall_full_gallery": None,
        "baselines": {},
        "seconds": {"memorize": 2.0},
    }
    table = rows([bare])
    assert table["GRACE atomic, 8 images"] == ["-", "-", "-", "trained", "now", "2"] and len(table) == 2


@pytest.mark.parametrize("seconds, expected", [({"joint": 5.0, "pseudo-queries": 1.5, "vision features": 9.0}, 6.5), ({}, 0.0)])
def test_training_seconds_are_those_of_pseudo_queries_and_fine_tuning(seconds, expected):
    assert training_seconds({"seconds": seconds}) == expected
