"""The configuration file: sections with the global options, so that nobody types them each time.

    [default]
    vault = /srv/soc/soc.vault
    key_file = /srv/soc/soc.key

    [acme]
    tenant = acme
    tls.ca_file = /etc/ssl/gateway.pem

A name with a dot is a setting of the library. A secret has no place in it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping

from .._reading import opened
from .._setting_names import none_such
from .failures import Usage
from .missing import named

#: The options that a section may hold.
NAMES = ("vault", "key_file", "passphrase_file", "credential", "tenant", "account")
_SECRETS = ("passphrase", "token", "key", "secret", "password")


class Profile:
    """What the file says for one profile: each value with the section it stands in."""

    def __init__(
        self,
        path: str | None,
        values: Mapping[str, tuple[str, str]],
        settings: Mapping[str, tuple[str, str]],
        *,
        others_read: bool = False,
    ) -> None:
        self.path = path
        self.values = values
        self.settings = settings
        #: Whether others than its owner may read the file.
        self.others_read = others_read


def default_path(environment: Mapping[str, str]) -> str:
    """Where the file is looked for when nobody names one."""
    base = environment.get("XDG_CONFIG_HOME") or os.path.join(
        environment.get("HOME") or os.path.expanduser("~"), ".config"
    )
    return os.path.join(base, "tracevault", "config")


def load(path: str, *, asked: bool, name: str) -> Profile:
    """The section ``[default]`` and, over it, the one that was asked for."""
    try:
        with open(opened(path, pipe=True), encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            check_owner(status, path)
            text = file.read()
    except FileNotFoundError:
        if asked:
            raise Usage(f"there is no configuration file {named(path)}") from None
        if name != "default":  # and the path is not the user's
            raise Usage(
                f"there is no configuration file {path}, and so no profile but default"
            ) from None
        return Profile(None, {}, {})
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"the configuration file {named(path)} cannot be read: {_why(error)}") from None
    others_read = stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o044)
    return _profile(path, text, name, others_read=others_read)


def _why(error: OSError | UnicodeDecodeError) -> str:
    """Why the file cannot be read. Python's own words repeat the name, or what stands there."""
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror or ""


def _profile(path: str, text: str, name: str, *, others_read: bool) -> Profile:
    import configparser

    parser = configparser.ConfigParser(interpolation=None, default_section="")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text, source=path)
    except configparser.Error as error:
        raise Usage(f"the configuration file {path} is wrong: {_wrong(error)}") from None
    if name != "default" and not parser.has_section(name):
        there = ", ".join(parser.sections()) or "none"
        raise Usage(f"{path}: {none_such(name, parser.sections(), 'profile')}; there are: {there}")
    values: dict[str, tuple[str, str]] = {}
    settings: dict[str, tuple[str, str]] = {}
    for section in dict.fromkeys(("default", name)):
        for key, value in parser.items(section) if parser.has_section(section) else ():
            where = f"[{section}] in {path}, line {_line_of(text, section, key)}"
            _check_name(key, where)
            (settings if "." in key else values)[key] = (value, where)
    return Profile(path, values, settings, others_read=others_read)


def _wrong(error: Exception) -> str:
    """What is wrong, and where. What stands there is not shown: it may be a secret."""
    import configparser

    if isinstance(error, configparser.MissingSectionHeaderError):
        return f"line {error.lineno} stands before any section, such as [default]"
    if isinstance(error, configparser.ParsingError):
        lines = ", ".join(str(number) for number, _ in error.errors)
        return f"neither a section nor NAME = VALUE: line {lines}"
    if isinstance(error, (configparser.DuplicateSectionError, configparser.DuplicateOptionError)):
        return f"line {error.lineno} says again what was said before"
    return type(error).__name__


def _line_of(text: str, section: str, key: str) -> int:
    """The line that gives the section's value of this name."""
    there = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("["):
            there = line[1:].partition("]")[0]
        elif there == section and re.split("[=:]", line, maxsplit=1)[0].strip() == key:
            return number
    return 0


def _check_name(key: str, where: str) -> None:
    """Refuse what names nothing; the word itself may be a secret in the wrong place."""
    if "." in key or key in NAMES:
        return
    if key in _SECRETS:
        raise Usage(
            f"{key} of {where}: a secret has no place there; name a file "
            "(key_file, passphrase_file) or a systemd credential (credential)"
        )
    raise Usage(
        f"{where}: {none_such(key, NAMES, 'option')}; there are: {', '.join(NAMES)}, and "
        "settings of the library such as api.base_url"
    )


def check_owner(status: os.stat_result, path: str) -> None:
    """Who can write the file decides whom the secrets are shown to."""
    if status.st_uid not in (os.geteuid(), 0):
        raise Usage(f"the configuration file {path} belongs to another user")
    if stat.S_ISREG(status.st_mode) and status.st_mode & 0o022:
        raise Usage(f"others may write to the configuration file {path}: chmod go-w it")
