"""The command ``tracevault``. Needs the extra ``cli`` (click and rich); the library needs neither.

Nothing here is imported by ``import tracevault``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit code."""
    try:
        from .start import loaded, quickly

        quickly()
        from .run import run

        loaded()
    except KeyboardInterrupt:
        return 130  # before there is anything to go on with
    except ModuleNotFoundError as missing:
        if missing.name not in ("click", "rich"):
            raise
        sys.stderr.write(
            f"tracevault: the command needs {missing.name}: pip install 'tracevault[cli]'\n"
        )
        return 2
    return run(sys.argv[1:] if arguments is None else list(arguments))
