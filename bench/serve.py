"""serve.py - Debian's nginx on loopback, with TLS from a certificate authority made for the run.

Both sides of every comparison fetch from it. It never outlives the program that started it.
`bench/serve.py FOLDER` prints origin and authority and serves until its input ends, for profilers.
"""

import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from make_reply import reply, search_reply

HERE = Path(__file__).resolve().parent
START_SECONDS = 10


@dataclass(frozen=True)
class Server:
    """Where the server answers and what its certificate hangs on."""

    origin: str
    ca_file: Path


def make_certificates(folder: Path) -> None:
    """Write ca.pem and, signed by it, server.pem with server.key."""
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    new += ["-nodes", "-days", "30"]
    authority = ["-subj", "/CN=TraceVault benchmark CA", "-keyout", "ca.key", "-out", "ca.pem"]
    leaf = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    leaf += ["-addext", "basicConstraints=critical,CA:FALSE", "-CA", "ca.pem", "-CAkey", "ca.key"]
    leaf += ["-keyout", "server.key", "-out", "server.pem"]
    for arguments in (authority, leaf):
        subprocess.run([*new, *arguments], cwd=folder, check=True, capture_output=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(port: int, ca_file: Path, process: subprocess.Popen[bytes]) -> None:
    context = ssl.create_default_context(cafile=str(ca_file))
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with (
                socket.create_connection(("127.0.0.1", port), timeout=1) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1"),
            ):
                return
        except OSError:
            time.sleep(0.02)
    log = ca_file.with_name("error.log")
    raise RuntimeError("nginx did not start: " + (log.read_text() if log.exists() else "no log"))


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Run nginx with its files in `folder` for as long as the block lasts."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin")
    if nginx is None:
        raise RuntimeError("nginx is not installed; run `make setup` or install nginx-light")
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    make_certificates(folder)
    (folder / "trace.json").write_bytes(reply())
    (folder / "search.json").write_bytes(search_reply())
    port = free_port()
    text = (HERE / "nginx.conf.in").read_text()
    config = folder / "nginx.conf"
    config.write_text(text.replace("@dir@", str(folder)).replace("@port@", str(port)))
    # setpriv: the kernel ends nginx when this process dies without reaching `finally`.
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", nginx, "-p", str(folder), "-c", str(config)],
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_ready(port, folder / "ca.pem", process)
        yield Server(f"https://127.0.0.1:{port}", folder / "ca.pem")
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    with serving(Path(sys.argv[1])) as running:
        print(running.origin, running.ca_file, flush=True)
        sys.stdin.read()
