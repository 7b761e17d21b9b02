"""The command line: what is passed on, and mistakes that end in one sentence and exit status 2."""

import contextlib
import errno
import io
import json
import os
import re
import runpy
import subprocess
import sys
import time
import types
import warnings
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
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

from gcr_tutorial import cli
from gcr_tutorial.config import RunConfig, TrainingConfig, get_preset
from gcr_tutorial.errors import UserError, UserValueError
from gcr_tutorial.experiments import pipeline
from gcr_tutorial.retrieval import retriever

RUN = ["run", *SIZES, *QUICK]
ROOT = Path(__file__).resolve().parent.parent


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
        (["run", "--pseudo-queries", "-3"], "pseudo queries of -3: give 0 or more"),
        (["run", "--checkpoint-steps", "0"], "checkpoint steps of 0: give 1 or more"),
        (["run", "--checkpoint-seconds", "nan"], "checkpoint seconds of nan: give 0 or more"),
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
        (["a dog", "--device", "gpu"], "unknown device 'gpu': choose auto, cpu, cuda"),
        (["a dog", "--device", "cuda"], "no CUDA GPU: use cpu or auto"),
        (["a dog", "--device", "cpu", "--dtype", "float16"], "float16 on a CPU takes hours"),
    ],
)
def test_mistakes_of_a_search(arguments, words):
    status, _, err = command("search", str(finished_run()), *arguments)
    assert status == 2 and words in one_sentence(err)


@pytest.mark.parametrize(
    "gpu, options, wanted",
    [
        (False, [], ("cpu", torch.float32)),
        (True, [], ("cuda", torch.bfloat16)),
        (True, ["--device", "cpu"], ("cpu", torch.float32)),
        (True, ["--dtype", "float32"], ("cuda", torch.float32)),
        (False, ["--dtype", "bfloat16"], ("cpu", torch.bfloat16)),
    ],
)
def test_a_search_runs_where_and_in_the_type_that_is_asked_for_else_on_the_gpu(monkeypatch, gpu, options, wanted):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: (8, 0))
    asked = []

    def load(path, device, dtype):
        asked.append((device.type, dtype))
        raise UserValueError("far enough")

    monkeypatch.setattr(retriever, "load_backbone", load)
    status, _, err = command("search", str(finished_run()), "a dog", *options)
    assert status == 2 and "far enough" in one_sentence(err) and asked == [wanted]


def test_a_search_takes_a_retriever_from_the_hub_at_a_revision(monkeypatch):
    asked = []

    def load(name, *how):
        asked.append((name, *how))
        raise UserValueError("far enough")

    monkeypatch.setattr(retriever.GenerativeRetriever, "from_pretrained", load)
    assert command("search", "owner/pictures", "a dog", "--revision", "c0ffee")[0] == 2
    assert command("search", "owner/pictures", "a dog")[0] == 2  # a folder that was mistyped is no name on the Hub
    assert asked == [("owner/pictures", "auto", "auto", "c0ffee"), (Path("owner/pictures"), "auto", "auto", None)]


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

    def spy(corpus, preset, config):
        calls.append((corpus, preset, config))
        raise UserValueError("far enough")

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
    [(corpus, preset, config)] = run_arguments
    assert (len(corpus.indices("train")), len(corpus.indices("test"))) == (12, 8)
    assert preset.training == TrainingConfig(schedule="joint", trainable="full", lr=3e-3, memorize_epochs=3, retrieve_epochs=0)
    assert preset.pseudo_queries == 0
    assert (config.identifier, config.protocol, config.seed, str(config.out)) == ("structured", "heldout-caption", 7, "x")


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
        {name: getattr(config, name) for name in ("resume", "checkpoint_seconds", "checkpoint_steps")}
        for _, _, config in run_arguments
    )
    assert asked == {"resume": True, "checkpoint_seconds": 5, "checkpoint_steps": 20}
    assert default == {"resume": False, "checkpoint_seconds": 60, "checkpoint_steps": None}


