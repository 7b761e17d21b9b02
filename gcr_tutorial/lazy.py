"""Packages that offer names from their modules, and import a module when a name of it is first asked for (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def exports(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` for the `__init__.py` of `package`.

    `modules` says which module below the package offers which names: {"backbone": "Backbone load_base_model"}. A module that
    is listed under its own name is offered itself: {"example": "example"}. So a command that needs one room does not wait for
    the libraries of the others, and `doctor` runs where torch cannot be imported.
    """
    module_of = {name: module for module, names in modules.items() for name in names.split()}

    def load(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{module_of[name]}")
        return module if module_of[name] == name else getattr(module, name)

    return load, lambda: sorted(module_of), sorted(module_of)
