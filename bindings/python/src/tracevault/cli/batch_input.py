"""Reads the list of a batch: JSON lines, CSV with a heading, or one reference a line.

The JSON lines of `search`, `hunt`, `collect` and `trace` are such lists, so that they can be piped.
A line that cannot be read fails alone. A list whose heading is not understood is refused whole.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from .._fields import LINE_DEPTH, parsed
from ..errors import NotFoundError, Status, TraceVaultError, error_class
from .failures import Usage, no_text
from .pasted import taken

#: The names under which a reference is found, in this order.
REFERENCES = ("message_ref", "AlertID", "alert_id", "investigate_id", "postfix_id", "reference")
ACCOUNTS = ("account_id", "account")
#: What the heading of a table may call a column, without what people write differently.
_COLUMNS = {re.sub("[^a-z]", "", name.lower()): name for name in (*REFERENCES, "tenant", *ACCOUNTS)}
#: A part of JSON, also within a text of JSON. Logs have brackets and quotes of their own.
_JSON = re.compile(r"""\{\s*\\*["'{\[]|\[\s*\\*["{\[]|"\s*:\s*\\*\"""")
#: How an array begins, and a member on a line of its own.
_ARRAY = re.compile(r"""\[\s*(?:\\*["{\[\]]|\Z)""")
_MEMBER = re.compile(r"""[^0-9A-Za-z"']*(?:"[^"]*"|'[^']*')\s*:""")
#: The end of a member's name, which is one behind a brace.
_NAMED = re.compile(r"""["']\s*:""")
#: What nobody sees, by Unicode's categories.
_UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")
_ONE_A_LINE = "give JSON as one object a line (jq -c '.[]' makes that of an array)"


@dataclass(frozen=True)
class Asked:
    """One line of the list."""

    line: int
    message_ref: str
    tenant: str | None = None
    account_id: str | None = None
    #: Why there is nothing to ask: a hunt tells an account that it could not ask in such a line.
    error: TraceVaultError | None = None
    #: A row of CSV for one more recipient of a message that a row before it names.
    again: bool = False


def read(text: str, where: str) -> list[Asked]:
    """The whole list; a line that cannot be read has an error that names it."""
    # Not splitlines(): a subject may hold what Unicode calls the end of a line.
    lines = list(io.StringIO(text.removeprefix("\ufeff"), newline=""))  # Excel writes that mark
    at = next((at for at, line in enumerate(lines) if not _is_blank(line)), len(lines))
    first = _seen(lines[at]) if at < len(lines) else ""
    if _is_array(first):
        raise Usage(f"line {at + 1} of {where} begins an array of JSON: {_ONE_A_LINE}")
    if first.startswith("{"):
        return [_json(number, one, where) for number, one in _numbered(lines)]
    separator = max(",;\t", key=first.count)
    cells = [one.strip(" \t\"'") for one in first.split(separator)]
    if any(_name(one) in REFERENCES for one in cells):
        return list(_csv(lines[at:], separator, at, where))
    _require_list(first, [one for one in cells if one], f"line {at + 1} of {where}")
    return [_line(number, one, where) for number, one in _numbered(lines)]


def _numbered(lines: list[str]) -> Iterator[tuple[int, str]]:
    return ((number, one) for number, one in enumerate(lines, 1) if not _is_blank(one))


def _seen(line: str) -> str:
    """The line without the signs at both its ends that nobody sees."""
    line = line.strip()
    if line[:1].isprintable() and line[-1:].isprintable():
        return line
    seen = [at for at, one in enumerate(line) if unicodedata.category(one) not in _UNSEEN]
    return line[seen[0] : seen[-1] + 1] if seen else ""


def _is_blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _name(cell: str | None) -> str:
    """What we call a column of this heading."""
    return _COLUMNS.get(re.sub("[^a-z0-9]", "", (cell or "").lower()), cell or "")


def _require_list(first: str, cells: list[str], line: str) -> None:
    """Refuse a table whose heading would be asked for, and its rows whole."""
    titles = re.split(r"\s{2,}", first)
    if len(titles) > 1 and all(re.fullmatch("[A-Z][A-Z ]*", one) for one in titles):
        raise Usage(f"{line} is a table for people: print it with --json or --format csv")
    if len(cells) > 1 and not any(re.search(r"[=/\[<]", one) for one in cells):
        raise Usage(
            f"{line} has several columns, and none of them is called message_ref: call that of the "
            "references message_ref, and beside it tenant and account_id; or give one reference a "
            "line"
        )


def _line(number: int, line: str, where: str) -> Asked:
    """A line among references; one of JSON says whose message it is, as in a list of them.

    No reference is taken out of other JSON: it may be another tenant's.
    """
    seen = _seen(line)
    if seen.startswith("{"):
        return _json(number, seen, where)
    if _holds_json(seen):
        return Asked(
            number, "", error=_wrong(f"line {number} of {where} holds JSON: {_ONE_A_LINE}")
        )
    return _asked(number, line, where)


def _is_array(seen: str) -> bool:
    """Whether an array of JSON begins here, and not a line of a log, or an id in brackets."""
    if not seen.startswith("["):
        return False
    if _ARRAY.match(seen):
        return True
    try:
        parsed(seen, LINE_DEPTH)
    except ValueError:
        return False
    return True


def _holds_json(seen: str) -> bool:
    """Whether this may be a part of JSON, which says whose the message is in another part."""
    if _is_array(seen) or _JSON.search(seen) or _MEMBER.match(seen):
        return True
    brace = seen.find("{")
    return brace >= 0 and _NAMED.search(seen, brace) is not None


class _Members(dict[str, Any]):
    """An object of JSON that knows each of its members, also of those with one name."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def named(self) -> tuple[dict[str, Any], set[str]]:
        """The members by what we call them, and the names that say two different things."""
        found: dict[str, Any] = {}
        twice: set[str] = set()
        for title, value in self._pairs:
            name = _name(title)
            if found.get(name) is None:
                found[name] = value
            elif value is not None and value != found[name] and name in _COLUMNS.values():
                twice.add(name)
        return found, twice


def _twice(names: list[str]) -> set[str]:
    """The names of ours that come twice."""
    return {one for one in names if one in _COLUMNS.values() and names.count(one) > 1}


def _json(number: int, line: str, where: str) -> Asked:
    try:
        found = parsed(_seen(line), LINE_DEPTH, object_pairs_hook=_Members)
    except ValueError:
        found = None
    if isinstance(found, _Members):
        row, twice = found.named()
        if isinstance(row.get("message"), _Members):
            row["message"], more = row["message"].named()
            twice |= more
        if twice:
            said = f"line {number} of {where} has members twice: {', '.join(sorted(twice))}"
            return Asked(number, "", error=_wrong(said))
        return _of_row(number, row, where)
    said = f"is no JSON object, or nested more than {LINE_DEPTH} deep"
    return Asked(number, "", error=_wrong(f"line {number} of {where} {said}: {_ONE_A_LINE}"))


def _csv(lines: list[str], separator: str, skipped: int, where: str) -> Iterator[Asked]:
    """The rows of a table. What `hunt` prints has a row for each recipient of a message."""
    reader = csv.reader(io.StringIO("".join(lines), newline=""), delimiter=separator)
    known: set[tuple[str | None, str | None, str]] = set()
    try:
        names = [_name(cell.strip()) for cell in next(reader)]
        if twice := _twice(names):
            told = ", ".join(sorted(twice))
            raise Usage(f"line {skipped + 1} of {where} has columns twice: {told}")
        for cells in filter(None, reader):
            row = dict(zip(names, cells, strict=False))  # a row may be shorter, or longer
            one = _of_row(reader.line_num + skipped, row, where)
            key = (one.tenant, one.account_id, one.message_ref)
            yield replace(one, again=one.error is None and key in known)
            known.add(key)
    except csv.Error as error:
        line = reader.line_num + skipped
        raise Usage(f"line {line} of {where} is no CSV: {error}") from None


def _of_row(number: int, row: dict[str, Any], where: str) -> Asked:
    message = row.get("message")
    told = _text(row, *REFERENCES)
    if told is None and isinstance(message, dict):
        told = _text(message, *REFERENCES)
    for name in ("tenant", *ACCOUNTS):
        if not isinstance(row.get(name), (str, type(None))):
            error = no_text(name)
            error.message = f"line {number} of {where}: {error.message}"
            return Asked(number, "", error=error)
    whose = (_text(row, "tenant"), _text(row, *ACCOUNTS))
    if told is not None:
        return _asked(number, told, where, *whose)
    line = f"line {number} of {where} has no reference"
    if "message" not in row and not any(name in row for name in REFERENCES):
        return Asked(number, "", *whose, _wrong(f"{line}: name it {REFERENCES[0]}"))
    error = _error(row.get("error")) or NotFoundError(
        f"{line} that a trace can be asked with", status=Status.E_NO_MESSAGE
    )
    return Asked(number, "", *whose, error)


def _asked(
    number: int, text: str, where: str, tenant: str | None = None, account: str | None = None
) -> Asked:
    """One line, with the reference in its text."""
    try:
        return Asked(number, taken(text).reference, tenant, account)
    except TraceVaultError as error:
        error.message = f"line {number} of {where}: {error.message}"
        return Asked(number, "", tenant, account, error)


def _wrong(said: str) -> TraceVaultError:
    return error_class(Status.E_MESSAGE_REF)(said, status=Status.E_MESSAGE_REF)


def _text(row: dict[str, Any], *names: str) -> str | None:
    """The first of these members that is a text."""
    found = (row.get(name) for name in names)
    return next((one.strip() for one in found if isinstance(one, str) and one.strip()), None)


def _error(told: object) -> TraceVaultError | None:
    """What went wrong before, as the line says it."""
    if not isinstance(told, dict):
        return None
    name, message = told.get("status"), told.get("message")
    if not isinstance(name, str) or not isinstance(message, str):
        return None
    status = Status.__members__.get(name.removeprefix("TV_")) or Status.E_OTHER  # 0 is no failure
    return error_class(status)(message, status=status)
