"""far.py - a server at a distance: what passes, either way, comes a while later.

far.py PORT SECONDS    prints its own port and forwards to PORT of loopback until its input ends
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit


@contextmanager
def at_a_distance(origin: str, seconds: float) -> Iterator[str]:
    """The same server at another port, `seconds` away in each direction; gives its origin."""
    port = urlsplit(origin).port
    command = [sys.executable, str(Path(__file__).resolve()), str(port), str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield f"https://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.wait()


async def forward(port: int, seconds: float) -> None:
    async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(65536):
                await asyncio.sleep(seconds)
                target.write(piece)
                await target.drain()
        except OSError:
            pass  # one side has gone
        target.close()

    async def connected(near: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        there, ask = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pass_on(near, ask), pass_on(there, answer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(forward(int(sys.argv[1]), float(sys.argv[2])))
