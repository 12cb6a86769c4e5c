"""What one line of a trace says, as a typed object: ``docs/trace.md`` says what each means.

An event's values are somebody's claim: Postfix's own, or what a client, a sender or the next hop
told it. Nothing here calls the library or the network.
"""

from __future__ import annotations

from types import MappingProxyType

from ._member import NOTHING
from ._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .words import EventKind


class Event(Record):
    """An understood line: ``kind`` and what the line has; ``None`` where it does not say."""

    _renamed = MappingProxyType({"sender": "from"})
    _rest_name = "extra"

    #: ``delivery``, ``queued``, ``policy``, ...; new kinds may come.
    kind: EventKind

    # Before the text: where the line was written
    #: The collector's time, as it stands: RFC 3164 has no year and no zone.
    syslog_time: str | None = None
    #: The collector's name of the host.
    syslog_host: str | None = None
    #: The syslog name when it is not ``postfix`` (``postfix-out``).
    instance: str | None = None
    #: The program: ``smtpd``, ``smtp``, ``qmgr``, ….
    process: str | None = None
    #: The service when the tag names one (``submission``).
    service: str | None = None
    #: Process id.
    pid: int | None = None
    #: The queue id; absent for ``NOQUEUE``.
    queue_id: str | None = None

    # Addresses
    #: The document's ``from``: envelope sender, empty for a notification.
    sender: str | None = None
    #: Envelope recipient after rewriting.
    to: str | None = None
    #: Recipient before aliases.
    orig_to: str | None = None

    # The next hop: as written, then its parts
    #: The next hop as written: ``none``, ``local``, a transport, ``host[ip]:port``.
    relay: str | None = None
    #: Its host name, as Postfix looked it up.
    relay_host: str | None = None
    #: Its address.
    relay_ip: str | None = None
    #: Its port.
    relay_port: int | None = None
    #: A local socket (``private/dovecot-lmtp``).
    relay_service: str | None = None

    # How a delivery went
    #: Which use of the connection it was: 2 is the second.
    conn_use: int | None = None
    #: Since the message arrived, two significant digits.
    delay_s: float | None = None
    #: Before the queue manager: receiving, or waiting after a deferral.
    delay_before_qmgr_s: float | None = None
    #: In the active queue.
    delay_in_qmgr_s: float | None = None
    #: DNS, connecting, TLS, HELO.
    delay_conn_setup_s: float | None = None
    #: Sending the message.
    delay_transmission_s: float | None = None
    #: Postfix ≥ 3.11: the TLS features as written; ``?`` undecided, ``!`` violated.
    tls_policy: str | None = None
    #: The level in it.
    tls_level: str | None = None
    #: What the level was lowered to.
    tls_downgrade: str | None = None
    #: ``requiretls`` when REQUIRETLS is in it.
    requiretls: str | None = None
    #: What REQUIRETLS was lowered to.
    requiretls_downgrade: str | None = None
    #: Enhanced status code that Postfix decided on.
    dsn: str | None = None
    #: ``sent``, ``deferred``, ``bounced``, … ``sent`` means that the next hop took it over.
    status: str | None = None
    #: The text in brackets, or what a server said: other people's words.
    reply: str | None = None
    #: The three digits of the first reply in it.
    reply_code: int | None = None
    #: The enhanced status code of that reply.
    reply_dsn: str | None = None
    #: The SMTP stage or command it was about.
    stage: str | None = None

    # Where to look next
    #: The next hop's queue id in its reply.
    queued_as: str | None = None
    #: Exchange's InternalId.
    exchange_internal_id: str | None = None
    #: Google's id.
    google_id: str | None = None
    #: The notification's own queue id.
    notification_queue_id: str | None = None

    # Who connected
    #: The client's name; ``unknown`` when it has no proven one.
    client_host: str | None = None
    #: The client's address; absent when the line says ``unknown``.
    client_ip: str | None = None
    #: Its port.
    client_port: int | None = None
    #: Postscreen: our address.
    server_ip: str | None = None
    #: Postscreen: our port.
    server_port: int | None = None
    #: How the client authenticated.
    sasl_method: str | None = None
    #: As whom.
    sasl_username: str | None = None
    #: The AUTH= parameter of MAIL FROM.
    sasl_sender: str | None = None
    #: The queue id at the hop before.
    orig_queue_id: str | None = None
    #: The client of the hop before.
    orig_client: str | None = None
    #: ``SMTP``, ``ESMTP``, ….
    proto: str | None = None
    #: What the client called itself: not proven.
    helo: str | None = None

    # The message
    #: Message-ID without its brackets; may be empty.
    message_id: str | None = None
    #: Resent-Message-ID.
    resent_message_id: str | None = None
    #: Bytes.
    size: int | None = None
    #: Recipients in the queue file.
    nrcpt: int | None = None
    #: Local user id.
    uid: int | None = None
    #: Messages changed by hand.
    count: int | None = None

    # Decisions and remarks
    #: What was decided: ``reject``, ``hold``, ``PASS OLD``, ….
    action: str | None = None
    #: What a decision is about: the address or name in ``<>``; not the Subject header.
    subject: str | None = None
    #: ``header``, ``body`` or ``content``.
    part: str | None = None
    #: The rest in words.
    text: str | None = None
    #: What the action was given.
    argument: str | None = None
    #: The DNS list.
    blocked_by: str | None = None
    #: ``sender`` or ``postmaster``.
    notified: str | None = None
    #: ``non-delivery``, ``delivery status``, ``delay``.
    notification: str | None = None
    #: ``warning``, ``error``, ``fatal``, ``panic``, ``info``.
    level: str | None = None
    #: What went wrong.
    error: str | None = None
    #: While doing what.
    during: str | None = None
    #: Postfix's remarks (``bare_lf``).
    notes: str | None = None

    # An encrypted connection
    #: ``Anonymous``, ``Untrusted``, ``Trusted``, ``Verified``: of the certificate, not of the
    #: peer's intent.
    tls_trust: str | None = None
    #: The name asked for.
    tls_sni: str | None = None
    #: ``TLSv1.3``.
    tls_version: str | None = None
    #: The cipher suite.
    tls_cipher: str | None = None
    #: Bits in use.
    tls_cipher_bits: int | None = None
    #: Bits of the algorithm.
    tls_cipher_bits_max: int | None = None
    #: ``X25519MLKEM768``, ….
    tls_key_exchange: str | None = None
    #: Its curve or size.
    tls_key_exchange_key: str | None = None
    #: ``RSA-PSS``, ``ECDSA``.
    tls_server_signature: str | None = None
    #: Curve or size as written.
    tls_server_key: str | None = None
    #: The size when it is one.
    tls_server_key_bits: int | None = None
    #: ``SHA256``.
    tls_server_digest: str | None = None
    #: The same of the client's certificate.
    tls_client_signature: str | None = None
    #: The same.
    tls_client_key: str | None = None
    #: The same.
    tls_client_key_bits: int | None = None
    #: The same.
    tls_client_digest: str | None = None

    # Before the server: postscreen and its helpers
    #: ``PREGREET``, ``DNSBL``, ``COMMAND TIME LIMIT``, ….
    violation: str | None = None
    #: How long after the connection.
    after_s: float | None = None
    #: The lists' score.
    dnsbl_rank: int | None = None
    #: The list.
    dnsbl_domain: str | None = None
    #: What the list answered.
    dnsbl_result: str | None = None

    # How often each command came; how many were accepted, where not all
    #: Times HELO was sent; ``_accepted``: how many were accepted, only where not all were.
    cmd_helo: int | None = None
    cmd_helo_accepted: int | None = None
    cmd_ehlo: int | None = None
    cmd_ehlo_accepted: int | None = None
    cmd_starttls: int | None = None
    cmd_starttls_accepted: int | None = None
    cmd_auth: int | None = None
    cmd_auth_accepted: int | None = None
    cmd_mail: int | None = None
    cmd_mail_accepted: int | None = None
    cmd_rcpt: int | None = None
    cmd_rcpt_accepted: int | None = None
    cmd_bdat: int | None = None
    cmd_bdat_accepted: int | None = None
    cmd_data: int | None = None
    cmd_data_accepted: int | None = None
    cmd_rset: int | None = None
    cmd_rset_accepted: int | None = None
    cmd_noop: int | None = None
    cmd_noop_accepted: int | None = None
    cmd_quit: int | None = None
    cmd_quit_accepted: int | None = None
    cmd_unknown: int | None = None
    cmd_unknown_accepted: int | None = None
    commands: int | None = None
    commands_accepted: int | None = None
    cmd_vrfy: int | None = None
    cmd_vrfy_accepted: int | None = None
    cmd_etrn: int | None = None
    cmd_etrn_accepted: int | None = None
    cmd_help: int | None = None
    cmd_help_accepted: int | None = None
    cmd_xclient: int | None = None
    cmd_xclient_accepted: int | None = None
    cmd_xforward: int | None = None
    cmd_xforward_accepted: int | None = None

    #: Fields of a later version of the document.
    extra: Mapping[str, Any] = NOTHING
