"""The global options, and where each value comes from.

The order: command line, then variable, then the profile's section, then ``[default]``. ``doctor``
tells for each what came from where.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from .failures import Usage
from .given_setting import called, holds_password, refuse_no_name, require_known, setting
from .profile import Profile, default_path, load

#: The variable of each option. None of them holds a secret.
VARIABLES = {
    "vault": "TRACEVAULT_VAULT",
    "key_file": "TRACEVAULT_KEY_FILE",
    "passphrase_file": "TRACEVAULT_PASSPHRASE_FILE",
    "credential": "TRACEVAULT_CREDENTIAL",
    "tenant": "TRACEVAULT_TENANT",
    "account": "TRACEVAULT_ACCOUNT",
    "set": "TRACEVAULT_SET",
    "profile": "TRACEVAULT_PROFILE",
    "config": "TRACEVAULT_CONFIG",
}
#: The ways to unlock the vault; one of them counts.
UNLOCKS = ("key_file", "passphrase_file", "passphrase_stdin", "passphrase_fd", "credential")
FORMATS = ("table", "json", "csv", "ecs", "ocsf")
#: The options that say whom a call is about.
WHOM = ("tenant", "account")


class Given:
    """A value and where it comes from, in words."""

    def __init__(self, value: Any, source: str) -> None:
        self.value = value
        self.source = source

    def placed(self, name: str) -> str:
        """Who gave the option of this name; a section of the file may give many."""
        return f"{name} of {self.source}" if self.source.startswith("[") else self.source


def require_named(name: str, given: Given) -> None:
    """Refuse a way to unlock that names nothing."""
    if given.value == "":
        what = "credential" if name == "credential" else "file"
        raise Usage(f"{given.placed(name)} is empty: give the name of a {what}")


class Options:
    """What the global options of one call are."""

    def __init__(
        self, environment: Mapping[str, str] | None = None, line: dict[str, Any] | None = None
    ) -> None:
        self.environment: Mapping[str, str] = os.environ if environment is None else environment
        #: What the command line says, by the option's name.
        self.line: dict[str, Any] = {} if line is None else line
        #: What the call has changed by now, to be said where its output cannot be written.
        self.done = ""

    @cached_property
    def profile(self) -> Profile:
        """The configuration file's part."""
        named = self._direct("config")
        path = str(named.value) if named else default_path(self.environment)
        chosen = self._direct("profile")
        return load(path, asked=named is not None, name=chosen.value if chosen else "default")

    def get(self, name: str) -> Given | None:
        """The option's value, ``None`` when nobody gave it."""
        found = self._direct(name)
        if found is None and name not in ("config", "profile"):
            found = self._section(name)
        if found is not None and name in WHOM and not found.value:
            raise Usage(f"{found.placed(name)} is empty: it names no {name}")
        return found

    def text(self, name: str) -> str | None:
        """The option's value as text."""
        given = self.get(name)
        return None if given is None else str(given.value)

    def required(self, name: str, why: str) -> str:
        """The option's value; a clear error when nobody gave it."""
        found = self.text(name)
        if not found:
            flag = name.replace("_", "-")
            raise Usage(
                f"{why}: give --{flag}, or set {VARIABLES[name]}, or {name} in {self.where}"
            )
        return found

    @property
    def where(self) -> str:
        """The configuration file's path, whether it is there or not."""
        return self.text("config") or default_path(self.environment)

    def unlock(self) -> tuple[str, Given] | None:
        """The way to unlock the vault: of the first place that names one."""
        for place in (self._line, self._variable, self._section):
            found = [(name, given) for name in UNLOCKS if (given := place(name))]
            if len(found) > 1:
                names = " and ".join(given.placed(name) for name, given in found)
                raise Usage(f"{names} are two ways to unlock the vault: give one")
            if found:
                require_named(*found[0])
                return found[0]
        return None

    def settings(self) -> dict[str, Given]:
        """The library's settings, each with its source."""
        found = {name: Given(*given) for name, given in self.profile.settings.items()}
        for name, given in found.items():
            refuse_no_name(name, given.source)
        if self.profile.others_read:
            for name, given in found.items():
                if holds_password(given.value):
                    raise Usage(
                        f"others may read {self.profile.path}, and {called(name)} holds a "
                        "password: chmod go-r it"
                    )
        variable = VARIABLES["set"]
        for pair in self.environment.get(variable, "").split():
            name, value = setting(pair, f"${variable}")
            found[name] = Given(value, f"${variable}")
        for pair in self.line.get("set", ()):
            name, value = setting(pair, "--set")
            found[name] = Given(value, "--set")
        return found

    def plain_settings(self) -> dict[str, str]:
        """The library's settings as it takes them."""
        return {name: given.value for name, given in self.settings().items()}

    def known_settings(self) -> dict[str, str]:
        """The same; an error that names the place where one is given that there is not."""
        found = self.settings()
        for name, given in found.items():
            require_known(name, given.source)
        return {name: given.value for name, given in found.items()}

    def output(self, *allowed: str) -> str:
        """The output format; a clear error when the verb has no such one."""
        chosen = self.line.get("format")
        if self.line.get("json"):
            if chosen not in (None, "json"):
                raise Usage(f"--json and --format {chosen} are two formats: give one")
            chosen = "json"
        chosen = chosen or "table"
        if chosen not in allowed:
            raise Usage(f"--format {chosen} is none here; there are: {', '.join(allowed)}")
        return str(chosen)

    @property
    def format_given(self) -> str:
        """The option that says how data is printed, as it was given; empty without one."""
        chosen = self.line.get("format")
        return "--json" if self.line.get("json") else f"--format {chosen}" if chosen else ""

    @property
    def for_programs(self) -> bool:
        """Whether errors are JSON lines."""
        return bool(self.line.get("json")) or self.line.get("format") == "json"

    def _direct(self, name: str) -> Given | None:
        return self._line(name) or self._variable(name)

    def _line(self, name: str) -> Given | None:
        value = self.line.get(name)
        return None if value is None else Given(value, "--" + name.replace("_", "-"))

    def _variable(self, name: str) -> Given | None:
        variable = VARIABLES.get(name)
        value = self.environment.get(variable) if variable else None
        return Given(value, f"${variable}") if value else None

    def _section(self, name: str) -> Given | None:
        found = self.profile.values.get(name)
        return Given(*found) if found else None
