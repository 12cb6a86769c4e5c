"""sink: the next hop, which accepts, defers or rejects by the recipient's name.

SMTP and LMTP on one port, STARTTLS offered (hence Python 3.11).  It keeps no mail.
  defer-once*   451 the first time, accepted later      defer*   451 always
  reject*       550 at RCPT TO                          data-reject*   554 after DATA
  hangup*       closes the connection                   anything else  accepted
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import time

ALPHABET = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


def _base(number: int, base: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, base)
        digits = ALPHABET[rest] + digits
    return digits or "0"


class Sink:
    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._deferred: set[str] = set()
        self._inode = 400_000

    def _queue_id(self) -> str:
        """An id of the next hop, in the form Postfix would give it."""
        self._inode += 7
        now = time.time_ns() // 1000
        seconds, micros = divmod(now, 1_000_000)
        return f"{_base(seconds, 52)}{_base(micros, 52).rjust(4, '0')}z{_base(self._inode, 51)}"

    def _recipient(self, address: str) -> str:
        name = address.partition("@")[0].lower()
        if name.startswith("defer-once") and address not in self._deferred:
            self._deferred.add(address)
            return "451 4.7.1 Greylisted, please try again (policy)"
        if name.startswith("defer") and not name.startswith("defer-once"):
            return "451 4.3.0 Mailbox busy, try later"
        if name.startswith("reject"):
            return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown"
        return "250 2.1.5 Ok"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._session(reader, writer)
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lmtp, secure, accepted = False, False, list[str]()

        def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")

        say("220 mx2.example.org ESMTP")
        while line := await reader.readline():
            verb, _, rest = line.decode("latin-1").strip().partition(" ")
            verb = verb.upper()
            if verb in ("EHLO", "LHLO"):
                lmtp = verb == "LHLO"
                offered = [] if secure else ["STARTTLS"]
                names = ["mx2.example.org", *offered, "ENHANCEDSTATUSCODES", "8BITMIME"]
                writer.write("".join(f"250-{n}\r\n" for n in names[:-1]).encode())
                say(f"250 {names[-1]}")
            elif verb == "STARTTLS":
                say("220 2.0.0 Ready to start TLS")
                await writer.drain()
                await writer.start_tls(self._context)
                secure = True
            elif verb == "RCPT":
                address = rest.partition("<")[2].partition(">")[0]
                if address.startswith("hangup"):
                    return
                answer = self._recipient(address)
                if answer.startswith("250"):
                    accepted.append(address)
                say(answer)
            elif verb == "DATA":
                say(
                    "354 End data with <CR><LF>.<CR><LF>" if accepted else "554 5.5.1 No recipients"
                )
                if accepted:
                    await writer.drain()
                    await reader.readuntil(b"\r\n.\r\n")
                    for address in accepted if lmtp else accepted[:1]:
                        say(self._end_of_data(address))
                accepted = []
            elif verb == "QUIT":
                say("221 2.0.0 Bye")
                await writer.drain()
                return
            else:
                say("250 2.0.0 Ok")
            await writer.drain()

    def _end_of_data(self, address: str) -> str:
        if address.startswith("data-reject"):
            return "554 5.7.1 Message refused (content <spam>, score 12.5)"
        return f"250 2.0.0 Ok: queued as {self._queue_id()}"


async def main() -> None:
    parser = argparse.ArgumentParser(description="An SMTP and LMTP sink on loopback.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    options = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    server = await asyncio.start_server(Sink(context).serve, "127.0.0.1", options.port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
