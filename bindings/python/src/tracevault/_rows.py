"""Rows of plain values for tables: one for each recipient, each line, each message that was found.

Every row of a kind has the same names, so that a table has the same columns whatever came. Values
are those of the documents: text, numbers, lists, ``True``, ``False`` and ``None``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .findings import CheckResult, FoundMessage
from .model import Line, Trace
from .summary import Recipient

if TYPE_CHECKING:
    from ._record import Record
    from .checks import Checked
    from .hunt import Finding
    from .model import Rows
    from .request import Result

Row = dict[str, Any]


def of_trace(trace: Trace, view: Rows) -> list[Row]:
    """The rows of one trace; each tells which trace it is of."""
    if view == "ecs":
        return trace.ecs()
    if view == "ocsf":
        return trace.ocsf()
    about = {
        "tenant": trace.tenant,
        "account_id": trace.account_id,
        "message_ref": trace.message_ref,
        "last_look_error": last_look(trace),
    }
    return [about | row for row in _parts(trace, view)]


def of_finding(finding: Finding, view: Rows) -> list[Row]:
    """The rows of one copy, or one row that says why there is none."""
    if view in ("ecs", "ocsf"):
        return of_trace(finding.trace, view) if finding.trace is not None else []
    message = finding.message
    about = {
        "tenant": finding.tenant,
        "account_id": finding.account_id,
        "label": finding.account.label,
        "message_ref": message.message_ref if message else None,
        "subject": message.subject if message else None,
        "error": str(finding.error) if finding.error else None,
        "last_look_error": last_look(finding.trace),
    }
    parts = _parts(finding.trace, view) if finding.trace is not None else []
    return [about | row for row in parts or [_empty(view)]]


def of_checked(checked: Checked) -> list[Row]:
    """One account's credential in one row."""
    expires = checked.expires
    about = {
        "tenant": checked.tenant,
        "account_id": checked.account_id,
        "label": checked.account.label,
        "error": str(checked.error) if checked.error else None,
        "expires": expires.isoformat() if expires else None,
    }
    return [about | _check(checked.check)]


def of_result(result: Result[Any], view: Rows) -> list[Row]:
    """The rows of what came, or one row that says why nothing did."""
    request = result.request
    if view in ("ecs", "ocsf"):
        return of_trace(result.trace, view) if result.trace is not None else []
    _known(view)
    about: Row = {"tenant": request.tenant.name, "account_id": request.account_id}
    error: Row = {"error": str(result.error) if result.error else None}
    if request.kind == "trace":
        about["message_ref"] = request.message_ref
        error["last_look_error"] = last_look(result.trace)
        parts = _parts(result.trace, view) if result.trace is not None else []
        return [about | error | row for row in parts or [_empty(view)]]
    if request.kind == "check":
        return [about | error | _check(result.check)]
    found = [_row(FoundMessage, message) for message in result.search or ()]
    return [about | error | row for row in found or [_row(FoundMessage, None)]]


def of_message(message: FoundMessage) -> Row:
    """What a search tells of a message, without Cloudflare's own item."""
    return _row(FoundMessage, message)


def last_look(trace: Trace | None) -> str | None:
    """Why the last look at a growing trace failed."""
    if trace is None or trace.error is None:
        return None
    return f"{trace.error.name}: {trace.error.message}"


def _parts(trace: Trace, view: Rows) -> list[Row]:
    _known(view)
    if view == "recipients":
        return [_row(Recipient, one) for one in trace.summary.recipients]
    sides = (("inbound", trace.inbound), ("outbound", trace.outbound))
    return [_line(name, line) for name, side in sides for line in side.lines]


def _empty(view: Rows) -> Row:
    _known(view)
    return _row(Recipient, None) if view == "recipients" else _line(None, None)


def _known(view: str) -> None:
    if view not in ("recipients", "lines"):
        raise ValueError(f"there are no rows {view!r}: ask for recipients, lines, ecs or ocsf")


def _row(kind: type[Record], one: Record | None) -> Row:
    """The fields under their names in the class; times as text."""
    row = {}
    for name in kind._fields:
        if name not in ("item", "later"):
            value = None if one is None else getattr(one, name)
            row[name.removesuffix("_text")] = list(value) if isinstance(value, tuple) else value
    return row


def _check(check: CheckResult | None) -> Row:
    """A check without what only its document has room for."""
    row = _row(CheckResult, check)
    access, reason = row.pop("access"), row.pop("reason")
    del row["tenant"], row["account_id"]
    warnings = [warning.code for warning in check.warnings] if check is not None else None
    return row | {
        "granted": access.granted if access else None,
        "reason": reason.message if reason else None,
        "warnings": warnings,
    }


def _line(side: str | None, line: Line | None) -> Row:
    """One line, and what its event is called: ``None`` where it is not understood."""
    event = line.event if line is not None else None
    return {
        "side": side,
        "at": line.at_text if line is not None else None,
        "message": line.message if line is not None else None,
        "event": event.kind if event is not None else None,
    }
