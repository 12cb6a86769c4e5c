"""send: the mail that makes the captured log: every outcome Postfix knows, several times.

Only sends and waits for the log; what the lines mean is decided in traces.py.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import smtplib
import ssl
import time
from email.message import EmailMessage
from pathlib import Path

SENDER = "reports@sender.example"
# (sender, recipients, subject) of the first round, all left to run to their end.
FIRST: list[tuple[str, list[str], str]] = [
    *[(SENDER, [f"ok{n}@example.com"], f"Quarterly report {n}") for n in range(1, 9)],
    *[(SENDER, [f"ok{n}@example.org"], f"Newsletter {n}") for n in range(1, 5)],
    *[(SENDER, ["anna@box.example.net"], f"For Anna {n}") for n in range(1, 4)],
    *[(SENDER, [f"reject{n}@example.com"], f"To nobody {n}") for n in range(1, 5)],
    (SENDER, ["reject9@example.org"], "To nobody by LMTP"),
    *[(SENDER, [f"data-reject{n}@example.com"], f"Win a prize {n}") for n in range(1, 3)],
    *[(SENDER, [f"defer-once{n}@example.com"], f"Greylisted {n}") for n in range(1, 6)],
    (SENDER, ["defer-once9@example.org"], "Greylisted by LMTP"),
    *[(SENDER, [f"defer{n}@example.com"], f"Never accepted {n}") for n in range(1, 3)],
    (SENDER, ["user@down.example.com"], "The next hop is down"),
    (SENDER, ["hangup@example.com"], "The next hop hangs up"),
    (SENDER, ["junk@discarded.example.com"], "Thrown away"),
    (SENDER, ["alias@example.com"], "Through an alias"),
    (SENDER, ["ok1@example.com", "reject1@example.com", "defer-once20@example.com"], "Mixed 1"),
    (SENDER, ["ok1@example.org", "ok2@example.com", "anna@box.example.net"], "Mixed 2"),
    (SENDER, ["ok3@example.com", "nobody@box.example.net"], "One refused at the door"),
    (SENDER, ['"odd name"@example.com', "plus+tag@example.com"], "Odd local parts"),
    ("", ["reject7@example.com"], "A bounce that bounces"),
    ("blocked@sender.example", ["ok1@example.com"], "From a blocked sender 1"),
    ("blocked@sender.example", ["ok2@example.com"], "From a blocked sender 2"),
    (SENDER, ["ok1@example.com"], "A forbidden offer 1"),
    (SENDER, ["ok2@example.com"], "A forbidden offer 2"),
    (SENDER, ["nobody@box.example.net"], "Unknown mailbox"),
    (SENDER, ["someone@elsewhere.example"], "Relaying is refused"),
]
# Sent last, so that they are still deferred when the log is taken.
LAST: list[tuple[str, list[str], str]] = [
    *[(SENDER, [f"defer-late{n}@example.com"], f"Still waiting {n}") for n in range(1, 4)],
    (SENDER, ["ok@example.com", "late@down.example.com"], "Half delivered"),
]
EXPIRY_TIMEOUT_S = 75


def _send(port: int, sender: str, recipients: list[str], subject: str, number: int) -> None:
    message = EmailMessage()
    message["From"] = sender or "mailer-daemon@sender.example"
    message["To"] = ", ".join(recipients)
    message["Subject"] = subject
    message["Message-ID"] = f"<capture.{number:04d}@sender.example>"
    message.set_content("Numbers for the quarter.\n" * (1 + number % 5 * 20))
    with smtplib.SMTP("127.0.0.1", port, local_hostname="out.sender.example") as client:
        if number % 4 == 0:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            client.starttls(context=context)
        # Refusals are part of the log that is wanted.
        with contextlib.suppress(smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused):
            client.sendmail(sender, recipients, message.as_bytes())


def _wait_for(log: Path, pattern: str, count: int, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if log.exists() and len(re.findall(pattern, log.read_text("utf-8"))) >= count:
            return
        time.sleep(0.25)
    raise SystemExit(f"send.py: the log does not show {count} times: {pattern}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Send the mail of the capture.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    options = parser.parse_args()
    _wait_for(options.log, "daemon started", 1, 20)
    for number, (sender, recipients, subject) in enumerate(FIRST, start=1):
        _send(options.port, sender, recipients, subject, number)
    # A bad HELO name, and a client that goes before it sends anything.
    bad = smtplib.SMTP("127.0.0.1", options.port, local_hostname="-bad-")
    with bad as client, contextlib.suppress(smtplib.SMTPException):
        client.sendmail(SENDER, ["ok1@example.com"], b"Subject: bad helo\r\n\r\n")
    with smtplib.SMTP("127.0.0.1", options.port) as client:
        client.ehlo("probe.sender.example")
    _wait_for(options.log, "status=expired, returned to sender", 4, EXPIRY_TIMEOUT_S)
    for number, (sender, recipients, subject) in enumerate(LAST, start=len(FIRST) + 1):
        _send(options.port, sender, recipients, subject, number)
    _wait_for(options.log, r"to=<(defer-late\d|late)@[^ ]*, .*status=deferred", 4, 20)


if __name__ == "__main__":
    main()
