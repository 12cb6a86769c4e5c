"""A hunt as the sections of a page: which accounts received the message, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ...hunt import Finding
from .. import words
from ..copies import got
from ..hunted import Scope
from .chart import outcome
from .markup import Html, el, join, prose, theirs
from .sections import trace_fragment, trace_sections, verdict

#: With more accounts than this the list of those that were asked is folded away.
FOLDED = 12


def hunt_head(
    found: Sequence[Finding], asked: Mapping[str, str], scope: Scope | None, *, whole: bool
) -> Html:
    """What was hunted for, where and when, how many copies there are, and the table of all."""
    copies = [one for one in found if one.message is not None]
    failed = [one for one in found if one.error is not None]
    later = sum(one.trace is not None and one.trace.error is not None for one in copies)
    tone = "bad" if failed else "wait" if later else "calm"
    told = words.sentence(scope.found_words if scope else words.plural(len(copies), "copy"))
    troubles = f" {words.plural(len(failed), 'question')} had no answer: see below."
    more = f" {words.plural(later, 'trace')} may go on: "
    more += "its last look failed." if later == 1 else "their last looks failed."
    sentence = el("p", el("strong", told), troubles if failed else "", more if later else "",
                  class_=f"verdict {tone}")  # fmt: skip
    before = scope.before_words if scope else ""
    earlier = el("p", f"{words.sentence(before)}", class_="verdict wait") if before else Html()
    asked = {**asked, "Time": scope.time_words} if scope else asked
    rows = [el("div", el("dt", name), el("dd", theirs(value))) for name, value in asked.items()]
    facts = el("dl", rows, class_="facts") if rows else Html()
    ended = el("p", "The hunt was ended before every account was asked: there may be more.",
               class_="verdict bad")  # fmt: skip
    accounts = accounts_asked(scope) if scope else Html()
    every = table(found) if copies else Html()
    return join(sentence, earlier, "" if whole else ended, facts, tally(copies), every,
                failures(found), accounts)  # fmt: skip


#: How an account answered, with its sign and its tone.
ANSWERS = {
    "whole": ("✔", "good", "asked to the end"),
    "failed": ("✘", "bad", "could not be asked to the end"),
    "open": ("?", "unsure", "not asked to the end: the hunt was ended early"),
}


def accounts_asked(scope: Scope) -> Html:
    """Every account that was to be asked: no copy in one that answered is an answer, too."""
    rows = []
    for one in scope.accounts:
        sign, tone, said = ANSWERS[one.answer]
        label = el("span", prose(one.label), class_="note block") if one.label else ""
        mark = el("span", sign, class_="sign", aria_hidden="true")
        rows.append(
            el("tr",
               el("th", theirs(one.tenant), scope="row"),
               el("td", theirs(one.account_id, "mono"), label),
               el("td", f"{one.copies:,}", class_="number"),
               el("td", el("span", mark, f" {said}", class_=f"outcome {tone}")))
        )  # fmt: skip
    names = ("Tenant", "Account", "Copies", "Answer")
    head = el("tr", [el("th", name, scope="col") for name in names])
    caption = el("caption", "Every account that was to be asked")
    made = el("table", caption, el("thead", head), el("tbody", rows))
    box = el("div", made, class_="scroll accounts")
    if len(rows) <= FOLDED:
        return box
    return el("details", el("summary", f"All {words.plural(len(rows), 'account')}"), box)


def tally(copies: Sequence[Finding]) -> Html:
    """How many recipients have each outcome."""
    states = Counter(one.state for copy in copies if copy.error is None for one in got(copy))
    if not states:
        return Html()
    rows = [
        el("li", el("strong", f"{count:,} "), outcome(state))
        for state, count in states.most_common()
    ]
    return el("ul", rows, class_="tally", aria_label="Recipients by outcome")


def table(found: Sequence[Finding]) -> Html:
    """Tenant, account, recipient, outcome, time: a row for each recipient of each copy."""
    copies = [(at, one) for at, one in enumerate(found) if one.message is not None]
    rows = [row for at, copy in copies for row in copy_rows(at, copy)]
    names = ("Tenant", "Account", "Recipient", "Outcome", "When (UTC)", "Message")
    head = el("tr", [el("th", name, scope="col") for name in names])
    caption = el("caption", "Every copy, recipient by recipient")
    made = el("table", caption, el("thead", head), el("tbody", rows))
    return el("div", made, class_="scroll findings")


def failures(found: Sequence[Finding]) -> Html:
    """The accounts that did not answer to the end, by what went wrong: often hundreds at once."""
    kinds: dict[str, list[Finding]] = {}
    for one in found:
        if one.message is None and one.error is not None:
            kinds.setdefault(f"{one.error.message} ({one.error.name})", []).append(one)
    return join([kind(said, kinds[said]) for said in sorted(kinds, key=lambda it: -len(kinds[it]))])


def kind(said: str, failed: Sequence[Finding]) -> Html:
    """The accounts of which one and the same is said."""
    rows = [
        el("tr", el("th", theirs(one.tenant), scope="row"), el("td", account_of(one)))
        for one in failed
    ]
    head = el("tr", [el("th", name, scope="col") for name in ("Tenant", "Account")])
    caption = el("caption", "Accounts without a whole answer: ", theirs(said))
    box = el("div", el("table", caption, el("thead", head), el("tbody", rows)), class_="scroll")
    sign = el("span", "✘", class_="sign", aria_hidden="true")
    title = (
        sign,
        f" {words.plural(len(failed), 'account')} without a whole answer: ",
        theirs(said),
    )
    summary = el("summary", el("span", *title, class_="outcome bad"))
    return el("details", summary, box, open=None if len(failed) > FOLDED else "")


def account_of(one: Finding) -> list[Html]:
    """The account's id, and below it what people call it."""
    label = el("span", prose(one.account.label), class_="note block")
    return [theirs(one.account_id, "mono"), *([label] if one.account.label else [])]


