"""The command line: what is passed on, and mistakes that end in one sentence and exit status 2."""

import json
import runpy
import sys
import types
from dataclasses import replace

import pytest
from safetensors import SafetensorError
from tiny_data import (
    QUICK,
    SIZES,
    command,
    data_folder,
    finished_run,
    karpathy_set,
    own_copy,
    photographs,
)

from gcr_tutorial import cli as cli
from gcr_tutorial.config import TrainingConfig, get_preset
from gcr_tutorial.experiments import pipeline

RUN = ["run", *SIZES, *QUICK]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Default output folders are below the working directory."""
    monkeypatch.chdir(tmp_path)


def one_sentence(err: str) -> str:
    """The error message of stderr, after checking that it is one line and no traceback."""
    lines = [line for line in err.replace("\r", "\n").splitlines() if line.startswith(("error", "Traceback"))]
    assert len(lines) == 1 and lines[0].startswith("error: ") and err.rstrip().endswith(lines[0]), err
    return lines[0].removeprefix("error: ")


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([*RUN, "--identifier", "magic"], "unknown identifier kind 'magic': choose one of atomic"),
        ([*RUN, "--protocol", "magic"], "unknown protocol 'magic': expected one of karpathy"),
        ([*RUN, "--preset", "huge"], "no preset 'huge': choose one of tiny, colab, paper"),
        (["run", "--train-images", "12", "--test-images", "0"], "no test split"),
        (["run", "--train-images", "0", "--test-images", "-1"], "must be 0 or more"),
        ([*RUN, "--karpathy", "split.json"], "--karpathy needs --images"),
        ([*RUN, "--karpathy", "absent.json", "--images", "."], "no file absent.json"),
        ([*RUN, "--images", "absent"], "image folder absent does not exist"),
        ([*RUN, "--images", "."], "no pictures in"),
        (["run", "--memorize-epochs", "-1"], "memorize epochs of -1: give 0 or more"),
        (["run", "--retrieve-epochs", "-2"], "retrieve epochs of -2: give 0 or more"),
        (["run", "--batch-size", "0"], "batch size of 0: give 1 or more"),
        (["run", "--accumulation", "0"], "accumulation of 0: give 1 or more"),
        (["run", "--lr", "-0.1"], "lr of -0.1: give 0.0 or more"),
        (["run", "--pseudo-queries", "-3"], "--pseudo-queries -3: give 0 or more"),
        (["run", "--checkpoint-steps", "0"], "--checkpoint-steps 0: give 1 or more"),
        (["run", "--checkpoint-seconds", "nan"], "--checkpoint-seconds nan: give 0 or more"),
        (["search", ".", "a dog"], "no retriever in . (no retriever.json)"),
        (["search", "absent", "a dog"], "no retriever in absent"),
        (["pretrain", "--seed", "77"], "seed 77 is kept"),
    ],
)
def test_mistakes_end_in_one_sentence(arguments, words):
    status, out, err = command(*arguments)
    assert status == 2 and words in one_sentence(err)
    assert "load backbone" not in out  # told before any work


def test_a_missing_backbone_says_what_to_do(tmp_path, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("GCR_DATA", str(tmp_path / "empty"))
    assert cli.main(RUN) == 2
    message = one_sentence(capsys.readouterr().err)
    assert "no backbone at" in message and "tiny-vlm" in message and "pretrain" in message
    monkeypatch.setenv("GCR_DATA", str(tmp_path / "absent"))
    assert cli.main(RUN) == 2
    assert "GCR_DATA=" in one_sentence(capsys.readouterr().err)


def test_an_output_that_is_a_file_is_reported_before_training(tmp_path):
    (tmp_path / "results").write_text("mine")
    status, out, err = command(*RUN, "--out", str(tmp_path / "results"))
    assert status == 2 and "results" in one_sentence(err) and "fine-tuning" not in out
    assert (tmp_path / "results").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([""], "query is empty"),
        (["  "], "query is empty"),
        (["a dog", "-k", "0"], "at least 1"),
        (["a dog", "--png", "picture.xyz"], "xyz"),
    ],
)
def test_mistakes_of_a_search(arguments, words):
    status, _, err = command("search", str(finished_run()), *arguments)
    assert status == 2 and words in one_sentence(err)


def test_a_moved_image_folder(tmp_path):
    names = photographs(tmp_path / "photos", 4)
    status, _, err = command("run", "--images", "photos", *QUICK, "--out", "mine")
    assert status == 0, err
    (tmp_path / "photos").rename(tmp_path / "moved")
    status, out, err = command("search", "mine", "a dog", "-k", "2")
    assert status == 2 and "--images" in one_sentence(err) and "photos" in err
    status, out, _ = command("search", "mine", "a dog", "-k", "2", "--images", "moved")
    assert status == 0 and (tmp_path / "runs" / "search.png").stat().st_size > 0
    assert sum(name in out for name in names) == 2


def test_a_damaged_retriever(tmp_path):
    folder = own_copy(finished_run(), tmp_path / "run")
    weights = folder / "retriever" / "backbone" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    status, _, err = command("search", str(folder), "a dog")
    assert status == 2 and "train it again" in one_sentence(err)


def test_the_retriever_folder_itself_can_be_named(tmp_path):
    whole = command("search", str(finished_run()), "a dog", "--png", "a.png")
    part = command("search", str(finished_run() / "retriever"), "a dog", "--png", "b.png")
    assert whole[0] == part[0] == 0 and whole[1].replace("a.png", "b.png") == part[1]
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.fixture
def run_arguments(monkeypatch) -> list:
    """What `pipeline.run` would have been called with."""
    calls = []

    def spy(corpus, preset, **how):
        calls.append((corpus, preset, how))
        raise ValueError("far enough")

    monkeypatch.setattr(pipeline, "run", spy)
    return calls


def test_options_reach_the_run(run_arguments):
    command(
        "run",
        *SIZES,
        "--identifier",
        "structured",
        "--protocol",
        "heldout-caption",
        "--seed",
        "7",
        "--schedule",
        "joint",
        "--trainable",
        "full",
        "--pseudo-queries",
        "0",
        "--memorize-epochs",
        "3",
        "--retrieve-epochs",
        "0",
        "--out",
        "x",
    )
    [(corpus, preset, how)] = run_arguments
    assert (len(corpus.indices("train")), len(corpus.indices("test"))) == (12, 8)
    assert preset.training == TrainingConfig(schedule="joint", trainable="full", lr=3e-3, memorize_epochs=3, retrieve_epochs=0)
    assert preset.pseudo_queries == 0
    assert (how["identifier"], how["protocol"], how["seed"], str(how["out"])) == ("structured", "heldout-caption", 7, "x")


@pytest.mark.parametrize(
    "options, changes, pseudo_queries",
    [
        (["--no-memorize"], {"memorize_epochs": 0}, 20),
        (["--no-pseudo-queries"], {}, 0),
        (["--pseudo-queries", "5", "--schedule", "joint", "--batch-size", "16"], {"schedule": "joint", "batch_size": 16}, 5),
        (
            ["--rank", "8", "--accumulation", "4", "--mixed-precision", "bf16"],
            {"rank": 8, "accumulation": 4, "mixed_precision": "bf16"},
            20,
        ),
    ],
)
def test_each_ablation_is_an_option(run_arguments, options, changes, pseudo_queries):
    command("run", *SIZES, *options)
    [(_, preset, _)] = run_arguments
    assert preset.training == replace(get_preset("tiny").training, **changes) and preset.pseudo_queries == pseudo_queries


@pytest.mark.parametrize(
    "options, wanted",
    [
        ([], (20, 64)),
        (["--pseudo-queries", "5"], (5, 10)),
        (["--pseudo-samples", "0"], (20, 0)),
        (["--pseudo-queries", "5", "--pseudo-samples", "30"], (5, 30)),
    ],
)
def test_how_many_captions_clip_chooses_from_is_an_option(run_arguments, options, wanted):
    command("run", *SIZES, *options)
    [(_, preset, _)] = run_arguments
    assert (preset.pseudo_queries, preset.pseudo_samples) == wanted


def test_how_to_keep_reaches_the_run(run_arguments):
    command("run", *SIZES, "--resume", "--checkpoint-seconds", "5", "--checkpoint-steps", "20")
    command("run", *SIZES)
    asked, default = (
        {name: how[name] for name in ("resume", "checkpoint_seconds", "checkpoint_steps")} for _, _, how in run_arguments
    )
    assert asked == {"resume": True, "checkpoint_seconds": 5, "checkpoint_steps": 20}
    assert default == {"resume": False, "checkpoint_seconds": 60, "checkpoint_steps": None}


def test_defaults_are_the_presets(run_arguments, monkeypatch):
    monkeypatch.delenv("GCR_PRESET")
    command("run", "--train-images", "0", "--test-images", "3")  # 0 is a number, not "as usual"
    [(corpus, preset, how)] = run_arguments
    assert (len(corpus.indices("train")), len(corpus.indices("test"))) == (0, 3)
    assert preset == get_preset("tiny")
    assert (how["identifier"], how["protocol"], how["seed"], str(how["out"])) == ("atomic", "karpathy", 0, "runs/atomic")


def test_a_karpathy_set_is_read(run_arguments, tmp_path):
    split, images = karpathy_set(tmp_path / "set")
    command("run", "--karpathy", str(split), "--images", str(images))
    [(corpus, _, how)] = run_arguments
    assert corpus.name == "mini" and len(corpus) == 6
    assert how["about"] == {"source": "files", "images_dir": str(images.resolve())}


def test_ctrl_c_is_no_traceback(monkeypatch, capsys):
    def interrupted(*arguments, **how):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "run", interrupted)
    monkeypatch.setenv("GCR_DATA", str(data_folder()))
    assert cli.main(RUN) == 130 and capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(
    "error, words",
    [
        (SafetensorError("I/O error: No space left on device"), "error: I/O error: No space left on device"),
        (MemoryError(), "error: out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "can't allocate"),
    ],
)
def test_what_a_machine_runs_out_of_is_no_traceback(monkeypatch, capsys, error, words):
    def fails(*arguments, **how):
        raise error

    monkeypatch.setattr(pipeline, "run", fails)
    assert cli.main(RUN) == 2 and words in capsys.readouterr().err


def test_a_mistake_of_the_programme_keeps_its_traceback(monkeypatch):
    def fails(*arguments, **how):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(pipeline, "run", fails)
    with pytest.raises(RuntimeError, match="shapes"):
        cli.main(RUN)


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in cli.COMMANDS)])
def test_every_command_has_help(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 0 and "usage: python -m gcr_tutorial" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["conquer"],
        ["search", "DIR"],
        ["run", "--no-memorize", "--memorize-epochs", "3"],
        ["run", "--pseudo-queries", "3", "--no-pseudo-queries"],
        ["run", "--schedule", "never"],
        ["run", "--seed", "x"],
    ],
)
def test_what_cannot_be_parsed_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2 and "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "name, module, function",
    [
        ("doctor", "doctor", "run_doctor"),
        ("tutorial", "notebook_tools.runner", "run_tutorial"),
        ("notebooks", "notebook_tools.runner", "save_notebooks"),
    ],
)
def test_the_other_commands_return_the_status_of_their_work(monkeypatch, name, module, function):
    stand_in = types.ModuleType(module)
    setattr(stand_in, function, lambda *arguments: 7)
    monkeypatch.setitem(sys.modules, f"gcr_tutorial.{module}", stand_in)
    assert cli.main([name]) == 7


def test_as_a_module(monkeypatch, capsys, tmp_path):
    """`python -m gcr_tutorial` itself: the exit status is that of main."""
    monkeypatch.setattr(sys, "argv", ["gcr_tutorial", "search", str(tmp_path), "a dog"])
    monkeypatch.delitem(sys.modules, "gcr_tutorial.__main__", raising=False)
    with pytest.raises(SystemExit) as end:
        runpy.run_module("gcr_tutorial", run_name="__main__", alter_sys=True)
    assert end.value.code == 2 and "no retriever" in one_sentence(capsys.readouterr().err)


def test_results_name_what_was_run():
    results = json.loads((finished_run("structured") / "results.json").read_text())
    told = {"identifier": "structured", "preset": "tiny", "seed": 0, "protocol": "karpathy"}
    assert told.items() <= results.items()
