"""Every request through a failing network ends exactly once, in time and with the truth.

`make test-proxy N=100000` is the long run. The seed decides what goes wrong; a failure names it.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import tracevault as tv
from engine_scene import put_all
from lateness import Lateness
from launcher import Standin, standin
from proxy.faults import FaultProxy, faults
from proxy.toxics import TOXICS
from results import failure_of, submit, take
from standin.catalogue import Message
from tracevault import Status
from tracevault._lib import library, view

REQUESTS = int(os.environ.get("TRACEVAULT_PROXY_REQUESTS", "1500"))
SEED = int(os.environ.get("TRACEVAULT_SEED", "11"))
#: Requests of one seed, with an engine and a proxy of its own.
ROUND = 2500
#: Requests in the engine at once.
WINDOW = 200
#: Seconds by which a request may miss its deadline, on a machine that lets it run.
OVERSHOOT_S = 1.0
#: What a failing network may look like; anything else would be a lie.
TRUE = {
    Status.OK,
    Status.E_DEADLINE,
    Status.E_TRANSPORT,
    Status.E_TLS,
    Status.E_REPLY_TRUNCATED,
}


@pytest.fixture(scope="module")
def server() -> Iterator[Standin]:
    with standin(quota=0) as running:
        yield running


@dataclass
class Asked:
    """A request under way."""

    message: Message
    timeout: float
    #: What the machine had kept this process waiting until then.
    lateness: float
    began: float = field(default_factory=time.monotonic)


class Run:
    """One engine behind one proxy, and everything that was asked."""

    def __init__(self, server: Standin, proxy: FaultProxy, seed: int) -> None:
        self.server = server
        self.chance = random.Random(seed)
        self.outcomes: Counter[Status] = Counter()
        self.latest = 0.0
        self.lateness = Lateness()
        origin = f"https://127.0.0.1:{proxy.port}"
        vault = tv.Vault.in_memory()
        with vault.edit() as edit:
            put_all(edit, server, origin)
        tenants = {account.tenant: vault.tenant(account.tenant) for account in server.accounts}
        self.tenants = {account.id: tenants[account.tenant] for account in server.accounts}
        self.messages = [
            one for one in server.messages if not one.pending_requests and not one.submission
        ]
        self.engine = tv.Engine(
            {
                "api.base_url": origin + urlsplit(server.base_url).path,
                "tls.ca_file": server.ca_file,
                "budget.quota": 0,
                "budget.ip_per_second": 0,
                "retry.base_ms": 20,
                "retry.max_delay_ms": 200,
                "engine.max_notices": 0,  # every result is counted
            }
        )
        self.under_way: dict[int, Asked] = {}
        self.next_tag = 1

    def ask(self, timeout: float) -> None:
        message = self.chance.choice(self.messages)
        request = tv.Request.trace(
            self.tenants[message.account_id],
            message.account_id,
            message.postfix_id,
            timeout=timeout,
            fresh=True,  # over the network, not out of the cache or another's reply
        )
        self.under_way[self.next_tag] = Asked(message, timeout, self.lateness.seconds)
        submit(self.engine, request, self.next_tag)
        self.next_tag += 1

    def take_one(self) -> Status:
        longest = max(one.began + one.timeout for one in self.under_way.values())
        left = longest + OVERSHOOT_S + 10 - time.monotonic()
        result = take(self.engine, round(max(left, 0) * 1000))
        assert result is not None, f"{len(self.under_way)} requests never ended"
        lib = library()
        try:
            tag, status = lib.tv_result_tag(result), Status(lib.tv_result_status(result))
            # A tag that is not there any more was answered before.
            asked = self.under_way.pop(tag)
            late = time.monotonic() - asked.began - asked.timeout
            late -= self.lateness.seconds - asked.lateness
            self.latest = max(self.latest, late)
            assert late <= OVERSHOOT_S, f"{late:.1f} s past its deadline: {status.name}"
            assert status in TRUE, f"{status.name}: {failure_of(result)}"
            if status == Status.OK:
                document = json.loads(view(lib.tv_result_document, result, b"trace"))
                for side in ("inbound", "outbound"):
                    lines = [line.get("message") for line in document[side]["lines"]]
                    sent = getattr(asked.message, side)
                    assert lines == [line["message"] for line in sent]
            self.outcomes[status] += 1
        finally:
            lib.tv_result_free(result)
        return status

    def ask_many(self, count: int) -> None:
        for number in range(count):
            self.ask(self.chance.uniform(0.3, 4))
            while len(self.under_way) >= (WINDOW if number + 1 < count else 1):
                self.take_one()

    def close(self) -> None:
        assert not self.under_way
        assert take(self.engine, 0) is None, "a result that nobody asked for"
        self.engine.close()
        self.lateness.end()


def replay(seed: int, count: int) -> str:
    return (
        f"replay: TRACEVAULT_SEED={seed} TRACEVAULT_PROXY_REQUESTS={count} "
        "build/venv/bin/python -m pytest -s Tests/outcomes/test_proxy.py"
    )


@pytest.mark.skipif(REQUESTS <= 0, reason="TRACEVAULT_PROXY_REQUESTS is 0")
def test_every_request_ends_once_and_in_time_and_all_is_well_when_the_fault_has_passed(
    server: Standin,
) -> None:
    outcomes: Counter[Status] = Counter()
    met: Counter[str] = Counter()
    connections, latest, began = 0, 0.0, time.monotonic()
    port = urlsplit(server.base_url).port or 443
    for number, first in enumerate(range(0, REQUESTS, ROUND)):
        seed, count = SEED + number, min(ROUND, REQUESTS - first)
        with faults(port, seed) as proxy:
            run = Run(server, proxy, seed)
            try:
                run.ask_many(count)
                proxy.calm = True
                for _ in range(50):
                    run.ask(20)
                while run.under_way:
                    assert run.take_one() == Status.OK, "the network is well again"
                run.close()
            except BaseException:
                print(replay(seed, count))
                raise
            outcomes += run.outcomes
            met += proxy.met
            connections += proxy.connections
            latest = max(latest, run.latest)
        server.reset()
    told = ", ".join(f"{status.name} {times}" for status, times in outcomes.most_common())
    print(
        f"{sum(outcomes.values())} requests over {connections} connections in "
        f"{time.monotonic() - began:.0f} s: {told}; latest {latest * 1000:.0f} ms past its "
        f"deadline; toxics {dict(met)}; seeds {SEED} to {seed}"
    )
    if REQUESTS >= ROUND:
        assert set(met) == {name for name, *_ in TOXICS}
        assert outcomes[Status.OK] > REQUESTS / 4
