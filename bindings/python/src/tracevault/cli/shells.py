"""The completion scripts of bash, zsh and fish, and what they ask the command.

Click brings scripts of its own, but they hand over words that bash has cut at ``=`` and ``:``, and
take ``--format=`` away in zsh. Ours hand over the line up to the cursor; it is cut here, once for
all shells. Each script keeps what stands before the value in ``--name=value``.
"""

from __future__ import annotations

import os
import re

from click.shell_completion import (
    BashComplete,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

#: Ends the word under the cursor, so that an empty one is a word as well.
_CURSOR = "\0"
#: What a shell allows before a command.
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")

_BASH = r"""%(complete_func)s() {
    local IFS=$'\n' before= response one
    # Where "=" cuts no words, the word under the cursor has the option's name as well.
    [[ $2 == --*=* ]] && before=${2%%%%=*}=
    response=$(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" %(complete_var)s=bash_complete "$1")
    COMPREPLY=()
    while read -r one; do
        case $one in
        dir,*) compopt -o dirnames ;;
        file,*) compopt -o default ;;
        plain,*=) compopt -o nospace; COMPREPLY+=("$before${one#plain,}") ;;
        plain,*) COMPREPLY+=("$before${one#plain,}") ;;
        esac
    done <<<"$response"
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_ZSH = r"""#compdef %(prog_name)s

_%(prog_name)s() {
    local -a plain described begun response
    local type key descr
    (( $+commands[%(prog_name)s] )) || return 1
    response=("${(@f)$(env COMP_LINE="${words[1,CURRENT-1]} $PREFIX" \
        %(complete_var)s=zsh_complete %(prog_name)s)}")
    compset -P 1 '--*='
    for type key descr in $response; do
        case $type in
        dir) _path_files -/ ;;
        file) _path_files -f ;;
        plain)
            if [[ $key == *= ]]; then
                begun+=("$key")
            elif [[ $descr == _ ]]; then
                plain+=("$key")
            else
                described+=("$key:$descr")
            fi
            ;;
        esac
    done
    (( $#described )) && _describe -V unsorted described
    (( $#begun )) && compadd -S '' -a begun
    (( $#plain )) && compadd -V unsorted -a plain
}

# A file of a folder of $fpath is the function itself, for its first call; then it is the one above.
if [[ $funcstack[1] == _%(prog_name)s ]]; then
    _%(prog_name)s "$@"
else
    compdef _%(prog_name)s %(prog_name)s
fi
"""

_FISH = r"""function %(complete_func)s
    set -l before (string match -r -- '^--[^=]+=' (commandline -ct))
    set -l line (commandline -cp | string join ' ')
    for one in (env COMP_LINE="$line" %(complete_var)s=fish_complete %(prog_name)s)
        set -l told (string split -m 1 , -- $one)
        switch $told[1]
            case dir
                printf '%%s\n' "$before"(__fish_complete_directories $told[2])
            case file
                printf '%%s\n' "$before"(__fish_complete_path $told[2])
            case plain
                printf '%%s\n' "$before$told[2]"
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


class _Line(ShellComplete):
    """What is asked with the line up to the cursor."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor's, and the cursor's as far as it is typed."""
        words = split_arg_string(os.environ.get("COMP_LINE", "") + _CURSOR)
        while len(words) > 1 and _ASSIGNMENT.match(words[0]):
            del words[0]
        return words[1:-1], words[-1].removesuffix(_CURSOR)


class Bash(_Line, BashComplete):
    """bash 4.4 and newer."""

    source_template = _BASH


class Zsh(_Line, ZshComplete):
    """zsh, by a folder of $fpath or by eval."""

    source_template = _ZSH


class Fish(_Line, FishComplete):
    """fish 3 and newer."""

    source_template = _FISH


def known() -> None:
    """Tell click of them, in the place of its own."""
    for one in (Bash, Zsh, Fish):
        add_completion_class(one)
