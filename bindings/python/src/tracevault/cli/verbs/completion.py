"""``tracevault completion``: the completion script of a shell."""

from __future__ import annotations

import click

from .. import out
from ..group import ROOT, verb


@verb("completion", examples=("tracevault completion bash", "tracevault completion zsh"))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    bash: tracevault completion bash > ~/.local/share/bash-completion/completions/tracevault.
    zsh: into a file _tracevault of a folder of $fpath.
    fish: tracevault completion fish > ~/.config/fish/completions/tracevault.fish.
    """
    from ..shells import Bash, Fish, Zsh

    made = {"bash": Bash, "zsh": Zsh, "fish": Fish}[shell]
    out.write(made(ROOT, {}, "tracevault", "_TRACEVAULT_COMPLETE").source())
