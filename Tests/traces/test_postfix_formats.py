"""Lines made of Postfix's own formats come back field by field."""

import os
import random
import re
from typing import Any

import pytest
from postfix_events import events
from postfix_formats import FORMATS, Format, value

#: How often each format is filled; `make test-story` asks for more.
FILLED = int(os.environ.get("TRACEVAULT_FORMATS", "40"))
#: What collectors and versions put around a line.
AROUND: list[tuple[str, dict[str, Any]]] = [
    ("{line}", {}),
    ("postfix/smtpd[4711]: {line}", {"process": "smtpd", "pid": 4711}),
    ("postfix/smtpd[4711]: [ID 197553 mail.info] {line}", {"process": "smtpd"}),
    ("Jan  6 10:00:00 mx postfix/x[1]: {line}", {"syslog_time": "Jan  6 10:00:00"}),
    ("Jan 6 10:00:00.123 mx postfix/x[1]: {line}", {"syslog_time": "Jan 6 10:00:00.123"}),
    ("2024 Jan  6 10:00:00 mx postfix/x[1]: {line}", {"syslog_time": "2024 Jan  6 10:00:00"}),
    ("Jan  6 2024 10:00:00 mx postfix/x[1]: {line}", {"syslog_host": "mx"}),
    ("2024-01-06 10:00:00 mx postfix/x[1]: {line}", {"syslog_time": "2024-01-06 10:00:00"}),
    ("Mär  6 10:00:00 mx postfix/x[1]: {line}", {"syslog_time": "Mär  6 10:00:00"}),
    ("1月  6 10:00:00 mx postfix/x[1]: {line}", {"syslog_host": "mx"}),
    ("Jan  6 10:00:00 mx.a mail.info postfix/x[1]: {line}", {"syslog_host": "mx.a"}),
    ("Jan  6 10:00:00 mail.info mx.a postfix/x[1]: {line}", {"syslog_host": "mx.a"}),
    ("mail-1  | Jan  6 10:00:00 mx postfix/x[1]: {line}", {"syslog_host": "mx"}),
    ("mail-1 | postfix/x[1]: {line}", {"process": "x"}),
    ("<22>1 2026-11-23T04:05:06Z mx postfix/x 1 - - {line}", {"syslog_host": "mx"}),
]
NUMBER = re.compile(
    r"cmd_|delay_|commands|conn_use|size|nrcpt|uid|count|reply_code|_port|_bits|pid"
)


def filled(form: Format, dice: random.Random) -> tuple[str, dict[str, Any]]:
    """A line of a format, and the fields that its event must have."""
    found: dict[str, Any] = dict(form.also)

    def put(match: re.Match[str]) -> str:
        name, _, only = match[1].partition(":")
        if name not in found:
            found[name] = "4711" if only else value(name, dice)
        return str(found[name])

    line = re.sub(r"\{([a-z_]+(?::digits)?)\}", put, form.text)
    for name, text in found.items():
        if NUMBER.match(name) or name.endswith(("_port", "_bits", "_bits_max")):
            found[name] = float(text) if "." in str(text) else int(text)
    return line, {"kind": form.kind, **found}


@pytest.mark.parametrize("start", range(0, len(FORMATS), 20))
def test_every_field_of_every_format_comes_back(start: int) -> None:
    dice = random.Random(start)
    lines, wanted = [], []
    for form in FORMATS[start : start + 20]:
        for _ in range(FILLED):
            line, fields = filled(form, dice)
            around, more = dice.choice(AROUND)
            lines.append(around.format(line=line))
            wanted.append({**fields, **more})
    faults = []
    for line, fields, event in zip(lines, wanted, events(lines), strict=True):
        wrong = {
            name: (event or {}).get(name)
            for name, text in fields.items()
            if (event or {}).get(name) != text
        }
        if wrong:
            faults.append((line, wrong))
    assert faults == [], f"{len(faults)} lines, the first: {faults[0]}"


def test_the_formats_are_those_of_many_versions() -> None:
    assert len(FORMATS) > 150
    assert {form.since for form in FORMATS} >= {"2.3", "2.5", "2.8", "3.2", "3.5", "3.10", "3.11"}
