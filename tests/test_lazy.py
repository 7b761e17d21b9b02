"""Packages that import a module when a name of it is first asked for."""

from __future__ import annotations

import types
from importlib import import_module
from pathlib import Path

import pytest

import gcr_tutorial

ROOT = Path(gcr_tutorial.__file__).parent
PACKAGES = ["gcr_tutorial", *sorted(f"gcr_tutorial.{path.parent.name}" for path in ROOT.glob("*/__init__.py"))]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_function_is_hidden_by_a_module_of_the_same_name(package):
    """Importing a module sets it as an attribute of its package, which would replace a function of that name."""
    room = import_module(package)
    folder = Path(room.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    for name in (set(room.__all__) & modules) - {"example"}:  # that one is meant to be the module
        import_module(f"{package}.{name}")
        assert not isinstance(getattr(room, name), types.ModuleType), f"{package}.{name} is a function and a module"


def test_a_module_listed_under_its_own_name_is_offered_itself():
    assert gcr_tutorial.example is import_module("gcr_tutorial.example")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_that_a_package_lists_is_there(package):
    room = import_module(package)
    assert [name for name in room.__all__ if not hasattr(room, name)] == []
