"""``tracevault filter``: one JSON line in, one out, at once; the child process of a log host.

The contracts are those of rsyslog: ``omprog`` with ``confirmMessages="on"`` (OK for each message,
dots while it takes long), and ``mmexternal`` (one JSON line with what changes for each message).
"""

from __future__ import annotations

import contextlib
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import click

from ..._fields import LINE_DEPTH, parsed
from ...client import Engine
from ...errors import ArgumentError, Status, TraceVaultError
from ...model import Trace
from ...request import Request, Result
from ..bounded import SMALLEST, bounded
from ..failures import NO_ROOM, Unreadable, Unwritten, Usage, as_document, no_text
from ..group import verb
from ..option import DAY, in_a_folder, option, require_time_to_wait, timeout_option, wait_option
from ..options import Options
from ..pasted import require_no_secret
from ..printable import printable
from ..repeats import Concern, Repeats, concern_of
from ..rows_file import NoRows, RowsFile
from ..session import Session, opened
from ..streams import read_from
from ..times import Seconds

#: Where an answer stands. A line may have such a member of its writer's, which is not passed on.
MEMBER = "tracevault"
#: Longer input lines are answered with an error, and their beginning.
LINE_LIMIT = 1024 * 1024
#: How often omprog gets a dot, in seconds; rsyslog waits for ten.
KEEP_ALIVE = 5.0
#: Where a message's reference is looked for, in this order.
FIELDS = ("message_ref", "AlertID", "alert_id", "investigate_id", "postfix_id")


@verb(
    "filter",
    examples=(
        """echo '{"message_ref":"4jXtPB72Kpz7S8D"}' | tracevault filter --tenant acme """
        "--account acae0000000000000000000000000001",
        """echo '{"id":"4jXtPB72Kpz7S8D","tenant":"acme"}' | tracevault filter --field id """
        "--account acae0000000000000000000000000001 --max-bytes 4096 --summary",
    ),
)
@option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME",
    help=f"Where the reference is; default: {', '.join(FIELDS)}.",
)
@option("--tenant-field", default="tenant", metavar="NAME", help="Where the tenant is.")
@option("--account-field", default="account_id", metavar="NAME", help="Where its id or label is.")
@option("--summary", is_flag=True, help="The summary only, without the lines.")
@option(
    "--max-bytes",
    type=click.IntRange(min=SMALLEST),
    metavar="N",
    help=f"The longest line out, {SMALLEST} or more; default: no limit.",
)
@wait_option("Seconds to wait while a trace is pending.")
@timeout_option("Seconds for each.", default=30)
@option(
    "--omprog",
    metavar="FILE",
    callback=in_a_folder,
    help="rsyslog's omprog: OK out, rows into FILE.",
)
@option("--mmexternal", is_flag=True, help="rsyslog's mmexternal: what changes, out.")
@option(
    "--keep-alive",
    type=Seconds(0, DAY, min_open=True),
    metavar="SECONDS",
    help=f"How often omprog gets a dot while a trace takes long; default: {KEEP_ALIVE:g}.",
)
@click.pass_obj
def filter_(
    options: Options,
    fields: tuple[str, ...],
    tenant_field: str,
    account_field: str,
    summary: bool,
    max_bytes: int | None,
    wait: float,
    timeout: float,
    omprog: str | None,
    mmexternal: bool,
    keep_alive: float | None,
) -> None:
    """Answer each JSON line of standard input with one on standard output, at once.

    The answer is the line itself with a member "tracevault": the trace, or why there is none. A
    line without a reference comes back without such a member, which is the filter's alone; one that
    is no JSON object comes back as text, "tracevault":{"error":...,"line":...}. Names with dots
    lead into objects. A line that names another than --tenant or --account is not asked: who writes
    into a log does not choose then.

    With --omprog and confirmMessages="on", rows go to the end of FILE, and rsyslog hears OK, or an
    error when it may try again and no other tenant's lines wait long for that. With --mmexternal
    the answer holds only {"$!":{"tracevault":...}}.
    """
    if omprog is not None and mmexternal:
        raise Usage("--omprog and --mmexternal are two contracts: give one")
    if keep_alive is not None and omprog is None:
        raise Usage("--keep-alive is about the dots of --omprog: leave it out")
    if options.format_given not in ("", "--json", "--format json"):
        raise Usage(f"filter answers with JSON lines: leave {options.format_given} out")
    require_time_to_wait(wait, timeout)
    with opened(options) as session, session.engine() as engine:
        asker = Asker(
            session=session,
            engine=engine,
            fields=fields or FIELDS,
            tenant_field=tenant_field,
            account_field=account_field,
            summary=summary,
            wait=wait,
            timeout=timeout,
        )
        if omprog is not None:
            _serve_omprog(asker, omprog, max_bytes, keep_alive or KEEP_ALIVE)
        else:
            _serve_lines(asker, max_bytes, mmexternal=mmexternal)


