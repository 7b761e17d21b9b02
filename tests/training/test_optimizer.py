import warnings

import pytest
import torch
from accelerate import Accelerator
from hypothesis import given, settings
from hypothesis import strategies as st

from gcr_tutorial import processes
from gcr_tutorial.training.examples import Example
from gcr_tutorial.training.gradient import BatchGradient
from gcr_tutorial.training.optimizer import parameter_groups, warmup_cosine


class MeanOfTargets(torch.nn.Module):
    """A stand-in for the model: its loss is a weight times the mean over the targets, one prediction each."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, targets: torch.Tensor) -> torch.Tensor:
        return self.weight * targets.mean()


def gradient_of(model, fits=10**9, parts=1):
    def to_tensors(part):
        if len(part) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
        return {"targets": torch.tensor([float(target) for example in part for target in example.completion_ids])}

    return BatchGradient(Accelerator(cpu=True), model, to_tensors, parts)


BATCHES = st.lists(st.lists(st.integers(-9, 9), min_size=1, max_size=4), min_size=1, max_size=9)


@settings(max_examples=50)
@given(targets=BATCHES, parts=st.integers(1, 5), many=st.integers(1, 4))
def test_however_a_batch_is_cut_every_target_counts_the_same(targets, parts, many):
    """Parts and processes: the gradients that `many` processes would average are those of the batch in one piece."""
    batch = [Example((0,), tuple(target)) for target in targets]
    expected = sum(map(sum, targets)) / sum(map(len, targets))
    losses, gradients = [], []
    for rank in range(many):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(processes, "count", lambda: many)
            patch.setattr(processes, "rank", lambda rank=rank: rank)
            model = MeanOfTargets()
            losses.append(gradient_of(model, parts=parts)(batch))
            gradients.append(model.weight.grad.item())
    assert sum(losses) == pytest.approx(expected, abs=1e-5)
    assert sum(gradients) / many == pytest.approx(expected, abs=1e-5)


@settings(max_examples=8)  # each collects garbage
@given(targets=BATCHES, fits=st.integers(1, 9))
def test_what_does_not_fit_is_cut_until_it_does(targets, fits):
    batch, model = [Example((0,), tuple(target)) for target in targets], MeanOfTargets()
    gradient = gradient_of(model, fits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loss = gradient(batch)
    assert loss == pytest.approx(sum(map(sum, targets)) / sum(map(len, targets)), abs=1e-5)
    assert model.weight.grad.item() == pytest.approx(loss, abs=1e-5)  # once, not once a trial
    assert -(-len(batch) // gradient.parts) <= fits and (gradient.parts == 1 or len(batch) > fits)


def test_other_errors_are_not_taken_for_memory():
    gradient = gradient_of(MeanOfTargets())
    gradient.to_tensors = lambda part: {"wrong": 1}
    with pytest.raises(TypeError, match="wrong"):
        gradient([Example((0,), (1,))])
    with pytest.raises(MemoryError, match="even for one of the batch's 2 examples"):
        gradient_of(MeanOfTargets(), fits=0, parts=2)([Example((0,), (1,))] * 2)


def test_many_processes_are_told_what_to_do(monkeypatch):
    monkeypatch.setattr(processes, "count", lambda: 2)
    with pytest.raises(MemoryError, match="add --accumulation 4"):
        gradient_of(MeanOfTargets(), fits=1, parts=2)([Example((0,), (1,))] * 8)


def test_schedule_rises_then_falls_to_zero():
    factor = warmup_cosine(0.1, 100)
    values = [factor(step) for step in range(101)]
    assert values[:11] == sorted(values[:11]) and values[10:] == sorted(values[10:], reverse=True)
    assert max(values) == 1.0 and values[0] > 0 and values[-1] == pytest.approx(0, abs=1e-9)
    assert warmup_cosine(0.05, 1)(0) > 0 and warmup_cosine(0.05, 0)(5) == 0


def test_groups_hold_every_trainable_parameter_once():
    model = torch.nn.ModuleDict(
        {
            "a": torch.nn.Linear(2, 3),
            "trainable_tokens_delta": torch.nn.Linear(2, 2, bias=False),
            "norm": torch.nn.LayerNorm(3),
            "frozen": torch.nn.Linear(1, 1),
        }
    )
    model["frozen"].requires_grad_(False)
    groups = parameter_groups(model, lr=1.0, token_lr=5.0, weight_decay=0.1)
    assert [(len(g["params"]), g["lr"], g["weight_decay"]) for g in groups] == [(1, 1.0, 0.1), (3, 1.0, 0.0), (1, 5.0, 0.0)]
    with pytest.raises(ValueError, match="add_lora"):
        parameter_groups(model.requires_grad_(False), 1.0, 1.0, 0.0)
