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

    kind: EventKind
    """``delivery``, ``queued``, ``policy``, ...; new kinds may come."""

    # Before the text: where the line was written
    syslog_time: str | None = None
    """The collector's time, as it stands: RFC 3164 has no year and no zone."""
    syslog_host: str | None = None
    """The collector's name of the host."""
    instance: str | None = None
    """The syslog name when it is not ``postfix`` (``postfix-out``)."""
    process: str | None = None
    """The program: ``smtpd``, ``smtp``, ``qmgr``, …."""
    service: str | None = None
    """The service when the tag names one (``submission``)."""
    pid: int | None = None
    """Process id."""
    queue_id: str | None = None
    """The queue id; absent for ``NOQUEUE``."""

    # Addresses
    sender: str | None = None
    """The document's ``from``: envelope sender, empty for a notification."""
    to: str | None = None
    """Envelope recipient after rewriting."""
    orig_to: str | None = None
    """Recipient before aliases."""

    # The next hop: as written, then its parts
    relay: str | None = None
    """The next hop as written: ``none``, ``local``, a transport, ``host[ip]:port``."""
    relay_host: str | None = None
    """The host name of the next hop, as Postfix looked it up."""
    relay_ip: str | None = None
    """The address of the next hop."""
    relay_port: int | None = None
    """The port of the next hop."""
    relay_service: str | None = None
    """A local socket (``private/dovecot-lmtp``)."""

    # How a delivery went
    conn_use: int | None = None
    """Which use of the connection it was: 2 is the second."""
    delay_s: float | None = None
    """Since the message arrived, two significant digits."""
    delay_before_qmgr_s: float | None = None
    """Before the queue manager: receiving, or waiting after a deferral."""
    delay_in_qmgr_s: float | None = None
    """In the active queue."""
    delay_conn_setup_s: float | None = None
    """DNS, connecting, TLS, HELO."""
    delay_transmission_s: float | None = None
    """Sending the message."""
    tls_policy: str | None = None
    """Postfix ≥ 3.11: the TLS features as written; ``?`` undecided, ``!`` violated."""
    tls_level: str | None = None
    """The level in ``tls_policy``."""
    tls_downgrade: str | None = None
    """What the level was lowered to."""
    requiretls: str | None = None
    """``requiretls`` when REQUIRETLS is in it."""
    requiretls_downgrade: str | None = None
    """What REQUIRETLS was lowered to."""
    dsn: str | None = None
    """Enhanced status code that Postfix decided on."""
    status: str | None = None
    """``sent``, ``deferred``, ``bounced``, … ``sent`` means that the next hop took it over."""
    reply: str | None = None
    """The text in brackets, or what a server said: other people's words."""
    reply_code: int | None = None
    """The three digits of the first reply in it."""
    reply_dsn: str | None = None
    """The enhanced status code of that reply."""
    stage: str | None = None
    """The SMTP stage or command it was about."""

    # Where to look next
    queued_as: str | None = None
    """The next hop's queue id in its reply."""
    exchange_internal_id: str | None = None
    """Exchange's InternalId."""
    google_id: str | None = None
    """Google's id."""
    notification_queue_id: str | None = None
    """The notification's own queue id."""

    # Who connected
    client_host: str | None = None
    """The client's name; ``unknown`` when it has no proven one."""
    client_ip: str | None = None
    """The client's address; absent when the line says ``unknown``."""
    client_port: int | None = None
    """The client's port."""
    server_ip: str | None = None
    """Postscreen: our address."""
    server_port: int | None = None
    """Postscreen: our port."""
    sasl_method: str | None = None
    """How the client authenticated."""
    sasl_username: str | None = None
    """As whom the client authenticated."""
    sasl_sender: str | None = None
    """The AUTH= parameter of MAIL FROM."""
    orig_queue_id: str | None = None
    """The queue id at the hop before."""
    orig_client: str | None = None
    """The client of the hop before."""
    proto: str | None = None
    """``SMTP``, ``ESMTP``, …."""
    helo: str | None = None
    """What the client called itself: not proven."""

    # The message
    message_id: str | None = None
    """Message-ID without its brackets; may be empty."""
    resent_message_id: str | None = None
    """Resent-Message-ID."""
    size: int | None = None
    """Bytes."""
    nrcpt: int | None = None
    """Recipients in the queue file."""
    uid: int | None = None
    """Local user id."""
    count: int | None = None
    """Messages changed by hand."""

    # Decisions and remarks
    action: str | None = None
    """What was decided: ``reject``, ``hold``, ``PASS OLD``, …."""
    subject: str | None = None
    """What a decision is about: the address or name in ``<>``; not the Subject header."""
    part: str | None = None
    """``header``, ``body`` or ``content``."""
    text: str | None = None
    """The rest in words."""
    argument: str | None = None
    """What the action was given."""
    blocked_by: str | None = None
    """The DNS list."""
    notified: str | None = None
    """``sender`` or ``postmaster``."""
    notification: str | None = None
    """``non-delivery``, ``delivery status``, ``delay``."""
    level: str | None = None
    """``warning``, ``error``, ``fatal``, ``panic``, ``info``."""
    error: str | None = None
    """What went wrong."""
    during: str | None = None
    """While doing what it went wrong."""
    notes: str | None = None
    """Postfix's remarks (``bare_lf``)."""

    # An encrypted connection
    tls_trust: str | None = None
    """``Anonymous``, ``Untrusted``, ``Trusted``, ``Verified``: of the certificate, not of the
    peer's intent."""
    tls_sni: str | None = None
    """The name asked for."""
    tls_version: str | None = None
    """``TLSv1.3``."""
    tls_cipher: str | None = None
    """The cipher suite."""
    tls_cipher_bits: int | None = None
    """Bits in use."""
    tls_cipher_bits_max: int | None = None
    """Bits of the algorithm."""
    tls_key_exchange: str | None = None
    """``X25519MLKEM768``, …."""
    tls_key_exchange_key: str | None = None
    """Its curve or size."""
    tls_server_signature: str | None = None
    """How the server's certificate signs: ``RSA-PSS``, ``ECDSA``."""
    tls_server_key: str | None = None
    """Curve or size of its key, as written."""
    tls_server_key_bits: int | None = None
    """The size of its key where it is a number."""
    tls_server_digest: str | None = None
    """The digest of its signature: ``SHA256``."""
    tls_client_signature: str | None = None
    """How the client's certificate signs."""
    tls_client_key: str | None = None
    """Curve or size of its key, as written."""
    tls_client_key_bits: int | None = None
    """The size of its key where it is a number."""
    tls_client_digest: str | None = None
    """The digest of its signature."""

    # Before the server: postscreen and its helpers
    violation: str | None = None
    """``PREGREET``, ``DNSBL``, ``COMMAND TIME LIMIT``, …."""
    after_s: float | None = None
    """Seconds after the connection."""
    dnsbl_rank: int | None = None
    """The lists' score."""
    dnsbl_domain: str | None = None
    """The list."""
    dnsbl_result: str | None = None
    """What the list answered."""

    # How often each command came; how many were accepted, where not all
    cmd_helo: int | None = None
    """Times HELO was sent."""
    cmd_helo_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_ehlo: int | None = None
    """Times EHLO was sent."""
    cmd_ehlo_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_starttls: int | None = None
    """Times STARTTLS was sent."""
    cmd_starttls_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_auth: int | None = None
    """Times AUTH was sent."""
    cmd_auth_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_mail: int | None = None
    """Times MAIL was sent."""
    cmd_mail_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_rcpt: int | None = None
    """Times RCPT was sent."""
    cmd_rcpt_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_bdat: int | None = None
    """Times BDAT was sent."""
    cmd_bdat_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_data: int | None = None
    """Times DATA was sent."""
    cmd_data_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_rset: int | None = None
    """Times RSET was sent."""
    cmd_rset_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_noop: int | None = None
    """Times NOOP was sent."""
    cmd_noop_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_quit: int | None = None
    """Times QUIT was sent."""
    cmd_quit_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_unknown: int | None = None
    """Times a command came that Postfix does not know."""
    cmd_unknown_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    commands: int | None = None
    """Commands in all."""
    commands_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_vrfy: int | None = None
    """Times VRFY was sent."""
    cmd_vrfy_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_etrn: int | None = None
    """Times ETRN was sent."""
    cmd_etrn_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_help: int | None = None
    """Times HELP was sent."""
    cmd_help_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_xclient: int | None = None
    """Times XCLIENT was sent."""
    cmd_xclient_accepted: int | None = None
    """How many of them were accepted; only where not all were."""
    cmd_xforward: int | None = None
    """Times XFORWARD was sent."""
    cmd_xforward_accepted: int | None = None
    """How many of them were accepted; only where not all were."""

    extra: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""
