"""What a signal does stays the host's, however many engines end side by side."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from c_programs import ABI
from places import python_path

#: Threads make engines and close them.
PROGRAM = """
import threading
import tracevault as tv

def work():
    for _ in range(20):
        tv.Engine().close()

threads = [threading.Thread(target=work) for _ in range(4)]
for one in threads:
    one.start()
for one in threads:
    one.join()
"""


def test_libcurl_frees_connections_in_one_thread_at_a_time(tmp_path: Path) -> None:
    """While it does, it has the process ignore SIGPIPE, and puts back what it has found."""
    library = tmp_path / "freeing.so"
    source = ABI / "freeing.c"
    subprocess.run(
        ["gcc", "-std=c11", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", library, source],
        check=True,
    )
    environment = {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": python_path()}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
