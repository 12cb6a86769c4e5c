"""troubles: what happens to hosts in an hour. Each goes wrong for some seconds, and is over after it."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import tracevault as tv
from launcher import Standin, standin
from proxy.faults import FaultProxy
from standin.accounts import Credential

from .hosts import Host

ACME = "acae0000000000000000000000000001"
#: A day and a half, and forty days: certificates of the stand-in last for two days and began an hour ago.
_JUMPS_S = (-1800, 1800, 130_000, -7_200, 40 * 86_400, -40 * 86_400)


class World:
    """The server, the way to it, the disk and the clock of the hosts."""

    def __init__(self, folder: Path, disk: Path, seed: int, longest_outage: float) -> None:
        self.disk = disk
        self._longest_outage = longest_outage
        self.ca_file = folder / "ca.pem"
        self.clock = folder / "clock"
        self.met: Counter[str] = Counter()
        self.hosts: list[Host] = []
        self.faults: list[str] = []
        self._chance = random.Random(seed)
        self._serving = contextlib.ExitStack()
        self.server = self._serve()
        self.proxy = FaultProxy(urlsplit(self.server.base_url).port or 443, seed)
        self.proxy.calm = True
        self.base_url = f"https://127.0.0.1:{self.proxy.port}" + urlsplit(self.server.base_url).path
        self._token = 0
        self._label = "label-0"
        self.set_clock(0)
        self.vault = self._new_vault()

    def _serve(self) -> Standin:
        """A new server has a new authority, whose file takes the place of the old one's at once."""
        server = self._serving.enter_context(standin(quota=0))
        shutil.copy(server.ca_file, self.ca_file.with_suffix(".new"))
        self.ca_file.with_suffix(".new").rename(self.ca_file)
        return server

    def _tokens(self) -> tuple[str, str]:
        return self.server.credential(ACME).secret, self.server.named("user token").secret

    def _new_vault(self) -> tv.Vault:
        key = self.disk / "soc.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(32))
        vault = tv.Vault.create(self.disk / "soc.vault", tv.KeyFile(key))
        with vault.edit() as edit:
            self._put(edit, self._tokens()[0], self._label)
        return vault

    def _put(self, edit: tv.Edit, token: str, label: str) -> None:
        origin = self.base_url.removesuffix("/client/v4")
        edit.put("acme", ACME, tv.ApiToken(token.encode()), origin=origin, label=label)

    def set_clock(self, seconds: int) -> None:
        if not self.clock.exists():
            self.clock.write_bytes(struct.pack("q", seconds))
        with self.clock.open("r+b", buffering=0) as file:
            file.write(struct.pack("q", seconds))

    def close(self) -> None:
        self.proxy.close()
        self._serving.close()
        self.vault.close()

    # ---- what goes wrong

    def _last(self, least: float, most: float) -> None:
        time.sleep(self._chance.uniform(least, most))

    def restart_server(self) -> None:
        self._serving.close()
        self._last(0.2, self._longest_outage)
        self.server = self._serve()
        self.proxy.target = urlsplit(self.server.base_url).port or 443
        # It knows of no revocation; the token that was replaced is refused again.
        self.server.revoke(self._credential(1 - self._token))

    def bad_weather(self) -> None:
        self.proxy.calm = False
        self._last(2, 6)
        self.proxy.calm = True

    def rotate_credential(self) -> None:
        new = 1 - self._token
        self.server.restore(self._credential(new))
        label = f"label-{self.met.total()}"
        with self.vault.edit() as edit:
            edit.retire("acme", ACME)
            self._put(edit, self._tokens()[new], label)
            edit.remove_retiring("acme", ACME)
        self._token, self._label = new, label
        self._last(1, 2)
        self.server.revoke(self._credential(1 - new))

    def _credential(self, number: int) -> Credential:
        secret = self._tokens()[number]
        return next(one for one in self.server.directory.credentials if one.secret == secret)

    def rotate_logs(self) -> None:
        for host in self.hosts:
            old = host.rotate()
            if old is None:
                continue
            self._last(0.5, 1)  # its reader has come to its end
            for line in old.read_bytes().splitlines(keepends=True):
                if not line.endswith(b"}\n"):
                    self.faults.append(f"{old.name} has a broken row: {line[-200:]!r}")
            old.unlink()

    def fill_disk(self) -> None:
        ballast = self.disk / "ballast"
        with filling(ballast) as fill:
            fill()
            label = f"label-{self.met.total()}"
            try:
                with self.vault.edit() as edit:
                    edit.set("acme", ACME, label=label)
                self._label = label
            except tv.TraceVaultError as error:
                if error.status != tv.Status.E_IO:
                    raise
            for _ in range(self._chance.randint(2, 6)):
                self._last(0.5, 1)
                fill()

    def jump_clock(self) -> None:
        self.set_clock(self._chance.choice(_JUMPS_S))
        self._last(2, 6)
        self.set_clock(0)

    def all_troubles(self) -> list[Callable[[], None]]:
        troubles = [
            self.restart_server, self.bad_weather, self.rotate_credential, self.rotate_logs,
            self.jump_clock,
        ]  # fmt: skip
        return troubles + [self.fill_disk] * self.disk.is_mount()

    def endure(self, seconds: float) -> None:
        """Troubles in an order of chance, each before any comes again, with a calm between them."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for trouble in self._chance.sample(self.all_troubles(), len(self.all_troubles())):
                trouble()
                self.met[trouble.__name__] += 1
                self._last(0.5, 3)

    def check_vault(self) -> None:
        with tv.Vault.open(self.disk / "soc.vault", tv.KeyFile(self.disk / "soc.key")) as vault:
            label = vault.accounts()[0].label
        if label != self._label:
            self.faults.append(f"the vault has {label}, acknowledged was {self._label}")


@contextlib.contextmanager
def filling(ballast: Path) -> Iterator[Callable[[], None]]:
    """A file system without a free byte, as often as it is asked for."""
    with ballast.open("ab", buffering=0) as file:

        def fill() -> None:
            with contextlib.suppress(OSError):
                for size in (65536, 1):
                    with contextlib.suppress(OSError):
                        while file.write(b"x" * size):
                            pass

        yield fill
    ballast.unlink()
