"""Which lines ``filter --omprog`` has rsyslog send again. It sends nothing behind such a line."""

from __future__ import annotations

import errno
import json
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit
from tests.cli.test_filter import line
from tracevault._slot import Slot
from tracevault.cli.bounded import SMALLEST, bounded
from tracevault.cli.repeats import TIMES, Concern, Repeats
from tracevault.cli.rows_file import RowsFile
from tracevault.cli.session import Session
from tracevault.cli.verbs import filter as verb
from tracevault.errors import Cause, Status, error_class

#: A line that was sent so often and has no OK yet is sent for ever.
FOR_EVER = 110
NO_CACHE = ("--set", "cache.max_bytes=0")


def failure(status: Status, cause: Cause = Cause.NONE) -> tv.TraceVaultError:
    return error_class(status)("it went wrong", status=status, cause=cause, retriable=True)


def no_memory() -> tv.TraceVaultError:
    return failure(Status.E_NO_MEMORY, Cause.MEMORY)


def no_way() -> tv.TraceVaultError:
    return failure(Status.E_TLS, Cause.HANDSHAKE)


Trouble = Callable[[], tv.TraceVaultError]


@pytest.fixture(params=[no_memory, no_way], ids=["memory", "way"])
def trouble(request: pytest.FixtureRequest) -> Trouble:
    """What may concern all tenants, or one."""
    made: Trouble = request.param
    return made


class Rsyslog:
    """Sends lines to the filter, one again and again until it hears OK."""

    def __init__(self, call: Call, kit: Kit, monkeypatch: pytest.MonkeyPatch, rows: Path) -> None:
        self.call, self.kit, self.rows = call, kit, rows
        #: By tenant, what its next requests meet in the place of an answer; the last one stays.
        self.met: dict[str, list[tv.TraceVaultError | None]] = {}
        self.lines: list[bytes] = []
        self.said: list[bytes] = []
        self.times: list[int] = []
        read = Slot._read

        def reading(slot: Slot) -> None:
            read(slot)
            met = self.met.get(slot.request.tenant.name, [None])
            slot.error = (met.pop(0) if len(met) > 1 else met[0]) or slot.error

        monkeypatch.setattr(Slot, "_read", reading)
        monkeypatch.setattr(verb, "_lines", self.sending)
        monkeypatch.setattr(verb, "_write", self.said.append)

    def sending(self) -> Iterator[bytes]:
        for sent in self.lines:
            self.times.append(0)
            while self.times[-1] == 0 or self.said[-1] != b"OK\n":
                if self.times[-1] == FOR_EVER:
                    return
                self.times[-1] += 1
                yield sent

    def sends(self, *names: str, where: tuple[str, ...] = NO_CACHE, **refs: str) -> list[int]:
        """Send a line of each tenant, of its message or this one; give how often each was sent."""
        self.times = []
        by_tenant = {one.tenant: one for one in reversed(self.kit.server.messages)}
        self.lines = [
            line(
                message_ref=refs.get(name, by_tenant[name].postfix_id),
                tenant=name,
                account_id=by_tenant[name].account_id,
            )
            for name in names
        ]
        told = self.call("filter", *where, "--timeout", "2", "--omprog", self.rows)
        assert told.code == 0, told.err
        return self.times

    @property
    def told(self) -> list[str]:
        """What each row says: the tenant that was answered, or the status of its error."""
        rows = [json.loads(row)["tracevault"] for row in self.rows.read_text().splitlines()]
        return [
            row["trace"]["tenant"] if "trace" in row else row["error"]["status"] for row in rows
        ]


