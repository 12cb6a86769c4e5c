"""Reads the list of a batch: JSON lines, CSV with a heading, or one reference a line.

The JSON lines of `search`, `hunt`, `collect` and `trace` are such lists, so that they can be piped.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .._fields import LINE_DEPTH, parsed
from ..errors import NotFoundError, Status, TraceVaultError, error_class
from .failures import Usage

#: The names under which a reference is found, in this order.
REFERENCES = ("message_ref", "AlertID", "alert_id", "investigate_id", "postfix_id", "reference")


@dataclass(frozen=True)
class Asked:
    """One line of the list."""

    line: int
    message_ref: str
    tenant: str | None = None
    account_id: str | None = None
    #: Why there is nothing to ask: a hunt tells an account that it could not ask in such a line.
    error: TraceVaultError | None = None


def read(text: str, where: str) -> list[Asked]:
    """The whole list; a line that cannot be read is an error that names it."""
    text = text.removeprefix("\ufeff")  # Excel writes one
    first = next((line for line in text.splitlines() if line.strip()), "")
    if first.lstrip().startswith("{"):
        return list(_json(text, where))
    if any(name in first for name in REFERENCES):
        return list(_csv(text, where))
    return [
        Asked(number, line.strip())
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]


def _json(text: str, where: str) -> Iterator[Asked]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = parsed(line, LINE_DEPTH)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise Usage(
                f"line {number} of {where} is no JSON object, or nested more than {LINE_DEPTH} deep"
            )
        yield _asked(number, row, where)


def _csv(text: str, where: str) -> Iterator[Asked]:
    first = next(line for line in text.splitlines() if line.strip())
    separator = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text), delimiter=separator)
    try:
        for row in reader:
            yield _asked(reader.line_num, row, where)
    except csv.Error as error:
        raise Usage(f"line {reader.line_num} of {where} is no CSV: {error}") from None


def _asked(number: int, row: dict[str, Any], where: str) -> Asked:
    message = row.get("message")
    reference = _text(row, *REFERENCES)
    if reference is None and isinstance(message, dict):
        reference = _text(message, *REFERENCES)
    error = None
    if reference is None:
        if "message" not in row and REFERENCES[0] not in row:
            raise Usage(f"line {number} of {where} has no reference: name it {REFERENCES[0]}")
        error = _error(row.get("error")) or NotFoundError(
            f"line {number} of {where} has no reference that a trace can be asked with",
            status=Status.E_NO_MESSAGE,
        )
    whose = (_text(row, "tenant"), _text(row, "account_id", "account"))
    return Asked(number, reference or "", *whose, error)


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
    status = getattr(Status, name.removeprefix("TV_"), Status.E_OTHER)
    return error_class(status)(message, status=status)
