"""An event's kinds and fields have one table, in Swift; documents, schema and Python agree with it."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from _tree import ROOT, answer, read, short

POSTFIX = ROOT / "Sources/TraceVaultCore/Trace/Postfix"
FIELDS, KINDS = POSTFIX / "PostfixField.swift", POSTFIX / "PostfixKind.swift"
DOCUMENT, SCHEMA = ROOT / "docs/trace.md", ROOT / "docs/trace.schema.json"
PYTHON = ROOT / "bindings/python/src/tracevault/events.py"
#: Python has another name for what is a word of the language there.
RENAMED = {"sender": "from"}

problems: list[str] = []


def slots(path: Path) -> list[str]:
    """The texts of a table of slots: 32 characters each, the last of them a letter for the length."""
    found = re.search(r'static let slots: StaticString = """\n(.*?)"""', read(path), re.DOTALL)
    table = "" if found is None else re.sub(r"\\?\n +", "", found.group(1)).strip()
    texts = [table[place : place + 32] for place in range(0, len(table), 32)]
    for text in texts:
        written = text[:31].rstrip()
        if len(text) != 32 or (ord(text[31]) & 31) != len(written):
            problems.append(f"{short(path)}: the slot {text!r} is not 31 characters and its length")
    return [text[:31].rstrip() for text in texts]


def section(begin: str, end: str) -> str:
    """A part of docs/trace.md."""
    return read(DOCUMENT).partition(begin)[2].partition(end)[0]


def compare(path: Path, what: str, found: Iterable[str], wanted: list[str]) -> None:
    """Notes what one has and the other has not, and another order."""
    found = list(found)
    for name in [name for name in wanted if name not in found]:
        problems.append(f"{short(path)}: {what} {name} is missing or of another type")
    for name in [name for name in found if name not in wanted]:
        problems.append(f"{short(path)}: {what} {name} is not in the table, or of another type")
    if found != wanted and sorted(found) == sorted(wanted):
        problems.append(f"{short(path)}: the {what}s stand in another order than in the table")


# `,"name":"` for a text, `,"name":` for a number; numbers of seconds have decimals.
members = [slot.strip(',"').partition('"')[0] for slot in slots(FIELDS)]
types = ["text" if slot.endswith(':"') else "integer" for slot in slots(FIELDS)]
table = [
    f"{name}: {'number' if kind == 'integer' and name.endswith('_s') else kind}"
    for name, kind in zip(members, types, strict=True)
]
kinds = [slot.removeprefix('"kind":"').rstrip('"') for slot in slots(KINDS)]
if len(table) < 100 or len(kinds) < 30:
    problems.append("the tables of slots cannot be read")

events = section("\n## Events", "\n## Summary")
compare(
    DOCUMENT,
    "kind",
    re.findall(r"^\| `(\w+)` \| [^|]+ \|$", events.partition("\n### ")[0], re.MULTILINE),
    kinds,
)
compare(
    DOCUMENT,
    "field",
    [f"{name}: {kind}" for name, kind in re.findall(r"^\| `(\w+)` \| (\w+) \|", events, re.M)],
    table,
)

properties = json.loads(read(SCHEMA))["$defs"]["event"]["properties"]
compare(SCHEMA, "kind", properties.pop("kind")["enum"], kinds)
WORDS = {"string": "text"}
compare(
    SCHEMA,
    "field",
    [f"{name}: {WORDS.get(what['type'], what['type'])}" for name, what in properties.items()],
    table,
)

event = read(PYTHON).partition("\nclass Event")[2].partition("\nclass ")[0]
ANNOTATIONS = {"str": "text", "int": "integer", "float": "number"}
compare(
    PYTHON,
    "field",
    [
        f"{RENAMED.get(name, name)}: {ANNOTATIONS[kind]}"
        for name, kind in re.findall(r"^    (\w+): (str|int|float) \| None = None$", event, re.M)
    ],
    table,
)

answer(problems, "the table is PostfixField.swift (kinds: PostfixKind.swift); change it first, then "
       "docs/trace.md, docs/trace.schema.json and events.py", f"{len(table)} fields, {len(kinds)} kinds")  # fmt: skip
