"""mail: what search says about each message, drawn from its trace, and an archive of older mail.

Addresses, message ids and next queue ids come from the captured lines; subjects, verdicts and
hashes, which no mail log holds, are made up, always in the same way.  Standard library only.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .catalogue import Message

Item = dict[str, Any]

DETECTED = ("MALICIOUS", "SUSPICIOUS", "SPOOF", "SPAM", "BULK", "MALICIOUS-BEC")
CLEAN = ("NONE", "NONE", "EXTERNAL", "NONE", "UNKNOWN", "ENCRYPTED")
# Archived mail came this many days before the mail it is a copy of: inside the default window of
# search, just outside it, and more than a year ago.
ARCHIVE_DAYS = (29, 30, 400)
_ARCHIVED_FROM = slice(0, 60, 3)

_SUBJECTS = (
    "Quarterly report {n}",
    "Re: Meeting on Thursday, room {n}",
    "Überweisung für März {n}",
    "請求書 {n}",
    "Newsletter {n}: what is new",
    'Order "{n}" / <delivery> & more',
)
_BAIT = (
    "Urgent: verify your mailbox {n}",
    "Invoice {n} overdue",
    "You have won a prize {n}",
    "Voice message {n} waiting",
)
_REASONS = ("Suspicious link in body", "Sender domain newly registered", "Lookalike of a brand")
_MESSAGE_ID = re.compile(r"message-id=(<[^>]*>)")
_FROM = re.compile(r"from=<([^>]*)>")
_TO = re.compile(r"[ ]to=<((?:\"[^\"]*\")?[^>]*)>")
_SUBJECT = re.compile(r": header Subject: (.*?) from \S+; from=")
_QUEUED_AS = re.compile(r"status=sent .*queued as ([0-9A-Za-z]+)\)")
_ALPHABET = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


@dataclass(frozen=True)
class Mail:
    """One message as search knows it."""

    account_id: str
    scanned: datetime.datetime
    detected: bool
    item: Item


def of_messages(messages: Iterable[Message], accounts: int) -> tuple[Mail, ...]:
    """The mail behind the messages of the regular datastore, newest first."""
    found = [
        _mail(message, index, index // max(1, accounts))
        for index, message in enumerate(messages)
        if not message.submission
    ]
    return tuple(sorted(found, key=lambda mail: (mail.scanned, mail.item["id"]), reverse=True))


def archive(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Copies of some messages from long before, with ids and times of their own."""
    originals = [m for m in messages if not m.submission and not m.pending_requests]
    return tuple(
        _earlier(message, days) for days in ARCHIVE_DAYS for message in originals[_ARCHIVED_FROM]
    )


