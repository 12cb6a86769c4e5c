"""Credentials from a file: CSV or JSON lines, all rows or none.

What is read passes through Python's memory, which cannot wipe it: import in a process of its own,
and remove the file afterwards.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from . import _loading
from ._fields import LINE_DEPTH, parsed
from ._marks import escaped
from ._reading import unfit_table
from ._secret import leaves_no_secret
from ._times import moment
from .credentials import ApiToken, GlobalKey
from .errors import (
    ArgumentError,
    ClosedError,
    LockedError,
    Opening,
    Status,
    TraceVaultError,
    VaultError,
    is_account_id,
)

if TYPE_CHECKING:
    from .edit import Edit, Hint

#: The columns of a table; what a name of a heading stands for.
COLUMNS = {
    "tenant": "tenant",
    "account_id": "account_id",
    "account": "account_id",
    "token": "token",
    "email": "email",
    "key": "key",
    "label": "label",
    "origin": "origin",
    "budget_group": "budget_group",
    "not_before": "not_before",
    "expires": "expires",
}
#: The columns that hold a time: a date, RFC 3339, or a duration from now on.
_TIMES = ("not_before", "expires")
_TIME = (
    "a date such as 2027-01-31, a time such as 2027-01-31T00:00:00Z, or a duration from now on "
    "such as 90d"
)
_NEEDED = ("tenant", "account_id")
#: How many unknown names are told of one heading or line.
_UNKNOWN_TOLD = 5
#: What is said of a row whose account has a credential that nobody said what to do with.
KNOWN = "the vault has a credential for it, which this row would replace"
#: What is said of a row that names another tenant than the caller of the import.
ANOTHER = "it names another tenant than the import is for"
#: What is said first of a line that is no JSON.
NO_JSON = "it is no JSON"
#: What a secret may look like, with a word or quotes around it; so may the name of a tenant.
_SECRET = re.compile(r"[A-Za-z0-9_-]{20,}|[\"'{}]|\bcf(?:at|ut|k)_|^Bearer\b")
#: What is as long as a token, longer than a UUID, or begins as one.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{37,}|\bcf(?:at|ut|k)_|^Bearer\b")
#: What is said of a tenant that looks like one, and its code for programs.
LIKE_TOKEN = "the tenant looks like a token, and a tenant's name is shown"  # noqa: S105
LIKE_TOKEN_CODE = "tenant_looks_like_token"  # noqa: S105
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that cannot be stored."""

    row: int
    """As a spreadsheet counts them: the headings are row 1; the line of JSON lines."""
    tenant: str
    """"" also where what stands there has the form of a secret: columns may have been swapped."""
    account_id: str
    """"" also where what stands there is no account id."""
    reason: str
    """What is wrong with it; no secret."""

    def __str__(self) -> str:
        """One line; what steers a terminal or hides is escaped."""
        tenant = self.tenant and repr(self.tenant)
        whom = ", ".join(name for name in (tenant, self.account_id) if name)
        return escaped(f"row {self.row}{f' ({whom})' if whom else ''}: {self.reason}")

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return {
            "row": self.row,
            "tenant": self.tenant,
            "account_id": self.account_id,
            "reason": self.reason,
        }


class ImportRowsError(ArgumentError):
    """Rows of an import cannot be stored; nothing of the file was."""

    def __init__(self, path: str, rows: tuple[BadRow, ...], hints: tuple[Hint, ...] = ()) -> None:
        told = "; ".join(str(row) for row in rows[:5])
        more = f"; and {len(rows) - 5} more: see .rows" if len(rows) > 5 else ""
        super().__init__(f"nothing of {path} was stored: {told}{more}", status=Status.E_ARGUMENT)
        self.rows = rows
        """Every row that cannot be stored."""
        self.hints = hints
        """What looks wrong about the other rows, as ``Edit.hints`` tells it."""
        self.path = path
        """The file."""

    def __reduce__(self) -> tuple[type[ImportRowsError], tuple[object, ...]]:
        return type(self), (self.path, self.rows, self.hints)


