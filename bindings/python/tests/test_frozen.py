"""Accounts, requests, results and their like are frozen values, as dataclasses would be."""

from __future__ import annotations

import copy
import pickle

import pytest

import tracevault as tv
from tracevault._frozen import Frozen


class Point(Frozen):
    x: int
    y: int = 0
    note: str = ""

    _apart = frozenset({"note"})


def test_fields_are_given_by_name_and_have_their_defaults() -> None:
    point = Point(x=1)
    assert (point.x, point.y, point.note) == (1, 0, "")
    with pytest.raises(TypeError, match="needs the keyword argument 'x'"):
        Point(y=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="has no field 'z'"):
        Point(x=1, z=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Point(1)  # type: ignore[call-arg]


def test_they_are_compared_and_hashed_by_value_without_what_stands_apart() -> None:
    one, same, other = Point(x=1, note="a"), Point(x=1, y=0, note="b"), Point(x=2)
    assert one == same != other
    assert hash(one) == hash(same)
    assert one != (1, 0)
    assert repr(one) == "Point(x=1, y=0, note='a')"


def test_nothing_of_them_can_be_changed() -> None:
    point = Point(x=1)
    with pytest.raises(AttributeError, match="cannot assign to field 'x'"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="cannot delete field 'x'"):
        del point.x
    with pytest.raises(AttributeError):
        point.other = 1  # type: ignore[attr-defined]


def test_they_are_copied_pickled_and_made_anew_with_changes() -> None:
    account = tv.Account(tenant="acme", account_id="a" * 32, kind="api_token", label="EU")
    again = pickle.loads(pickle.dumps(account))  # noqa: S301 - made here
    assert again == copy.copy(account) == copy.deepcopy(account) == account
    assert account.__replace__(label="US").label == "US"
    assert {account: 1}[account.__replace__()] == 1


def test_a_request_with_other_options_is_another_request(acme: tv.Tenant) -> None:
    request = tv.Request.trace(acme, None, "4jXtPB72Kpz7S8D", tag=1)
    assert request == tv.Request.trace(acme, None, "4jXtPB72Kpz7S8D", tag=2)
    changed = request.__replace__(wait=5)
    assert (changed.wait, changed.tag, request.wait) == (5, 1, 0)
    assert changed != request