@dataclass
class Asker:
    """Makes a request of a line, and a row of the answer."""

    session: Session
    engine: Engine
    fields: tuple[str, ...]
    tenant_field: str
    account_field: str
    summary: bool
    wait: float
    timeout: float
    #: What the last line has asked; ``None`` where it failed before.
    asked: Request[Trace] | None = None
    _repeats: Repeats = field(default_factory=Repeats)

    def request(self, record: dict[str, Any]) -> Request[Trace] | None:
        """What the record asks; ``None`` when it asks nothing."""
        reference = next((found for one in self.fields if (found := _text(record, one))), None)
        if reference is None:
            return None
        require_no_secret(reference)
        tenant, account = _whom(record, self.tenant_field), _whom(record, self.account_field)
        place = self.session.place_of(tenant, account)
        self.asked = Request.trace(*place, reference, wait=self.wait, timeout=self.timeout)
        return self.asked

    def answer(self, request: Request[Trace], keep_alive: float | None = None) -> dict[str, Any]:
        """The member ``tracevault`` of the row; raises what went wrong."""
        since = datetime.now(timezone.utc)
        result = self._result(self.engine.submit(request.__replace__()), keep_alive)
        if _is_of_server(result, since):
            self._repeats.answered(request.tenant.name)
        if result.error is not None:
            raise result.error
        assert result.trace is not None
        told = result.trace.to_dict()
        if self.summary:
            for side in ("inbound", "outbound"):
                told[side] = {**told[side], "lines": []}
        return {"trace": told}

    @property
    def about(self) -> dict[str, str | None]:
        """Whom the last line has asked, and for what, as errors name it."""
        if self.asked is None:
            return {}
        named = {"account_id": self.asked.account_id, "message_ref": self.asked.message_ref}
        return {"tenant": self.asked.tenant.name, **named}

    def may_repeat(self, line: bytes, error: TraceVaultError) -> bool:
        """Whether asking for the line again may help, and holds up no other tenant's lines."""
        concern = concern_of(error)
        if not error.retriable or concern is Concern.ALL or self.session.is_of_one_tenant:
            return error.retriable
        asked = None if self.asked is None else self.asked.tenant.name
        return concern is not Concern.TENANT and self._repeats.wants(line, asked, concern)

    def _result(self, wanted: int, keep_alive: float | None) -> Result[Trace]:
        """The result of this request: what an earlier line left behind, as where memory was short,
        is passed over."""
        try:
            while True:
                result = self.engine.take(keep_alive)
                if result is None:
                    _write(b".")
                elif result.id == wanted:
                    return result
        except BaseException:
            with contextlib.suppress(TraceVaultError):
                self.engine.cancel(wanted)
            raise


def _is_of_server(result: Result[Trace], since: datetime) -> bool:
    """Whether the server has answered, and neither what the engine has kept nor whoever stands in
    between, such as a proxy with a page of its own."""
    if result.trace is None:
        error = result.error
        if error is None or error.status is Status.E_FOREIGN_REPLY:
            return False
        return error.http_status > 0 and concern_of(error) is Concern.TENANT
    fetched = result.trace.fetched_at  # in whole milliseconds
    return fetched is not None and fetched > since - timedelta(milliseconds=1)


def _text(record: dict[str, Any], name: str) -> str | None:
    """A member of the record that is a text, and not empty."""
    found = _member(record, name)
    return found if isinstance(found, str) and found else None


def _whom(record: dict[str, Any], name: str) -> str | None:
    """The same of a tenant or an account, which nobody passes over for another one."""
    spelled = [one for one in record if _plain(one) == _plain(name)]
    if len(spelled) > 1:
        raise ArgumentError(f"the line has {name} twice", status=Status.E_ARGUMENT)
    found = _member(record, *spelled or [name])
    if not isinstance(found, (str, type(None))):
        raise no_text(name)
    return found or None


def _plain(name: str) -> str:
    """The name without what people write differently."""
    return re.sub(r"[\s_-]+", "", name.casefold())


def _member(record: dict[str, Any], name: str) -> object:
    """A member of the record; a name with dots leads into objects."""
    found: Any = record.get(name)
    if found is None and "." in name:
        found = record
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    return found


def _lines() -> Iterator[bytes]:
    """The lines of standard input as they come, without their ends.

    Of one that is too long the beginning comes, a byte more than any other line has.
    """
    while line := _read_line(LINE_LIMIT + 1):
        if len(line) > LINE_LIMIT:
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = _read_line(LINE_LIMIT)
            yield line
        else:
            yield line.rstrip(b"\r\n")


def _read_line(most: int) -> bytes:
    with read_from("-"):
        return sys.stdin.buffer.readline(most)


