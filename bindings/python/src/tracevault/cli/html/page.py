"""The page around the sections: its head, its policy, its style, and the list of what is in it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from functools import cache
from importlib.resources import files

from ... import __version__
from ...hunt import Finding
from ...model import Trace
from .. import words
from ..hunted import Scope
from .chart import signed
from .hunt import copy_sections, hunt_head
from .markup import Html, el, join, theirs, titled
from .sections import name_of, trace_sections, verdict

#: With more messages than this a browser lays each out when it comes into view; readers of the
#: screen then hear the names of tables only there.
LARGE = 60


def html_page(
    traces: Iterable[Trace],
    *,
    names: Sequence[str] = (),
    title: str | None = None,
    left_out: int = 0,
    made_at: datetime | None = None,
) -> str:
    """The page for one trace or several; `names` stand for traces without a reference.

    `left_out` is how many were asked for and are not among them, which the page says.

    Ask for the traces with ``views=("spans",)``: without it no field of a line is marked.
    """
    found = list(traces)
    called = [name_of(trace, name) for trace, name in
              zip(found, [*names, *[None] * len(found)], strict=False)]  # fmt: skip
    if len(found) == 1:
        heading = title or called[0]
        body = [not_here(left_out), verdict(found[0]), trace_sections(found[0])]
    else:
        heading = title or words.plural(len(found), "message")
        body = [not_here(left_out), index(found, called)]
        body += [
            el("article", el("h2", theirs(name), id=f"m{at}"), verdict(trace),
               trace_sections(trace, f"m{at}-", 3, folded=True), aria_labelledby=f"m{at}")
            for at, (trace, name) in enumerate(zip(found, called, strict=True))
        ]  # fmt: skip
    return document(heading, "Email delivery trace", join(body), made_at)


def not_here(count: int) -> Html:
    """What the page says of messages that were asked for and did not come."""
    if not count:
        return Html()
    said = "that was asked for is" if count == 1 else "that were asked for are"
    return el("p", f"{words.plural(count, 'message')} {said} not on this page: no answer, or the "
              "work was ended early.", class_="verdict bad")  # fmt: skip


def hunt_page(
    findings: Iterable[Finding],
    *,
    asked: Mapping[str, str] | None = None,
    title: str | None = None,
    scope: Scope | None = None,
    whole: bool = True,
    made_at: datetime | None = None,
) -> str:
    """The page for a hunt: every copy that was found, and every account that could not be asked.

    `asked` is what was hunted for, as names and values: ``{"Message-ID": "…"}``; `scope` which time
    and which accounts it was about. A hunt that is not
    `whole` was ended before every account was asked, which the page says.
    """
    found = list(findings)
    body = join(hunt_head(found, asked or {}, scope, whole=whole), copy_sections(found))
    return document(title or "Hunt", "Copies of a message, in every account", body, made_at)


def index(traces: Sequence[Trace], called: Sequence[str]) -> Html:
    """The list of several traces, each with a way to it."""
    rows = []
    for at, (trace, name) in enumerate(zip(traces, called, strict=True)):
        rows.append(
            el("tr",
               el("th", el("a", theirs(name, "mono"), href=f"#m{at}"), scope="row"),
               el("td", theirs(trace.summary.sender or "")),
               el("td", words.when(trace.summary.first_at), class_="at"),
               el("td", signed(words.state_of_all(trace))))
        )  # fmt: skip
    names = ("Message", "Envelope sender", "First line (UTC)", "Outcome")
    head = el("tr", [el("th", name, scope="col") for name in names])
    caption = el("caption", words.plural(len(rows), "message"))
    table = el("table", caption, el("thead", head), el("tbody", rows))
    return el("div", table, class_="scroll")


def document(heading: str, kicker: str, body: Html, made_at: datetime | None) -> str:
    """The whole page."""
    style, script = asset("page.css"), asset("page.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{digest(style)}'; "
        f"script-src '{digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name_="referrer", content="no-referrer"),
        el("meta", name_="color-scheme", content="light dark"),
        el("meta", name_="robots", content="noindex"),
        el("link", rel="icon", href="data:,"),
        titled(heading, " · TraceVault"),
        Html(f"<style>{style}</style>"),
    )
    at = (made_at or datetime.now(timezone.utc)).replace(microsecond=0)
    made = f"Made by TraceVault {__version__} on {words.when(at)} UTC."
    page = el(
        "body",
        el("header", el("p", kicker, class_="kicker"), el("h1", theirs(heading))),
        el("main", body, class_="large" if body.count("<article") > LARGE else None),
        el("footer", el("p", made), el("p", NOTE)),
        Html(f"<script>{script}</script>"),
    )
    return f"<!doctype html>\n{el('html', head, page, lang='en')}\n"


NOTE = (
    "“Accepted” means that the next server took the message over, not that it is in an inbox. "
    "Names, addresses and replies are what the servers logged: other people's words. Characters "
    "that cannot be seen are spelt out."
)


@cache
def asset(name: str) -> str:
    """A file beside this one: the style, the script. Neither holds anything of a trace."""
    return files(__package__).joinpath(name).read_text("utf-8").strip()


@cache
def digest(text: str) -> str:
    """How the page's policy names its own style and script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
