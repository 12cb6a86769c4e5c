"""terminal.py - the command's first trace beside the library's, and what its start alone takes.

On loopback an answer takes a few milliseconds, so that every import counts. Cloudflare is further
away, and the command loads what draws its picture while it waits.
"""

from collections.abc import Callable
from pathlib import Path

from compare import ACCOUNTS, HERE, Figure, Setting, alternate, until_printed
from far import at_a_distance

#: What pip's script of the command does.
COMMAND = "import sys; from tracevault.cli import main; sys.exit(main())"
#: How far away the other server is in each direction. Three times there and back before the first
#: byte of an answer: TCP, TLS, the request.
SECONDS = 0.02


def first_trace(setting: Setting) -> list[Figure]:
    with at_a_distance(setting.server.origin, SECONDS) as far:
        return [
            against_library(setting, "command.json_vs_library", setting.server.origin, "--json"),
            against_library(setting, "command.picture_vs_library", far),
        ]


def start(setting: Setting) -> list[Figure]:
    """What needs no vault, beside the start of the interpreter that prints a line."""
    bare = (setting.python, "-c", "print('started')")
    ours = (setting.python, "-c", COMMAND)
    asked: dict[str, Callable[[], float]] = {
        "version": lambda: until_printed(setting, "tracevault ", *ours, "--version"),
        # A tab behind `tracevault tra`.
        "completion": lambda: until_printed(
            setting, "trace", *ours, _TRACEVAULT_COMPLETE="bash_complete",
            COMP_LINE="tracevault tra",
        ),
    }  # fmt: skip
    found = []
    for name, run in asked.items():
        ratio, detail = alternate(
            4 * setting.pairs, run, lambda: until_printed(setting, "started", *bare)
        )
        more = detail["left"] - detail["right"]
        found.append(Figure(f"command.{name}_vs_start", ratio, detail))
        found.append(Figure(f"command.{name}_more_ms", more, {"pairs": detail["pairs"]}))
    return found


def against_library(setting: Setting, key: str, origin: str, *how: str) -> Figure:
    vault, secret = setting.programs / f"{key}.vault", setting.programs / f"{key}.key"
    for old in (vault, secret):
        old.unlink(missing_ok=True)
    setting.run(setting.python, HERE / "ours.py", "vault", origin, vault, secret, ACCOUNTS)
    ca_file = setting.server.ca_file
    library: tuple[str | Path, ...] = (
        setting.python, HERE / "first_trace_ours.py", origin, ca_file, vault, secret
    )  # fmt: skip
    command: tuple[str | Path, ...] = (
        setting.python, "-c", COMMAND, "trace", "--vault", vault, "--key-file", secret,
        "--tenant", "tenant-50", "--account", f"{500:032x}", "--set", f"tls.ca_file={ca_file}",
        "--set", f"api.base_url={origin}/client/v4", *how, "4Njp3P0STMz2c02Q",
    )  # fmt: skip
    ratio, detail = alternate(
        setting.pairs,
        lambda: until_printed(setting, "4Njp3P0STMz2c02Q", *command),
        lambda: until_printed(setting, "postfix/", *library),
    )
    return Figure(key, ratio, detail)
