"""``tracevault completion``: the completion script of a shell."""

from __future__ import annotations

import click

from .. import out
from ..group import NOBODY, ROOT, verb
from ..options import Options


@verb(
    "completion",
    idle=NOBODY,
    examples=(
        'eval "$(tracevault completion bash)"',
        "mkdir -p ~/.local/share/bash-completion/completions && "
        "tracevault completion bash > ~/.local/share/bash-completion/completions/tracevault",
        "mkdir -p ~/.zfunc && tracevault completion zsh > ~/.zfunc/_tracevault",
        "mkdir -p ~/.config/fish/completions && "
        "tracevault completion fish > ~/.config/fish/completions/tracevault.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def completion(options: Options, shell: str) -> None:
    """Print the completion script of a shell.

    The first example completes in the shell of now, the others in each that is started afterwards.
    For bash the package bash-completion must be there. For zsh the folder must be one of $fpath:
    fpath=(~/.zfunc $fpath) before compinit in ~/.zshrc.
    """
    options.output("table", "json")
    from ..shells import Bash, Fish, Zsh

    made = {"bash": Bash, "zsh": Zsh, "fish": Fish}[shell]
    out.write(made(ROOT, {}, "tracevault", "_TRACEVAULT_COMPLETE").source())
