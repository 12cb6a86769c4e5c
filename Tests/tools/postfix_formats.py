"""postfix_formats: the lines that Postfix 2.3 to 3.12 write, as templates of their fields.

Facts out of Postfix's sources: which words a line has and where its values stand. `{name}` is the
value of the event's field `name`. A line of an older version that differs has a template of its own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    kind: str
    text: str
    #: Fields that stand in the line as words of Postfix's own.
    also: tuple[tuple[str, object], ...] = ()
    since: str = "2.3"


def of(kind: str, text: str, since: str = "2.3", /, **also: object) -> Format:
    return Format(kind, text, tuple(also.items()), since)


CLIENT = "{client_host}[{client_ip}]"
RELAY = "{relay_host}[{relay_ip}]:{relay_port}"
ENVELOPE = "from=<{from}> to=<{to}> proto={proto} helo=<{helo}>"
DELAYS = (
    "delay={delay_s}, delays={delay_before_qmgr_s}/{delay_in_qmgr_s}/{delay_conn_setup_s}/"
    "{delay_transmission_s}"
)
LOGIN = " sasl_method={sasl_method} sasl_username={sasl_username}"
BITS = "{tls_version} with cipher {tls_cipher} ({tls_cipher_bits}/{tls_cipher_bits_max} bits)"
REPLY = "{reply_code} {reply_dsn} "

DELIVERIES = [
    of(
        "delivery",
        f"{{queue_id}}: to=<{{to}}>{orig}, relay={RELAY}{use}, {DELAYS}{tls}, dsn={{dsn}}, "
        f"status={status} ({reason})",
        since,
        status=status,
    )
    for orig, use, tls, since in (
        ("", "", "", "2.3"),
        (", orig_to=<{orig_to}>", ", conn_use={conn_use}", "", "2.3"),
        ("", ", conn_use={conn_use}", ", tls={tls_level}", "3.11"),
    )
    for status, reason in (
        ("sent", REPLY + "Ok: queued as {queued_as}"),
        ("sent", "{reply_code} OK id={queued_as}"),
        ("sent", "{reply_code} ok 1700000000 qp {queued_as:digits}"),
        ("sent", REPLY + "{queued_as} Message accepted for delivery"),
        ("sent", REPLY + "<{to}> {queued_as} Saved"),
        ("sent", "{reply_code} Message Queued ({queued_as})"),
        ("sent", REPLY + "Ok SESSIONID=<{queued_as}>"),
        ("sent", "{reply_code} ok:  Message {queued_as:digits} accepted"),
        ("sent", REPLY + "Ok: queued on mxfront.example as {queued_as}"),
        ("sent", REPLY + "OK  1700000000 {google_id} - gsmtp"),
        (
            "sent",
            REPLY
            + "<m@x> [InternalId={exchange_internal_id}, Hostname=h] Queued mail for delivery",
        ),
        ("deferred", f"host {RELAY[:-13]} said: {REPLY}busy (in reply to {{stage}} command)"),
        ("bounced", f"host {RELAY[:-13]} said: {REPLY}no (in reply to {{stage}} command)"),
        ("deferred", f"host {RELAY[:-13]} refused to talk to me: {REPLY}not you"),
        (
            "deferred",
            f"delivery temporarily suspended: host {RELAY[:-13]} refused to talk to me: {REPLY}no",
        ),
        ("deferred", f"SASL authentication failed; server {RELAY[:-13]} said: {REPLY}no"),
    )
]
#: REQUIRETLS comes with 3.11, not 3.10, and is told in a delivery's `tls=` (postconf(5),
#: `smtp_log_tls_feature_status`): `?` is undecided, `!` violated, behind `:` is what it came down to.
DELIVERIES += [
    of(
        "delivery",
        f"{{queue_id}}: to=<{{to}}>, relay={RELAY}, {DELAYS}, tls={policy}, dsn={{dsn}}, "
        f"status={status} ({REPLY}x)",
        "3.11",
        status=status,
        tls_policy=policy,
        tls_level=policy.partition("/")[0],
        requiretls="requiretls",
        requiretls_downgrade=lowered,
    )
    for policy, lowered, status in (
        ("dane/requiretls", None, "sent"),
        ("dane/requiretls?", None, "deferred"),
        ("dane/!requiretls:nocertmatch", "nocertmatch", "sent"),
        ("may/!requiretls:nostarttls", "nostarttls", "bounced"),
    )
]
DECISIONS = [
    of(
        "policy",
        f"{who}: {action}: {stage} from {CLIENT}: {REPLY}<{{subject}}>: {{text}}; {ENVELOPE}{login}",
        since,
        action=action,
        stage=stage,
    )
    for who in ("NOQUEUE", "{queue_id}")
    for action, stage in (("reject", "RCPT"), ("reject_warning", "MAIL"), ("hold", "DATA"))
    for login, since in (
        ("", "2.3"),
        (LOGIN, "3.10"),
        (LOGIN + " sasl_sender={sasl_sender}", "3.12"),
    )
]
FILTERS = [
    of(
        "milter",
        f"{{queue_id}}: milter-{action}: END-OF-MESSAGE from {CLIENT}: {{reply_dsn}} {{text}}; "
        f"{ENVELOPE}{login}",
        since,
        action=action,
        stage="END-OF-MESSAGE",
    )
    for action in ("reject", "discard", "hold")
    for login, since in (("", "2.3"), (" sasl_username={sasl_username}", "3.2"))
]
FILTERS += [
    of(
        "milter",
        f"{{queue_id}}: milter-header-{action}: header {{text}} from {CLIENT}; {ENVELOPE}: "
        "{argument}",
        "2.7",
        action=action,
        part="header",
    )
    for action in (
        "reject",
        "warning",
        "filter",
        "redirect",
        "discard",
        "hold",
        "prepend",
        "replace",
    )
]
FILTERS += [
    of(
        "content",
        f"{{queue_id}}: {action}: {part} {{text}} from {origin}; {ENVELOPE}: {{argument}}",
        action=action,
        part=part,
    )
    for action in ("reject", "warning", "hold", "discard", "filter", "redirect", "prepend")
    for part in ("header", "body")
    for origin in (CLIENT, "local")
]
FILTERS += [
    of(
        "content",
        "{queue_id}: reject: mime-error improper use of 8-bit data in message header: "
        f"Subject: x from {CLIENT}; from=<{{from}}> to=<{{to}}>",
        action="reject",
        part="mime-error",
        text="improper use of 8-bit data in message header: Subject: x",
    ),
    of(
        "proxy",
        f"NOQUEUE: proxy-reject: END-OF-MESSAGE: {{reply_code}} {{reply_dsn}} no; {ENVELOPE}"
        " sasl_username={sasl_username}",
        "3.2",
        action="reject",
        stage="END-OF-MESSAGE",
    ),
    of(
        "policy",
        f"NOQUEUE: permit: RCPT from {CLIENT}: action=permit for Client host=x; {ENVELOPE}",
        "2.10",
        action="permit",
        stage="RCPT",
        text="action=permit for Client host=x",
    ),
]
#: Of `bounce failed` and of a line that begins with REQUIRETLS no source of Postfix was found that
#: writes them: whatever follows these words is kept whole.
MESSAGES = [
    of("client", f"{{queue_id}}: client={CLIENT}"),
    of(
        "client",
        f"{{queue_id}}: client={CLIENT}, sasl_method={{sasl_method}}, "
        "sasl_username={sasl_username}, sasl_sender={sasl_sender}",
    ),
    of("client", f"{{queue_id}}: client={CLIENT}, orig_queue_id={{orig_queue_id}}", "2.5"),
    of("pickup", "{queue_id}: uid={uid} from=<{from}>"),
    of("pickup", "{queue_id}: uid={uid} from=<{from}> orig_id={orig_queue_id}", "2.5"),
    of("message_id", "{queue_id}: message-id=<{message_id}>"),
    of("queued", "{queue_id}: from=<{from}>, size={size}, nrcpt={nrcpt} (queue active)"),
    of(
        "expired", "{queue_id}: from=<{from}>, status=expired, returned to sender", status="expired"
    ),
    of(
        "expired",
        "{queue_id}: from=<{from}>, status=force-expired, returned to sender",
        "3.5",
        status="force-expired",
    ),
    of("removed", "{queue_id}: removed"),
    of("queue_change", "{queue_id}: placed on hold", action="placed on hold"),
    of("queue_change", "{queue_id}: released from hold", action="released from hold"),
    of("queue_change", "{queue_id}: requeued", action="requeued"),
    of("queue_change", "{queue_id}: expired", "3.5", action="expired"),
    of("queue_change", "Force-expired: {count} messages", "3.5", action="Force-expired"),
    of("queue_change", "Deleted: {count} messages", action="Deleted"),
    of("notification_failed", "{queue_id}: bounce failed", error="bounce failed"),
    of(
        "notification_failed",
        "{queue_id}: bounce failed: Queue file write error",
        error="bounce failed: Queue file write error",
    ),
    of(
        "notification",
        "{queue_id}: sender non-delivery notification: {notification_queue_id}",
        notified="sender",
        notification="non-delivery",
    ),
]
CONNECTIONS = [
    of("connect", f"connect from {CLIENT}"),
    of("connect", f"connect from {CLIENT}:{{client_port}}", "2.8"),
    of(
        "disconnect",
        f"disconnect from {CLIENT} ehlo={{cmd_ehlo}} helo={{cmd_helo}} auth={{cmd_auth}} "
        "mail={cmd_mail} rcpt={cmd_rcpt} vrfy={cmd_vrfy} etrn={cmd_etrn} help={cmd_help} "
        "noop={cmd_noop} rset={cmd_rset} xclient={cmd_xclient} xforward={cmd_xforward} "
        "quit={cmd_quit} unknown={cmd_unknown} commands={commands}",
        "3.0",
    ),
    of(
        "lost_connection", f"lost connection after {{stage}} from {CLIENT}", error="lost connection"
    ),
    of("lost_connection", f"timeout after {{stage}} from {CLIENT}", error="timeout"),
    of(
        "lost_connection", f"too many errors after {{stage}} from {CLIENT}", error="too many errors"
    ),
    of("daemon", "table hash:/etc/x(0,lock) has changed -- restarting"),
    of("daemon", "entering STRESS mode with 90 connections", "2.8"),
    of(
        "postscreen_violation",
        "DATA without valid RCPT from [{client_ip}]:{client_port}",
        "2.8",
        violation="DATA without valid RCPT",
    ),
    of(
        "policy",
        "reject: connect from [{client_ip}]:{client_port}: all screening ports busy",
        "2.8",
        action="reject",
        stage="connect",
        text="all screening ports busy",
    ),
    of("tls", f"TLS connection established from {CLIENT}: {BITS}"),
    of("tls", f"Anonymous TLS connection established from {CLIENT}: {BITS}", "2.5"),
    of(
        "tls",
        f"Verified TLS connection established to {RELAY}: {BITS}",
        "2.5",
        tls_trust="Verified",
    ),
    of("tls_unverified", f"certificate verification failed for {RELAY}: {{error}}", "2.4"),
    of("tls_unverified", "server certificate verification failed for {relay_host}: {error}"),
    of(
        "tls_report",
        "TLSRPT: status=failure, domain=x.example, receiving_mx={relay_host}[{relay_ip}], "
        "failure_type=starttls-not-supported",
        "3.10",
    ),
    of(
        "tls_report",
        "{queue_id}: REQUIRETLS: not offered by mx.example.net",
        "3.11",
        text="REQUIRETLS: not offered by mx.example.net",
    ),
    of("warning", f"warning: non-SMTP command from {CLIENT}: GET / HTTP/1.1", level="warning"),
    of("warning", f"warning: Illegal address syntax from {CLIENT} in MAIL command: <x", "2.3"),
    of("warning", f"warning: Connection rate limit exceeded: 61 from {CLIENT} for service smtp"),
    of("warning", "warning: hostname h.example does not resolve to address {client_ip}", "2.8"),
    of("warning", "warning: hostname h.example does not resolve to address {client_ip}: not known"),
    of("warning", "warning: {client_ip}: hostname h.example verification failed: not known"),
    of(
        "warning",
        f"warning: {CLIENT}: SASL {{sasl_method}} authentication failed: x, "
        "sasl_username={sasl_username}",
        "3.8",
    ),
    of("reply", f"host {RELAY[:-13]} said: {REPLY}no (in reply to {{stage}} command)"),
    of("refused", f"host {RELAY[:-13]} refused to talk to me: {REPLY}no"),
    of("connect_failed", f"connect to {RELAY}: {{error}}"),
]
FORMATS = DELIVERIES + DECISIONS + FILTERS + MESSAGES + CONNECTIONS

#: Values as they are, and as they may be. Those of a sender's own choice look like Postfix's words.
ADDRESSES = ["a@b.example", "", '"a b; from=<x@y>"@z.example', "ü@ß.example", "a=b+c@d.example"]
VALUES: dict[str, list[str]] = {
    "queue_id": ["4Njp3P0STMz2c02Q", "7EE668039", "3XkLm91Dz9z1Bk"],
    "orig_queue_id": ["4Njp3P0STMz2c02Q", "7EE668039"],
    "notification_queue_id": ["4Njp3P0STMz2c02R", "7EE66803A"],
    "queued_as": ["4Njp3Q1n8zz2c0B7", "1ZpCCD-0002J4-Ej", "v1ABCdef012345", "8C3C8C7E-1A2B.1"],
    "google_id": ["abc123-si12345.1"],
    "exchange_internal_id": ["46192382509321"],
    "client_host": ["mail.example", "unknown", "localhost", "x--y.z"],
    "client_ip": ["192.0.2.1", "2001:db8::25", "127.0.0.1"],
    "relay_host": ["mx.example.net", "localhost"],
    "relay_ip": ["192.0.2.25", "2001:db8::1"],
    "from": ADDRESSES,
    "to": [address for address in ADDRESSES if address],
    "orig_to": ["root", "postmaster@b.example"],
    "helo": ["[192.0.2.1]", "mail.example"],
    "proto": ["ESMTP", "SMTP"],
    "sasl_method": ["PLAIN", "LOGIN", "XOAUTH2"],
    "sasl_username": ["joe", "joe@x.example"],
    "sasl_sender": ["joe@x.example"],
    "subject": ["a@b.example", "mail.example[192.0.2.1]", "192.0.2.1"],
    "text": ["Relay access denied", "Service unavailable: try (again) later, please", "x; y"],
    "argument": ["5.7.1 no", "why not"],
    "stage": ["RCPT TO", "end of DATA", "MAIL FROM"],
    "status": ["sent"],
    "message_id": ["1.2.3@x.example", "a b <c> d", ""],
    "tls_level": ["may", "encrypt", "dane"],
    "tls_version": ["TLSv1.3", "TLSv1"],
    "tls_cipher": ["TLS_AES_256_GCM_SHA384", "ADH-AES256-SHA"],
    "error": ["certificate has expired", "Connection timed out", "untrusted issuer /C=x: y"],
    "dsn": ["2.0.0", "4.2.0", "5.1.10"],
    "reply_dsn": ["2.0.0", "4.7.0", "5.7.1"],
    "reply_code": ["250", "421", "550"],
}
DECIMALS = ["0", "0.01", "1.5", "12345"]
NUMBERS = ["0", "1", "25", "65535"]


def value(name: str, dice: random.Random) -> str:
    """A value of a field; a number as it is written."""
    if name in VALUES:
        return dice.choice(VALUES[name])
    return dice.choice(DECIMALS if name.startswith("delay_") else NUMBERS)
