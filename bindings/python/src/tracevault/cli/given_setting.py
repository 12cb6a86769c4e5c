"""A setting as a person gave it: in ``--set``, a variable or the configuration file.

What stands in the wrong place may be a secret. So a value is shown only where the library takes it,
without the login of a URL, and what is no setting at all is not repeated.
"""

from __future__ import annotations

import contextlib
import re

from ..errors import ArgumentError, Status, TraceVaultError
from .failures import Usage

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_SECRET = re.compile(
    r"(.*[._-])?(?P<kind>pass(word|phrase|wd)|secrets?|tokens?|key)", re.IGNORECASE
)
#: The settings that say where a secret is, and how they begin.
_WHERE = ("redis.login", "s3.keys")
_PLACES = re.compile("|(file|credential):.*|environment")
NOT_SHOWN = "a value that is not shown"


def setting(pair: str, where: str) -> tuple[str, str]:
    """``NAME=VALUE`` in its parts."""
    name, equals, value = pair.partition("=")
    name = name.strip()
    if not equals or not _NAME.fullmatch(name):
        raise Usage(f"{where} takes NAME=VALUE, such as retry.max_attempts=3")
    refuse_no_name(name, where)
    if holds_password(value):
        raise Usage(
            f"{where}: others see the password of {called(name)} there: put it into the "
            "configuration file, and let nobody else read that"
        )
    return name, value


def refuse_no_name(name: str, where: str) -> None:
    """Refuse the name of a secret, and what cannot be the name of a setting."""
    if not _NAME.fullmatch(name):
        raise Usage(f"{where}: a name with a dot there is no setting's; see tracevault settings")
    if secret := _SECRET.fullmatch(name):
        raise Usage(
            f"{where}: no setting's name ends in {secret['kind'].lower()}, and a secret has no "
            "place there; redis.login and s3.keys name the file or the systemd credential that "
            "holds one"
        )


def require_known(name: str, where: str) -> None:
    """Refuse what no setting's name is; the word itself may be a secret in the wrong place."""
    from .._setting_names import none_such, setting_names

    if name not in setting_names():
        raise ArgumentError(
            f"{where}: {none_such(name, setting_names())}", status=Status.E_CONFIG_NAME
        )


def called(name: str) -> str:
    """The setting, by its name where it has one."""
    from .._setting_names import setting_names

    with contextlib.suppress(TraceVaultError):  # no library, no names
        return name if name in setting_names() else "a setting"
    return "a setting"


def refused(name: str, value: str) -> str:
    """What the library has against the setting, empty when it takes it. Not the value."""
    from .._handle import new_config  # the library: not needed to tell a version

    try:
        new_config({name: value}).close()
    except ArgumentError as error:
        return error.message
    return ""


def shown(name: str, value: str) -> str:
    """The value as it may be shown: ``http://...@proxy``."""
    if refused(name, value) or (name in _WHERE and not _PLACES.fullmatch(value)):
        return NOT_SHOWN
    login, found, host = value.rpartition("@")
    if not found or name.endswith("_file"):
        return value
    scheme, is_url, _ = login.partition("://")
    return f"{scheme}://...@{host}" if is_url else f"...@{host}"


def holds_password(value: str) -> bool:
    """Whether there is a password before an ``@``, in a URL or in what was meant as one."""
    login, found, _ = value.strip().rpartition("@")
    return bool(found) and ":" in re.sub("^[A-Za-z][A-Za-z0-9+.-]*:/+", "", login)
