"""Each line of the filter has its own answer, also after one whose answer could not be taken."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
import tracevault as tv
from bare_server import engine, reply, serving
from tracevault import _exchange, _slot
from tracevault.cli.verbs import filter as verb

TENANTS = ("acme", "globex", "initech")


def answer(head: bytes, _number: int) -> bytes:
    found = re.search(rb"investigate/([^/ ?]+)", head)
    assert found is not None
    block = {"lines": [{"lineno": 1, "message": "of " + found[1].decode()}], "pending": False}
    return reply({"success": True, "errors": [], "result": {"inbound": block, "outbound": block}})


@pytest.mark.parametrize("failure", [MemoryError, _slot._no_memory])
def test_a_line_whose_answer_could_not_be_taken_leaves_it_to_no_other_line(
    failure: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = _exchange.Exchange._take_events
    calls = []

    def failing(self: _exchange.Exchange, most: int = 256) -> object:
        calls.append(most)
        if len(calls) == 1:
            raise failure()  # type: ignore[operator]
        return taken(self, most)

    with serving(answer) as server:
        vault = tv.Vault.in_memory()
        with vault.edit() as edit:
            for number, name in enumerate(TENANTS, 1):
                token = tv.ApiToken(f"test-token-not-real-{name}-000000000000")
                edit.put(name, f"{number:032x}", token, origin=server.origin)
        with engine(server.origin) as asking:
            session = SimpleNamespace(place_of=lambda name, _: (vault.tenant(name), None))
            asker = verb.Asker(
                session=session,  # type: ignore[arg-type]
                engine=asking,
                fields=verb.FIELDS,
                tenant_field="tenant",
                account_field="account_id",
                summary=False,
                wait=0,
                timeout=30,
            )
            monkeypatch.setattr(_exchange.Exchange, "_take_events", failing)
            told = []
            for number, name in enumerate((*TENANTS, "acme"), 1):
                line = {"message_ref": f"4jXtPB72Kpz7S8{number}", "tenant": name}
                _, part, error = verb._answered(asker, json.dumps(line).encode())
                told.append(part["trace"]["message_ref"] if part and "trace" in part else error)
            assert told[0] is not None
            assert not isinstance(told[0], str)
            assert told[1:] == [f"4jXtPB72Kpz7S8{number}" for number in (2, 3, 4)]