def copy_rows(at: int, copy: Finding) -> list[Html]:
    """The rows of one finding."""
    who = (el("th", theirs(copy.tenant), scope="row"), el("td", account_of(copy)))
    ref = (copy.message.message_ref if copy.message else None) or ""
    link = el("td", el("a", theirs(ref, "mono"), href=f"#c{at}") if ref else "")
    more = words.unfinished(copy.trace).strip(" ()")
    later = el("span", more, class_="note block") if more else Html()
    if copy.error is not None:
        return [
            el("tr", *who, el("td", theirs(to) if to else ""), el("td", failure(copy.error)),
               el("td", class_="at"), link)
            for to in [one.recipient for one in got(copy)] or [""]
        ]  # fmt: skip
    return [
        el("tr", *who, el("td", theirs(one.recipient) if one.recipient else ""),
           el("td", outcome(one.state), later), el("td", words.when(one.at), class_="at"), link)
        for one in got(copy)
    ]  # fmt: skip


def failure(error: Exception) -> Html:
    """Why there is no answer."""
    sign = el("span", "✘", class_="sign", aria_hidden="true")
    return el("span", sign, " no answer: ", theirs(str(error)), class_="outcome bad")


def copy_sections(found: Sequence[Finding]) -> Html:
    """Each copy with its trace."""
    made = []
    for at, copy in enumerate(found):
        if copy.message is None:
            continue
        title = el("h2", theirs(copy.message.message_ref or "A copy"), id=f"c{at}")
        body = [about(copy)]
        if copy.trace is not None:
            body += [verdict(copy.trace), trace_sections(copy.trace, f"c{at}-", 3, folded=True)]
        elif copy.error is not None:
            body.append(el("p", failure(copy.error), class_="verdict bad"))
        made.append(el("article", title, body, aria_labelledby=f"c{at}"))
    return join(made)


def about(copy: Finding) -> Html:
    """What the search knows of the copy: subject, senders, Cloudflare's verdict."""
    message = copy.message
    if message is None:
        return Html()
    where = (copy.tenant, copy.account_id) if copy.trace is None else (None, None)
    told = (
        ("Tenant", where[0]),
        ("Account", where[1]),
        ("From", message.sender),
        ("To", ", ".join(message.to)),
        ("Cloudflare's verdict", message.final_disposition),
        ("Quarantined", None if message.is_quarantined is None
         else "yes" if message.is_quarantined else "no"),
    )  # fmt: skip
    rows = [
        el("div", el("dt", name), el("dd", prose(value)))
        for name, value in (("Subject", message.subject), ("Sender's name", message.sender_name))
        if value
    ]
    rows += [el("div", el("dt", name), el("dd", theirs(value))) for name, value in told if value]
    return el("dl", rows, class_="facts")


def finding_fragment(copy: Finding) -> Html:
    """A finding in a notebook."""
    where = f"{copy.tenant}, {copy.account.label or copy.account_id}"
    told = [el("p", el("strong", theirs(where)))]
    if copy.message is not None and copy.message.subject:
        told.append(el("p", prose(copy.message.subject)))
    if copy.error is not None:
        told.append(el("p", failure(copy.error)))
    if copy.trace is not None:
        told.append(trace_fragment(copy.trace))
    return el("div", told)
