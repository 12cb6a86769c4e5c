"""What steers a terminal, turns the direction of writing or hides comes out as an escape.

Log lines come from strangers, and names from the owners of vaults and from tables: in the events for stores,
in messages, in what Python says of errors, notices and rows, in what the examples print.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tracevault as tv
from bare_server import ACCOUNT, TOKEN, TRACE
from c_programs import STRICT

ROOT = Path(__file__).resolve().parents[2]
#: Every character that may be in a text.
SCALARS = [chr(c) for c in (*range(0xD800), *range(0xE000, 0x110000))]
#: Unicode's Other_Default_Ignorable_Code_Point, which unicodedata does not have.
OTHER_IGNORABLE = {
    *(0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x3164, 0xFFA0, *range(0xFFF0, 0xFFF9)),
    *(0xE0000, *range(0xE0002, 0xE0020), *range(0xE0080, 0xE0100), *range(0xE01F0, 0xE1000)),
}
#: Characters of format that are seen: signs around numbers, hieroglyphs' joiners.
SEEN = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD} | {
    *range(0x13430, 0x13440)
}


def is_mark(c: str) -> bool:
    """Controls, ends of lines, notes between lines, and Default_Ignorable_Code_Point."""
    category = unicodedata.category(c)
    if category in ("Cc", "Zl", "Zp") or ord(c) in OTHER_IGNORABLE:
        return True
    selects = "VARIATION SELECTOR" in unicodedata.name(c, "")
    return selects or (category == "Cf" and ord(c) not in SEEN)


#: One of each kind, and those around them.
NAMED = "\x7f\x80\x9b\x9f\xad\u061c\u200b\u200d\u200e\u202e\u2028\u2029\u2060\u2066\ufeff\ufff9\U000e0041"
NAMED += (
    "\u034f\u115f\u17b4\u180e\u180f\u2065\u3164\ufe0f\uffa0\ufff0\U0001bca0\U0001d173\U000e0100"
)
HARMLESS = "äß€\u00a0\u00ae\u2027\u202f\u2070\ufffd😀\U000e1000"
MESSAGE = (
    "2026-11-29T10:00:00Z mx postfix/smtp[1]: 4Njp3P0STMz2c02Q: to=<a@b.example>, "
    f'relay=mx.example[192.0.2.1]:25, dsn=2.0.0, status=sent (250 {NAMED} \\ " {HARMLESS})'
)


@pytest.fixture(scope="module")
def marks() -> list[str]:
    return [c for c in SCALARS if is_mark(c)]


@pytest.fixture(scope="module")
def printing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that prints what it reads as the example prints a line."""
    folder = tmp_path_factory.mktemp("printing")
    (folder / "printing.c").write_text(PRINTING, encoding="utf-8")
    built, includes = ROOT / "build/lib", ("bindings/c", "include", "Sources/CSystem/include")
    sources = [str(folder / "printing.c"), str(ROOT / "Sources/CSystem/memory/marks.c")]
    sources += [str(ROOT / "bindings/c/tv_trace.c")]
    subprocess.run(
        ["gcc", *STRICT, *(f"-I{ROOT / name}" for name in includes), *sources]
        + ["-o", str(folder / "printing"), f"-L{built}", "-ltracevault"]
        + [f"-Wl,-rpath,{built}"],
        check=True,
    )
    return folder / "printing"


PRINTING = """
#define main example_main
#include "example.c"
#undef main
#include "tv_system.h"
int main(void) {
    static char text[16];
    for (unsigned long c = 0; c < 0x110000; c++)
        if (is_mark(c) != (int)tvs_is_mark((uint32_t)c)) printf("U+%lX", c);
    while (fgets(text, sizeof text, stdin) != NULL) {
        print_text(text, strlen(text) - 1);
        putchar('\\n');
    }
    return 0;
}
"""


def printed(program: Path, *texts: bytes) -> list[bytes]:
    done = subprocess.run(
        [program], input=b"\n".join(texts) + b"\n", stdout=subprocess.PIPE, check=True
    )
    return done.stdout.split(b"\n")[:-1]


def test_the_c_example_and_the_library_know_the_same_marks_and_print_the_rest(
    printing: Path,
) -> None:
    texts = [c for c in SCALARS if c not in "\n\0"]
    shown = printed(printing, *(text.encode() for text in texts))
    assert len(shown) == len(texts)
    for text, line in zip(texts, shown, strict=True):
        told = line.decode()
        assert (told != text) == is_mark(text), f"U+{ord(text):04X}"
        assert told in (text, f"\\x{ord(text):02x}", f"\\u{{{ord(text):x}}}")
    assert printed(printing, HARMLESS[:4].encode()) == [HARMLESS[:4].encode()]


@pytest.mark.parametrize("broken", [b"\xff", b"\xc2", b"a\xe2\x80", b"\xf0\x9f\x98", b"\xc0\xaf"])
def test_what_is_no_utf_8_is_printed_as_escapes(printing: Path, broken: bytes) -> None:
    (line,) = printed(printing, broken)
    assert line.isascii()
    assert line.count(b"\\x") == sum(byte >= 0x80 for byte in broken)


