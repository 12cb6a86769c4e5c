"""Reads the list of a batch: JSON lines, CSV with a heading, or one reference a line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from .._fields import LINE_DEPTH, parsed
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


def _asked(number: int, row: dict[str, object], where: str) -> Asked:
    def text(*names: str) -> str | None:
        found = (row.get(name) for name in names)
        return next((one.strip() for one in found if isinstance(one, str) and one.strip()), None)

    reference = text(*REFERENCES)
    if reference is None:
        raise Usage(f"line {number} of {where} has no reference: name it {REFERENCES[0]}")
    return Asked(number, reference, text("tenant"), text("account_id", "account"))
