"""``tracevault settings``: what ``--set`` and the configuration file take, and what counts here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ... import offline
from ..._setting_names import none_such
from .. import completed, out
from ..failures import Usage
from ..given_setting import shown
from ..group import NOBODY, verb
from ..options import Given, Options


@verb(
    "settings",
    idle=NOBODY,
    examples=("tracevault settings", "tracevault settings http", "tracevault settings --json"),
)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=completed.settings)
@click.pass_obj
def settings(options: Options, names: tuple[str, ...]) -> None:
    """List the settings of the library: all, or those of NAME, such as http or http.proxy.

    Each may be given with --set, in TRACEVAULT_SET or in the configuration file.
    """
    output = options.output("table", "json")
    known = {str(one["name"]): one for one in offline.config_properties()}
    given = options.settings()
    chosen = [known[name] for name in _chosen(names, list(known))]
    if output == "json":
        out.json_lines({**one, **_here(one["name"], given.get(one["name"]))} for one in chosen)
        return
    for one in chosen:
        _show(one, given.get(one["name"]))


def _chosen(names: tuple[str, ...], known: list[str]) -> list[str]:
    """The settings of the names: each a setting, or what comes before the dot of several."""
    if not names:
        return known
    found = []
    for name in names:
        these = [one for one in known if name in (one, one.partition(".")[0])]
        if not these:
            raise Usage(f"{none_such(name, known)}; tracevault settings lists them")
        found += these
    return found


def _here(name: str, given: Given | None) -> Mapping[str, str | None]:
    if given is None:
        return {"value": None, "source": None}
    return {"value": shown(name, given.value), "source": given.source}


def _show(one: Mapping[str, Any], given: Given | None) -> None:
    out.line(f"{one['name']}  {_takes(one)}; default: {one['default'] or 'empty'}")
    if given is not None:
        out.line(f"    here: {shown(one['name'], given.value)}, from {given.source}")
    out.line(f"    {one['text']}")


def _takes(one: Mapping[str, Any]) -> str:
    """What values a setting takes, in words."""
    if one["type"] == "integer":
        return f"{one['min']} to {one['max']}"
    if one["type"] == "choice":
        return " or ".join(one["choices"])
    return "true or false" if one["type"] == "bool" else f"text, at most {one['max_len']} bytes"
