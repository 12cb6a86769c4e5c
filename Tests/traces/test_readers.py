"""The readers of the C binding over damaged documents: no bad access, and what is JSON is whole."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from pathlib import Path

import tracevault as tv
from c_programs import ABI, BINDING, Compile
from json_texts import SEED, mutate

DOCUMENTS = int(os.environ.get("TRACEVAULT_WALK_DOCUMENTS", "1500"))
GOLDEN = Path(__file__).resolve().parents[1] / "data/golden"
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
#: What takes the place of a value: each kind, and numbers and texts at their edges.
VALUES = (b"{}", b"[]", b"null", b"1", b'"\\u0000"', b'"\\ud83d\\ude00"', b"true", b"1e5", b"[{}]",
          b'{"a":[1]}', b"-1", b"99999999999999999999")  # fmt: skip
VALUE = re.compile(rb'"(?:[^"\\]|\\.)*"(?=[,}\]])|(?<=[:\[,])(?:\d+|null|true|false)(?=[,}\]])')
NAME = re.compile(rb'"[a-z_]+":$')


def sources() -> list[bytes]:
    """Documents of every kind that has a reader."""
    found = [path.read_bytes() for kind in ("trace", "search", "check")
             for path in sorted(GOLDEN.glob(f"{kind}/*.{kind}.json"))]  # fmt: skip
    for reply in sorted(GOLDEN.glob("trace/*.reply.json")):
        trace = tv.decode(reply.read_bytes(), views=("ecs", "ocsf", "spans"))
        found += [bytes(view) for view in trace.views.values()]
    message = json.loads((GOLDEN / "search/documented.search.json").read_bytes())["messages"][0]
    finding = {
        "schema": "tracevault.finding/1",
        "tenant": "acme",
        "account_id": "a" * 32,
        "label": "Acme",
        "message": message,
        "trace": {"schema": "tracevault.trace/1"},
        "error": {"status": "TV_E_SERVER", "message": "m"},
        "progress": {"accounts": 1, "done": 1},
    }
    hunt = {"schema": "tracevault.hunt/1", "over": True, "accounts": 2, "done": 2, "found": 1}
    found += [json.dumps(one, separators=(",", ":")).encode() for one in (finding, hunt)] * 8
    return [one for one in found if 0 < len(one) < 20_000]


def with_other_values(source: random.Random, document: bytes) -> bytes:
    """Mostly still JSON: values are replaced, and members stand twice."""
    for _ in range(source.randrange(1, 4)):
        places = list(VALUE.finditer(document))
        if not places:
            break
        place = source.choice(places)
        before, behind = document[: place.start()], document[place.end() :]
        name = NAME.search(before)
        if name and source.randrange(3) == 0:
            twice = b"," + name[0] + source.choice(VALUES)
            document = before + place[0] + twice + behind
        else:
            document = before + source.choice(VALUES) + behind
    return document


def test_no_reader_reads_beyond_a_damaged_document_and_json_texts_are_whole(
    compiled: Compile,
) -> None:
    source = random.Random(f"{SEED} readers")
    known = sources()
    made = []
    for _ in range(DOCUMENTS):
        document = source.choice(known)
        change = mutate if source.randrange(3) == 0 else with_other_values
        made.append(change(source, document))
    binding = [BINDING / f"tv_{part}.c" for part in ("trace", "search", "views")]
    program = compiled("readers", ABI / "readers.c", *binding, flags=SANITIZED)
    done = subprocess.run(
        [str(program)],
        input=b"".join(b"%d\n%b" % (len(document), document) for document in made),
        capture_output=True,
    )
    assert done.returncode == 0, (SEED, done.stderr.decode(errors="replace")[-4000:])
    taken = dict(line.split() for line in done.stdout.decode().splitlines())
    assert len(taken) == 7 and all(int(count) > 0 for count in taken.values()), taken