def _record(line: bytes) -> dict[str, Any]:
    found = None
    if len(line) <= LINE_LIMIT:
        with contextlib.suppress(ValueError):
            found = parsed(
                line,
                LINE_DEPTH,
                parse_float=_float,
                parse_constant=_no_json,
                object_pairs_hook=_each_once,
            )
    if not isinstance(found, dict):
        raise Unreadable(
            f"the line is no JSON object, longer than 1 MiB, or nested more than {LINE_DEPTH} deep"
        )
    return found


def _each_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; who judged the line by the first of two would not have judged the second."""
    found = dict(members)
    if len(found) < len(members):
        raise Unreadable("the line has a member twice")
    return found


def _float(text: str) -> float | str:
    """A number; one that is too large for any stays text, as in the library's documents."""
    value = float(text)
    return value if math.isfinite(value) else text


def _no_json(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _write(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unwritten("standard output", error) from None


def _answered(
    asker: Asker, line: bytes, keep_alive: float | None = None
) -> tuple[dict[str, Any], dict[str, Any] | None, Exception | None]:
    """The line's record, the member that answers it, and what went wrong.

    No line ends the filter: rsyslog would send it again, for ever.
    """
    record: dict[str, Any] = {}
    asker.asked = None
    try:
        record = _record(line)
        request = asker.request(record)
        return record, None if request is None else asker.answer(request, keep_alive), None
    except Exception as error:
        if isinstance(error, (OSError, Unwritten)) and not isinstance(error, TraceVaultError):
            raise  # the host does not take the dots any more
        part = as_document(error)
        if isinstance(error, Unreadable):
            part["line"] = line[:LINE_LIMIT].decode("utf-8", "backslashreplace")
        return record, part, error


def _row(
    record: dict[str, Any],
    part: dict[str, Any] | None,
    max_bytes: int | None,
    before: str = "",
    behind: str = "\n",
) -> bytes:
    """The line of the record with its answer, and no other; of the answer alone where the record
    cannot be written, or there is no memory for it."""
    own = {name: value for name, value in record.items() if name != MEMBER}
    try:
        row = bounded(own if part is None else {**own, MEMBER: part}, max_bytes)
        return f"{before}{row}{behind}".encode()
    except Exception as error:
        row = bounded({MEMBER: as_document(error)}, max_bytes)
        return f"{before}{row}{behind}".encode()


def _is_claimed(record: dict[str, Any]) -> bool:
    """Whether the line of a message says, or the message holds, what the filter alone says."""
    held = record.get("$!")
    return MEMBER in record or (isinstance(held, dict) and MEMBER in held)


def _serve_lines(asker: Asker, max_bytes: int | None, *, mmexternal: bool) -> None:
    """One line out for each line in."""
    for line in _lines():
        record, part, _ = _answered(asker, line)
        if not mmexternal:
            row = _row(record, part, max_bytes)
        elif part is None:
            row = _row({"$!": {MEMBER: None}} if _is_claimed(record) else {}, None, max_bytes)
        else:
            part.pop("line", None)  # the host has it
            most = None if max_bytes is None else max_bytes - len('{"$!":}')
            row = _row({}, part, most, '{"$!":', "}\n")
        _write(row)


def _serve_omprog(asker: Asker, path: str, max_bytes: int | None, keep_alive: float) -> None:
    """Rows into a file; on standard output what rsyslog waits for."""
    try:
        file = RowsFile(path)
    except NoRows as other:
        raise Usage(f"--omprog: {path}: {other.strerror}; name another file") from None
    try:
        _write(b"OK\n")
        for line in _lines():
            if line in (b"BEGIN TRANSACTION", b"COMMIT TRANSACTION"):
                _write(b"OK\n")
                continue
            said = b"OK"
            record, part, error = _answered(asker, line, keep_alive)
            if isinstance(error, TraceVaultError) and asker.may_repeat(line, error):
                said = printable(f"{error.name}: {error}").encode("ascii", "replace")
            elif part is not None:
                try:
                    _append(file, asker, record, part, max_bytes)
                except OSError as full:
                    said = f"the row is not written: {full.strerror}".encode("ascii", "replace")
            _write(said + b"\n")
    finally:
        file.close()


def _append(
    file: RowsFile,
    asker: Asker,
    record: dict[str, Any],
    part: dict[str, Any],
    max_bytes: int | None,
) -> None:
    """Keep the row; where there is no room for it and others' lines wait, a small one that says so.

    One that is too large for the file would be repeated for ever, in front of all that fit.
    """
    try:
        file.append(_row(record, part, max_bytes))
    except OSError as full:
        if full.errno not in NO_ROOM or asker.session.is_of_one_tenant:
            raise
        small = as_document(Unwritten("the row", full), **asker.about)
        file.append(_row(record, small, SMALLEST))