@pytest.fixture(scope="module")
def example() -> Any:
    """The example of Python, as a module."""
    path = ROOT / "bindings/python/examples/path.py"
    found = importlib.util.spec_from_file_location("path_example", path)
    assert found is not None and found.loader is not None
    loaded = importlib.util.module_from_spec(found)
    found.loader.exec_module(loaded)
    return loaded


def test_the_python_example_lets_no_mark_through(example: Any) -> None:
    for c in SCALARS:
        if is_mark(c):
            assert example.printable(f"a{c}b") == f"a\\x{ord(c):02x}b", f"U+{ord(c):04X}"
    assert example.printable(HARMLESS[:3]) == HARMLESS[:3]


def test_the_python_example_shows_names_and_references_with_escapes(
    example: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tv.decode(json.dumps(TRACE).encode()).to_dict()
    named = {**trace, "tenant": f"a{NAMED}b", "message_ref": f"c{NAMED}d"}
    example.show(tv.Trace.from_json(named))
    assert not [c for c in capsys.readouterr().out if is_mark(c) and c != "\n"]


#: What is said of each name, reference or text that comes from outside.
SAID: dict[str, Callable[[str], object]] = {
    "a tenant in an error": lambda odd: tv.TraceVaultError("it failed").about(tenant=odd),
    "a reference in an error": lambda odd: tv.TraceVaultError("it failed").about(message_ref=odd),
    "a path in an error": lambda odd: tv.TraceVaultError("it failed").about(path=odd),
    "an error's message": tv.TraceVaultError,
    "a bad row": lambda odd: tv.BadRow(2, odd, ACCOUNT, "it has no token"),
    "the reason of a bad row": lambda odd: tv.BadRow(2, "acme", ACCOUNT, odd),
    "bad rows": lambda odd: tv.ImportRowsError("a.csv", (tv.BadRow(2, odd, "", odd),)),
    "a table": lambda odd: tv.ImportRowsError(odd, ()),
    "a tenant in a notice": lambda odd: notice(tenant=odd),
    "a reference in a notice": lambda odd: notice(message_ref=odd),
    "a notice's message": lambda odd: notice(message=odd),
}


def notice(**members: str) -> tv.Notice:
    words = {"kind": "retry", "level": "info", "message": "it failed", **members}
    return tv.Notice.from_json({"schema": "tracevault.notice/1", "number": 1, **words})


@pytest.mark.parametrize("what", SAID)
def test_what_python_says_in_words_has_escapes_and_says_the_rest(
    what: str, marks: list[str]
) -> None:
    for mark in marks:
        told = str(SAID[what](f"ä{mark}ß"))
        assert mark not in told, f"U+{ord(mark):04X}"
        assert re.search(r"ä\\[\\xuUnrt0-9a-f]+ß", told), told
    assert "äß€" in str(SAID[what]("äß€"))


def test_a_table_says_what_is_wrong_with_it_in_one_line(tmp_path: Path) -> None:
    odd = "a\x1b]0;x\x07\u202e\u2028z"
    tables = {
        "tenant": f'tenant,account_id,token\n"{odd}",{ACCOUNT},\n',
        "separator": f'sep=\x1b\ntenant\x1baccount_id\x1btoken\n"a"b\x1b{ACCOUNT}\n',
        "heading": f'tenant,account_id,token,"{odd}"\n',
    }
    tables |= {name: f'tenant,account_id,token,{name}\nt,{ACCOUNT},{TOKEN},"{odd}"\n'
               for name in ("label", "origin", "expires", "budget_group")}  # fmt: skip
    for name, text in tables.items():
        path = tmp_path / f"{name}.csv"
        path.write_text(text, encoding="utf-8", newline="")
        path.chmod(0o600)
        with (
            tv.Vault.in_memory() as vault,
            pytest.raises(tv.ArgumentError) as caught,
            vault.edit() as edit,
        ):
            edit.import_csv(path)
        for told in (caught.value, caught.value.message, *getattr(caught.value, "rows", ())):
            assert not [c for c in str(told) if is_mark(c)], name


@pytest.mark.parametrize("schema", ["ecs", "ocsf"])
def test_events_for_stores_have_escapes_and_say_the_same(schema: tv.View) -> None:
    lines = [{"lineno": 1, "ts": "2026-11-29T10:00:00Z", "message": MESSAGE}]
    block = {"lines": lines, "pending": False}
    body = {"success": True, "errors": [], "result": {"inbound": block, "outbound": block}}
    trace = tv.decode(json.dumps(body, ensure_ascii=False).encode(), views=(schema,))
    text = trace.views[schema].decode()
    for mark in NAMED:
        assert mark not in text, f"U+{ord(mark):04X}"
    assert all(letter in text for letter in HARMLESS)
    assert len(text.splitlines()) == 2
    for row in text.splitlines():
        event = json.loads(row)
        assert MESSAGE in (event.get("raw_data"), event.get("event", {}).get("original"))


def test_a_message_of_an_error_has_spaces_in_their_place() -> None:
    body = {"success": False, "errors": [{"code": 1, "message": f"a{NAMED}b"}], "result": None}
    with pytest.raises(tv.ReplyError) as caught:
        tv.decode(json.dumps(body).encode())
    assert "a" + " " * len(NAMED) + "b" in str(caught.value)
