"""postfix_events.py - what the library says of lines of a log, as plain values."""

from __future__ import annotations

import json
from typing import Any

import tracevault as tv

Event = dict[str, Any]


def events(messages: list[str]) -> list[Event | None]:
    """The events of these messages, in their order; what comes back is the message itself."""
    body = {"success": True, "result": {"inbound": {"lines": [{"message": m} for m in messages]}}}
    lines = tv.decode(json.dumps(body).encode()).to_dict()["inbound"]["lines"]
    assert [line["message"] for line in lines] == messages
    return [line.get("event") for line in lines]
