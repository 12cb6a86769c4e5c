"""Writes the lines that mail servers would have logged, with times and queue ids that agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

#: Postfix's digits: no vowels, so that no id is a word.
DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def queue_id(at: datetime, inode: int) -> str:
    """A long queue id of Postfix: it tells when the message was queued, to the microsecond."""
    past = at - EPOCH
    seconds = past.days * 86400 + past.seconds
    return f"{_digits(seconds, 52, 6)}{_digits(past.microseconds, 52, 4)}z{_digits(inode, 51, 1)}"


def _digits(number: int, base: int, least: int) -> str:
    text = ""
    while number or len(text) < least:
        number, digit = divmod(number, base)
        text = DIGITS[digit] + text
    return text


def stamp(at: datetime) -> str:
    """RFC 3339 with milliseconds, as Cloudflare writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


@dataclass
class Log:
    """The lines of one message on both sides."""

    begin: datetime
    inbound: list[tuple[datetime, str]] = field(default_factory=list)
    outbound: list[tuple[datetime, str]] = field(default_factory=list)

    def says(self, side: str, after: float, text: str) -> None:
        """One line, so many seconds after the message arrived."""
        lines = self.inbound if side == "inbound" else self.outbound
        lines.append((self.begin + timedelta(seconds=after), text))

    def at(self, after: float) -> datetime:
        """The moment so many seconds after the message arrived."""
        return self.begin + timedelta(seconds=after)

    def reply_lines(self, side: str) -> list[dict[str, object]]:
        """One side as Cloudflare replies it."""
        lines = self.inbound if side == "inbound" else self.outbound
        return [
            {"lineno": number, "logged_at": stamp(at), "message": text}
            for number, (at, text) in enumerate(sorted(lines), 1)
        ]


@dataclass(frozen=True)
class Hop:
    """One mail server on the way: where its lines go, and the queue id it gave the message."""

    log: Log
    side: str
    id: str
    began: float

    def says(self, after: float, process: str, text: str) -> None:
        """A line of this hop about the message."""
        self.log.says(self.side, self.began + after, f"postfix/{process}: {self.id}: {text}")

    def tries(
        self,
        to: str,
        *,
        relay: str,
        spent: tuple[float, float, float, float],
        dsn: str,
        status: str,
        said: str,
        process: str = "smtp[4711]",
    ) -> None:
        """One try: `spent` is the time before the queue, in it, connecting and sending."""
        delays = "/".join(_seconds(part) for part in spent)
        self.says(
            sum(spent),
            process,
            f"to=<{to}>, relay={relay}, delay={_seconds(sum(spent))}, delays={delays}, dsn={dsn}, "
            f"status={status} ({said})",
        )

    def encrypted(self, after: float, relay: str) -> None:
        """The line about a connection that was encrypted."""
        self.log.says(
            self.side,
            self.began + after,
            f"postfix/smtp[4711]: Trusted TLS connection established to {relay}: TLSv1.3 with "
            "cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519MLKEM768 "
            "server-signature RSA-PSS (2048 bits) server-digest SHA256",
        )


def _seconds(value: float) -> str:
    """Two digits, as Postfix writes a delay."""
    return f"{value:.0f}" if value >= 10 else f"{float(f'{value:.2g}'):g}"