def test_defaults_are_the_presets(run_arguments, monkeypatch):
    monkeypatch.delenv("GCR_PRESET")
    command("run", "--train-images", "0", "--test-images", "3")  # 0 is a number, not "as usual"
    [(corpus, preset, config)] = run_arguments
    assert (len(corpus.indices("train")), len(corpus.indices("test"))) == (0, 3)
    assert preset == replace(get_preset("tiny"), n_train=0, n_test=3)
    assert (config.identifier, config.protocol, config.seed, str(config.out)) == ("atomic", "karpathy", 0, "runs/atomic")


def test_a_karpathy_set_is_read(run_arguments, tmp_path):
    split, images = karpathy_set(tmp_path / "set")
    command("run", "--karpathy", str(split), "--images", str(images))
    [(corpus, _, _)] = run_arguments
    assert corpus.name == "mini" and len(corpus) == 6
    assert corpus.source == {"source": "files", "images_dir": str(images.resolve())}


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


@pytest.mark.parametrize(
    "error",
    [RuntimeError("shapes do not fit"), ValueError("operands could not be broadcast together"), FileNotFoundError(2, "x")],
)
@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_an_error_of_the_program_keeps_its_traceback_and_says_where_to_report_it(monkeypatch, error, debug):
    def fails(*arguments, **how):
        raise error

    monkeypatch.setattr(pipeline, "run", fails)
    monkeypatch.setenv("GCR_DATA", str(data_folder()))
    with pytest.raises(type(error)) as caught:
        cli.main([*RUN, *debug])
    assert caught.value is error and "report" in error.__notes__[-1]
    assert "https://github.com/gcr-tutorial/gcr_tutorial/issues" in error.__notes__[-1]


def test_debug_shows_the_traceback_of_a_users_mistake_too(tmp_path):
    for arguments in (["--debug", "search", "absent", "a dog"], ["search", "absent", "a dog", "--debug"]):
        with pytest.raises(UserError, match="no retriever in absent"):
            cli.main(arguments)


