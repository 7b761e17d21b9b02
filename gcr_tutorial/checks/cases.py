"""Run the reader's function on cases, from easy to hard, and print a sentence that explains a wrong answer.

A check stops at the first case that fails. A stub that raises NotImplementedError is "not attempted yet", so that running
a whole notebook never stops at an exercise; whatever else the reader's code does, a check prints and never raises.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

END = "<end>"  # the end token of the identifiers in exercises
LONGEST = 300  # characters of a value that are shown


@dataclass(frozen=True)
class Case:
    """One call of the reader's function: its arguments, the expected answer, and what explains a wrong answer.

    `expected` may be a number, a string, None, a list, tuple, set or dict of these, an array or a tensor. Numbers count as
    equal within `tolerance`.
    """

    what: str
    arguments: tuple[Any, ...]
    expected: Any
    mistakes: tuple[tuple[Any, str], ...] = ()  # (a wrong answer, the mistake that leads to it)
    tolerance: float = 1e-6


def run_cases(function: Callable[..., Any], cases: Sequence[Case], errors: Mapping[str, str] | None = None) -> None:
    """Call `function` on the cases and print which were right. `errors` explains exceptions, by the name of their type.

    Each call gets copies of its arguments, so a function that changes them does no harm.
    """
    name = getattr(function, "__name__", "your function")
    for number, case in enumerate(cases, 1):
        try:
            answer = function(*copy.deepcopy(case.arguments))
        except NotImplementedError:
            print(f"{name}: not attempted yet. Replace the line `raise NotImplementedError` and run the cell again.")
            return
        except (Exception, SystemExit) as error:  # the reader's code may raise anything
            print(f"{name}: {case.what}, your code stopped with {type(error).__name__}: {error}")
            _advise((errors or {}).get(type(error).__name__), number)
            return
        if not same(answer, case.expected, case.tolerance):
            print(f"{name}: {case.what}, expected {_shown(case.expected)}, got {_shown(answer)}.")
            _advise(_explain(answer, case), number)
            return
        print(f"[OK] {case.what}: {_shown(case.expected)}")
    print(f"{name}: all {len(cases)} checks passed.")


def same(answer: Any, expected: Any, tolerance: float = 1e-6) -> bool:
    """Is `answer` what was expected? Of the same kind, as long, and every number within `tolerance`; never raises."""
    try:
        return _same(answer, expected, tolerance)
    except Exception:  # an answer can be any object, and comparing it may raise anything
        return False


def _same(answer: Any, expected: Any, tolerance: float) -> bool:
    if expected is None or isinstance(expected, (bool, str)):
        return isinstance(answer, (type(expected), np.bool_)) and bool(answer == expected)
    if isinstance(expected, (int, float)):
        if isinstance(answer, (bool, np.bool_, str)):
            return False
        return float(answer) == expected or math.isclose(float(answer), expected, rel_tol=0, abs_tol=tolerance)
    if hasattr(expected, "shape"):
        answer, expected = _array(answer), _array(expected)
        return answer.shape == expected.shape and np.allclose(answer, expected, rtol=0, atol=tolerance)
    if isinstance(expected, Mapping):
        return (
            isinstance(answer, Mapping)
            and answer.keys() == expected.keys()
            and all(_same(answer[key], expected[key], tolerance) for key in expected)
        )
    if isinstance(expected, (list, tuple)):
        kind = list if isinstance(expected, list) else tuple
        return (
            isinstance(answer, kind)
            and len(answer) == len(expected)
            and all(_same(a, e, tolerance) for a, e in zip(answer, expected))
        )
    return type(answer) is type(expected) and bool(answer == expected)


def _array(value: Any) -> np.ndarray:
    """An array of a tensor (of any device, with or without gradient), of an array, or of nested lists."""
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _explain(answer: Any, case: Case) -> str | None:
    if answer is None:
        return "Your function returned nothing: is there a `return`, and is it reached?"
    for wrong, advice in case.mistakes:
        if same(answer, wrong, case.tolerance):
            return advice
    for wrong, advice in case.mistakes:  # the same mistake, in another order
        if (
            isinstance(wrong, list)
            and same(_sorted(answer), _sorted(wrong))
            and not same(_sorted(wrong), _sorted(case.expected))
        ):
            return advice
    if hasattr(case.expected, "shape"):
        shape = getattr(answer, "shape", None)
        wanted = tuple(case.expected.shape)
        return f"The shape should be {wanted}, yours is {tuple(shape)}." if shape not in (None, wanted) else None
    if isinstance(case.expected, (list, tuple)):
        wanted, kind = type(case.expected).__name__, type(answer).__name__
        listed = list(answer) if isinstance(answer, (set, frozenset, tuple, list)) else answer
        items = same(_sorted(listed), _sorted(list(case.expected)), case.tolerance)
        if not isinstance(answer, type(case.expected)):
            order = "sorted " if _in_order(case.expected) else ""
            return f"{'The right items, but' if items else 'This is'} a {kind}: return a {order}{wanted}."
        if items:
            return f"The right items, in another order{': return them sorted' if _in_order(case.expected) else ''}."
    return None


def _sorted(items: Any) -> Any:
    """Lists in an order that does not depend on how they came; anything else as it is."""
    return sorted(items, key=_shown) if isinstance(items, list) else items


def _in_order(items: Any) -> bool:
    try:
        return list(items) == sorted(items)
    except (TypeError, ValueError):  # of kinds that have no order
        return False


def _shown(value: Any) -> str:
    """repr, cut where it is long; an object that cannot be shown is named by its type."""
    try:
        text = repr(value)
    except Exception:  # the repr of an answer may raise too
        text = f"an object of type {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _advise(advice: str | None, number: int) -> None:
    if advice:
        print(advice)
    if number > 1:
        print(f"The {number - 1} case{'s' if number > 2 else ''} before this one passed, so the main idea is there.")
    print("Stuck? Open the hints above, one at a time.")
