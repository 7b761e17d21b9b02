"""One of the project's tests trains through a notebook's own cells: those of 03, up to its live run, on fewer pictures."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "03_learning_to_memorize.ipynb"
SMALLER = {"COUNT = 100": "COUNT = 12", "EPOCHS = 15": "EPOCHS = 40"}  # twelve pictures are one batch, forty steps


@pytest.fixture(scope="module")
def scope() -> dict:
    """The names that the cells define, after the cell `live` has trained."""
    cells, scope, changed = nbformat.read(NOTEBOOK, as_version=4).cells, {}, set()
    for cell in cells:
        if cell.cell_type != "code":
            continue
        source = cell.source
        for old, new in SMALLER.items():
            if old in source:
                changed.add(old)
                source = source.replace(old, new)
        exec(compile(source, f"{NOTEBOOK.name}, cell {cell.id}", "exec"), scope)
        if cell.id == "live":
            break
    assert changed == set(SMALLER), "the notebook's sizes are called otherwise now"
    return scope


def test_the_loss_fell_and_memories_formed(scope):
    watch = scope["watch"]
    assert len(watch.losses) == scope["EPOCHS"] and len(scope["codes"]) == scope["COUNT"]
    assert max(watch.losses[-5:]) < 0.2 * min(watch.losses[:2])
    assert watch.exact[0] == 0 and watch.exact[-1] >= 90


def test_the_memory_writes_the_names_itself(scope):
    """Greedy writing, as the notebook does it by hand, agrees with what the watch saw last."""
    write, example, features = scope["write"], scope["examples"][0], scope["features"]
    model = scope["memory"].model
    written = [
        write(model, example.prompt_ids, features[row]) == list(scope["examples"][row].completion_ids) for row in range(12)
    ]
    assert written == [all(right) for right in scope["watch"].right[-1]]


def test_a_backbone_without_training_names_nothing(scope):
    from gcr_tutorial.evaluation.memorization import exact_match, teacher_forced_correct
    from gcr_tutorial.models.loading import load_backbone
    from gcr_tutorial.models.tokens import add_tokens

    fresh = load_backbone(scope["preset"].backbone_path)
    add_tokens(fresh, [code[0] for code in scope["codes"]])
    assert exact_match(teacher_forced_correct(fresh, scope["examples"], scope["features"])) == 0