@dataclass(slots=True)
class Row:
    """One row: its values by column, or why it has none."""

    number: int
    """As a spreadsheet counts them: the headings are row 1."""
    values: dict[str, str]
    """By column."""
    reason: str = ""
    """Why it cannot be read; empty when it can."""

    def bound(self, tenant: str | None) -> str:
        """Have it name the tenant that the import is for, if any; why it cannot."""
        if tenant is None or self.values.setdefault("tenant", tenant) == tenant:
            return ""
        return ANOTHER

    @property
    def tenant_shown(self) -> str:
        """The tenant, unless it has the form of a secret: columns may have been swapped."""
        tenant = self.values.get("tenant", "")
        return "" if _SECRET.search(tenant) else tenant

    def bad(self, reason: str) -> BadRow:
        """What is told of it: never a secret."""
        account_id = self.values.get("account_id", "")
        return BadRow(
            self.number,
            self.tenant_shown,
            account_id if is_account_id(account_id) else "",
            reason,
        )


@leaves_no_secret
def import_rows(
    edit: Edit,
    path: str | os.PathLike[str],
    rows: Iterator[Row],
    *,
    rotate: bool,
    replace: bool,
    origin: str | None,
    tenant: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Store all rows or drop the edit; how many there were."""
    if rotate and replace:
        raise ArgumentError(
            "rotate keeps the credentials that are there, and replace removes them: give one",
            status=Status.E_ARGUMENT,
        )
    bad: list[BadRow] = []
    hints: list[Hint] = []
    seen: dict[tuple[str, str], int] = {}
    judged = edit
    try:
        for row in rows:
            reason = row.reason or row.bound(tenant)
            whom = (row.values.get("tenant", ""), row.values.get("account_id", ""))
            if not reason and whom in seen:
                reason = f"the account is in row {seen[whom]} already"
            is_known = not reason and _is_known(edit, *whom)
            if is_known and not (rotate or replace):
                reason = KNOWN
            judged._rows.setdefault(whom, (row.number, row.tenant_shown))
            reason = reason or _stored(
                judged,
                row.values,
                rotate=rotate and is_known,
                clear=replace and _is_known(edit, *whom, "retiring"),
                origin=origin,
            )
            judged._rows_hints += [] if reason else _hints(row)
            if is_known:
                edit._met.append(whom)
            seen.setdefault(whom, row.number)
            if reason:
                bad.append(row.bad(reason))
                # That step has ended its edit: one that nobody commits judges the other rows.
                hints += judged.hints
                if judged is not edit:
                    judged.close()
                judged = edit._another()
            if progress is not None:
                progress(len(seen))
        if bad:
            raise ImportRowsError(os.fspath(path), tuple(bad), (*hints, *judged.hints))
    except BaseException:
        edit.close()
        raise
    finally:
        if judged is not edit:
            judged.close()
    return len(seen)


def looks_like_token(tenant: str) -> bool:
    """Whether this may be a secret in the place of a tenant's name."""
    return _TOKEN.search(tenant) is not None


def _hints(row: Row) -> list[Hint]:
    """What looks wrong about whom a row is for: the library knows only what secrets look like."""
    with _loading:
        from .edit import Hint  # which has loaded this module

    if not looks_like_token(row.values["tenant"]):
        return []
    told = f"{LIKE_TOKEN}: were columns swapped?"
    return [
        Hint(
            tenant="",
            account_id=row.values["account_id"],
            code=LIKE_TOKEN_CODE,
            message=told,
            row=row.number,
        )
    ]


def _is_known(edit: Edit, tenant: str, account_id: str, state: str = "active") -> bool:
    """Whether the vault has a credential of this account in this state."""
    try:
        return edit._has(tenant, account_id, state)
    except (ClosedError, LockedError):
        raise
    except TraceVaultError:
        return False  # no tenant's name or no id: that is told of the row


def _stored(
    edit: Edit, values: dict[str, str], *, rotate: bool, clear: bool, origin: str | None
) -> str:
    """Store one row, with ``clear`` in the place of a retiring one too; else why it cannot be."""
    missing = [name for name in _NEEDED if name not in values]
    if missing:
        return f"there is no {' and no '.join(missing)}"
    if ("token" in values) == ("key" in values) or ("key" in values) != ("email" in values):
        return "there must be a token, or an email and a key"
    tenant, account_id = values["tenant"], values["account_id"]
    try:
        kept: dict[str, str | None] = {}
        if clear:
            edit.remove_retiring(tenant, account_id)
        if rotate:
            kept = edit._kept(tenant, account_id)
            edit.retire(tenant, account_id)
        if "token" in values:
            edit._put(tenant, account_id, ApiToken(values["token"]))
        else:
            edit._put(tenant, account_id, GlobalKey(values["email"], values["key"]))
        default = {**kept, "origin": origin or kept.get("origin") or edit._origin}
        for name in ("origin", "label", "budget_group", "not_before", "expires"):
            value = values.get(name) or default.get(name)
            if value and name in _TIMES:
                try:
                    value = moment(value, ahead=True)
                except ValueError:
                    return f"{name} must be {_TIME}"
            if value:
                edit._set(tenant, account_id, name, value)
    except (ClosedError, LockedError):
        raise
    except TraceVaultError as error:
        return error.message
    return ""


def csv_rows(path: str | os.PathLike[str], tenant: str | None = None) -> Iterator[Row]:
    """The rows of a table with headings, separated by commas, semicolons or tabs.

    Where the import is for one tenant, no heading need name a column of tenants.
    """
    needed = [name for name in _NEEDED if name != "tenant" or tenant is None]
    lines = _lines(path)
    first = 1
    separator = ""
    if lines and lines[0].lower().startswith("sep="):
        # What Excel writes, and reads, to say how the rest is separated.
        separator = lines[0][4:5]
        lines, first = lines[1:], 2
    if not separator:
        heading = lines[0] if lines else ""
        separator = max(",;\t", key=heading.count)
    names: list[str] | None = None
    table = csv.reader(lines, delimiter=separator, strict=True)
    for number, cells in _numbered(table, first):
        if isinstance(cells, str):
            yield Row(number, {}, cells)
            return
        texts = [cell.strip() for cell in cells]
        if not any(texts):
            continue
        if names is None:
            names = _headings(path, texts, needed)
            continue
        values = {name: text for name, text in zip(names, texts, strict=False) if text}
        row = Row(number, values)
        if len(texts) != len(names):
            row.reason = f"it has {len(texts)} cells, and there are {len(names)} headings"
        yield row
    if names is None:
        raise ArgumentError(
            f"{os.fspath(path)} is empty: its first row must name the columns",
            status=Status.E_ARGUMENT,
        )


def _numbered(table: Iterator[list[str]], first: int) -> Iterator[tuple[int, list[str] | str]]:
    """Each row with its number; text where the table cannot be read on."""
    number = first
    while True:
        try:
            cells = next(table, None)
        except csv.Error as reason:
            yield number, f"it is no row of a table: {reason}"
            return
        if cells is None:
            return
        yield number, cells
        number += 1


def _headings(path: str | os.PathLike[str], texts: list[str], needed: Iterable[str]) -> list[str]:
    names = [COLUMNS.get(text.lower().replace(" ", "_"), "") for text in texts]
    unknown = _unknown(text.lower().replace(" ", "_") for text in texts)
    missing = [name for name in needed if name not in names]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    for problem, which in (
        ("has columns nobody knows", unknown),
        ("lacks the columns", missing),
        ("has columns twice", twice),
    ):
        if which:
            hint = ""
            if which is unknown and texts[0].startswith("{"):
                hint = "; it is JSON lines, as it seems: --as jsonl, or import_json_lines()"
            raise ArgumentError(
                f"{os.fspath(path)} {problem}: {', '.join(which)}. Its first row names the "
                f"columns; there are: {', '.join(dict.fromkeys(COLUMNS.values()))}{hint}",
                status=Status.E_ARGUMENT,
            )
    return names


def _unknown(names: Iterable[str]) -> list[str]:
    """Where the names stand that are none, each with the one that it is like.

    What stands there may be a secret, and is not shown.
    """
    with _loading:
        from difflib import get_close_matches  # only where something is wrong

    told: list[str] = []
    for place, name in enumerate(names, 1):
        if name in COLUMNS:
            continue
        if len(told) == _UNKNOWN_TOLD:
            return [*told, "and more"]
        near = get_close_matches(name[:64].lower(), COLUMNS, 1, 0.75)
        told.append(f"{place} (did you mean {near[0]}?)" if near else f"{place}")
    return told


def json_rows(path: str | os.PathLike[str]) -> Iterator[Row]:
    """One JSON object a line, with the names of the columns."""
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        value, reason = _parsed(line)
        if reason:
            yield Row(number, {}, reason)
            continue
        values = {
            COLUMNS[name]: text.strip()
            for name, text in value.items()
            if name in COLUMNS and isinstance(text, str) and text.strip()
        }
        row = Row(number, values)
        wrong = _unknown(value) if any(name not in COLUMNS for name in value) else []
        odd = [
            name
            for name, text in value.items()
            if name in COLUMNS and not (text is None or isinstance(text, str))
        ]
        if wrong:
            row.reason = f"it has names nobody knows: {', '.join(wrong)}; there are: " + ", ".join(
                dict.fromkeys(COLUMNS.values())
            )
        elif odd:
            row.reason = f"not text: {', '.join(odd)}"
        yield row


def _parsed(line: str) -> tuple[dict[str, object], str]:
    """The object, or why there is none. Python's own error would carry the whole line."""
    try:
        value = parsed(line, LINE_DEPTH)
    except json.JSONDecodeError as error:
        return {}, f"{NO_JSON} at column {error.colno}"
    except ValueError:
        return {}, f"{NO_JSON}, or nested more than {LINE_DEPTH} deep"
    if not isinstance(value, dict):
        return {}, "it is no JSON object"
    return value, ""


def _lines(path: str | os.PathLike[str]) -> list[str]:
    """The lines with their ends. A label may hold what Unicode calls the end of a line."""
    return list(io.StringIO(_text(path), newline=""))


def _text(path: str | os.PathLike[str]) -> str:
    with _opened(path) as file:
        data = bytearray(file.read())
    try:
        encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
        text = _decoded(data, encoding)
    finally:
        data[:] = bytes(len(data))
    if text is None:
        raise ArgumentError(
            f'{os.fspath(path)} is not UTF-8: save it as "CSV UTF-8"', status=Status.E_ARGUMENT
        )
    return text


def _opened(path: str | os.PathLike[str]) -> BinaryIO:
    """The file; standard input from where it stands, as a passphrase may have come before.

    It is looked at before it is opened for reading: nobody waits for a pipe of another user.
    """
    if os.fspath(path) == "/dev/stdin":
        _require_fit(0, path)
        return open(0, "rb", closefd=False)
    with Opening(os.fspath(path)):
        looked = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _require_fit(looked, path)
        with Opening(os.fspath(path)):
            return open(path, "rb", opener=lambda _, flags: _opened_again(looked, flags, path))
    finally:
        os.close(looked)


def _require_fit(found: int, path: str | os.PathLike[str]) -> None:
    if reason := unfit_table(found):
        raise VaultError(
            f"{os.fspath(path)}, which holds secrets, {reason}", status=Status.E_UNSAFE_FILE
        )


def _opened_again(looked: int, flags: int, path: str | os.PathLike[str]) -> int:
    """What was looked at, whatever has its name by now."""
    try:
        return os.open(f"/proc/self/fd/{looked}", flags | os.O_NOCTTY)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None


def _decoded(data: bytearray, encoding: str) -> str | None:
    """``None`` when it cannot be: Python's own error carries the bytes, and ends here."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None
