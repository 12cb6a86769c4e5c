"""The tour: a folder with a vault, and the command's own verbs, played one after the other."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..._place import Place
from ...credentials import ApiToken, KeyFile
from ...vault import Vault
from .. import out
from ..failures import Usage
from .mail import ACCOUNTS, PHISH_ID, PHISH_SUBJECT
from .standin import Standin

#: The first line of the configuration file, by which a later demo knows its own folder.
MARK = "# made by `tracevault demo`"
_PORT = re.compile(r"^api\.base_url = http://127\.0\.0\.1:(\d{1,5})/", re.MULTILINE)
#: What each demo makes anew; the page of the tour stays until another tour replaces it.
FILES = ("config", "demo.key", "demo.vault", "accounts.csv")


@dataclass(frozen=True)
class Scene:
    """The folder of a demo, ready to be used."""

    folder: Path
    standin: Standin

    @property
    def config(self) -> Path:
        """The configuration file that makes every verb use the demo."""
        return self.folder / "config"

    @property
    def accounts(self) -> Path:
        """The accounts as a table that `account import` reads."""
        return self.folder / "accounts.csv"

    @property
    def page(self) -> Path:
        """Where the tour's page goes."""
        return self.folder / "hunt.html"


@contextlib.contextmanager
def prepared(folder: Path, origin: str, standin: Standin) -> Iterator[Scene]:
    """The folder with all that is in it, for this demo alone.

    A second demo would make the files anew, and the terminals that use the first one would find
    another vault and another stand-in there.
    """
    require_own(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _hold(held, folder)
        require_own(folder)  # another demo may have been here since
        yield prepare(folder, origin, standin)
    finally:
        os.close(held)


def _hold(held: int, folder: Path) -> None:
    """Lock the folder until its descriptor is closed, by this process or by its end."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Usage(
            f"another demo uses {folder}: end it with Ctrl-C, or give another folder with --dir"
        ) from None
    except OSError:
        pass  # not every file system has locks


def require_own(folder: Path) -> None:
    """Refuse a folder with files that no demo has made."""
    if folder.exists():
        config = folder / "config"
        mine = config.is_file() and config.read_text("utf-8", "replace").startswith(MARK)
        if not mine and any(folder.iterdir()):
            raise Usage(f"{folder} is there already and is no demo's: give another with --dir")


def port_before(folder: Path) -> int:
    """The port of the demo that was in this folder, 0 where there was none.

    A vault of the user's own was made for that port, and shall work with the next demo, too.
    """
    try:
        text = (folder / "config").read_text("utf-8", "replace")
    except OSError:
        return 0
    found = _PORT.search(text) if text.startswith(MARK) else None
    return int(found[1]) if found and int(found[1]) < 65536 else 0


def prepare(folder: Path, origin: str, standin: Standin) -> Scene:
    """Fill the folder anew: a key file, a vault with the accounts, a configuration file."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    scene = Scene(folder.resolve(), standin)
    key = scene.folder / "demo.key"
    with Place(key) as place, open(place.made(os.O_WRONLY), "wb") as made:
        made.write(secrets.token_bytes(48))
    with Vault.create(scene.folder / "demo.vault", KeyFile(key)) as vault, vault.edit() as edit:
        for one in ACCOUNTS:
            edit.put(one.tenant, one.id, ApiToken(one.token), label=one.label, origin=origin)
    for path, text in ((scene.config, configuration(scene.folder, origin)),
                       (scene.accounts, accounts())):  # fmt: skip
        with Place(path) as place, open(place.made(os.O_WRONLY), "w") as file:
            file.write(text)
    return scene


def accounts() -> str:
    """What an administrator has of the accounts: a table with their tokens, which are invented."""
    rows = [f"{one.tenant},{one.id},{one.token},{one.label}\n" for one in ACCOUNTS]
    return "".join(["tenant,account_id,token,label\n", *rows])


def configuration(folder: Path, origin: str) -> str:
    """The configuration file: no option has to be typed."""
    return (
        f"{MARK}: it speaks to a stand-in on this host, never to Cloudflare\n"
        f"[default]\nvault = {folder}/demo.vault\nkey_file = {folder}/demo.key\n"
        f"api.base_url = {origin}/client/v4\napi.allow_http_loopback = true\n"
        "budget.ledger = private\n"
    )


def calls(scene: Scene) -> list[tuple[str, list[str]]]:
    """What the tour shows: a sentence, and the words behind `tracevault`."""
    first = next(mail for mail in scene.standin.mail if mail.message_id == PHISH_ID
                 and mail.account == ACCOUNTS[0])  # fmt: skip
    here = ["--tenant", first.account.tenant, "--account", first.account.id]
    return [
        ("A vault holds the credentials of many accounts, sealed:", ["account", "list"]),
        ("Somebody reports a phish. Find it:", ["search", *here, "--subject", "invoice"]),
        ("What happened to it, who got it, what did the next server say?",
         ["trace", *here, first.ids[0]]),
        ("Which accounts of all customers got it, and what became of each copy?",
         ["hunt", "--message-id", PHISH_ID, "--wait", "20", "--html", str(scene.page)]),
    ]  # fmt: skip


def environment(scene: Scene) -> dict[str, str]:
    """The variables of the tour's calls: nothing of the user's own vault counts."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TRACEVAULT_") or name == "TRACEVAULT_LIBRARY"
    }
    return {**kept, "TRACEVAULT_CONFIG": str(scene.config)}


def play(scene: Scene) -> int:
    """Run the tour; the first exit code that is not 0 ends it."""
    for sentence, words in calls(scene):
        out.line(f"# {sentence}")
        out.line(f"$ {shlex.join(['tracevault', *words])}")
        done = subprocess.run(
            [sys.executable, "-m", "tracevault", *words],
            env=environment(scene),
            stdin=subprocess.DEVNULL,
            check=False,
        )
        out.line()
        if done.returncode != 0:
            return done.returncode
    return 0


def try_these(scene: Scene) -> list[str]:
    """Calls for a second terminal, while the stand-in serves."""
    held = next(mail for mail in scene.standin.mail if mail.status == "quarantined")
    return [
        f"export TRACEVAULT_CONFIG={shlex.quote(str(scene.config))}",
        "tracevault account list",
        f"tracevault hunt --subject {shlex.quote(PHISH_SUBJECT)} --html case.html",
        f"tracevault trace --tenant {held.account.tenant} {held.ids[0]}",
        "tracevault search --tenant initech --json",
        "# A vault of your own, with the same invented tokens:",
        "tracevault init own.vault --key-file own.key",
        "export TRACEVAULT_VAULT=own.vault TRACEVAULT_KEY_FILE=own.key",
        f"tracevault account import {shlex.quote(str(scene.accounts))}",
        "tracevault account check",
        f"tracevault hunt --subject {shlex.quote(PHISH_SUBJECT)} --html own.html",
    ]
