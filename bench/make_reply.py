"""make_reply.py - what benchmarks fetch and decode: a trace of 5 KB, a page of a search.

A message through Postfix in the shape Cloudflare answers today: accepted, queued, handed to two
recipients, one of them deferred first. No randomness: each run measures the same bytes. The lines'
times are those that the queue ids tell, as in any trace: lines that contradict the reference asked
for by more than a year are read three times.
"""

import json

INBOUND_ID = "4Njp3P0STMz2c02Q"
OUTBOUND_ID = "4Njp3Q1n8zz2c0B7"
CLIENT = "mail-eopbgr70139.outbound.protection.example.net[203.0.113.139]"
RELAY = "acme-example.mail.protection.example.com[198.51.100.36]:25"
MESSAGE_ID = "<AM0PR07MB5571C3B1A0FA8F7B2A5E9D52B9A9@AM0PR07MB5571.eurprd07.prod.example.net>"
TLS = "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519"
SIGNATURE = "server-signature RSA-PSS (2048 bits) server-digest SHA256"

INBOUND = (
    f"postfix/smtpd[118203]: connect from {CLIENT}",
    f"postfix/smtpd[118203]: Anonymous TLS connection established from {CLIENT}: {TLS} {SIGNATURE}",
    f"postfix/smtpd[118203]: {INBOUND_ID}: client={CLIENT}",
    f"postfix/cleanup[118207]: {INBOUND_ID}: message-id={MESSAGE_ID}",
    f"postfix/cleanup[118207]: {INBOUND_ID}: info: header Subject: Invoice 2026-11873 overdue from "
    f"{CLIENT}; from=<billing@supplier.example.net> to=<anna.schmidt@acme.example.com> proto=ESMTP "
    "helo=<EUR03-AM7-obe.outbound.protection.example.net>",
    f"postfix/qmgr[911]: {INBOUND_ID}: from=<billing@supplier.example.net>, size=48213, nrcpt=2 "
    "(queue active)",
    f"postfix/smtpd[118203]: disconnect from {CLIENT} ehlo=2 starttls=1 mail=1 rcpt=2 bdat=1 "
    "quit=1 commands=8",
    f"postfix/lmtp[118211]: {INBOUND_ID}: to=<anna.schmidt@acme.example.com>, "
    "relay=127.0.0.1[127.0.0.1]:10024, delay=1.9, delays=0.21/0.01/0/1.7, dsn=2.0.0, status=sent "
    f"(250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as {OUTBOUND_ID})",
    f"postfix/lmtp[118211]: {INBOUND_ID}: to=<accounts.payable@acme.example.com>, "
    "relay=127.0.0.1[127.0.0.1]:10024, delay=1.9, delays=0.21/0.01/0/1.7, dsn=2.0.0, status=sent "
    f"(250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as {OUTBOUND_ID})",
    f"postfix/qmgr[911]: {INBOUND_ID}: removed",
)

