"""places.py - a port where nobody listens, a file that only its owner reads, a way to our modules."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path


def free_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def secret_file(file: Path, text: str) -> Path:
    """The file with this text, for its owner alone."""
    file.unlink(missing_ok=True)
    file.touch(0o600)
    file.write_text(text, encoding="utf-8")
    file.chmod(0o400)
    return file


def python_path(*first: Path) -> str:
    """What PYTHONPATH has to be for a process that imports what this one does."""
    return os.pathsep.join([*map(str, first), *filter(None, sys.path)])