@pytest.fixture
def rsyslog(call: Call, kit: Kit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Rsyslog:
    return Rsyslog(call, kit, monkeypatch, tmp_path / "rows")


def test_lines_of_a_tenant_are_repeated_a_few_times_and_then_others_have_their_turn(
    rsyslog: Rsyslog, trouble: Trouble
) -> None:
    rsyslog.met["globex"] = [trouble()]
    assert rsyslog.sends("globex", "globex", "acme") == [4, 1, 1]
    assert rsyslog.told == [trouble().name, trouble().name, "acme"]


def test_what_two_tenants_meet_is_repeated_long_and_then_another_shows_whether_it_is_their_own(
    rsyslog: Rsyslog, trouble: Trouble
) -> None:
    rsyslog.met["globex"] = rsyslog.met["acme"] = [trouble()]
    sent = ["globex", "acme", "globex", "initech", "acme", "globex"]
    assert rsyslog.sends(*sent) == [4, 101, 101, 1, 1, 1]
    assert rsyslog.told == [*[trouble().name] * 3, "initech", *[trouble().name] * 2]


def test_what_all_had_met_is_nobodys_own_once_it_has_passed(
    rsyslog: Rsyslog, trouble: Trouble
) -> None:
    failed = trouble()
    rsyslog.met["globex"] = [*[failed] * 6, None]
    rsyslog.met["acme"] = [*[failed] * 9, None]
    assert rsyslog.sends("globex", "acme", "globex") == [4, 10, 3]
    assert rsyslog.told == [failed.name, "acme", "globex"]


def test_a_tenants_own_trouble_is_not_repeated_until_it_is_answered(
    rsyslog: Rsyslog, trouble: Trouble
) -> None:
    failed = trouble()
    rsyslog.met["globex"] = [*[failed] * 6, None, failed]
    names = ["globex", "acme", "globex", "globex", "globex", "globex", "acme"]
    assert rsyslog.sends(*names) == [4, 1, 1, 1, 1, 4, 1]


def test_a_tenants_own_trouble_proves_nothing_of_others(rsyslog: Rsyslog, trouble: Trouble) -> None:
    failed = trouble()
    rsyslog.met["globex"] = [failed]
    rsyslog.met["acme"] = [None, failed]
    assert rsyslog.sends("globex", "acme", "globex", "acme", "initech") == [4, 1, 1, 4, 1]


def test_troubles_of_two_kinds_prove_nothing(rsyslog: Rsyslog) -> None:
    rsyslog.met |= {"globex": [no_memory()], "acme": [no_way()]}
    assert rsyslog.sends("globex", "acme", "initech") == [4, 4, 1]


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (Status.E_DEADLINE, Cause.UNREACHABLE),
        (Status.E_PROXY, Cause.PROXY_REFUSED),
        (Status.E_TRANSPORT, Cause.NAME_LOOKUP),
    ],
)
def test_no_way_to_the_server_is_one_kind_whatever_the_cause(
    rsyslog: Rsyslog, status: Status, cause: Cause
) -> None:
    rsyslog.met |= {"globex": [no_way()], "acme": [failure(status, cause)]}
    assert rsyslog.sends("globex", "acme") == [4, 101]


@pytest.mark.parametrize("ref", ["fail-404", "fail-429-300"])
def test_an_answer_is_whatever_a_server_has_said(
    rsyslog: Rsyslog, trouble: Trouble, ref: str
) -> None:
    rsyslog.kit.server.reset()
    rsyslog.met["globex"] = [trouble()]
    assert rsyslog.sends("globex", "acme", "globex", acme=ref) == [4, 1, 1]


def test_a_page_of_whoever_stands_in_between_is_no_answer(
    rsyslog: Rsyslog, trouble: Trouble
) -> None:
    rsyslog.kit.server.reset()
    rsyslog.met["globex"] = rsyslog.met["initech"] = [trouble()]
    # Else the second would be known to have trouble of its own.
    assert rsyslog.sends("globex", "acme", "initech", acme="bad-html") == [4, 1, 101]


def test_lines_that_come_in_turns_are_repeated_no_more_often() -> None:
    """As where rsyslog has several workers and one filter."""
    repeats = Repeats()
    sent = [repeats.wants(line, "globex", Concern.WAY) for line in (b"1", b"2") * 3]
    assert sent == [True] * TIMES + [False] * 3
    repeats.wants(b"3", "acme", Concern.WAY)
    sent = [repeats.wants(line, "globex", Concern.WAY) for line in (b"1", b"2") * 101]
    assert sent == [True] * 200 + [False] * 2


def test_lines_that_rsyslog_gives_up_itself_are_not_remembered_for_ever() -> None:
    repeats = Repeats()
    for tenant in ("globex", "acme"):
        for number in range(5000):
            repeats.wants(b"%d" % number, tenant, Concern.WAY)
    assert len(repeats._times) == 1000


def test_what_no_server_has_said_is_no_answer(rsyslog: Rsyslog, trouble: Trouble) -> None:
    rsyslog.met |= {"globex": [trouble()], "acme": [None, failure(Status.E_DEADLINE)]}
    assert rsyslog.sends("acme", "globex", "acme", "globex") == [1, 4, 1, 1]
    rsyslog.met |= {"globex": [trouble()], "acme": [None]}
    # The third line is answered with what the engine has kept of the first.
    assert rsyslog.sends("acme", "globex", "acme", "globex", where=()) == [1, 4, 1, 1]


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (Status.E_STALE, Cause.NONE),
        (Status.E_IO, Cause.NONE),
        (Status.E_SHUTDOWN, Cause.NONE),
        (Status.E_NO_DESCRIPTORS, Cause.DESCRIPTORS),
        (Status.E_DEADLINE, Cause.DESCRIPTORS),
    ],
)
def test_what_surely_concerns_all_is_repeated_until_it_has_passed(
    rsyslog: Rsyslog, status: Status, cause: Cause
) -> None:
    rsyslog.met["globex"] = [failure(status, cause)]
    assert rsyslog.sends("globex", "acme") == [FOR_EVER]


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (Status.E_TRANSPORT, Cause.SILENCE),
        (Status.E_DEADLINE, Cause.NONE),
        (Status.E_LIMIT, Cause.NONE),
        (Status.E_CREDENTIAL, Cause.NONE),
    ],
)
def test_what_another_tenant_need_not_meet_is_not_repeated(
    rsyslog: Rsyslog, status: Status, cause: Cause
) -> None:
    rsyslog.met["globex"] = rsyslog.met["acme"] = [failure(status, cause)]
    assert rsyslog.sends("globex", "acme", "globex") == [1, 1, 1]


