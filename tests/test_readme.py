"""README.md: its program shows the public interface in one screen, and names only what there is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import gcr_tutorial as gcr

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", README, flags=re.M | re.S)


def test_the_program_fits_on_one_screen_and_uses_the_public_interface():
    program = PROGRAMS[0]
    assert len(program.splitlines()) <= 30 and max(map(len, program.splitlines())) <= 128
    used = {
        node.attr
        for text in PROGRAMS
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "gcr"
    }
    assert used <= set(gcr.__all__) and len(used) >= 12


def test_it_says_how_long_the_program_and_the_interface_are():
    assert f"in {len(PROGRAMS[0].splitlines())} lines" in README and f"offers {len(gcr.__all__)} names" in README


@pytest.mark.soak
def test_the_program_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(PROGRAMS[0], "README.md", "exec"), {})
    recall = ast.literal_eval(capsys.readouterr().out.strip().splitlines()[-1])
    assert recall["R@10"] >= 80 and (tmp_path / "runs" / "small" / "retriever.json").is_file()
