"""manual_examples: the programs and commands of a manual page, as a reader copies them from it."""

from __future__ import annotations

import re

#: What roff shows for an escape.
SAID = {"e": "\\", "&": "", "(aq": "'"}


def examples(page: str) -> list[str]:
    """The literal blocks of the page's section EXAMPLES."""
    section = page.partition(".Sh EXAMPLES\n")[2].partition("\n.Sh ")[0]
    blocks = re.findall(r"^\.Bd .*?\n(.*?)^\.Ed$", section, flags=re.M | re.S)
    for block in blocks:
        # roff would take it for an instruction, and the reader would not see it.
        assert not re.search(r"^[.']", block, flags=re.M), block
    return [re.sub(r"\\(e|&|\(aq)", lambda found: SAID[found.group(1)], one) for one in blocks]


def strictly(commands: str) -> str:
    """The commands, with a compiler that takes no warning."""
    return re.sub(r"^cc ", "cc -Wall -Wextra -Werror ", commands, flags=re.M)


def with_settings(program: str, settings: dict[str, str]) -> str:
    """The program of the page, with settings for its engine before all else."""
    for name, value in settings.items():
        program = program.replace(
            "(s = tv_unlock_keyfile",
            f'(s = tv_config_set(config, "{name}", TV_NUL, "{value}", TV_NUL, &e)) ||\n'
            "        (s = tv_unlock_keyfile",
        )
    return program


def with_origin(program: str, origin: str) -> str:
    """The program of the page that makes a vault, with a credential for another origin."""
    return program.replace(
        "(s = tv_edit_commit(",
        f'(s = tv_edit_set(edit, "acme", TV_NUL, words[1], TV_NUL, "origin", TV_NUL, "{origin}",\n'
        "                          TV_NUL, &e)) ||\n        (s = tv_edit_commit(",
    )
