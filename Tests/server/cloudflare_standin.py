"""cloudflare_standin: the process that serves the stand-in.

Opens the ports, makes the certificates, says where it is in one JSON line on standard output and
stops on SIGTERM, SIGINT or, when asked, at the end of standard input.  What it answers is decided
in the package `standin`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import ssl
import tempfile
import threading
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config

from standin import catalogue, certificates
from standin.accounts import Directory
from standin.api import Api
from standin.control import LOG_LIMIT, RequestLog
from standin.quota import AddressLimit, Quota
from standin.raw import RawServer
from standin.routes import PREFIX

HERE = Path(__file__).resolve().parent
TRACES = HERE.parent / "data" / "traces.json"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A Cloudflare Email Security stand-in.")
    parser.add_argument("--port", type=int, default=0, help="HTTPS port; 0 takes a free one")
    parser.add_argument("--plain-port", type=int, default=0, help="HTTP port; 0 takes a free one")
    parser.add_argument("--dir", type=Path, help="where certificates go; default: a new folder")
    parser.add_argument("--accounts", type=Path, default=HERE / "accounts.json")
    parser.add_argument("--traces", type=Path, default=TRACES)
    parser.add_argument("--quota", type=int, default=1200, help="requests per window; 0 lifts it")
    parser.add_argument("--window", type=float, default=300, help="seconds the quota covers")
    parser.add_argument("--block", type=float, default=300, help="seconds blocked after overrun")
    parser.add_argument("--burst", type=int, default=0, help="a second policy's requests")
    parser.add_argument("--burst-window", type=float, default=60, help="what that one covers")
    parser.add_argument("--odd-headers", action="store_true", help="odd Ratelimit spellings")
    parser.add_argument("--no-headers", action="store_true", help="no Ratelimit headers")
    parser.add_argument("--ip-limit", type=int, default=0, help="requests per second and address")
    parser.add_argument("--log-limit", type=int, default=LOG_LIMIT, help="requests remembered")
    parser.add_argument("--http1-only", action="store_true", help="do not offer HTTP/2")
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when stdin ends")
    return parser.parse_args()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def _config(
    files: certificates.Files, tls: socket.socket, plain: socket.socket, http1_only: bool
) -> Config:
    config = Config()
    config.bind = [f"fd://{tls.detach()}"]
    config.insecure_bind = [f"fd://{plain.detach()}"]
    config.certfile, config.keyfile = str(files.certificate), str(files.key)
    config.alpn_protocols = ["http/1.1"] if http1_only else ["h2", "http/1.1"]
    config.include_server_header = False
    config.graceful_timeout = 0.5
    # Longer than a client keeps a connection that nobody uses, as at Cloudflare: a host whose turn
    # comes after some seconds finds its connection open.
    config.keep_alive_timeout = 180
    config.keep_alive_max_requests = 1_000_000
    config.h2_max_concurrent_streams = 256
    config.accesslog = None
    config.loglevel = "WARNING"
    return config


async def _run(options: argparse.Namespace, folder: Path) -> None:
    files = certificates.create(folder)
    directory = Directory.load(options.accounts)
    messages = catalogue.load(options.traces, directory)
    quota = Quota(
        options.quota,
        options.window,
        options.block,
        options.burst,
        options.burst_window,
        options.odd_headers,
        options.no_headers,
    )
    log = RequestLog(options.log_limit)
    api = Api(directory, messages, quota, AddressLimit(options.ip_limit), log)
    tls, plain, bare = _listen(options.port), _listen(options.plain_port), _listen(0)
    ports = [listener.getsockname()[1] for listener in (tls, plain, bare)]
    api.origins = {
        "https": f"https://localhost:{ports[0]}",
        "host": f"https://127.0.0.1:{ports[0]}",
        "plain": f"http://127.0.0.1:{ports[1]}",
        "elsewhere": f"https://localhost:{ports[2]}",
    }

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.set_alpn_protocols(["http/1.1"])
    raw = await RawServer(log).start(bare, context)

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.exit_with_stdin:
        # A thread, because standard input may be a plain file, which no event loop can watch.
        def watch() -> None:
            # Unbuffered: a thread inside a buffered read may not outlive the interpreter.
            while os.read(0, 4096):
                pass
            # A signal may have stopped, and closed, the loop before standard input ended.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(stop.set)

        threading.Thread(target=watch, daemon=True).start()

    async def stopped() -> None:
        await stop.wait()

    # The sockets listen before the line is printed: who reads it may connect at once.
    tls.listen(512)
    plain.listen(512)
    config = _config(files, tls, plain, options.http1_only)
    print(
        json.dumps(
            {
                "base_url": f"https://localhost:{ports[0]}{PREFIX}",
                "plain_base_url": f"http://127.0.0.1:{ports[1]}{PREFIX}",
                "raw_base_url": f"https://localhost:{ports[2]}{PREFIX}",
                "ca_file": str(files.ca),
                "accounts_file": str(options.accounts.resolve()),
                "traces_file": str(options.traces.resolve()),
            }
        ),
        flush=True,
    )
    # Its type wants a framework's application class; this is the same calling convention.
    await serve(api, config, shutdown_trigger=stopped)  # type: ignore[arg-type]
    raw.close()


def main() -> None:
    options = _options()
    # Clients that break off on purpose are the point of many tests, not news.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    if options.dir is not None:
        options.dir.mkdir(parents=True, exist_ok=True)
        asyncio.run(_run(options, options.dir.resolve()))
        return
    with tempfile.TemporaryDirectory(prefix="standin-") as folder:
        asyncio.run(_run(options, Path(folder)))


if __name__ == "__main__":
    main()
