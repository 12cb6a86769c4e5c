"""reading.py - how long Python needs from bytes to objects, beside `json.loads` of the same reply.

reading.py REPLY_FILE ROUNDS ORIGIN CA_FILE SEARCH_FILE

In turns, in one process: what else the machine does meets all sides. Prints the median of each in
microseconds as one JSON line. The search is the whole of `Engine.search` against the server.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import tracevault as tv

import ours


def lines(body: bytes) -> None:
    trace = tv.decode(body)
    seen = [trace.summary.state, trace.complete]
    for line in trace.lines:
        seen += (line.at_text, line.message)
    assert len(seen) > 30


def everything(body: bytes) -> None:
    trace = tv.decode(body)
    seen: list[object] = [trace.summary.state]
    for one in trace.summary.recipients:
        seen += (one.address, one.state, one.at_text, one.reply)
    for line in trace.lines:
        seen += (line.at_text, line.message)
        event = line.event
        if event is not None:
            seen += (event.kind, event.queue_id, event.to, event.status)
    assert len(seen) > 100


def search(engine: tv.Engine, tenant: tv.Tenant) -> None:
    found = engine.search(tenant, ours.ACCOUNT, limit=1000)
    seen = [(one.subject, one.scanned_at_text, one.message_ref) for one in found]
    assert len(seen) == 1000


def turns(rounds: int, sides: dict[str, tuple[Callable[[], None], int]]) -> dict[str, float]:
    """The median of each side in microseconds; each is called so often in a round."""
    took: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(-3, rounds):
        for name, (run, times) in sides.items():
            began = time.process_time()
            for _ in range(times):
                run()
            if number >= 0:
                took[name].append((time.process_time() - began) / times * 1e6)
    return {name: statistics.median(each) for name, each in took.items()}


def main() -> None:
    body, found = Path(sys.argv[1]).read_bytes(), Path(sys.argv[5]).read_bytes()
    rounds, origin, ca_file = int(sys.argv[2]), sys.argv[3], sys.argv[4]
    figures = turns(
        rounds,
        {
            "json_us": (lambda: json.loads(body), 20),
            "lines_us": (lambda: lines(body), 20),
            "all_us": (lambda: everything(body), 20),
        },
    )
    with ours.engine_and_tenant(origin, ca_file, 1) as (engine, tenant):
        figures |= turns(
            max(3, rounds // 10),
            {
                "search_json_us": (lambda: json.loads(found), 1),
                "search_us": (lambda: search(engine, tenant), 1),
            },
        )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