OUTBOUND = (
    f"postfix/smtpd[118230]: {OUTBOUND_ID}: client=localhost[127.0.0.1], "
    f"orig_queue_id={INBOUND_ID}, orig_client={CLIENT}",
    f"postfix/cleanup[118231]: {OUTBOUND_ID}: message-id={MESSAGE_ID}",
    f"postfix/qmgr[911]: {OUTBOUND_ID}: from=<billing@supplier.example.net>, size=49177, nrcpt=2 "
    "(queue active)",
    f"postfix/smtp[118240]: Trusted TLS connection established to {RELAY}: {TLS} {SIGNATURE}",
    f"postfix/smtp[118240]: {OUTBOUND_ID}: to=<anna.schmidt@acme.example.com>, relay={RELAY}, "
    "delay=3.4, delays=0.06/0.01/1.2/2.1, dsn=2.6.0, status=sent (250 2.6.0 "
    f"{MESSAGE_ID} [InternalId=46192382509321, Hostname=AS8PR07MB8123.eurprd07.prod.example.net] "
    '57121 bytes in 0.214, 260.301 KB/sec "Queued mail for delivery")',
    f"postfix/smtp[118241]: {OUTBOUND_ID}: to=<accounts.payable@acme.example.com>, relay={RELAY}, "
    "delay=4.1, delays=0.06/0.02/1.3/2.7, dsn=4.3.2, status=deferred (host "
    f"{RELAY.removesuffix(':25')} said: 451 4.3.2 Temporary server error. Please try again later "
    "ATTR5 [AM7EUR03FT047.eop-EUR03.prod.example.com] (in reply to end of DATA command))",
    f"postfix/smtp[118377]: Trusted TLS connection established to {RELAY}: {TLS} {SIGNATURE}",
    f"postfix/smtp[118377]: {OUTBOUND_ID}: to=<accounts.payable@acme.example.com>, relay={RELAY}, "
    "delay=304, delays=301/0.02/1.1/1.9, dsn=2.6.0, status=sent (250 2.6.0 "
    f"{MESSAGE_ID} [InternalId=46192382509377, Hostname=AS8PR07MB8123.eurprd07.prod.example.net] "
    '57121 bytes in 0.198, 281.736 KB/sec "Queued mail for delivery")',
    f"postfix/qmgr[911]: {OUTBOUND_ID}: removed",
)


def side(messages: tuple[str, ...], first_second: int) -> dict[str, object]:
    """One side of the trace: its lines, numbered, one per second."""
    lines = [
        {
            "lineno": number,
            "logged_at": f"2022-12-30T01:44:{first_second + number:02d}.{number * 53:03d}Z",
            "message": message,
        }
        for number, message in enumerate(messages, start=1)
    ]
    return {"lines": lines, "pending": False}


def reply() -> bytes:
    """The whole reply, as Cloudflare's envelope."""
    envelope = {
        "success": True,
        "errors": [],
        "messages": [],
        "result": {"inbound": side(INBOUND, 46), "outbound": side(OUTBOUND, 49)},
    }
    return json.dumps(envelope, separators=(",", ":")).encode()


def found(number: int) -> dict[str, object]:
    """One message of a search, with the members that Cloudflare's schema has."""
    ref = f"4Njp3P{number:04d}STMz2c02Q-2026-11-20T09:41:10-{number:08d}"
    return {
        "id": ref,
        "postfix_id": f"4Njp3P{number:04d}STMz2c02Q",
        "postfix_id_outbound": f"4Njp3Q{number:04d}n8zz2c0B7",
        "alert_id": f"4Njp3P{number:04d}STMz2c02Q-2026-11-20T09:41:10",
        "message_id": f"<AM0PR07MB5571C3B1A0FA8F7B2A5E{number:08d}@prod.example.net>",
        "subject": f"Invoice 2026-{number:05d} overdue: reminder of your payment",
        "from": "billing@supplier.example.net",
        "from_name": "Supplier Billing",
        "envelope_from": "bounces+acme@supplier.example.net",
        "to": ["anna.schmidt@acme.example.com", "accounts.payable@acme.example.com"],
        "envelope_to": ["anna.schmidt@acme.example.com", "accounts.payable@acme.example.com"],
        "delivery_status": ["delivered"],
        "delivery_mode": "DIRECT",
        "final_disposition": "NONE",
        "is_quarantined": False,
        "scanned_at": "2026-11-20T09:41:12.250Z",
        "sent_at": "2026-11-20T09:41:10Z",
        "properties": {"allowlisted_pattern_type": None, "blocklisted_message": False},
        "validation": {"comment": None, "dkim": "pass", "dmarc": "pass", "spf": "pass"},
    }


def search_reply() -> bytes:
    """A whole page of a thousand messages."""
    envelope = {
        "success": True,
        "errors": [],
        "messages": [],
        "result": [found(number) for number in range(1000)],
        "result_info": {"count": 1000, "next": None, "per_page": 1000},
    }
    return json.dumps(envelope, separators=(",", ":")).encode()
