"""The lines of a trace word for word, with the fields marked where the view ``spans`` has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...model import Line, Side, Trace
from .. import words
from ..printable import beginning
from .markup import Html, el, ends, gap_row, join, laid, more, quoted

#: Which fields look alike, by the first match: one look for each kind of answer.
LOOKS = (
    ("who", ("from", "to", "orig_to", "sasl_username", "sasl_sender", "subject")),
    ("id", ("queue_id", "queued_as", "message_id", "resent_message_id", "orig_queue_id",
            "exchange_internal_id", "google_id", "notification_queue_id")),
    ("end", ("status", "dsn", "action", "reply_code", "reply_dsn", "stage", "level", "violation")),
    ("host", ("client_host", "client_ip", "client_port", "relay", "relay_host", "relay_ip",
              "relay_port", "relay_service", "helo", "server_ip", "server_port", "orig_client")),
    ("time", ("delay_s", "delay_before_qmgr_s", "delay_in_qmgr_s", "delay_conn_setup_s",
              "delay_transmission_s", "after_s")),
)  # fmt: skip
LOOK_OF = {field: look for look, fields in LOOKS for field in fields}
KEY = {
    "who": "address",
    "id": "id",
    "end": "outcome",
    "host": "server",
    "time": "delay",
    "rest": "other field",
}

Spans = Mapping[str, Sequence[int]]


def lines_section(trace: Trace, prefix: str, level: str) -> Html:
    """Every line of both sides, with a key to the marks."""
    marks = spans_of(trace)
    key = [el("li", el("span", label, class_=f"f {look}")) for look, label in KEY.items()]
    made = [el(level, "The lines, word for word", id=f"{prefix}lines")]
    if marks:
        made.append(
            el("p", "Marked is what was understood; point at a mark to see the field's name.",
               class_="note")
        )  # fmt: skip
        made.append(el("ul", key, class_="key", aria_label="Marks in the lines"))
    for name, side in (("inbound", trace.inbound), ("outbound", trace.outbound)):
        made.append(side_table(name, side, marks, f"{prefix}{name}"))
    return el("section", made, aria_labelledby=f"{prefix}lines", class_="lines")


def spans_of(trace: Trace) -> dict[tuple[str, int], Spans]:
    """By side and place of the line: where each field stands. Empty when it was not asked for."""
    if "spans" not in trace.views:
        return {}
    return {(row["side"], row["line"]): row["spans"] for row in trace.spans()}


def side_table(name: str, side: Side, marks: Mapping[tuple[str, int], Spans], id_: str) -> Html:
    """The lines of one side."""
    way = "On the way in" if name == "inbound" else "On the way out"
    count = words.plural(len(side.lines), "line")
    caption = f"{way}: {count}" + (", and Cloudflare is still gathering" if side.pending else "")
    if not side.lines:
        return el("p", f"{caption}.", class_="note")
    rows = ends(
        len(side.lines),
        lambda at: line_row(side.lines[at], at, marks.get((name, at), {}), f"{id_}-{at}"),
        gap_row("line", 3),
    )
    head = el("tr", el("th", "No.", scope="col"), el("th", "Time (UTC)", scope="col"),
              el("th", "Line", scope="col"))  # fmt: skip
    table = el("table", el("caption", caption), el("thead", head), el("tbody", rows))
    return el("div", table, class_="scroll")


def line_row(line: Line, at: int, spans: Spans, id_: str) -> Html:
    """One line."""
    number = str(at + 1 if line.lineno is None else line.lineno)
    time = words.when(line.at)
    told = time or (f"no time: {line.at_raw}" if line.at_raw else "no time")
    return el(
        "tr",
        el("td", number, class_="number"),
        el("td", quoted(told), class_="at"),
        el("td", el("code", marked(line.message, spans), dir="ltr")),
        id=id_,
    )


def marked(message: str, spans: Spans) -> Html:
    """The message with its fields marked; a field inside another is marked inside it."""
    short, left = beginning(message)
    whole = short.encode("utf-8", "surrogatepass")
    length = len(message.encode("utf-8", "surrogatepass")) if left else len(whole)
    wanted = sorted(
        (begin, -min(end, len(whole)), name)
        for name, (begin, end) in spans.items()
        if 0 <= begin < end <= length and begin < len(whole)
    )
    made, rest, _ = _inside(whole, 0, len(whole), wanted)
    return join(made, more(left)) if not rest else quoted(message)


def _inside(
    whole: bytes, begin: int, end: int, wanted: list[tuple[int, int, str]]
) -> tuple[list[Html], list[tuple[int, int, str]], int]:
    """Marks what lies between two places; gives back what begins behind them."""
    made: list[Html] = []
    at = begin
    while wanted and wanted[0][0] < end:
        start, minus, name = wanted[0]
        stop = min(-minus, end)  # what reaches over the end of the field around it is cut there
        wanted = wanted[1:]
        if start < at:
            continue
        made.append(_text(whole[at:start]))
        inner, wanted, at = _inside(whole, start, stop, wanted)
        look = LOOK_OF.get(name, "rest")
        made.append(el("span", inner, class_=f"f {look}", title=name))
    made.append(_text(whole[at:end]))
    return made, wanted, end


def _text(piece: bytes) -> Html:
    return laid(piece.decode("utf-8", "surrogatepass"))