def _mail(message: Message, index: int, round_: int) -> Mail:
    lines = [line["message"] for line in (*message.inbound, *message.outbound)]
    # Whole rounds over the accounts alternate, so that each account has clean and detected mail.
    detected = message.outcome == "rejected" or round_ % 2 == 1
    disposition = (DETECTED if detected else CLEAN)[index % 6]
    scanned = _scanned(message)
    sender = _first(_FROM, lines)
    recipients = list(dict.fromkeys(to for line in lines for to in _TO.findall(line)))
    digest = hashlib.sha256(message.postfix_id.encode()).hexdigest()
    quarantined = detected and index % 4 == 0
    moved = detected and index % 4 == 1 and message.outcome == "delivered"
    address = sender or "MAILER-DAEMON@mx1.example.net"
    item: Item = {
        "id": message.investigate_id,
        "postfix_id": message.postfix_id,
        "postfix_id_outbound": _first(_QUEUED_AS, lines) or None,
        # Only detected mail raises an alert.
        "alert_id": message.alert_id if detected else None,
        "message_id": _first(_MESSAGE_ID, lines) or None,
        "subject": _subject(lines, sender, detected, index),
        "from": address,
        "from_name": "Reports" if index % 3 else None,
        "to": recipients,
        "to_name": [None] * len(recipients),
        "envelope_from": sender,
        "envelope_to": recipients,
        "replyto": None,
        "client_recipients": recipients,
        "delivery_mode": "DIRECT",
        "delivery_status": _delivery_status(message, quarantined, moved),
        "final_disposition": disposition,
        "is_quarantined": quarantined,
        "is_phish_submission": False,
        "detection_reasons": [_REASONS[index % len(_REASONS)]] if detected else [],
        "threat_categories": ["Link"] if detected else None,
        "validation": {"spf": "pass", "dkim": "none", "dmarc": "none", "comment": None},
        "post_delivery_operations": ["MOVE"] if moved else [],
        "scanned_at": scanned.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sent_at": scanned.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sent_date": scanned.strftime("%a, %d %b %Y %H:%M:%S +0000"),
        "edf_hash": digest[:40],
        "htmltext_structure_hash": None,
        "smtp_helo_server_ip": f"192.0.2.{index % 5 + 1}",
        "smtp_previous_hop_ip": None,
        "x_originating_ip": None,
        "properties": {"allowlisted_pattern": None},
    }
    if message.shape != "2026":
        item["ts"] = scanned.strftime("%Y-%m-%dT%H:%M:%S")
    return Mail(message.account_id, scanned, detected, item)


def _scanned(message: Message) -> datetime.datetime:
    text = message.alert_id.removeprefix(message.postfix_id + "-")
    at = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S")
    return at.replace(tzinfo=datetime.timezone.utc)


def _first(pattern: re.Pattern[str], lines: list[str]) -> str:
    return next((match[1] for line in lines if (match := pattern.search(line))), "")


def _subject(lines: list[str], sender: str, detected: bool, index: int) -> str:
    told = _first(_SUBJECT, lines)
    if told:
        return told
    if not sender:
        return "Undelivered Mail Returned to Sender"
    subjects = _BAIT if detected else _SUBJECTS
    return subjects[index % len(subjects)].format(n=index)


def _delivery_status(message: Message, quarantined: bool, moved: bool) -> list[str]:
    if quarantined:
        return ["quarantined"]
    if message.pending_requests:
        return ["queued"]
    return [message.outcome, "moved"] if moved else [message.outcome]


def _earlier(message: Message, days: int) -> Message:
    """The same message `days` before: another queue id, and times that fit it."""
    shift = datetime.timedelta(days=days)
    postfix_id = _shifted_id(message.postfix_id, -days * 86400)

    def moved(lines: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        return tuple(
            {
                **line,
                "logged_at": _before(line["logged_at"], shift),
                "message": line["message"]
                .replace(message.postfix_id, postfix_id)
                .replace("message-id=<capture.", f"message-id=<archive-{days}."),
            }
            for line in lines
        )

    written = (_scanned(message) - shift).strftime("%Y-%m-%dT%H:%M:%S")
    alert_id = f"{postfix_id}-{written}"
    return dataclasses.replace(
        message,
        postfix_id=postfix_id,
        alert_id=alert_id,
        investigate_id=f"{alert_id}-{message.investigate_id[-8:]}",
        inbound=moved(message.inbound),
        outbound=moved(message.outbound),
    )


def _before(stamp: str, shift: datetime.timedelta) -> str:
    at = datetime.datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ")
    return (at - shift).strftime("%Y-%m-%dT%H:%M:%SZ")


def _shifted_id(queue_id: str, seconds: int) -> str:
    """A long queue id of the same form, that many seconds later."""
    head, rest = queue_id[:6], queue_id[6:]
    number = seconds
    for place, letter in enumerate(reversed(head)):
        number += _ALPHABET.index(letter) * 52**place
    digits = ""
    for _ in head:
        number, digit = divmod(number, 52)
        digits = _ALPHABET[digit] + digits
    return digits + rest
