"""Cuts a row to a host's limit, and marks that it was cut.

A row with a long trace has more than 64 KiB, where many log hosts cut, in the middle of the JSON.
Here whole lines of the trace go, the last ones first; then entries of the summary; then the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .printable import json_line

#: No limit may be lower: the mark and the reference must fit.
SMALLEST = 1024

_LISTS = ("recipients", "hops", "next_queue_ids")


def bounded(row: dict[str, Any], limit: int | None) -> str:
    """The row as one line of JSON of at most ``limit`` bytes, its line end included."""
    line = json_line(row)
    if limit is None or len(line) < limit:
        return line
    mark = {"bytes": len(line) + 1, "max_bytes": limit}
    part = row.get("tracevault")
    if isinstance(part, dict) and isinstance(part.get("trace"), dict):
        for cut in (_without_lines, _without_entries):
            shorter = _fitting(row, part, mark, cut, limit)
            if shorter is not None:
                return shorter
    if isinstance(part, dict) and isinstance(part.get("line"), str):
        shorter = _with_line(part, mark, limit)
        if shorter is not None:
            return shorter
    return _bare(row, mark, limit)


def _fitting(
    row: dict[str, Any],
    part: dict[str, Any],
    mark: dict[str, int],
    cut: Callable[[dict[str, Any], int], dict[str, Any]],
    limit: int,
) -> str | None:
    """The longest that fits, keeping as many as possible; ``None`` when none does."""

    def kept(count: int) -> str:
        trace = cut(part["trace"], count)
        told = {**mark, "lines": _count(part["trace"]), "lines_kept": _count(trace)}
        return json_line({**row, "tracevault": {**part, "trace": trace, "truncated": told}})

    return _longest(kept, _most(part["trace"]), limit)


def _with_line(part: dict[str, Any], mark: dict[str, int], limit: int) -> str | None:
    """A line that could not be read, and as much of its beginning as fits."""

    def kept(count: int) -> str:
        return json_line({"tracevault": {**part, "line": part["line"][:count], "truncated": mark}})

    return _longest(kept, min(len(part["line"]), limit), limit)


def _longest(kept: Callable[[int], str], most: int, limit: int) -> str | None:
    """Of the texts for 0 to ``most`` the one for the highest number that fits."""
    low, high, found = 0, most, None
    while low <= high:
        middle = (low + high) // 2
        line = kept(middle)
        if len(line) < limit:
            found, low = line, middle + 1
        else:
            high = middle - 1
    return found


def _count(trace: dict[str, Any]) -> int:
    return sum(len(trace.get(side, {}).get("lines", ())) for side in ("inbound", "outbound"))


def _most(trace: dict[str, Any]) -> int:
    summary = trace.get("summary") or {}
    return max(_count(trace), *(len(summary.get(name, ())) for name in _LISTS))


def _without_lines(trace: dict[str, Any], count: int) -> dict[str, Any]:
    """The first ``count`` lines, those of the way in before those of the way out."""
    cut = dict(trace)
    for side in ("inbound", "outbound"):
        block = cut.get(side)
        if isinstance(block, dict):
            cut[side] = {**block, "lines": block.get("lines", [])[:count]}
            count = max(0, count - len(block.get("lines", [])))
    return cut


def _without_entries(trace: dict[str, Any], count: int) -> dict[str, Any]:
    """No lines, and the first ``count`` entries of each list of the summary."""
    cut = _without_lines(trace, 0)
    summary = dict(cut.get("summary") or {})
    for name in _LISTS:
        if name in summary:
            summary[name] = summary[name][:count]
    return {**cut, "summary": summary}


def _bare(row: dict[str, Any], mark: dict[str, int], limit: int) -> str:
    """Only what the row is about, and that it was cut."""
    part = row.get("tracevault")
    told: dict[str, Any] = {"truncated": mark}
    if isinstance(part, dict):
        trace = part.get("trace") if isinstance(part.get("trace"), dict) else part
        for name in ("message_ref", "tenant", "account_id", "complete", "error"):
            value = trace.get(name) if isinstance(trace, dict) else None
            more = {**told, name: value}
            if value is not None and len(json_line({"tracevault": more})) < limit:
                told = more
    return json_line({"tracevault": told})
