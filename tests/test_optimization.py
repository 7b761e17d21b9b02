import pytest
import torch

from gcr_tutorial.optimization import parameter_groups, warmup_cosine


def test_schedule_rises_then_falls_to_zero():
    factor = warmup_cosine(0.1, 100)
    values = [factor(step) for step in range(101)]
    assert values[:11] == sorted(values[:11]) and values[10:] == sorted(values[10:], reverse=True)
    assert max(values) == 1.0 and values[0] > 0 and values[-1] == pytest.approx(0, abs=1e-9)
    assert warmup_cosine(0.05, 1)(0) > 0 and warmup_cosine(0.05, 0)(5) == 0


def test_groups_hold_every_trainable_parameter_once():
    model = torch.nn.ModuleDict({"a": torch.nn.Linear(2, 3),
                                 "trainable_tokens_delta": torch.nn.Linear(2, 2, bias=False),
                                 "norm": torch.nn.LayerNorm(3), "frozen": torch.nn.Linear(1, 1)})
    model["frozen"].requires_grad_(False)
    groups = parameter_groups(model, lr=1.0, token_lr=5.0, weight_decay=0.1)
    assert [(len(g["params"]), g["lr"], g["weight_decay"]) for g in groups] == [
        (1, 1.0, 0.1), (3, 1.0, 0.0), (1, 5.0, 0.0)]
    with pytest.raises(ValueError, match="adapt"):
        parameter_groups(model.requires_grad_(False), 1.0, 1.0, 0.0)
