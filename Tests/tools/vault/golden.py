"""golden.py - writes the golden vaults with the real library; run once per format version.

`python -m vault.golden` from Tests/, with the binding on PYTHONPATH. Leaves a vault that is
there as it is: golden files stay as the version that made them left them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tracevault as tv

FOLDER = Path(__file__).resolve().parents[2] / "data/golden/vault"
CHEAP: dict[str, str | int] = {"vault.kdf_memory_kib": 19456, "vault.kdf_passes": 2}
KEY = bytes(range(32))
PHRASE = "correct horse, not a real one"
CLOUDFLARE = "https://api.cloudflare.com"

Row = dict[str, str]


def row(
    tenant: str, number: int, label: str = "", origin: str = CLOUDFLARE, email: str = ""
) -> Row:
    kind = "global_key" if email else "api_token"
    secret = f"test-{'key' if email else 'token'}-not-real-{tenant.encode().hex()}-{number:02}"
    made = {
        "tenant": tenant,
        "account_id": f"{number:032x}",
        "kind": kind,
        "label": label,
        "origin": origin,
        "secret": secret,
    }
    return made | ({"email": email} if email else {})


def vault(
    name: str,
    unlock: dict[str, str],
    rows: list[Row],
    *,
    several: bool = False,
    then: Callable[[tv.Vault], dict[str, Any]] | None = None,
) -> None:
    path = FOLDER / f"{name}.vault"
    if path.exists():
        print(f"{path.name} is there and stays")
        return
    with tv.Vault.create(path, opened(unlock), settings=CHEAP) as made:
        for some in [[one] for one in rows] if several else [rows] if rows else []:
            with made.edit() as edit:
                for one in some:
                    put(edit, one)
        if several:
            with made.edit() as edit:
                put(edit, rows[0] | {"secret": "test-token-not-real-before"})
                edit.put("gone", f"{99:032x}", tv.ApiToken(bytearray(b"test-token-not-real-gone")))
            with made.edit() as edit:
                put(edit, rows[0])
                edit.remove("gone", f"{99:032x}")
        more = then(made) if then else {}
        accounts = sorted(rows, key=lambda one: (one["tenant"].encode(), one["account_id"]))
        told: dict[str, Any] = {"unlock": unlock, "generation": made.generation}
        told |= {"accounts": accounts} | more
    text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
    for beside in (".lock", ".prev"):
        path.with_name(path.name + beside).unlink(missing_ok=True)


def opened(unlock: dict[str, str]) -> tv.Unlock:
    if "key_file" in unlock:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "test.key")
            path.touch(0o600)
            path.write_text(unlock["key_file"])
            return tv.KeyFile(path)
    if "passphrase" in unlock:
        return tv.Passphrase(unlock["passphrase"])
    return tv.RawKey(bytearray.fromhex(unlock["key"]))


def put(edit: tv.Edit, one: Row) -> None:
    secret = bytearray(one["secret"].encode())
    credential: tv.ApiToken | tv.GlobalKey = tv.ApiToken(secret)
    if "email" in one:
        credential = tv.GlobalKey(one["email"], secret)
    edit.put(one["tenant"], one["account_id"], credential, label=one["label"], origin=one["origin"])


def rotated(made: tv.Vault) -> dict[str, Any]:
    """The first account's credential retires; the new one has every property."""
    old = row("acme", 1, "Acme EU") | {"state": "retiring"}
    new = row("acme", 1, "Acme EU, 2027") | {
        "secret": "test-token-not-real-after",
        "budget_group": "one user",
        "not_before": "2026-01-01T00:00:00+00:00",
        "expires": "2999-12-31T22:59:59+00:00",
    }
    with made.edit() as edit:
        edit.retire("acme", old["account_id"])
        put(edit, new)
        edit.set(
            "acme",
            old["account_id"],
            budget_group=new["budget_group"],
            not_before=new["not_before"],
            expires="2999-12-31T23:59:59+01:00",
        )
    return {"accounts": [new, old]}


def slots(made: tv.Vault) -> dict[str, Any]:
    """Three more unlocks are added, the second of all goes."""
    known: dict[str, str] = {"key": KEY.hex()}
    phrase = {"passphrase": PHRASE}
    file = {"key_file": "test key file of a slot, not a real one\n"}
    gone = {"key": bytes(reversed(KEY)).hex()}
    for added, label in ((gone, "gone"), (phrase, "recovery \u2013 safe"), (file, "")):
        with made.edit() as edit:
            edit.add_unlock(opened(added), known=opened(known), label=label)
    with made.edit() as edit:
        edit.remove_unlock(1)
    told = made.describe()["unlocks"]
    return {"unlocks": [known, phrase, file], "refused": [gone], "slots": told}


def rekeyed(made: tv.Vault) -> dict[str, Any]:
    new = {"key": bytes(reversed(KEY)).hex()}
    with made.edit() as edit:
        edit.rekey(opened(new))
    told = made.describe()["unlocks"]
    return {"unlock": new, "unlocks": [new], "refused": [{"key": KEY.hex()}], "slots": told}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    FOLDER.chmod(0o755)
    key, phrase = {"key": KEY.hex()}, {"passphrase": PHRASE}
    mail = "soc@globex.example"
    vault("empty", key, [])
    vault("raw", key, [row("acme", 1, "Acme EU"), row("globex", 2, email=mail)])
    vault("passphrase", phrase, [row("acme", 1), row("acme", 2, email="soc@acme.example")])
    vault("passphrase-utf8", {"passphrase": "пароль, не настоящий"}, [row("acme", 1)])
    vault("global-key", key, [row("globex", 1, "legacy", "https://gateway.example:8443", mail)])
    vault(
        "utf8",
        key,
        [row("Überwachung", 1, "Zürich \u2013 東京 ☂"), row("東京", 2, "e\u0301 \U0001f512")],
    )
    many = [row(f"tenant-{n % 4}", n, f"No {n}") for n in range(12)]
    vault("tenants", key, many)
    vault("generations", key, many[:5], several=True)
    vault("key-file", {"key_file": "test key file, not a real one\n" * 3}, [row("acme", 1)])
    vault("longest", key, [row("t" * 128, 1, "l" * 128)])
    vault("rotation", key, [row("acme", 1, "Acme EU")], then=rotated)
    vault("slots", key, [row("acme", 1), row("globex", 2, email=mail)], then=slots)
    vault("rekeyed", key, many[:3], then=rekeyed)
    # Those above were written in format 1, these in format 2.
    vault("padded", key, [row("acme", 1, "Acme EU"), row("globex", 2, email=mail)])
    vault("padded-generations", key, many[:5], several=True)
    vault("padded-longest", key, [row("t" * 128, 1, "l" * 128), row("u", 2)])
    vault("padded-rotation", key, [row("acme", 1, "Acme EU")], then=rotated)
    vault("padded-slots", key, [row("acme", 1), row("globex", 2, email=mail)], then=slots)
    vault("padded-rekeyed", key, many[:3], then=rekeyed)


if __name__ == "__main__":
    main()
