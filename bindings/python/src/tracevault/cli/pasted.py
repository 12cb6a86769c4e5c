"""Takes a reference out of what people paste: out of blanks and quotes, a URL, a line of a log.

Where there is none the error says what was pasted and what to do with it. It repeats nothing of
that, since it may be a secret in the wrong place. Strangers may have written it: no search in it
has two ways through the same signs, each of which would be tried.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import Status, TraceVaultError, error_class

#: Nobody looks into a longer text: a line of Postfix's log and a URL are shorter.
_LONGEST = 8192
_REFERENCE = re.compile(r"[0-9A-Za-z][0-9A-Za-z.:_+-]{0,255}")
#: What stands around a word that was copied, beside blanks and signs that nobody sees.
_AROUND = "\"'`,;:()[]{}\u00ab\u00bb\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a"
#: A long queue id of Postfix, alone or with the time that makes it an alert's or Cloudflare's own.
_LONG = r"[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,40}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]{1,20}"
_ID = re.compile(
    rf"(?<![\w@.+-])({_LONG}(?:-\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d(?:-\d+)?)?)(?![\w@+-]|\.\w)"
)
#: Whose line of a log it is: the id behind the process.
_LINE = re.compile(rf"\w\[\d+\]:\s+({_LONG}|[0-9A-F]{{6,20}}):\s")
#: Nothing but words: which of them is meant is not known.
_WORDS = re.compile(r"[\w.:+-]+(?:[,;\s]+[\w.:+-]+)+")
#: How Cloudflare's tokens and keys begin.
_SECRET = re.compile("(?<![0-9A-Za-z])cf(?:at|ut|k)_")
_MESSAGE_ID = re.compile(r"<[^<>\s]*>|(?=.[^@]*@.)[^\s/]+|(?i:message-id)\W.*")


class Taken(NamedTuple):
    """A reference, and whether it stood in more than blanks and quotes."""

    reference: str
    inside: bool = False


def taken(text: str) -> Taken:
    """The one reference in a text. Raises :class:`ArgumentError` where that is not certain."""
    require_no_secret(text)
    if len(text) > _LONGEST:
        raise _no(f"it is longer than {_LONGEST:,} characters: give the id alone")
    if _REFERENCE.fullmatch(text) and not text.endswith(":"):
        return Taken(text)
    text = _bare(text)
    require_no_secret(text)
    if _REFERENCE.fullmatch(text):
        return Taken(text)
    if not text:
        raise _no("there is no reference: it is empty")
    if _WORDS.fullmatch(text):
        raise _no("there are several words in it: give each reference by itself")
    if _MESSAGE_ID.fullmatch(text):
        raise _no(
            "this looks like a Message-ID or an address: tracevault hunt --message-id finds every "
            "copy of a message by its Message-ID, --sender and --recipient by an address"
        )
    return Taken(_inside(text), inside=True)


def require_no_secret(text: str) -> None:
    """Refuse a token or a key in the place of a reference: it would go to Cloudflare in a URL, and
    stand in errors."""
    if _SECRET.search(text):
        raise _no(
            "this looks like an API token, not like a reference: it is sent nowhere; a token is "
            "stored with tracevault account add"
        )


def _bare(text: str) -> str:
    """The text without what stands around it, and without signs that nobody sees."""
    if not text.isascii():
        import unicodedata

        text = "".join(one for one in text if unicodedata.category(one) != "Cf")
    before = ""
    while before != text:
        before, text = text, text.strip().strip(_AROUND)
    return text


def _inside(text: str) -> str:
    """The one id in a URL, in a line of a log or in another text around it."""
    if "%" in text:
        from urllib.parse import unquote

        text = unquote(text)
        require_no_secret(text)
    found = set(_LINE.findall(text)) or set(_ID.findall(text))
    if len(found) == 1:
        return str(found.pop())
    if found:
        raise _no("there are several ids in it: give the one that is meant")
    if re.search(r"\s|://", text):
        raise _no(
            "no id stands out in this: give the id alone, as the column REFERENCE of tracevault "
            "search shows it"
        )
    raise _no(
        "a reference is 1 to 256 characters of 0-9 A-Z a-z . : _ + - and begins with a letter or "
        "digit: an investigate id, a Postfix id or an alert id, as tracevault search shows it"
    )


def _no(said: str) -> TraceVaultError:
    return error_class(Status.E_MESSAGE_REF)(said, status=Status.E_MESSAGE_REF)
