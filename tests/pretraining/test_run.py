"""`pretrain` end to end, for seconds: what it leaves loads with plain library calls and says where it comes from."""

import json
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from gcr_tutorial.cli import main
from gcr_tutorial.models.clip import load_clip
from gcr_tutorial.models.loading import load_backbone
from gcr_tutorial.pretraining import run as pretraining_run
from gcr_tutorial.pretraining import scene_facts


class Ticks:
    """A clock on which every step takes 0.4 seconds, so that the number of steps does not depend on the machine."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 0.4
        return self.now


@pytest.fixture(autouse=True)
def clocks(monkeypatch: pytest.MonkeyPatch):
    """Few scenes to measure on, one thread, a clock of our own. Gives the list of the clocks that the command chose."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(scene_facts, "fact_names", partial(scene_facts.fact_names, scenes=200))
    monkeypatch.setattr(pretraining_run, "evaluate_captioner", partial(pretraining_run.evaluate_captioner, scenes=3))
    whole = pretraining_run.ImageCaptionCorpus.from_picturebook
    monkeypatch.setattr(pretraining_run.ImageCaptionCorpus, "from_picturebook", lambda *counts: whole(0, 0, 4))
    pretrain, chosen = pretraining_run.pretrain_backbones, []

    def with_ticks(*folders: Path, clock, **options) -> None:
        chosen.append(clock)
        pretrain(*folders, clock=Ticks(), **options)

    monkeypatch.setattr(pretraining_run, "pretrain_backbones", with_ticks)
    yield chosen
    torch.set_num_threads(threads)


def test_both_backbones_from_nothing_and_on_from_there(tmp_path: Path, capsys, clocks: list) -> None:
    out, bank = tmp_path / "out", tmp_path / "bank"
    common = ["pretrain", "--bank", str(bank), "--minutes", "0.012", "--scenes", "80"]
    assert main([*common, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    for stage in ("scene bank", "tiny-vlm, vision", "tiny-vlm, captions", "tiny-clip"):
        assert stage in said and "left" in said
    facts = json.loads((out / "tiny-vlm/provenance.json").read_text())
    assert [stage["stage"] for stage in facts["stages"]] == ["vision", "lessons", "captions"]
    assert all(stage["pictures"] > 0 for stage in facts["stages"]) and facts["pflops"] > 0
    assert 3e6 < facts["parameters"] < 4e6 and 0 <= facts["held_out"]["true_percent"] <= facts["held_out"]["readable_percent"]
    card = (out / "tiny-vlm/README.md").read_text()
    assert f"{facts['held_out']['true_percent']} % are true" in card and "never seen a photograph" in card
    assert "Zero-shot" in (out / "tiny-clip/README.md").read_text()
    load_clip(out / "tiny-clip")
    first = load_backbone(out / "tiny-vlm").model.state_dict()

    assert main([*common, "--out", str(tmp_path / "more"), "--start-from", str(out), "--cpu-time"]) == 0
    assert clocks == [time.perf_counter, time.process_time]
    more = json.loads((tmp_path / "more/tiny-vlm/provenance.json").read_text())
    assert more["stages"][:3] == facts["stages"] and more["pflops"] > facts["pflops"]
    assert [stage["stage"] for stage in more["stages"][3:]] == ["vision", "captions"]
    assert any(not torch.equal(first[k], v) for k, v in load_backbone(tmp_path / "more/tiny-vlm").model.state_dict().items())
    clip, longer = (json.loads((folder / "tiny-clip/provenance.json").read_text()) for folder in (out, tmp_path / "more"))
    for part, name in (("data", "image_visits"), ("training", "seconds"), ("compute", "model_flops")):
        assert longer[part][name] > clip[part][name] > 0
    assert [run["finished"] for run in longer["earlier"]] == [clip["finished"]]
    old, new = (load_clip(folder / "tiny-clip") for folder in (out, tmp_path / "more"))
    assert old.tokenizer(["a boy in red"]).tolist() == new.tokenizer(["a boy in red"]).tolist()


def test_one_backbone_alone(tmp_path: Path) -> None:
    assert (
        main(
            [
                "pretrain",
                "--bank",
                str(tmp_path / "bank"),
                "--minutes",
                "0.01",
                "--scenes",
                "40",
                "--only",
                "tiny-clip",
                "--out",
                str(tmp_path / "out"),
            ]
        )
        == 0
    )
    assert (tmp_path / "out/tiny-clip").is_dir() and not (tmp_path / "out/tiny-vlm").exists()


def test_the_seed_of_the_held_out_scenes_is_refused(tmp_path: Path, capsys) -> None:
    assert main(["pretrain", "--seed", "77", "--out", str(tmp_path)]) == 2
    assert "held-out" in capsys.readouterr().err and not list(tmp_path.iterdir())
