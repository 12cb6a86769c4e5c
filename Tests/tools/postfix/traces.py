"""traces: turns the log of the capture into the traces the stand-in serves.

Groups lines by queue id; what came in and what went out is told by the process that logged it.
The lines stay word for word; only the host's own name before them is replaced.
"""

from __future__ import annotations

import datetime
import json
import re
import sys
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

_LINE = re.compile(
    r"(?P<stamp>\w{3} [ \d]\d \d\d:\d\d:\d\d) \S+ (?P<rest>postfix/(?P<process>"
    r"[a-z-]+)\[(?P<pid>\d+)\]: (?P<text>.*))"
)
_QUEUED = re.compile(r"(?P<id>[0-9A-Za-z]{10,}z[0-9A-Za-z]+): ")
_STATUS = re.compile(r" to=<(?P<to>[^ ]*)>, .*?status=(?P<status>\w+) \(")
_HOST = "mx1"
_INBOUND = ("smtpd", "pickup", "cleanup")
ALPHABET = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


def _arrival(queue_id: str) -> datetime.datetime:
    """When the message came in, from its long queue id."""
    seconds = 0
    for letter in queue_id[: queue_id.rindex("z") - 4]:
        seconds = seconds * 52 + ALPHABET.index(letter)
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


def _outcome(lines: list[str]) -> str:
    """The state that needs most attention: one undelivered recipient outweighs the others."""
    last: dict[str, str] = {}
    for line in lines:
        if match := _STATUS.search(line):
            last[match["to"]] = match["status"]
    if any(" status=expired" in line or " status=force-expired" in line for line in lines):
        return "bounced"
    for status, name in (("bounced", "bounced"), ("deferred", "deferred"), ("sent", "delivered")):
        if status in last.values():
            return name
    return "rejected"


def _sessions(entries: list[dict[str, str]]) -> dict[int, str]:
    """Index of each smtpd session line -> the one message sent in that session."""
    owners: dict[int, str] = {}
    opened: dict[str, list[int]] = {}
    ids: dict[str, set[str]] = defaultdict(set)
    for index, entry in enumerate(entries):
        if entry["process"] != "smtpd":
            continue
        pid, text = entry["pid"], entry["text"]
        if text.startswith("connect from"):
            opened[pid], ids[pid] = [], set()
        if match := _QUEUED.match(text):
            ids[pid].add(match["id"])
        else:
            opened.setdefault(pid, []).append(index)
        if text.startswith("disconnect from") and len(ids[pid]) == 1:
            (only,) = ids[pid]
            owners.update(dict.fromkeys(opened[pid], only))
    return owners


def _message(queue_id: str, entries: list[dict[str, str]]) -> dict[str, Any]:
    sides: dict[str, list[dict[str, Any]]] = {"inbound": [], "outbound": []}
    for entry in entries:
        came_in = entry["process"] in _INBOUND or "(queue active)" in entry["text"]
        # A retry activates the message again; by then it is on its way out.
        side = "inbound" if came_in and not sides["outbound"] else "outbound"
        if entry["process"] in _INBOUND:
            side = "inbound"
        sides[side].append(
            {
                "lineno": len(sides[side]) + 1,
                "logged_at": entry["at"],
                "message": entry["rest"],
            }
        )
    written = _arrival(queue_id).strftime("%Y-%m-%dT%H:%M:%S")
    alert_id = f"{queue_id}-{written}"
    return {
        "postfix_id": queue_id,
        "investigate_id": f"{alert_id}-{zlib.crc32(queue_id.encode()) % 100_000_000:08d}",
        "alert_id": alert_id,
        "outcome": _outcome([entry["text"] for entry in entries]),
        **sides,
    }


def main() -> None:
    source, log, traces = (Path(name) for name in sys.argv[1:4])
    kept, entries = [], []
    year = datetime.datetime.now(datetime.timezone.utc).year
    for line in source.read_text("utf-8").splitlines():
        match = _LINE.fullmatch(line)
        # The private instance's folder is the capture's own business, not mail.
        if match is None or str(source.parent.parent) in line:
            continue
        at = datetime.datetime.strptime(f"{year} {match['stamp']}", "%Y %b %d %H:%M:%S")
        kept.append(f"{match['stamp']} {_HOST} {match['rest']}")
        entries.append({**match.groupdict(), "at": at.strftime("%Y-%m-%dT%H:%M:%SZ")})
    owners = _sessions(entries)
    groups: dict[str, list[dict[str, str]]] = {}
    for index, entry in enumerate(entries):
        found = _QUEUED.match(entry["text"])
        owner = found["id"] if found else owners.get(index)
        if owner is not None:
            groups.setdefault(owner, []).append(entry)
    messages = [_message(queue_id, lines) for queue_id, lines in groups.items()]
    log.write_text("\n".join(kept) + "\n", "utf-8")
    text = json.dumps({"source": log.name, "messages": messages}, indent=1, ensure_ascii=False)
    traces.write_text(text + "\n", "utf-8")
    print(f"{len(kept)} lines, {len(messages)} messages", file=sys.stderr)


if __name__ == "__main__":
    main()
