"""The line parser agrees with the corpus of whyscream/postfix-grok-patterns, field by field.

The corpus (BSD-3-Clause, not part of this repository) is looked for in ../shared. Its 191 cases name
what a set of regular expressions finds in a line; here each of those fields is looked for in the
event of the trace view. Where our event says it differently on purpose, DIFFERENT has the reason.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from postfix_events import Event, events

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared/data/postfix-grok-patterns/test"

needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason=f"the grok corpus is not there: {CORPUS}"
)

#: Cases that agree in part only: the field that differs, and why.
DIFFERENT: dict[str, tuple[set[str], str]] = {
    **{
        f"anvil_{number:04}": (
            {"anvil_cache_size", "anvil_conn_count", "anvil_conn_rate", "anvil_conn_period"}
            | {"service", "client_ip", "client_ip_unknown", "anvil_timestamp"},
            "figures of a daemon, not of a message: kind `statistics`, the figures in its text",
        )
        for number in range(1, 10)
    },
    **{
        f"scache_{number:04}": (
            {"scache_hits", "scache_miss", "scache_success", "scache_timestamp"}
            | {"scache_domains", "scache_addresses", "scache_connection"},
            "figures of a daemon, not of a message: kind `statistics`, the figures in its text",
        )
        for number in range(1, 5)
    },
    **{
        f"verify_{number:04}": (
            {"verify_cleanup_type", "verify_cache_retained", "verify_cache_dropped"},
            "figures of a daemon, not of a message: kind `statistics`, the figures in its text",
        )
        for number in (1, 2)
    },
    "postscreen_0001": (
        {"postscreen_cache_retained", "postscreen_cache_dropped"},
        "figures of a daemon, not of a message: kind `statistics`, the figures in its text",
    ),
    **{
        f"master_{number:04}": (
            {"version", "config_path", "termination_signal"},
            "the life of a daemon, not of a message: kind `daemon`, all of it in its text",
        )
        for number in (1, 2, 3)
    },
}

#: Cases that are a part of a line only; how a whole line has it.
PARTS = {
    "COMMAND_COUNTER_DATA": "disconnect from a.example[192.0.2.1] {}",
    "DELAYS": "7EE668039: to=<a@b.example>, relay=none, delay=1, delays={}, dsn=2.0.0, status=sent (x)",
    "TLS_FEATURES": "7EE668039: to=<a@b.example>, relay=none, delay=1, delays=0/0/0/0, tls={}, "
    "dsn=2.0.0, status=sent (x)",
    "RELAY": "7EE668039: to=<a@b.example>, relay={}, delay=1, delays=0/0/0/0, dsn=2.0.0, "
    "status=sent (x)",
}

#: Fields of the corpus that are one field of ours as it is.
SAME = {
    "queueid": "queue_id",
    "from": "from",
    "status": "status",
    "action": "action",
    "message-id": "message_id",
    "message_level": "level",
    "bounce_queueid": "notification_queue_id",
    "bounce_recipient": "notified",
    "bounce_reason": "notification",
    "client_hostname": "client_host",
    "client_ip": "client_ip",
    "client_port": "client_port",
    "server_ip": "server_ip",
    "server_port": "server_port",
    "relay_hostname": "relay_host",
    "relay_ip": "relay_ip",
    "relay_port": "relay_port",
    "relay_service": "relay_service",
    "smtp_stage": "stage",
    "proxy_smtp_stage": "stage",
    "status_code": "reply_code",
    "status_code_enhanced": "reply_dsn",
    "proxy_status_code": "reply_code",
    "proxy_status_code_enhanced": "reply_dsn",
    "status_data": "subject",
    "proxy_result": "action",
    "smtp_response": "reply",
    "local_response": "reply",
    "pipe_response": "reply",
    "error_response": "reply",
    "smtp_lostconn_reason": "during",
    "pix_workaround": "text",
    "postscreen_toobusy_data": "text",
    "postscreen_access": "action",
    "postscreen_violation": "violation",
    "postscreen_violation_time": "after_s",
    "postscreen_dnsbl_rank": "dnsbl_rank",
    "dnsbl_domain": "dnsbl_domain",
    "dnsbl_result": "dnsbl_result",
    "postsuper_action": "action",
    "postsuper_summary_action": "action",
    "postsuper_summary_count": "count",
    "tls_trustlevel": "tls_trust",
    "tls_version": "tls_version",
    "tls_cipher": "tls_cipher",
    "tls_key_exchange": "tls_key_exchange",
    "tls_server_signature": "tls_server_signature",
    "tls_server_signature_size": "tls_server_key_bits",
    "tls_server_signature_curve": "tls_server_key",
    "tls_server_digest": "tls_server_digest",
    "tls_error": "error",
    "tls_security_level": "tls_level",
    "tls_downgrade_level": "tls_downgrade",
    "requiretls": "requiretls",
    "requiretls_downgrade_level": "requiretls_downgrade",
    "prepend_type": "part",
    "prepend_trigger": "text",
    "prepend_value": "argument",
    "milter_data": "argument",
    "delay_before_qmgr": "delay_before_qmgr_s",
    "delay_in_qmgr": "delay_in_qmgr_s",
    "delay_conn_setup": "delay_conn_setup_s",
    "delay_transmission": "delay_transmission_s",
    "cmd_count": "commands",
    "cmd_count_accepted": "commands_accepted",
    "smtpd_lostconn_data": "error",
}
PAIRS = {"to", "orig_to", "from", "relay", "dsn", "proto", "helo", "size", "nrcpt", "uid"}


def cases() -> list[tuple[str, str, str, dict[str, Any]]]:
    found = []
    for path in sorted(CORPUS.glob("*.yaml")):
        case = yaml.safe_load(path.read_text(encoding="utf-8"))
        pattern = re.sub(r"^\^%\{POSTFIX_|\}\$?$", "", case["pattern"])
        results = {name.removeprefix("postfix_"): value for name, value in case["results"].items()}
        found.append((path.stem, pattern, str(case["data"]), results))
    return found


def number_or_text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def pairs_differ(event: Event, data: str) -> list[str]:
    """Every `name=value` of the text is a field of the event."""
    differ = []
    for name, quoted, plain in re.findall(r"([a-z_]+)=(?:<([^>]*)>|([^ ,;]*))", data):
        value = quoted or plain
        if name == "client":
            ours = f"{event.get('client_host', '')}[{event.get('client_ip')}]"
        elif name == "delays":
            parts = ("before_qmgr", "in_qmgr", "conn_setup", "transmission")
            ours = "/".join(number_or_text(event.get(f"delay_{part}_s")) for part in parts)
        elif name == "delay":
            ours = number_or_text(event.get("delay_s"))
        elif name == "tls":
            ours = event.get("tls_policy", "")
        else:
            assert name in PAIRS, name
            ours = number_or_text(event.get(name))
        if ours != value:
            differ.append(f"{name}: {ours!r}, not {value!r}")
    return differ


def differs(event: Event, message: str, name: str, value: object) -> list[str]:
    """How the event differs from one field of the corpus; nothing when it agrees."""
    match name, value:
        case "keyvalue_data", str():
            return pairs_differ(event, value)
        case "command_counter_data", str():
            counted = {k: v for k, v in event.items() if k.startswith(("cmd_", "commands"))}
            again = events([f"disconnect from a.example[192.0.2.1] {value}"])[0]
            assert again is not None
            expected = {k: v for k, v in again.items() if k.startswith(("cmd_", "commands"))}
            return [] if counted == expected and counted else [f"counters {counted}"]
        case "queueid", "NOQUEUE":
            ours: object = event.get("queue_id", "NOQUEUE")
        case "client_ip_unknown", _:
            ours = "unknown" if "client_ip" not in event and "[unknown]" in message else None
        case "tls_cipher_size", _:
            ours = f"{event.get('tls_cipher_bits')}/{event.get('tls_cipher_bits_max')}"
        case "action", str() if value.startswith("milter-"):
            ours = f"{event['kind']}-{event.get('action')}"
        case "milter_result", _:
            # Ours has the checked part of the message in `part`, not before the action.
            part = f"{event['part']}-" if "part" in event else ""
            ours = f"{part}{event.get('action')}" if event["kind"] == "milter" else None
        case "message_level", _ if event["kind"] == "content":
            ours = event.get("action")
        case "postsuper_action", "removed":
            ours = event["kind"]
        case "message", _ if event["kind"] == "content":
            # Ours has the client and the part of the message apart from the text.
            host, ip = event.get("client_host", ""), event.get("client_ip")
            client = f"{host}[{ip}]" if ip else "local"
            ours = f"{event['part']} {event['text']} from {client}"
        case "milter_message", _:
            client = f"{event['client_host']}[{event['client_ip']}]"
            if "part" in event:
                ours = f"{event['part']} {event['text']} from {client}"
            else:
                ours = f"{event['stage']} from {client}: {event['reply_dsn']} {event['text']}"
        case "message", ("removed" | "skipped, still being delivered"):
            ours = {"removed": "removed", "skipped": value}[event["kind"]]
        case "message", str():
            # The corpus keeps the space at the end of a line.
            ours, value = event.get("text"), value.rstrip()
        case "proxy_message", _:
            ours = event.get("reply", "")
        case "status_message", str() if "blocked using" in value:
            # The corpus cuts the reason in two; `text` is all of it.
            whole = event.get("text", "")
            ours = value if whole.endswith(f"] {value}") and event["blocked_by"] in value else whole
        case "status_message", _:
            ours = event.get("text")
        case "discarded_ehlo_keywords", _:
            ours = event.get("text")
        case "smtp_lostconn_data", "lost connection" if event["kind"] == "connection_lost":
            ours = "lost connection"
        case "smtp_lostconn_data", _:
            ours, value = event.get("error"), str(value)
        case "smtpd_lostconn_data", "SSL_accept error":
            ours = "SSL_accept error" if event["kind"] == "tls_error" else None
        case (("tls_policy_undecided" | "requiretls_policy_undecided"), mark):
            ours = mark if event["tls_policy"].endswith("?") else None
        case "requiretls_policy_violation", mark:
            ours = mark if f"/{mark}requiretls" in event["tls_policy"] else None
        case _ if name.startswith("cmd_") and name not in SAME:
            ours = event.get(name)
        case _:
            ours = event.get(SAME[name])
    return [] if ours == value else [f"{name}: {ours!r}, not {value!r}"]


@needs_corpus
def test_every_case_of_the_corpus_agrees_or_has_a_reason() -> None:
    corpus = cases()
    assert len(corpus) == 191
    messages = [
        PARTS[pattern].format(data) if pattern in PARTS else data for _, pattern, data, _ in corpus
    ]
    faults = []
    used = set()
    for (case, _, _, results), message, event in zip(
        corpus, messages, events(messages), strict=True
    ):
        if event is None:
            faults.append(f"{case}: no event: {message!r}")
            continue
        allowed = DIFFERENT.get(case, (set(), ""))[0]
        for name, value in results.items():
            if name in allowed:
                used.add(case)
                assert event["kind"] in {"statistics", "daemon"} and event["text"] in message
                continue
            faults += [f"{case}: {fault}" for fault in differs(event, message, name, value)]
    assert faults == []
    assert used == set(DIFFERENT), "a listed difference is none any more"


@needs_corpus
@pytest.mark.parametrize(
    "prefix",
    [
        "postfix/{}[4711]: ",
        "postfix-out/relay/{}[1]: ",
        "<22>Nov  3 04:05:06 mx1 postfix/{}[4711]: ",
        "2026-11-23T04:05:06.789+01:00 mx1.example postfix/{}[4711]: ",
        '<22>1 2026-11-23T04:05:06Z mx1 postfix/{} 4711 - [a b="\\"\\]"][c] ',
        "<22>1 - - postfix/{} - - - ",
    ],
)
def test_a_prefix_changes_nothing_but_adds_where_the_line_was_written(prefix: str) -> None:
    bare = [data for _, pattern, data, _ in cases() if pattern not in PARTS]
    added = {"process", "pid", "instance", "service", "syslog_time", "syslog_host"}
    for plain, tagged in zip(
        events(bare), events([prefix.format("smtp") + data for data in bare]), strict=True
    ):
        assert plain is not None and tagged is not None
        assert tagged["process"] == "smtp"
        assert {k: v for k, v in tagged.items() if k not in added} == plain


def test_every_line_of_a_real_postfix_has_an_event() -> None:
    capture = (ROOT / "Tests/data/postfix-capture.log").read_text(encoding="utf-8").splitlines()
    traces = json.loads((ROOT / "Tests/data/traces.json").read_text(encoding="utf-8"))
    served = [
        line["message"]
        for message in traces["messages"]
        for side in ("inbound", "outbound")
        for line in message[side]
    ]
    for messages in (capture, served):
        postfix = [message for message in messages if "postfix" in message]
        found = events(postfix)
        assert len(postfix) > 300
        unread = [m for m, event in zip(postfix, found, strict=True) if event is None]
        assert len(unread) <= len(postfix) // 100, unread[:10]
        assert all(event is None or "process" in event for event in found)
