"""The public interface, and the size of what is behind it."""

from __future__ import annotations

import ast
import inspect
import re
import typing
from pathlib import Path

import pytest

import gcr_tutorial as gcr

PACKAGE = Path(gcr.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


def members(name: str) -> list[tuple[str, object]]:
    """The public thing `name`, and where it is a class, its public methods and properties of its own."""
    thing = getattr(gcr, name)
    found = [(name, thing)]
    if inspect.isclass(thing):
        own = {key: value for key, value in vars(thing).items() if not key.startswith("_")}
        found += [(f"{name}.{key}", getattr(value, "__func__", value)) for key, value in own.items()]
    return [(where, value) for where, value in found if inspect.isroutine(value) or isinstance(value, (type, property))]


def test_at_most_thirty_names_each_imported_when_it_is_used():
    assert 10 < len(gcr.__all__) <= 30 and dir(gcr) == sorted(gcr.__all__)
    assert all(getattr(gcr, name) is not None for name in gcr.__all__)
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        gcr.no_such_name  # noqa: B018


@pytest.mark.parametrize("name", gcr.__all__)
def test_every_name_says_what_it_is_with_shapes_and_errors(name):
    for where, thing in members(name):
        text = inspect.getdoc(thing) or ""
        assert len(text.split()) >= 5, f"{where} has no docstring to speak of"
        if not inspect.isroutine(thing):
            continue
        source, hints = inspect.getsource(thing), typing.get_type_hints(thing)
        written = " ".join(str(hint) for hint in hints.values())
        if re.search(r"\btorch\.Tensor|numpy\.ndarray", written):
            assert re.search(r"\([A-Za-z][\w +*-]*,[\w ,+*-]*\)|as for `", text), (
                f"{where} takes or returns an array and tells no shape"
            )
        if re.search(r"^\s+raise \w+Error", source, re.M):
            assert "Raises" in text or "Error" in text, f"{where} raises an error that its docstring does not name"
        if "seconds" in hints or "minutes" in hints:
            assert "second" in text or "minute" in text, where


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_short_and_documented(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    assert ast.get_docstring(ast.parse(text)), "the first line should say what is in this module"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_a_user_can_mend_is_raised_as_such(path):
    """A built-in error with a sentence of our own would be shown as an error of the program, with its traceback."""
    built_in = {
        "ValueError",
        "TypeError",
        "OSError",
        "FileNotFoundError",
        "NotADirectoryError",
        "ImportError",
        "FloatingPointError",
    }
    raised = [node.exc for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Raise)]
    calls = [exc.func.id for exc in raised if isinstance(exc, ast.Call) and isinstance(exc.func, ast.Name)]
    assert not built_in & set(calls), "raise its namesake of gcr_tutorial.errors"


def test_the_packages_root_holds_rooms_and_a_handful_of_modules():
    assert len([path for path in PACKAGE.glob("*.py") if not path.name.startswith("__")]) <= 12
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert all((PACKAGE / room / "__init__.py").is_file() for room in rooms)
