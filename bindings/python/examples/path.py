"""Print the paths of messages: a complete program that holds no secret.

    python path.py --vault soc.vault --key-file soc.key acme 4Njp3P0STMz2c02Q ...
    python path.py ... acme/023e105f4ecef8ad9ca31a8372d0c353 4Njp3P0STMz2c02Q ...

Exit status: 0 all traces came, 1 at least one did not, 2 the vault or the call is wrong.
"""

from __future__ import annotations

import argparse
import re
import sys

import tracevault as tv


def arguments() -> argparse.Namespace:
    """The command line. Values of --set may hold no secret: other users see them."""
    parser = argparse.ArgumentParser(description="Print the paths of messages.")
    parser.add_argument("--vault", required=True, metavar="FILE", help="the sealed vault")
    parser.add_argument("--key-file", required=True, metavar="FILE", help="its 32-byte raw key")
    parser.add_argument("--wait", type=float, default=0, help="seconds to wait while pending")
    parser.add_argument("--timeout", type=float, default=60, help="seconds in all")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("account", metavar="TENANT[/ACCOUNT]")
    parser.add_argument("message", nargs="+", help="investigate id, postfix id or alert id")
    return parser.parse_args()


#: A recipient's state in words that promise no more than the log does.
IN_WORDS = {
    "sent": "accepted by the next hop",
    "deferred": "not delivered yet, to be tried again",
    "bounced": "not delivered, returned to the sender",
    "expired": "not delivered, given up on and returned to the sender",
    "rejected": "rejected",
    "queued": "in a queue, no outcome yet",
    "held": "held until somebody decides",
    "discarded": "discarded",
    "expanded": "replaced by the recipients of an alias",
}
WHERE = {
    "before_qmgr": "before the queue manager",
    "in_qmgr": "in the active queue",
    "conn_setup": "connecting to the next hop",
    "transmission": "sending it",
}


def explain(summary: tv.Summary) -> None:
    """Print who got it, what the next server said, where the time went, where to look next."""
    for one in summary.recipients:
        parts = [f"{one.address}: {IN_WORDS.get(one.state, one.state)}"]
        parts += [f"at {one.at:%Y-%m-%d %H:%M:%S}"] if one.at else []
        parts += [f"by {one.relay}"] if one.relay else []
        parts += [f"which said: {one.reply}"] if one.reply else []
        print(f"  who   {printable(' '.join(parts))}")
    if not summary.recipients:
        print(f"  who   no recipient is known, the state is {printable(summary.state)}")
    for hop in summary.hops:
        if hop.delay_s is not None and hop.slowest:
            slowest = getattr(hop, f"delay_{hop.slowest}_s", None)
            where = WHERE.get(hop.slowest, hop.slowest)
            took = f"{hop.queue_id} took {hop.delay_s:g} s, {slowest or 0:g} s of it {where}"
            print(f"  time  {printable(took)}")
    for next_id in summary.next_queue_ids:
        if not next_id.in_trace:
            print(f"  next  {printable(f'look for {next_id.id} ({next_id.kind})')}")


def show(trace: tv.Trace) -> None:
    """Print one trace as people read it: what happened, then the lines."""
    state = "complete" if trace.complete else "not complete yet"
    print(printable(f"{trace.message_ref}  ({trace.tenant}, {state})"))
    explain(trace.summary)
    for name, side in (("in", trace.inbound), ("out", trace.outbound)):
        for line in side.lines:
            when = line.at.strftime("%Y-%m-%d %H:%M:%S") if line.at else "no time"
            print(f"  {name:3}  {when:19}  {printable(line.message)}")
        if not side.lines:
            print(f"  {name:3}  no lines{' yet' if side.pending else ''}")


#: Characters that nobody sees, although Python counts them as printable.
HIDDEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)


def printable(text: str) -> str:
    """Log lines and names come from others: no control characters may reach the terminal."""
    return "".join(
        c if c.isprintable() and not HIDDEN.match(c) else f"\\x{ord(c):02x}" for c in text
    )


def main() -> int:
    """Run the program."""
    options = arguments()
    settings = dict(pair.partition("=")[::2] for pair in options.set)
    tenant_name, _, account_id = options.account.partition("/")
    failed = 0
    try:
        with (
            tv.Vault.open(options.vault, tv.KeyFile(options.key_file)) as vault,
            vault.tenant(tenant_name) as tenant,
            tv.Engine(settings) as engine,
        ):
            requests = [
                tv.Request.trace(
                    tenant, account_id or None, ref, wait=options.wait, timeout=options.timeout
                )
                for ref in options.message
            ]
            for result in engine.batch(requests):
                if result.trace is not None:
                    show(result.trace)
                else:
                    failed += 1
                    told = f"{result.request.message_ref}: {result.error}"
                    print(printable(told), file=sys.stderr)
    except (tv.TraceVaultError, OSError) as error:
        print(printable(f"path.py: {error}"), file=sys.stderr)
        return 2
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
