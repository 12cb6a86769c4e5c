"""The demonstration: a vault with many accounts, and traces through both bindings and the command.

Runs against the stand-in for Cloudflare in Tests/server. With CLOUDFLARE_API_TOKEN,
CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_MESSAGE_ID set, it asks Cloudflare itself for that message.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tracevault as tv

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build/demo"
VAULT = FOLDER / "demo.vault"
KEY_FILE = FOLDER / "demo.key"
PAGE = FOLDER / "hunt.html"
#: What the hunt looks for: all mail to one recipient.
HUNT = ("--recipient", "ok3@example.com", "--wait", "20")
REAL = ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_MESSAGE_ID")


@dataclass(frozen=True)
class Account:
    """One account as the vault gets it, and the messages to ask for."""

    tenant: str
    account_id: str
    label: str
    secret: tv.ApiToken | tv.GlobalKey
    messages: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """Whom to ask, and about what."""

    settings: dict[str, str]
    origin: str
    accounts: tuple[Account, ...]


def cloudflare() -> Scene:
    """One message of one real account."""
    token, account_id, message = (os.environ[name] for name in REAL)
    account = Account("demo", account_id, "demo", tv.ApiToken(token), (message,))
    return Scene({}, "https://api.cloudflare.com", (account,))


@contextlib.contextmanager
def standin() -> Iterator[Scene]:
    """Three tenants with five accounts, served on loopback; stops with the context."""
    sys.path.insert(0, str(ROOT / "Tests/server"))
    from launcher import standin as start

    with start() as server:
        accounts = []
        for account in server.accounts:
            known = server.credential(account.id)
            secret = (
                tv.ApiToken(known.token)
                if known.kind == "api_token"
                else tv.GlobalKey(known.email, known.key)
            )
            outcomes = {m.outcome: m.investigate_id for m in server.messages_of(account.id)}
            waiting = [m for m in server.messages_of(account.id) if m.pending_requests][:1]
            refs = list(outcomes.values())[:3] + [m.postfix_id for m in waiting]
            accounts.append(Account(account.tenant, account.id, account.label, secret, tuple(refs)))
        yield Scene(
            {"api.base_url": server.base_url, "tls.ca_file": server.ca_file},
            server.origin,
            tuple(accounts),
        )


def fill_vault(scene: Scene) -> None:
    """A new vault file with every credential, sealed with a key that is made here."""
    for old in (*FOLDER.glob("demo.*"), *FOLDER.glob(PAGE.name)):
        old.unlink()
    key = bytearray(secrets.token_bytes(32))
    KEY_FILE.touch(mode=0o600)
    KEY_FILE.write_bytes(key)
    with tv.Vault.create(VAULT, tv.RawKey(key)) as vault:
        with vault.edit() as edit:
            for account in scene.accounts:
                edit.put(
                    account.tenant,
                    account.account_id,
                    account.secret,
                    label=account.label,
                    origin=scene.origin,
                )
        print(f"{VAULT.relative_to(ROOT)}: generation {vault.generation}, sealed; it lists")
        for row in vault.accounts():
            print(f"  {row.tenant:8}  {row.account_id}  {row.kind:10}  {row.label}")


def commands(scene: Scene) -> Iterator[tuple[str, list[str]]]:
    """The calls, account by account: the Python example, the C example and the command in turn."""
    unlock = [f"--vault={VAULT}", f"--key-file={KEY_FILE}"]
    settings = [f"--set={name}={value}" for name, value in scene.settings.items()]
    python = [sys.executable, str(ROOT / "bindings/python/examples/path.py"), *unlock, "--wait=20"]
    c = [str(FOLDER / "example"), "-w", "20"]
    for name, value in scene.settings.items():
        c += ["-o", f"{name}={value}"]
    shell = [str(Path(sys.executable).with_name("tracevault")), *unlock, *settings]
    for number, account in enumerate(scene.accounts):
        if number % 3 == 0:
            place = f"{account.tenant}/{account.account_id}"
            yield "the Python binding", [*python, *settings, place, *account.messages]
        elif number % 3 == 1:
            where = ["-a", account.account_id, str(VAULT), str(KEY_FILE), account.tenant]
            yield "the C binding", [*c, *where, *account.messages]
        else:
            where = ["--tenant", account.tenant, "--account", account.account_id, "--wait=20"]
            yield "the command", [*shell, "trace", *where, *account.messages]
    if scene.settings:  # not Cloudflare's own, where that sender is nobody
        yield "the command, with a page", [*shell, "hunt", *HUNT, "--html", str(PAGE)]


def main() -> int:
    """Play the demonstration; 0 when every trace came."""
    given = [name for name in REAL if os.environ.get(name)]
    if given and len(given) < len(REAL):
        missing = ", ".join(name for name in REAL if name not in given)
        print(f"demo: to ask Cloudflare itself, also set {missing}", file=sys.stderr)
        return 2
    with contextlib.nullcontext(cloudflare()) if given else standin() as scene:
        fill_vault(scene)
        for through, command in commands(scene):
            print(f"\n== through {through}", flush=True)
            done = subprocess.run(command, timeout=120)
            if done.returncode != 0:
                print(f"demo: {through} ended with {done.returncode}", file=sys.stderr)
                return 1
    if PAGE.exists():
        print(f"\nThe page of the hunt: {PAGE.as_uri()}")
    print("Every trace came. The programs held no secret: the vault did.")
    print("The command has a demo of its own, which needs no repository: tracevault demo")
    return 0


if __name__ == "__main__":
    sys.exit(main())
