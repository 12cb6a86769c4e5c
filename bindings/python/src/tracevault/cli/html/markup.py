"""HTML that cannot be broken out of: text becomes markup in one place only.

:func:`el` makes an element. A plain ``str`` among its contents is text and is escaped; only what
:func:`el`, :func:`shown` and :func:`theirs` made (:class:`Html`) is taken as it is. Attributes are
escaped too, and none of them is ever a style, a script or an address to go to.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable

from .. import words
from ..printable import beginning, printable, run_written_out, runs

_LETTERS = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
#: A run that is written from right to left, from its first such letter to its last: it is set apart
#: so that it cannot turn round what stands beside it. The marks between the parts of an address end
#: it, so that the parts stand in their order.
RIGHT_TO_LEFT = re.compile(rf"{_LETTERS}(?:(?:[^A-Za-z<>@=;/\[\].]|\.(?=\s))*{_LETTERS})?")
#: Of a list of any length so much markup is shown, half of it from each end.
ROOM = 4 << 20
VOID = {"meta", "link"}
#: Elements of a drawing that hold nothing.
SHAPES = {"rect", "line", "circle"}
#: What an attribute may be called, and so what it never is: no `style`, no `on…`, no `src`.
ATTRIBUTES = re.compile(
    r"class|http-equiv|id|lang|dir|title|role|scope|colspan|headers|open|datetime|name|content|charset|rel"
    r"|type|href|x|y|x1|x2|y1|y2|cx|cy|r|d|width|height|text-anchor|aria-[a-z]+|data-[a-z]+"
)


class Html(str):
    """Markup that is known to be well made."""

    __slots__ = ()


def el(name: str, *content: str | Html | Iterable[Html], **attributes: str | None) -> Html:
    """One element; ``class_`` is ``class``, ``aria_label`` is ``aria-label``, None is left out."""
    written = []
    for key, value in attributes.items():
        if value is None:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        if not ATTRIBUTES.fullmatch(attribute):
            raise ValueError(f"not an attribute of this page: {attribute}")
        if attribute == "href" and not value.startswith(("#", "data:,")):
            raise ValueError("a link of this page leads inside it")
        written.append(f' {attribute}="{html.escape(printable(value))}"')
    opening = f"<{name}{''.join(written)}>"
    if name in VOID:
        return Html(opening)
    if name in SHAPES:
        return Html(f"{opening[:-1]}/>")
    return Html(f"{opening}{join(*content)}</{name}>")


def join(*content: str | Html | Iterable[Html]) -> Html:
    """Several pieces one after the other; text is escaped."""
    made = []
    for piece in content:
        if isinstance(piece, Html):
            made.append(piece)
        elif isinstance(piece, str):
            made.append(shown(piece))
        else:
            made.extend(piece)
    return Html("".join(made))


def shown(text: str) -> Html:
    """Text as markup, with what cannot be seen spelt out and marked; only the beginning of much."""
    short, left = beginning(text)
    return Html(f"{_spelt(short)}{more(left)}")


def _spelt(text: str) -> Html:
    made = []
    for run, odd in runs(text):
        if not odd:
            made.append(html.escape(run))
            continue
        name = unicodedata.name(run[0], "control character")
        count = f", {len(run):,} times" if len(run) > 1 else ""
        title = html.escape(f"U+{ord(run[0]):04X} {name.lower()}{count}")
        made.append(f'<span class="odd" title="{title}">{run_written_out(run)}</span>')
    return Html("".join(made))


def more(left: int) -> Html:
    """How much of a text is not shown."""
    if not left:
        return Html()
    return el("bdi", f" … {words.plural(left, 'more character')}", dir="ltr", class_="note")


def theirs(text: str, class_: str | None = None) -> Html:
    """What somebody else wrote and has parts, such as an address: from left to right, as ours.

    Otherwise the domain would stand before the name where the name is Arabic.
    """
    return el("bdi", quoted(text), dir="ltr", class_=class_)


def prose(text: str) -> Html:
    """A sentence of somebody else, such as a subject: in its own direction, set apart from ours."""
    return el("bdi", shown(text))


def quoted(text: str) -> Html:
    """A text from left to right; what is written the other way is set apart."""
    short, left = beginning(text)
    return Html(f"{laid(short)}{more(left)}")


def laid(text: str) -> Html:
    """A piece of :func:`beginning`, from left to right."""
    made = []
    begin = 0
    for run in RIGHT_TO_LEFT.finditer(text):
        made.append(_spelt(text[begin : run.start()]))
        made.append(el("bdi", _spelt(run.group()), dir="rtl"))
        begin = run.end()
    made.append(_spelt(text[begin:]))
    return Html("".join(made))


def ends(
    count: int, piece: Callable[[int], Html], gap: Callable[[int], Html], room: int = ROOM
) -> list[Html]:
    """The pieces of a list that may be of any length: all, or the first and last, with a gap."""
    first: list[Html] = []
    last: list[Html] = []
    left, size = count, 0
    while left and size < room // 2:
        first.append(piece(len(first)))
        size += len(first[-1])
        left -= 1
    while left and size < room:
        last.append(piece(len(first) + left - 1))
        size += len(last[-1])
        left -= 1
    return [*first, *([gap(left)] if left else []), *reversed(last)]


def gap_row(word: str, columns: int) -> Callable[[int], Html]:
    """The row of a table that tells how many are left out."""
    return lambda count: el(
        "tr", el("td", words.left_out(count, word), colspan=str(columns), class_="note")
    )


def titled(text: str, ours: str) -> Html:
    """The title of a page, where a browser reads no markup, with words of ours behind it."""
    short, left = beginning(text)
    rest = " …" if left else ""
    return Html(f"<title>{html.escape(printable(short) + rest + ours)}</title>")