def test_a_machine_that_refuses_is_no_error_of_the_program(monkeypatch, capsys):
    def fails(*arguments, **how):
        raise OSError(errno.ENOSPC, "No space left on device", "runs/atomic/results.json")

    monkeypatch.setattr(pipeline, "run", fails)
    monkeypatch.setenv("GCR_DATA", str(data_folder()))
    assert cli.main(RUN) == 2 and "No space left on device" in one_sentence(capsys.readouterr().err)


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in cli.COMMANDS)])
def test_every_command_has_help(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 0 and "usage: python -m gcr_tutorial" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "Expected one of {run, compare, search,"),
        (["conquer"], "no command 'conquer': choose one of run, compare, search,"),
        (["search", "DIR", "a", "dog"], "put a QUERY of several words in quotation marks"),
        (["run", "--identifer", "atomic"], "did you mean --identifier?"),
        (["search", "DIR"], "QUERY"),
        (["run", "--no-memorize", "--memorize-epochs", "3"], "--no-memorize"),
        (["run", "--pseudo-queries", "3", "--no-pseudo-queries"], "--no-pseudo-queries"),
        (["run", "--schedule", "never"], "'--schedule'"),
        (["run", "--seed", "x"], "--seed"),
        (["run", "--preset"], "'--preset'"),
        (["run", "--lr"], "'--lr'"),
    ],
)
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])  # the boxes that the sentences are taken from differ
def test_what_cannot_be_parsed_is_status_2(arguments, words, encoding, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert cli.main(arguments) == 2
    sentence = one_sentence(capsys.readouterr().err)
    assert words in sentence and sentence.endswith((" --help", "give one")) and len(sentence) < 180


def test_a_warning_is_one_line_without_the_line_of_the_program(monkeypatch, capsys):
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert warnings.formatwarning("3 captions were cut", UserWarning, "file.py", 7) == "warning: 3 captions were cut\n"


def options_of(command: str, *arguments: str) -> dict[str, tuple[str, str]]:
    """{option: (help, default)} as `command --help` shows them."""
    out = io.StringIO()
    with pytest.raises(SystemExit), contextlib.redirect_stdout(out):
        cli.main([command, *arguments, "--help"])
    options: dict[str, str] = {}
    for line in out.getvalue().splitlines():
        if re.match(r"  --\w", line):
            name, _, rest = line.strip().partition(" ")
            options[name] = rest
        elif options:
            options[name] += f" {line.strip()}"
    found = {name: re.match(r"(.*)\(default: ([^()]*)\)", text) for name, text in options.items()}
    return {name: (match[1].strip(), match[2]) for name, match in found.items()}


@pytest.mark.parametrize("command", ["run", "compare"])
def test_every_setting_is_an_option_with_its_meaning_and_the_presets_default(command):
    options = options_of(command, "--preset", "paper")
    paper = get_preset("paper")
    names = {"n_train": "train-images", "n_val": "val-images", "n_test": "test-images", "revision": "backbone-revision"}
    for config, hidden in (
        (paper, {"name", "training"}),
        (paper.training, set()),
        (RunConfig(), {"identifier", "out", "pseudo_queries_file"} if command == "compare" else set()),
    ):
        for field in fields(config):
            if field.name not in hidden:
                name = "--" + names.get(field.name, field.name.replace("_", "-"))
                meaning, default = options[name]
                assert default == str(getattr(config, field.name)), name
                assert re.search("[a-z]{2} [a-z]{2}", meaning), f"{name} says nothing: {meaning!r}"


def test_the_presets_options_take_the_variable_too(monkeypatch):
    monkeypatch.setenv("GCR_PRESET", "colab")
    assert options_of("run")["--rank"] == options_of("run", "--preset", "colab")["--rank"]
    assert options_of("run")["--image-size"][1] == str(get_preset("colab").image_size)


@pytest.mark.parametrize(
    "options, changes",
    [
        (["--retrieve-epochs", "5"], {"least_steps": 0}),  # also where the number given is the preset's own
        (["--retrieve-epochs=5", "--least-steps", "9"], {"least_steps": 9}),
        (["--memorize-share", "0.5", "--retrieve-epochs", "5"], {"memorize_share": 0.5, "least_steps": 0}),
        (["--memorize-epochs", "0", "--memorize-share", "0.5"], {"memorize_epochs": 0, "memorize_share": 0.5}),
    ],
)
def test_what_follows_from_an_option_gives_way_to_what_is_given(run_arguments, options, changes):
    command("run", *SIZES, *options)
    [(_, preset, _)] = run_arguments
    assert preset.training == replace(get_preset("tiny").training, **changes)


@pytest.mark.parametrize("option", ["--no-memorize", "--memorize-epochs=0"])
def test_without_a_memorize_stage_nothing_is_repeated(run_arguments, monkeypatch, option):
    repeating = replace(get_preset("tiny"), training=replace(get_preset("tiny").training, memorize_share=0.5))
    monkeypatch.setattr(cli, "get_preset", lambda name: repeating)
    command("run", *SIZES, option)
    [(_, preset, _)] = run_arguments
    assert preset.training == replace(repeating.training, memorize_epochs=0, memorize_share=0.0)


def test_help_and_doctor_need_no_torch(tmp_path):
    """Help answers at once, and where torch cannot be imported; a command that needs torch says so in one sentence."""
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('no torch here', name='torch')\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def asked(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "gcr_tutorial", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
        )

    assert asked("run", "--help").returncode == 0
    started = time.monotonic()
    assert asked("--help").returncode == 0 and time.monotonic() - started < 5  # a third of a second on an idle machine
    failed = asked("search", ".", "a dog")
    assert failed.returncode == 2 and "no torch here" in one_sentence(failed.stderr) and "doctor" in failed.stderr


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


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "nothing", "a dog", "--png", "/proc/x/r.png"],
        ["pretrain", "--out", "file", "--scenes", "1"],
        ["pretrain", "--out", "out", "--bank", "/proc/x"],
        ["tutorial", "--out", "file/below"],
        ["run", "--out", "/proc/x"],
        ["compare", "--out", "file"],
    ],
)
def test_an_output_that_cannot_be_written_is_reported_before_any_work(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    status, out, err = command(*arguments)
    assert status == 2 and "cannot write into" in one_sentence(err) and "load backbone" not in out
    assert os.listdir(tmp_path) == ["file"]
