"""Editors show what each public name is: fields have a docstring behind them, calls one inside.

A string that stands behind a field is what pyright, Pylance, PyCharm, Sphinx and pdoc show for it;
a comment is shown by some only. It costs nothing at run time: Python drops it.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import tracevault as tv
from tracevault import opentelemetry, prometheus

CLASSES = [value for name in tv.__all__ if inspect.isclass(value := getattr(tv, name))]
CALLS = [value for name in tv.__all__ if inspect.isfunction(value := getattr(tv, name))]


@cache
def definitions(module: str) -> dict[str, ast.ClassDef]:
    """The classes of a module by name, as they are written."""
    path = sys.modules[module].__file__
    assert path is not None
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def own_classes(kind: type) -> Iterator[tuple[str, ast.ClassDef]]:
    """A class and those of ours that it is made of: what an editor lists behind its dot."""
    for one in kind.__mro__:
        if one.__module__.startswith("tracevault"):
            yield one.__qualname__, definitions(one.__module__)[one.__name__]


def named(statement: ast.stmt, *, of_self: bool) -> str | None:
    """The field that a statement makes: a name in a class, one of `self` in its `__init__`."""
    target: ast.expr | None = None
    if isinstance(statement, ast.AnnAssign):
        target = statement.target
    elif isinstance(statement, ast.Assign):
        target = statement.targets[0]
    if of_self:
        return target.attr if isinstance(target, ast.Attribute) else None
    return target.id if isinstance(target, ast.Name) else None


def undocumented(body: list[ast.stmt], *, of_self: bool = False) -> Iterator[str]:
    """The public names of a class, or fields of an `__init__`, that say nothing of themselves."""
    for at, statement in enumerate(body):
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if statement.name == "__init__":
                yield from undocumented(statement.body, of_self=True)
            elif not statement.name.startswith("_") and not is_told(statement):
                yield statement.name
            continue
        name = named(statement, of_self=of_self)
        if name is None or name.startswith("_"):
            continue
        behind = body[at + 1] if at + 1 < len(body) else None
        is_text = isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant)
        if not is_text:
            yield name


def is_told(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it has a docstring; of overloads only the function itself needs one."""
    decorators = [one.id for one in function.decorator_list if isinstance(one, ast.Name)]
    return "overload" in decorators or ast.get_docstring(function) is not None


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_public_field_and_call_of_a_class_says_what_it_is(kind: type) -> None:
    assert kind.__doc__
    found = [
        f"{name}.{field}" for name, one in own_classes(kind) for field in undocumented(one.body)
    ]
    assert found == []


def test_every_public_function_says_what_it_does() -> None:
    for call in (*CALLS, prometheus.register, opentelemetry.observe):
        assert call.__doc__, call


def test_the_fields_that_people_meet_first_are_among_those_that_are_looked_at() -> None:
    looked_at = {one.name for kind in CLASSES for _, one in own_classes(kind)}
    assert {"Trace", "Summary", "Recipient", "Event", "Result", "Finding", "Record"} <= looked_at
    body = definitions("tracevault.events")["Event"].body
    fields = {named(statement, of_self=False) for statement in body}
    assert {"kind", "to", "reply_dsn", "cmd_xforward_accepted"} <= fields
    (init,) = (
        one
        for one in definitions("tracevault._error")["TraceVaultError"].body
        if isinstance(one, ast.FunctionDef) and one.name == "__init__"
    )
    fields = {named(statement, of_self=True) for statement in init.body}
    assert {"retriable", "retry_after", "tenant"} <= fields
