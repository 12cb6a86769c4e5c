"""The demonstration: a vault with many accounts, and traces through both bindings and the command.

    demo.py FOLDER    where the vault, its key, the C example and the page go

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
LIBRARIES = ROOT / "build/lib"
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
class Files:
    """Where the demonstration's files are."""

    folder: Path

    @property
    def vault(self) -> Path:
        return self.folder / "demo.vault"

    @property
    def key_file(self) -> Path:
        return self.folder / "demo.key"

    @property
    def page(self) -> Path:
        return self.folder / "hunt.html"

    @property
    def example(self) -> Path:
        return self.folder / "example"


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


def compile_example(files: Files) -> None:
    """The example of the C binding, against the library that was built here."""
    subprocess.run(
        ["gcc", "-std=c11", "-O2", "-Wall", "-Wextra", f"-I{ROOT / 'include'}",
         "-o", files.example, ROOT / "bindings/c/example.c", ROOT / "bindings/c/tv_trace.c",
         f"-L{LIBRARIES}", "-ltracevault", f"-Wl,-rpath,{LIBRARIES}"],
        check=True,
    )  # fmt: skip


def fill_vault(scene: Scene, files: Files) -> None:
    """A new vault file with every credential, sealed with a key that is made here."""
    for old in (*files.folder.glob("demo.*"), *files.folder.glob(files.page.name)):
        old.unlink()
    key = bytearray(secrets.token_bytes(32))
    files.key_file.touch(mode=0o600)
    files.key_file.write_bytes(key)
    with tv.Vault.create(files.vault, tv.KeyFile(files.key_file)) as vault:
        with vault.edit() as edit:
            # The example in C hands the bytes of the file to the library itself.
            edit.add_unlock(tv.RawKey(key), known=tv.KeyFile(files.key_file))
            for account in scene.accounts:
                edit.put(
                    account.tenant,
                    account.account_id,
                    account.secret,
                    label=account.label,
                    origin=scene.origin,
                )
        shown = os.path.relpath(files.vault, ROOT)
        print(f"{shown}: generation {vault.generation}, sealed; it lists")
        for row in vault.accounts():
            print(f"  {row.tenant:8}  {row.account_id}  {row.kind:10}  {row.label}")


def commands(scene: Scene, files: Files) -> Iterator[tuple[str, list[str]]]:
    """The calls, account by account: the Python example, the C example and the command in turn."""
    unlock = [f"--vault={files.vault}", f"--key-file={files.key_file}"]
    settings = [f"--set={name}={value}" for name, value in scene.settings.items()]
    python = [sys.executable, str(ROOT / "bindings/python/examples/path.py"), *unlock, "--wait=20"]
    c = [str(files.example), "-w", "20"]
    for name, value in scene.settings.items():
        c += ["-o", f"{name}={value}"]
    shell = [sys.executable, "-m", "tracevault", *unlock, *settings]
    for number, account in enumerate(scene.accounts):
        if number % 3 == 0:
            place = f"{account.tenant}/{account.account_id}"
            yield "the Python binding", [*python, *settings, place, *account.messages]
        elif number % 3 == 1:
            where = [str(files.vault), str(files.key_file), account.tenant]
            yield "the C binding", [*c, "-a", account.account_id, *where, *account.messages]
        else:
            where = ["--tenant", account.tenant, "--account", account.account_id, "--wait=20"]
            yield "the command", [*shell, "trace", *where, *account.messages]
    if scene.settings:  # not Cloudflare's own, where that sender is nobody
        yield "the command, with a page", [*shell, "hunt", *HUNT, "--html", str(files.page)]


def main() -> int:
    """Play the demonstration; 0 when every trace came."""
    given = [name for name in REAL if os.environ.get(name)]
    if given and len(given) < len(REAL):
        missing = ", ".join(name for name in REAL if name not in given)
        print(f"demo: to ask Cloudflare itself, also set {missing}", file=sys.stderr)
        return 2
    files = Files(Path(sys.argv[1]))
    files.folder.mkdir(parents=True, exist_ok=True)
    compile_example(files)
    with contextlib.nullcontext(cloudflare()) if given else standin() as scene:
        fill_vault(scene, files)
        for through, command in commands(scene, files):
            print(f"\n== through {through}", flush=True)
            done = subprocess.run(command, timeout=120)
            if done.returncode != 0:
                print(f"demo: {through} ended with {done.returncode}", file=sys.stderr)
                return 1
    if files.page.exists():
        print(f"\nThe page of the hunt: {files.page.resolve().as_uri()}")
    print("Every trace came. The programs held no secret: the vault did.")
    print("The command has a demo of its own, which needs no repository: tracevault demo")
    return 0


if __name__ == "__main__":
    sys.exit(main())
