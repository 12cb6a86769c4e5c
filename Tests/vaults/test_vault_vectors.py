"""The library and the second implementation agree: on every golden vault and on every vector."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import tracevault as tv
from vault import golden, reader, vector, vectors, writer
from vault.reader import Unlock, VaultError

FOLDER = Path(__file__).parents[1] / "data/golden/vault"
NAMES = sorted(path.stem for path in FOLDER.glob("*.vault"))
VECTORS = vectors.vectors(FOLDER)


def library_unlock(unlock: Unlock, folder: Path) -> tv.Unlock:
    secret = bytearray(unlock.secret)
    if unlock.kind == reader.KEY_FILE:
        path = folder / "t.key"
        path.touch(0o600)
        path.write_bytes(secret)
        return tv.KeyFile(path)
    return tv.Passphrase(secret) if unlock.kind == reader.PASSPHRASE else tv.RawKey(secret)


def told(name: str) -> tuple[dict[str, Any], Unlock]:
    """What a golden vault is known to hold, and what opens it."""
    known = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return known, second_unlock(known["unlock"])


def second_unlock(unlock: dict[str, str]) -> Unlock:
    if "key_file" in unlock:
        return Unlock(reader.KEY_FILE, unlock["key_file"].encode())
    if "passphrase" in unlock:
        return Unlock(reader.PASSPHRASE, unlock["passphrase"].encode())
    return Unlock(reader.RAW_KEY, bytes.fromhex(unlock["key"]))


class Library:
    """Opens bytes as a vault file; one file, so that thousands cost no directory entries."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        self.path = folder / "t.vault"
        self.path.touch(0o600)

    def open(self, data: bytes, unlock: Unlock) -> tv.Vault:
        self.path.write_bytes(data)
        return tv.Vault.open(self.path, library_unlock(unlock, self.path.parent))

    def judged(self, one: vector.Vector) -> str:
        try:
            with self.open(one.data, one.unlock) as vault:
                if one.tenant:
                    vault.tenant(one.tenant).close()
        except tv.TraceVaultError as error:
            return "TV_" + error.status.name
        return vector.OK


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def text(fields: dict[int, bytes], tag: int) -> str | None:
    return fields[tag].decode() if tag in fields else None


def moment(fields: dict[int, bytes], tag: int) -> datetime | None:
    if tag not in fields:
        return None
    seconds, ms = divmod(int.from_bytes(fields[tag], "little"), 1000)
    return datetime.fromtimestamp(seconds, timezone.utc).replace(microsecond=ms * 1000)


def row(fields: dict[int, bytes]) -> dict[str, object]:
    """A listed account as the second implementation sees it."""
    return {
        "tenant": fields[reader.TENANT].decode(),
        "account_id": fields[reader.ACCOUNT].decode(),
        "kind": {b"\x01": "api_token", b"\x02": "global_key"}[fields[reader.KIND]],
        "label": fields.get(reader.LABEL, b"").decode(),
        "origin": fields[reader.ORIGIN].decode(),
        "email": text(fields, reader.EMAIL),
        "state": {1: "active", 2: "retiring"}[fields[reader.STATE][0]],
        "budget_group": text(fields, reader.GROUP),
        "not_before": moment(fields, reader.NOT_BEFORE),
        "expires": moment(fields, reader.EXPIRES),
        "created": moment(fields, reader.CREATED),
        "fingerprint": f"{int.from_bytes(fields[reader.FINGERPRINT], 'little'):016x}",
    }


@pytest.mark.parametrize("name", NAMES)
def test_both_implementations_list_a_golden_vault_alike(name: str, library: Library) -> None:
    known, unlock = told(name)
    data = (FOLDER / f"{name}.vault").read_bytes()
    second = reader.open_vault(data, unlock)
    listed = [row(fields) for fields in second.listing()]
    with library.open(data, unlock) as vault:
        assert vault.generation == second.generation == known["generation"]
        accounts = vault.accounts()
    assert [{key: getattr(a, key) for key in row_keys()} for a in accounts] == listed
    assert all(account.later == {} for account in accounts)
    expected = [{"email": None, "state": "active", **one} for one in known["accounts"]]
    secrets = [one.pop("secret") for one in expected]
    for one in expected:
        for bound in {"not_before", "expires"} & one.keys():
            one[bound] = datetime.fromisoformat(one[bound])
    assert [
        {key: one[key] for key in wanted} for one, wanted in zip(listed, expected, strict=True)
    ] == expected
    for one, secret in zip(expected, secrets, strict=True):
        state = {"active": reader.ACTIVE, "retiring": reader.RETIRING}[one["state"]]
        where = (one["tenant"], one["account_id"], state)
        assert second.secret(*where) == secret.encode()
        fields = reader.fields(second.accounts[where][1])
        assert second.fingerprint(secret.encode()) == fields[reader.FINGERPRINT]


