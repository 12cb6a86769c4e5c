"""The options that bring a credential into the vault: a token, or a Global API Key with its e-mail.

The secret comes from the terminal, standard input, a file or a descriptor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..credentials import ApiToken, GlobalKey
from .failures import Usage
from .option import option
from .options import Options
from .secret_input import ask, line_of_descriptor, line_of_file, line_of_stdin

#: Where a secret may be sent to unless something else is said, in the library.
CLOUDFLARE = "https://api.cloudflare.com"
#: The same of the options, for their help.
BY_DEFAULT = "where api.base_url points, otherwise Cloudflare"
#: How many origins a sentence names.
_NAMED = 3
HOW = "give --token-file, --token-stdin or --token-fd"

Made = TypeVar("Made", bound=Callable[..., Any])


def credential_options(function: Made) -> Made:
    """Add the options to a verb; it gets them as ``token_file``, ``token_stdin``, … ``email``."""
    for one in reversed(
        (
            option("--token-file", metavar="FILE", help="The first line of a file."),
            option("--token-stdin", is_flag=True, help="A line of standard input."),
            option("--token-fd", metavar="N", type=int, help="A line of a descriptor."),
            option("--email", help="It is a Global API Key of this user, not a token."),
        )
    ):
        function = one(function)
    return function


def new_credential(
    *, token_file: str | None, token_stdin: bool, token_fd: int | None, email: str | None
) -> ApiToken | GlobalKey:
    """The credential; asks at the terminal when no option says where it is."""
    named = (token_file is not None) + token_stdin + (token_fd is not None)
    if named > 1:
        raise Usage(f"there are two places for one secret: {HOW}, one of them")
    what = "API token" if email is None else "Global API Key"
    if token_file is not None:
        secret = line_of_file(token_file)
    elif token_stdin:
        secret = line_of_stdin()
    elif token_fd is not None:
        secret = line_of_descriptor(token_fd)
    else:
        secret = ask(f"{what}: ", HOW)
    return ApiToken(secret) if email is None else GlobalKey(email, secret)


def origin_of(options: Options, asked: str | None) -> str | None:
    """Where the secret may be sent to: what was asked for, else where this call would send it."""
    if asked is not None:
        return asked
    base = options.plain_settings().get("api.base_url")
    if base is None:
        return None
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}"


def sealed_for(origins: Iterable[str | None]) -> str:
    """Of credentials that were stored: where they may be sent to, unless it is Cloudflare alone."""
    found = sorted({one or CLOUDFLARE for one in origins})
    if found in ([], [CLOUDFLARE]):
        return ""
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f", sealed for {', '.join(found[:_NAMED])}{more}"
