"""benchmarks/ablations.py takes hours; here are its parts, and one variant in miniature."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_data import TEST, TRAIN, data_folder

from gcr_tutorial.config import get_preset

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("ablations_benchmark", ROOT / "benchmarks" / "ablations.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_each_variant_changes_one_thing(script):
    tiny = get_preset("tiny")
    for name in (script.AS_IS, script.STRUCTURED, script.UNFILTERED):  # the last one's pseudo-queries differ, see below
        assert script.variant_preset(name, tiny) == tiny
    assert script.variant_preset("no memorize step", tiny) == replace(tiny, training=replace(tiny.training, memorize_epochs=0))
    assert script.variant_preset("joint schedule", tiny) == replace(tiny, training=replace(tiny.training, schedule="joint"))
    assert script.variant_preset("no pseudo-queries", tiny) == replace(tiny, pseudo_queries=0)
    for name in script.PSEUDO:
        changed = script.variant_preset(name, tiny)
        assert changed.pseudo_queries == int(name.split()[0].rstrip(",")) and changed.training == tiny.training


def test_pseudo_queries_are_chosen_by_their_truth(script):
    pool = [f"text {i}" for i in range(12)]
    true = {"text 0", "text 3", "text 6", "text 9"}.__contains__
    assert script.chosen(script.AS_IS, 3, pool, true) == pool[:3]
    assert script.chosen("10, all true", 10, pool, true) == [f"text {i}" for i in (0, 3, 6, 9)]  # no more there are
    assert script.chosen("10, none true", 4, pool, true) == [f"text {i}" for i in (1, 2, 4, 5)]
    half = script.chosen("10, half true", 4, pool, true)
    assert half == ["text 0", "text 3", "text 1", "text 2"]
    drawn = script.chosen(script.UNFILTERED, 5, pool, true)
    assert len(set(drawn)) == 5 and set(drawn) < set(pool) and drawn != pool[:5]
    assert drawn == script.chosen(script.UNFILTERED, 5, pool, true)


def test_the_table_has_a_row_a_variant_with_its_spread(script):
    def run(name, seed, r1, share):
        return {
            "variant": name,
            "identifier": "atomic",
            "seed": seed,
            "recall": {"R@1": r1, "R@5": 90.0, "R@10": 95.0},
            "pseudo_queries_an_image": 20.0,
            "true_share": share,
        }

    runs = [run(script.AS_IS, 0, 70.0, 0.4), run(script.AS_IS, 1, 74.0, 0.5), run("no pseudo-queries", 0, 30.0, None)]
    first, second = script.table(runs)
    assert (first["variant"], first["seeds"], first["R@1"], first["R@1 from"], first["to"]) == ("as it is", 2, 72.0, 70.0, 74.0)
    assert first["true %"] == 45.0 and second["true %"] == "-" and second["seeds"] == 1
    assert len(script.text_table([first, second]).splitlines()) == 3


def test_a_variant_runs_and_is_not_run_again(script, tmp_path, monkeypatch):
    monkeypatch.setenv("GCR_DATA", str(data_folder()))
    tiny = get_preset("tiny")
    small = replace(
        tiny,
        n_train=TRAIN,
        n_test=TEST,
        image_size=24,
        pseudo_samples=4,
        pseudo_queries=3,
        training=replace(tiny.training, least_steps=0, memorize_epochs=1, retrieve_epochs=1, rank=4),
    )
    monkeypatch.setattr(script, "get_preset", lambda name: small)
    first = script.one("no memorize step", 1, tmp_path, quick=False)
    assert (first["variant"], first["seed"], first["valid_rate"]) == ("no memorize step", 1, 1.0)
    assert 0 < first["pseudo_queries_an_image"] <= 3 and 0.0 <= first["true_share"] <= 1.0
    results = json.loads((tmp_path / "no-memorize-step-1" / "results.json").read_text())
    assert "memorize" not in results["seconds"] and results["pseudo_true_share"] == first["true_share"]
    monkeypatch.setattr(script, "run", lambda *_, **__: pytest.fail("it was run before"))
    assert script.one("no memorize step", 1, tmp_path, quick=False) == first

    other = {**first, "seed": 2}  # no run of that seed was made with these settings
    script.write_study([first, other], [("no memorize step", 1), ("no memorize step", 2)], tmp_path)
    assert script.still_true(tmp_path / "ablations.json", quick=False) == [first]
    assert script.still_true(tmp_path / "none.json", quick=False) == []
