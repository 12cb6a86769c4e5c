"""Errors carry facts, survive pickling, and fit Python's own exceptions."""

from __future__ import annotations

import pickle

import pytest

import tracevault as tv
from tracevault.errors import Status, error_class


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.OK])
def test_every_error_keeps_its_facts_across_processes(status: Status) -> None:
    error = error_class(status)(
        "what failed and what to do",
        status=status,
        retriable=True,
        http_status=429,
        codes=(971, 10000),
        cf_ray="8f0-FRA",
        retry_after=1.5,
        cause=tv.Cause.REFUSED,
        system_error=111,
        curl_code=7,
        reply=b"<title>Sign in</title>",
    )
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is type(error)
    assert str(again) == "what failed and what to do"
    assert (again.status, again.name) == (status, f"TV_{status.name}")
    assert (again.retriable, again.http_status, again.codes) == (True, 429, (971, 10000))
    assert (again.cf_ray, again.retry_after) == ("8f0-FRA", 1.5)
    assert (again.cause, again.system_error, again.curl_code) == (tv.Cause.REFUSED, 111, 7)
    assert again.reply == b"<title>Sign in</title>"


@pytest.mark.parametrize(
    ("status", "base"),
    [
        (Status.E_MESSAGE_REF, ValueError),
        (Status.E_HANDLE, ValueError),
        (Status.E_NOT_FOUND, LookupError),
        (Status.E_AMBIGUOUS, tv.NotFoundError),
        (Status.E_NO_MESSAGE, tv.NotFoundError),
        (Status.E_DEADLINE, TimeoutError),
        (Status.E_EXISTS, FileExistsError),
        (Status.E_UNLOCK, tv.VaultError),
        (Status.E_TLS, tv.TransportError),
        (Status.E_FORBIDDEN, tv.CredentialError),
        (Status.E_NOT_JSON, tv.ReplyError),
        (Status.E_PROXY, tv.TransportError),
        (Status.E_FOREIGN_REPLY, tv.ReplyError),
        (Status.E_DESCRIPTORS_LOST, tv.ShutdownError),
    ],
)
def test_families_are_also_the_exceptions_python_programs_catch(
    status: Status, base: type[Exception]
) -> None:
    assert issubclass(error_class(status), base)


def test_a_status_of_a_later_library_is_other_and_keeps_its_number() -> None:
    error = error_class(999)("new", status=999)
    assert type(error) is tv.TraceVaultError
    assert error.status is Status.E_OTHER
    assert error.status_number == 999
    assert tv.TraceVaultError("new", cause=999).cause is tv.Cause.NONE