def row_keys() -> list[str]:
    return ["tenant", "account_id", "kind", "label", "origin", "email", "state", "created",
            "fingerprint", "budget_group", "not_before", "expires"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_unlock_of_a_golden_vault_opens_it_in_both_implementations(
    name: str, library: Library
) -> None:
    known = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    data = (FOLDER / f"{name}.vault").read_bytes()
    for unlock in known.get("unlocks", []):
        assert reader.open_vault(data, second_unlock(unlock)).generation == known["generation"]
        library.path.write_bytes(data)
        library.path.chmod(0o600)
        with tv.Vault.open(library.path, golden.opened(unlock)) as vault:
            assert vault.describe()["unlocks"] == known["slots"]
    for unlock in known.get("refused", []):
        with pytest.raises(VaultError, match="TV_E_UNLOCK"):
            reader.open_vault(data, second_unlock(unlock))
        library.path.write_bytes(data)
        with pytest.raises(tv.UnlockError):
            tv.Vault.open(library.path, golden.opened(unlock))


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_vault_sealed_again_from_its_plain_text_is_the_same_file(name: str) -> None:
    data = (FOLDER / f"{name}.vault").read_bytes()
    assert writer.planned(reader.open_vault(data, told(name)[1])).sealed() == data


def test_the_library_edits_a_vault_that_the_second_implementation_wrote(library: Library) -> None:
    known, unlock = told("tenants")
    plan = writer.planned(reader.open_vault((FOLDER / "tenants.vault").read_bytes(), unlock))
    place = plan.of(reader.CREDENTIAL)[0]
    later = plan.records[place].metadata + writer.tlv([(201, b"of a later version")])
    data = plan.changed(place, metadata=later).sealed(head=lambda h: writer.put(h, 16, 5, 4))
    with library.open(data, unlock) as vault, vault.edit() as edit:
        edit.put("new", f"{77:032x}", tv.ApiToken(bytearray(b"test-token-not-real-new")))
    written = reader.open_vault(library.path.read_bytes(), unlock)
    assert written.generation == known["generation"] + 1
    assert written.data[16:20] == b"\x05\0\0\0", "optional flags are kept"
    assert later in [metadata for _, metadata in written.accounts.values()]
    assert written.secret("new", f"{77:032x}") == b"test-token-not-real-new"
    for one in known["accounts"]:
        assert written.secret(one["tenant"], one["account_id"]) == one["secret"].encode()


def test_both_implementations_say_what_the_format_demands_of_every_vector(
    library: Library,
) -> None:
    assert len({one.name for one in VECTORS}) == len(VECTORS)
    assert len({(one.data, one.unlock, one.tenant) for one in VECTORS}) >= 250
    wrong = []
    for one in VECTORS:
        second, first = vectors.judged(one), library.judged(one)
        if not one.status == second == first:
            wrong.append(
                f"{one.name}: {one.status} expected, second reader {second}, library {first}"
            )
    assert not wrong, "\n" + "\n".join(wrong)
    assert {one.status for one in VECTORS} == {
        vector.OK, vector.NOT_VAULT, vector.VERSION, vector.DAMAGED_HEADER,
        vector.KDF_BOUNDS, vector.WEAK_KDF, vector.UNLOCK, vector.HEADER_MAC,
        vector.DAMAGED_BODY, vector.RECORD_AUTH,
    }  # fmt: skip


def test_vectors_are_the_same_every_time() -> None:
    assert vectors.vectors(FOLDER) == VECTORS


def test_both_implementations_refuse_every_truncation_alike(library: Library) -> None:
    data = (FOLDER / "empty.vault").read_bytes()
    key = library_unlock(vector.KEY, library.path.parent)
    library.path.write_bytes(data)
    for length in reversed(range(len(data))):
        os.truncate(library.path, length)
        with pytest.raises(tv.VaultError) as first:
            tv.Vault.open(library.path, key)
        with pytest.raises(VaultError) as second:
            reader.open_vault(data[:length], vector.KEY)
        assert "TV_" + first.value.status.name == second.value.status
