"""faults: a TCP proxy on loopback whose connections fall ill and recover, from a seed.

TLS passes through unread. Runs on an event loop in a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator

from .toxics import AT_ACCEPT, Toxic, draw

#: Seconds for which one toxic, or none, stays on a connection.
_SPELL = (0.02, 0.4)
_PIECE = 65536
#: Bytes between two pauses of a slicer, whose pieces may be single bytes.
_SLICER_PAUSE_EVERY = 16


class Link:
    """One connection through the proxy."""

    def __init__(
        self,
        proxy: FaultProxy,
        number: int,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._chance = random.Random(f"{proxy.seed} {number}")
        self._client = client
        self._writers = [client[1]]
        self._toxic: Toxic | None = None
        #: Bytes that a limit still lets through; None: no limit.
        self._left: int | None = None
        self._held = False

    async def run(self) -> None:
        first = self._draw()
        if first and first.name == AT_ACCEPT:
            self._reset()
            return
        try:
            server = await asyncio.open_connection("127.0.0.1", self._proxy.target)
        except OSError:
            self._reset()
            return
        self._writers.append(server[1])
        tasks = [
            asyncio.ensure_future(work)
            for work in (
                self._pump(self._client[0], server[1]),
                self._pump(server[0], self._client[1]),
                self._weather(),
            )
        ]
        try:
            # The end of one is the end of all: half-open connections are the toxics' business.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._close()

    def _draw(self) -> Toxic | None:
        toxic = None if self._proxy.calm else draw(self._chance)
        if toxic:
            self._proxy.met[toxic.name] += 1
        return toxic

    async def _weather(self) -> None:
        """Changes what is wrong; ends with the connection's end."""
        while True:
            toxic = self._toxic = self._draw()
            self._left = toxic.amount if toxic and toxic.name == "limit_data" else None
            seconds = toxic.amount / 1000 if toxic else 0
            if toxic and toxic.name == "reset_peer":
                await asyncio.sleep(seconds)
                self._reset()
                return
            if toxic and toxic.name == "timeout":
                self._held = True
                await self._sleep_unless_calm(seconds)
                return
            if toxic and toxic.name == "slow_close":
                with contextlib.suppress(OSError, RuntimeError):
                    self._chance.choice(self._writers).write_eof()
                await self._sleep_unless_calm(seconds)
                return
            await self._sleep_unless_calm(self._chance.uniform(*_SPELL))

    async def _sleep_unless_calm(self, seconds: float) -> None:
        until = asyncio.get_running_loop().time() + seconds
        while not self._proxy.calm and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.02)
        if self._proxy.calm:
            await asyncio.sleep(0.02)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE):
                if not await self._pass(piece, writer):
                    return

    async def _pass(self, piece: bytes, writer: asyncio.StreamWriter) -> bool:
        """Hands a piece on as the toxic of the moment has it; False ends the connection."""
        toxic = self._toxic
        if self._held:
            return True
        if self._left is not None:
            piece = piece[: self._left]
            self._left -= len(piece)
        name, amount = (toxic.name, toxic.amount) if toxic else ("", 0)
        if name == "latency":
            await asyncio.sleep(self._chance.uniform(0.5, 1.5) * amount / 1000)
        if name == "bandwidth":
            await asyncio.sleep(len(piece) / amount)
        step = amount if name == "slicer" else len(piece) or 1
        for number, at in enumerate(range(0, len(piece), step)):
            writer.write(piece[at : at + step])
            await writer.drain()
            if name == "slicer" and number % _SLICER_PAUSE_EVERY == 0:
                await asyncio.sleep(0.001)
        return self._left is None or self._left > 0

    def _reset(self) -> None:
        for writer in self._writers:
            sock = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def _close(self) -> None:
        for writer in self._writers:
            writer.close()


class FaultProxy:
    """Listens on `port`; `calm` makes it harmless from now on."""

    def __init__(self, target: int, seed: int) -> None:
        self.target = target
        self.seed = seed
        self.calm = False
        #: How often each toxic was met.
        self.met: Counter[str] = Counter()
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self._thread.start()

    async def _run(self) -> None:
        server = await asyncio.start_server(self._serve, sock=self._listener)
        await self._stop.wait()
        server.close()
        links = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.CancelledError):
            await Link(self, self.connections, (reader, writer)).run()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()


@contextlib.contextmanager
def faults(target: int, seed: int) -> Iterator[FaultProxy]:
    proxy = FaultProxy(target, seed)
    try:
        yield proxy
    finally:
        proxy.close()
