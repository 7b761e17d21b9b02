"""benchmarks/gpu.py needs a GPU to say anything; here its code runs on the CPU, in miniature."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_data import data_folder

from gcr_tutorial.pretraining import scene_facts

ROOT = Path(__file__).resolve().parent.parent
STEPS = ["hardware", "features", "steps", "fine-tune", "decoding"]


@pytest.fixture(scope="module")
def gpu():
    spec = importlib.util.spec_from_file_location("gpu_benchmark", ROOT / "benchmarks" / "gpu.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setenv("GCR_DATA", str(data_folder()))
    names = scene_facts.fact_names(1, scenes=30, at_least=2)
    monkeypatch.setattr(scene_facts, "fact_names", lambda seed: names)


def test_without_a_gpu_one_sentence_and_nothing_written(gpu, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main(["--work", str(tmp_path / "work"), "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: no CUDA GPU is here") and list(tmp_path.iterdir()) == []
    with pytest.raises(SystemExit):
        gpu.main(["--device", "cpu"])
    assert "--quick" in capsys.readouterr().err


def test_every_stage_runs_in_miniature_and_a_finished_one_does_not_run_again(gpu, tmp_path, monkeypatch, capsys):
    quick = ["--quick", "--device", "cpu", "--work", str(tmp_path)]
    assert gpu.main([*quick, "--stages", *STEPS]) == 0
    report = json.loads((tmp_path / "gpu.json").read_text())
    assert list(report["stages"]) == STEPS and report["images"] == 12
    steps = report["stages"]["steps"]
    assert set(steps["memorize"]["samples_per_s"]) == {"ours", "straightforward"}
    assert set(steps["retrieve"]["samples_per_s"]) == {"ours", "text only", "pad image"}
    for task in steps.values():  # both sides learn the same thing, one of them with less work
        assert task["loss_difference"] < 1e-5
    assert steps["retrieve"]["tflops"]["pad image"] > 0
    capsys.readouterr()
    for name in STEPS:
        monkeypatch.setitem(gpu.STAGES, name, None)
    assert gpu.main(quick) == 0  # only the last stage is left
    report = json.loads((tmp_path / "gpu.json").read_text())
    assert list(report["stages"]) == [*STEPS, "recall"]
    recall = report["stages"]["recall"]["runs"]["structured"]["recall"]
    assert set(recall) == {"R@1", "R@5", "R@10"}
    table = (tmp_path / "gpu.md").read_text()
    assert "says nothing about speed" in table and f"| structured | {recall['R@1']:.1f} |" in table
    monkeypatch.setitem(gpu.STAGES, "recall", None)
    assert gpu.main(quick) == 0


def test_settings_of_another_run_are_measured_anew(gpu, tmp_path):
    plan, cpu = gpu.plans(12, 1.0)["miniature"], torch.device("cpu")
    gpu.measure(plan, cpu, tmp_path, ["hardware"])
    kept = json.loads((tmp_path / "hardware.json").read_text())
    (tmp_path / "hardware.json").write_text(json.dumps({**kept, "found": "kept"}))
    assert gpu.measure(plan, cpu, tmp_path, ["hardware"])["stages"]["hardware"] == "kept"
    assert gpu.measure(replace(plan, images=13), cpu, tmp_path, ["hardware"])["stages"]["hardware"] != "kept"


def test_the_preset_is_held_to_its_memory_and_the_straightforward_side_is_not(gpu):
    step = {"peak_gib": {"ours": 9.0, "straightforward": 40.0}}
    stages = {"features": {"peak_gib": 3.0}, "steps": {"memorize": step}, "fine-tune": {"peak_gib": 13.5}}
    assert gpu.preset_peak({"stages": stages}) == 13.5
    assert gpu.preset_peak({"stages": {"features": {"peak_gib": None}}}) is None


def test_the_full_size_is_smolvlm_256ms(gpu):
    plan = gpu.plans(30_000, 60.0)["full"]
    with torch.device("meta"):
        model = gpu.Idefics3ForConditionalGeneration(gpu.smolvlm_config(plan, plan.text))
    assert round(sum(p.numel() for p in model.parameters()) / 1e6) == 256
    assert (plan.vision["image_size"] // plan.vision["patch_size"] // plan.scale) ** 2 == 64
    assert plan.preset.name == "colab" and plan.preset.image_size == plan.vision["image_size"]
