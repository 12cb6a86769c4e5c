"""The mail of the demonstration: one phish that went to many, and the everyday mail around it.

Its outcomes: handed on to Exchange and to Google, put off and tried again,
refused, sent back, held, and one that is still under way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .log import Hop, Log, queue_id, stamp

PHISH = "billing@supplier-portal.example"
PHISH_HOST = "mail-out7.supplier-portal.example"
PHISH_IP = "203.0.113.57"
PHISH_ID = "inv-11873.7f3a91@supplier-portal.example"
PHISH_SUBJECT = "Invoice 2026-11873 is overdue"
FILTER = "127.0.0.1[127.0.0.1]:10024"
EXCHANGE = "acme-example.mail.protection.example[198.51.100.36]:25"
GOOGLE = "aspmx.mail.example[198.51.100.90]:25"


@dataclass(frozen=True)
class Account:
    """One account, and the invented token that may read it."""

    tenant: str
    id: str
    label: str
    domain: str

    @property
    def token(self) -> str:
        """A token that is none: it says so itself."""
        return f"demo-token-not-real-{self.label.lower().replace(' ', '-')}-".ljust(40, "0")


ACCOUNTS = (
    Account("acme", "acae0000000000000000000000000001", "Acme Europe", "acme.example"),
    Account("acme", "acae0000000000000000000000000002", "Acme America", "us.acme.example"),
    Account("globex", "610be000000000000000000000000001", "Globex", "globex.example"),
    Account("globex", "610be000000000000000000000000002", "Globex Labs", "labs.globex.example"),
    Account("initech", "1417ec00000000000000000000000001", "Initech", "initech.example"),
)


@dataclass
class Mail:
    """One message: what a search finds of it, and its trace."""

    account: Account
    log: Log
    sender: str
    to: tuple[str, ...]
    subject: str
    message_id: str
    verdict: str
    status: str
    ids: list[str] = field(default_factory=list)
    #: So many looks find it pending, without the lines on its way out.
    pending: int = 0

    @property
    def ref(self) -> str:
        """What a trace is asked with."""
        return f"{self.ids[0]}-{self.log.begin:%Y-%m-%dT%H:%M:%S}-{self.number:08d}"

    @property
    def number(self) -> int:
        """The last part of the reference."""
        return int.from_bytes(self.ids[0].encode()[-3:], "big") % 10**8

    def item(self) -> dict[str, Any]:
        """What a search replies."""
        return {
            "id": self.ref,
            "postfix_id": self.ids[0],
            "postfix_id_outbound": self.ids[-1],
            "alert_id": self.ref.rpartition("-")[0] if self.verdict != "NONE" else None,
            "message_id": f"<{self.message_id}>",
            "subject": self.subject,
            "from": self.sender,
            "from_name": self.sender.partition("@")[0].title(),
            "to": list(self.to),
            "envelope_from": self.sender,
            "envelope_to": list(self.to),
            "client_recipients": list(self.to),
            "delivery_mode": "DIRECT",
            "delivery_status": [self.status],
            "final_disposition": self.verdict,
            "is_quarantined": self.status == "quarantined",
            "is_phish_submission": False,
            "detection_reasons": [],
            "scanned_at": stamp(self.log.at(0.5)),
            "sent_at": stamp(self.log.begin),
        }

    def trace(self, looks: int) -> dict[str, Any]:
        """What a trace replies after so many looks."""
        waits = looks < self.pending
        out = [] if waits else self.log.reply_lines("outbound")
        return {
            "inbound": {"lines": self.log.reply_lines("inbound"), "pending": False},
            "outbound": {"lines": out, "pending": waits},
        }

    # ---- what mail servers do with it -------------------------------------------------------

    def arrives(self, host: str, ip: str, size: int = 48213) -> Hop:
        """The first server takes it in."""
        log = self.log
        hop = Hop(log, "inbound", queue_id(log.begin, 17775358 + len(self.subject)), 0)
        self.ids.append(hop.id)
        client = f"{host}[{ip}]"
        log.says("inbound", -0.3, f"postfix/smtpd[4701]: connect from {client}")
        hop.says(0, "smtpd[4701]", f"client={client}")
        hop.says(0.05, "cleanup[4703]", f"message-id=<{self.message_id}>")
        hop.says(0.2, "qmgr[911]", self._active(size))
        log.says("inbound", 0.25, f"postfix/smtpd[4701]: disconnect from {client} ehlo=2 "
                 f"starttls=1 mail=1 rcpt={len(self.to)} bdat=1 quit=1 commands=8")  # fmt: skip
        return hop

    def filtered(self, hop: Hop, seconds: float = 1.7) -> Hop:
        """A filter looks at it and hands it to the server that sends it on."""
        took = 0.21 + 0.01 + seconds
        began = hop.began + took
        made = Hop(self.log, "outbound", queue_id(self.log.at(began), 17775751), began)
        for to in self.to:
            hop.tries(to, relay=FILTER, spent=(0.21, 0.01, 0, seconds), dsn="2.0.0", status="sent",
                      said="250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: "
                      f"queued as {made.id}",
                      process="lmtp[4705]")  # fmt: skip
        hop.says(took + 0.01, "qmgr[911]", "removed")
        made.says(0, "smtpd[4707]", f"client=localhost[127.0.0.1], orig_queue_id={hop.id}")
        made.says(0.02, "cleanup[4708]", f"message-id=<{self.message_id}>")
        made.says(0.04, "qmgr[911]", self._active(49177))
        self.ids.append(made.id)
        return made

    def _active(self, size: int) -> str:
        return f"from=<{self.sender}>, size={size}, nrcpt={len(self.to)} (queue active)"


def copies(now: datetime) -> list[Mail]:
    """The phish: one copy in each account, two in the last."""
    begin = (now - timedelta(hours=3)).replace(second=11, microsecond=53066)

    def copy(number: int, after: float, names: tuple[str, ...], verdict: str, status: str) -> Mail:
        account = ACCOUNTS[number]
        to = tuple(f"{name}@{account.domain}" for name in names)
        return Mail(account, Log(begin + timedelta(seconds=after)), PHISH, to, PHISH_SUBJECT,
                    PHISH_ID, verdict, status)  # fmt: skip

    return [
        _to_exchange(copy(0, 0, ("anna.schmidt", "accounts.payable"), "MALICIOUS", "delivered")),
        _refused(copy(1, 4.2, ("j.doe",), "MALICIOUS", "rejected")),
        _to_google(copy(2, 9.9, ("hank",), "SUSPICIOUS", "delivered")),
        _sent_back(copy(3, 12.4, ("lab.orders",), "SUSPICIOUS", "bounced")),
        _held(copy(4, 17.1, ("bill.l",), "MALICIOUS", "quarantined")),
        _on_its_way(copy(4, 19.6, ("milton.w",), "SUSPICIOUS", "queued")),
    ]


def _to_exchange(mail: Mail) -> Mail:
    out = mail.filtered(mail.arrives(PHISH_HOST, PHISH_IP))
    anna, payable = mail.to
    tail = (
        "Hostname=AS8PR07MB8123.eurprd07.prod.example] 57121 bytes in 0.214, 260.301 KB/sec "
        '"Queued mail for delivery"'
    )
    out.encrypted(1.2, EXCHANGE)
    out.tries(anna, relay=EXCHANGE, spent=(0.06, 0.01, 1.2, 2.1), dsn="2.6.0", status="sent",
              said=f"250 2.6.0 <{mail.message_id}> [InternalId=46192382509321, {tail}")  # fmt: skip
    out.tries(payable, relay=EXCHANGE, spent=(0.06, 0.02, 1.3, 2.7), dsn="4.3.2", status="deferred",
              said="host acme-example.mail.protection.example[198.51.100.36] said: 451 4.3.2 "
              "Temporary server error. Please try again later "
              "(in reply to end of DATA command)")  # fmt: skip
    out.tries(payable, relay=EXCHANGE, spent=(301, 0.02, 1.1, 1.9), dsn="2.6.0", status="sent",
              said=f"250 2.6.0 <{mail.message_id}> [InternalId=46192382509377, {tail}")  # fmt: skip
    out.says(304.1, "qmgr[911]", "removed")
    return mail


def _refused(mail: Mail) -> Mail:
    (to,) = mail.to
    client = f"{PHISH_HOST}[{PHISH_IP}]"
    mail.ids.append(queue_id(mail.log.begin, 17775360))
    mail.log.says("inbound", 0, f"postfix/smtpd[4701]: connect from {client}")
    mail.log.says("inbound", 0.4, f"postfix/smtpd[4701]: {mail.ids[0]}: client={client}")
    mail.log.says("inbound", 0.5, f"postfix/cleanup[4703]: {mail.ids[0]}: message-id=<{PHISH_ID}>")
    mail.log.says(
        "inbound",
        1.6,
        f"postfix/cleanup[4703]: {mail.ids[0]}: milter-reject: END-OF-MESSAGE from {client}: "
        f"5.7.1 Message refused: phishing; from=<{mail.sender}> to=<{to}> proto=ESMTP "
        f"helo=<{PHISH_HOST}>",
    )
    return mail


def _to_google(mail: Mail) -> Mail:
    out = mail.filtered(mail.arrives(PHISH_HOST, PHISH_IP), seconds=0.9)
    out.encrypted(0.4, GOOGLE)
    out.tries(mail.to[0], relay=GOOGLE, spent=(0.05, 0, 0.4, 0.8), dsn="2.0.0", status="sent",
              said="250 2.0.0 OK  1795939300 d2e1a72fcca58-7b8d3f1a2e4si1234567b3a.118 - gsmtp"
              )  # fmt: skip
    out.says(1.3, "qmgr[911]", "removed")
    return mail


def _sent_back(mail: Mail) -> Mail:
    out = mail.filtered(mail.arrives(PHISH_HOST, PHISH_IP))
    relay = "mx.labs.globex.example[198.51.100.120]:25"
    out.tries(mail.to[0], relay=relay, spent=(0.05, 0, 0.3, 0.5), dsn="5.2.2", status="bounced",
              said="host mx.labs.globex.example[198.51.100.120] said: 552 5.2.2 Mailbox full "
              "(in reply to RCPT TO command)")  # fmt: skip
    notice = queue_id(mail.log.at(out.began + 0.9), 17775900)
    out.says(0.9, "bounce[4713]", f"sender non-delivery notification: {notice}")
    out.says(1, "qmgr[911]", "removed")
    return mail


def _held(mail: Mail) -> Mail:
    hop = mail.arrives(PHISH_HOST, PHISH_IP)
    hop.says(0.1, "cleanup[4703]", f"milter-hold: END-OF-MESSAGE from {PHISH_HOST}[{PHISH_IP}]: "
             f"milter triggers HOLD action; from=<{mail.sender}> to=<{mail.to[0]}> proto=ESMTP "
             f"helo=<{PHISH_HOST}>")  # fmt: skip
    return mail


def _on_its_way(mail: Mail) -> Mail:
    out = mail.filtered(mail.arrives(PHISH_HOST, PHISH_IP))
    relay = "mx.initech.example[198.51.100.150]:25"
    mail.pending = 2
    out.tries(mail.to[0], relay=relay, spent=(0.05, 0, 0.2, 0.3), dsn="4.7.1", status="deferred",
              said="host mx.initech.example[198.51.100.150] said: 451 4.7.1 Greylisted, please try "
              "again in 5 minutes (in reply to RCPT TO command)")  # fmt: skip
    out.tries(mail.to[0], relay=relay, spent=(364, 0, 0.2, 0.4), dsn="2.0.0", status="sent",
              said="250 2.0.0 Ok: queued as 0F5383DA1")  # fmt: skip
    out.says(365, "qmgr[911]", "removed")
    return mail


EVERYDAY: tuple[tuple[str, str], ...] = (
    ("news@weekly.example", "This week in logistics"),
    ("hr@partner.example", "Your travel expenses"),
    ("noreply@meetings.example", "Reminder: planning at 10"),
    ("orders@parts.example", "Order 7731 has shipped"),
)


def everyday(now: datetime) -> list[Mail]:
    """Clean mail of the last ten days."""
    made: list[Mail] = []
    for number, account in enumerate(ACCOUNTS):
        for step, (sender, subject) in enumerate(EVERYDAY):
            begin = now - timedelta(hours=7 + 55 * step + 3 * number)
            name = sender.partition("@")[2]
            mail = Mail(account, Log(begin), sender, (f"team@{account.domain}",), subject,
                        f"{begin:%Y%m%d%H%M}.{number}@{name}", "NONE", "delivered")  # fmt: skip
            out = mail.filtered(mail.arrives(f"mx.{name}", f"203.0.113.{20 + step}", 8123), 0.4)
            relay = f"mx.{account.domain}[198.51.100.{10 + number}]:25"
            out.tries(mail.to[0], relay=relay, spent=(0.04, 0, 0.1, 0.2), dsn="2.0.0",
                      status="sent", said="250 2.0.0 Ok: queued as 0F5383DA2")  # fmt: skip
            out.says(0.4, "qmgr[911]", "removed")
            made.append(mail)
    return made


def all_mail(now: datetime) -> list[Mail]:
    """Everything that the stand-in has, the newest first."""
    return sorted([*copies(now), *everyday(now)], key=lambda mail: mail.log.begin, reverse=True)
