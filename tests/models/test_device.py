"""Which device and floating-point type a run uses, on machines that this one is not."""

from dataclasses import replace

import pytest
import torch

from gcr_tutorial.config import PRESETS, TrainingConfig, get_preset
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.experiments import pipeline
from gcr_tutorial.experiments.machine import on_this_machine
from gcr_tutorial.models import device as hardware
from gcr_tutorial.training.optimizer import new_accelerator

T4, A100, H100 = (7, 5), (8, 0), (9, 0)


@pytest.fixture
def machine(monkeypatch):
    """Make this machine look as if it had a GPU of a compute capability, or none."""

    def pretend(capability):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: capability is not None)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device=None: "Tesla T4")

    return pretend


@pytest.mark.parametrize(
    "capability, device, dtype",
    [(None, "cpu", torch.float32), (T4, "cuda", torch.float16), (A100, "cuda", torch.bfloat16), (H100, "cuda", torch.bfloat16)],
)
def test_what_suits_a_machine(machine, capability, device, dtype):
    machine(capability)
    assert (
        hardware.best_device().type == device and hardware.best_dtype(device) == hardware.resolve_dtype("auto", device) == dtype
    )
    assert hardware.best_dtype("cpu") == torch.float32  # also beside a GPU


def test_what_is_asked_for_is_given_but_never_bf16_on_a_t4(machine):
    machine(T4)
    assert hardware.resolve_dtype("float32", "cuda") == torch.float32
    with pytest.raises(ValueError, match="Tesla T4 has no bfloat16: use"):
        hardware.resolve_dtype("bfloat16", "cuda")
    assert hardware.resolve_dtype("bfloat16", "cpu") == torch.bfloat16
    with pytest.raises(ValueError, match="choose one of auto, float32"):
        hardware.resolve_dtype("int8", "cpu")


@pytest.mark.parametrize(
    "name, capability, device, dtype, precision",
    [
        ("tiny", None, "cpu", torch.float32, "no"),
        ("tiny", T4, "cuda", torch.float32, "no"),
        ("colab", None, "cpu", torch.float32, "no"),
        ("colab", T4, "cuda", torch.float16, "fp16"),
        ("paper", A100, "cuda", torch.bfloat16, "bf16"),
    ],
)
def test_every_preset_fits_its_machine(machine, name, capability, device, dtype, precision):
    machine(capability)
    assert on_this_machine(get_preset(name)) == (
        torch.device(device),
        dtype,
        replace(get_preset(name), training=replace(get_preset(name).training, mixed_precision=precision)),
    )


def test_weights_that_are_trained_whole_stay_float32(machine):
    machine(T4)
    device, dtype, preset = on_this_machine(replace(get_preset("colab"), training=TrainingConfig(trainable="full")))
    assert (dtype, preset.training.mixed_precision) == (torch.float32, "fp16")


def test_a_run_loads_what_the_preset_says(monkeypatch):
    asked = []

    def load(*arguments):
        asked.append(arguments)
        raise FileNotFoundError("far enough")

    monkeypatch.setattr(pipeline, "load_backbone", load)
    corpus = ImageCaptionCorpus.from_picturebook(2, 0, 2)
    preset = replace(get_preset("paper"), dtype="bfloat16")
    with pytest.raises(FileNotFoundError, match="far enough"):
        pipeline.run(corpus, preset, progress=lambda line: None)
    assert asked == [("Qwen/Qwen2.5-VL-3B-Instruct", hardware.best_device(), torch.bfloat16, preset.revision, 392)]


def test_backbones_from_the_hub_are_pinned():
    for preset in PRESETS.values():
        assert preset.backbone.startswith("backbones/") or len(preset.revision) == 40


def test_float16_on_a_cpu_is_refused_before_any_work_and_says_what_to_use(machine):
    """A CPU computes in float16 by converting to float32 and back: hours instead of minutes."""
    machine(None)
    tiny = get_preset("tiny")
    with pytest.raises(UserValueError, match="float16 on a CPU .* float32"):
        hardware.resolve_dtype("float16", "cpu")
    for preset in (replace(tiny, dtype="float16"), replace(tiny, training=TrainingConfig(mixed_precision="fp16"))):
        with pytest.raises(UserValueError, match="(fp16|float16) on a CPU .* (bf16|float32)"):
            on_this_machine(preset)
    with pytest.raises(UserValueError, match="fp16 on a CPU .* bf16"):
        new_accelerator(torch.device("cpu"), "fp16")  # as a notebook trains
    machine(T4)
    assert hardware.resolve_dtype("float16", "cuda") == torch.float16
    with pytest.raises(UserValueError, match="float16 on a CPU"):
        hardware.resolve_dtype("float16", "cpu")  # also beside a GPU