def test_lines_of_one_tenant_alone_are_repeated_as_long_as_that_may_help(
    rsyslog: Rsyslog, trouble: Trouble
) -> None:
    rsyslog.met["globex"] = [trouble()]
    assert rsyslog.sends("globex", where=("--tenant", "globex")) == [FOR_EVER]


def test_what_fails_before_anybody_is_asked_proves_nothing(
    rsyslog: Rsyslog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise no_memory()

    place_of = Session.place_of
    monkeypatch.setattr(Session, "place_of", failing)
    rsyslog.met["acme"] = [no_memory()]
    assert rsyslog.sends("globex", "acme") == [4, 1]

    def for_globex(session: Session, tenant: str, account: str) -> Any:
        return failing() if tenant == "globex" else place_of(session, tenant, account)

    monkeypatch.setattr(Session, "place_of", for_globex)
    assert rsyslog.sends("globex", "acme", "initech") == [4, 4, 1]


# ---- Rows that do not fit -----------------------------------------------------------------------

#: More than one row may have, and a line that makes a row so large.
ROOM, PADDING = 100_000, "x" * 200_000


def limited() -> None:
    """Files of this process have no room for more."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))


def padded(kit: Kit, name: str, padding: str = "") -> bytes:
    known = next(one for one in kit.server.messages if one.tenant == name)
    whom = {"tenant": name, "account_id": known.account_id}
    return line(message_ref=known.postfix_id, host=padding, **whom)


def test_a_row_that_does_not_fit_is_a_small_one_with_the_error_where_others_wait(
    process: Call, kit: Kit, tmp_path: Path
) -> None:
    sent = padded(kit, "globex", PADDING) + padded(kit, "acme")
    told = process("filter", "--omprog", "rows", stdin=sent, preexec_fn=limited)
    assert told.code == 0, told.err
    assert told.out.split() == ["OK"] * 3
    small, whole = (tmp_path / "rows").read_bytes().splitlines()
    assert len(small) < SMALLEST
    error = json.loads(small)["tracevault"]["error"]
    assert error["status"] == "OUTPUT"
    assert error["message"] == "the row cannot be written: File too large"
    known = next(one for one in kit.server.messages if one.tenant == "globex")
    assert error["tenant"] == "globex"
    assert (error["account_id"], error["message_ref"]) == (known.account_id, known.postfix_id)
    assert json.loads(whole)["tracevault"]["trace"]["tenant"] == "acme"


def test_the_small_row_of_a_line_that_cannot_be_read_names_nobody(
    process: Call, kit: Kit, tmp_path: Path
) -> None:
    sent = padded(kit, "acme") + PADDING.encode() + b"\n"
    told = process("filter", "--omprog", "rows", stdin=sent, preexec_fn=limited)
    assert told.out.split() == ["OK"] * 3
    whole, small = map(json.loads, (tmp_path / "rows").read_bytes().splitlines())
    assert whole["tracevault"]["trace"]["tenant"] == "acme"
    assert small["tracevault"]["error"]["status"] == "OUTPUT"
    assert "tenant" not in small["tracevault"]["error"]


@pytest.mark.parametrize("padding", ["", PADDING])
def test_a_line_is_repeated_where_a_small_row_does_not_fit_either(
    process: Call, kit: Kit, padding: str
) -> None:
    told = process("filter", "--omprog", "/dev/full", stdin=padded(kit, "globex", padding))
    assert told.out.splitlines() == [
        "OK",
        "the row is not written: No space left on device",
    ]


def test_a_row_of_one_tenant_alone_is_repeated_until_it_fits(
    process: Call, kit: Kit, tmp_path: Path
) -> None:
    sent = padded(kit, "globex", PADDING)
    words = ("filter", "--tenant", "globex", "--omprog", "rows")
    told = process(*words, stdin=sent, preexec_fn=limited)
    assert told.out.splitlines() == ["OK", "the row is not written: File too large"]
    assert (tmp_path / "rows").read_bytes() == b""


def test_what_is_no_lack_of_room_is_repeated_whoever_waits(
    rsyslog: Rsyslog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(RowsFile, "append", failing)
    assert rsyslog.sends("globex", "acme") == [FOR_EVER]


def test_a_row_for_which_there_is_no_memory_ends_no_filter(
    rsyslog: Rsyslog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rsyslog would start it again, and send the line again."""

    class Large(str):
        def encode(self, *_: object) -> bytes:
            raise MemoryError

        def __format__(self, _: str) -> str:
            raise MemoryError

    def large(row: dict[str, Any], most: int | None) -> str:
        return Large() if "tenant" in row else bounded(row, most)

    monkeypatch.setattr(verb, "bounded", large)
    assert rsyslog.sends("globex", "acme") == [1, 1]
    assert rsyslog.told == ["MemoryError"] * 2
