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

FOLDER = Path(__file__).resolve().parents[1] / "golden/vault"
CHEAP: dict[str, str | int] = {"vault.kdf_memory_kib": 19456, "vault.kdf_passes": 2}
KEY = bytes(range(32))
PHRASE = "correct horse, not a real one"
OTHER_KEY = bytes(reversed(KEY))
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
    first: dict[str, str] | None = None,
    then: Callable[[Path], None] | None = None,
) -> None:
    """`unlock` opens it in the end, `first` where that changes; `then` does the rest."""
    path = FOLDER / f"{name}.vault"
    if path.exists():
        print(f"{path.name} is there and stays")
        return
    with tv.Vault.create(path, opened(first or unlock), settings=CHEAP) as made:
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
    if then is not None:
        then(path)
    with tv.Vault.open(path, opened(unlock)) as made:
        told: dict[str, Any] = {"unlock": unlock, "generation": made.generation}
    told["accounts"] = sorted(rows, key=lambda one: (one["tenant"].encode(), one["account_id"]))
    text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
    for beside in (".lock", ".prev"):
        path.with_name(path.name + beside).unlink(missing_ok=True)


def slots(path: Path) -> None:
    """Slots 1 to 3 beside the first, then a gap: 0 raw, 1 none, 2 a passphrase, 3 none, 4 raw."""
    with tv.Vault.open(path, tv.RawKey(KEY), settings=CHEAP) as vault:
        with vault.edit() as edit:
            edit.add_unlock(tv.RawKey(KEY), tv.RawKey(OTHER_KEY), label="gone")
            edit.add_unlock(tv.RawKey(KEY), tv.Passphrase(PHRASE), label="Überwachung, break glass")
            edit.add_unlock(tv.RawKey(KEY), tv.RawKey(OTHER_KEY))
            edit.add_unlock(tv.RawKey(KEY), tv.RawKey(OTHER_KEY), label="of another service")
        with vault.edit() as edit:
            edit.remove_unlock(1)
            edit.remove_unlock(3)


def rekeyed(path: Path) -> None:
    with (
        tv.Vault.open(path, tv.RawKey(OTHER_KEY), settings=CHEAP) as vault,
        vault.edit() as edit,
    ):
        edit.rekey(tv.RawKey(KEY))


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
    vault("slots", {"key": OTHER_KEY.hex()}, many[:3], first=key, then=slots)
    vault("rekeyed", key, many[:5], several=True, first={"key": OTHER_KEY.hex()}, then=rekeyed)
    vault("longest", key, [row("t" * 128, 1, "l" * 128)])


if __name__ == "__main__":
    main()
