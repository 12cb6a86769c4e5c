"""How secrets go in: copied once, wiped, lent to one call, and never shown."""

from __future__ import annotations

import copy
import ctypes
import gc
import pickle

import pytest

import tracevault as tv
from tracevault._secret import HeldSecret

FAKE = b"test-token-not-real-acme-01"


def content(address: int, length: int) -> bytes:
    return ctypes.string_at(address, length)


def test_a_bytearray_is_copied_and_wiped_at_once() -> None:
    secret = bytearray(FAKE)
    held = HeldSecret(secret)
    assert secret == bytes(len(FAKE))
    with held as lent:
        assert content(*lent) == FAKE


def test_a_secret_is_wiped_when_the_call_is_over() -> None:
    held = HeldSecret(FAKE)
    with held as lent:
        assert not held.wiped
    assert held.wiped
    assert content(*lent) == bytes(len(FAKE))


def test_a_secret_is_wiped_also_when_the_call_fails() -> None:
    held = HeldSecret(FAKE)
    with pytest.raises(RuntimeError), held as lent:
        raise RuntimeError
    assert content(*lent) == bytes(len(FAKE))


def test_where_one_key_of_a_store_is_refused_all_are_wiped() -> None:
    keys = tv.StoreKeys(bytearray(FAKE), bytearray(b"not one word"), bytearray(FAKE))
    lent = [secret.__enter__() for _, secret in keys._secrets]
    assert content(*lent[2]) == FAKE
    with pytest.raises(tv.TraceVaultError, match="secret") as refused:
        tv.Vault.open("s3://bucket/key", tv.RawKey(bytearray(range(32))), keys=keys)
    assert refused.value.status is tv.Status.E_CREDENTIAL_FORMAT
    assert [content(*place).strip(b"\0") for place in lent] == [b"", b"", b""]


def test_the_keys_of_a_store_are_wiped_also_when_the_call_fails_before_it_begins() -> None:
    keys = tv.StoreKeys(bytearray(FAKE), bytearray(FAKE))
    lent = [secret.__enter__() for _, secret in keys._secrets]
    assert content(*lent[0]) == FAKE
    with pytest.raises(tv.TraceVaultError, match="no setting has this name"):
        tv.Vault.open(
            "s3://bucket/key",
            tv.RawKey(bytearray(range(32))),
            keys=keys,
            settings={"no.such": "1"},
        )
    assert [content(*place).strip(b"\0") for place in lent] == [b"", b""]


def test_a_login_of_redis_is_wiped_also_when_the_engine_is_refused() -> None:
    login = tv.RedisLogin(bytearray(FAKE), bytearray(FAKE))
    assert repr(login) == "RedisLogin(...)"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(login)
    lent = [secret.__enter__() for _, secret in login._secrets]
    assert content(*lent[0]) == FAKE
    with pytest.raises(tv.TraceVaultError, match="no setting has this name"):
        tv.Engine({"no.such": "1"}, login=login)
    assert [content(*place).strip(b"\0") for place in lent] == [b"", b""]
    with pytest.raises(TypeError, match="login must be RedisLogin"):
        tv.Engine(login=tv.StoreKeys(bytearray(FAKE), bytearray(FAKE)))  # type: ignore[arg-type]


def test_a_secret_that_nobody_used_is_wiped_when_it_is_dropped() -> None:
    held = HeldSecret(FAKE)
    area = held._area
    assert bytes(area) == FAKE
    del held
    assert bytes(area) == bytes(len(FAKE))


def test_a_wiped_bytearray_can_be_resized_again() -> None:
    secret = bytearray(FAKE)
    held = HeldSecret(secret)
    secret.extend(b"more")
    assert not held.wiped


def test_only_the_given_part_of_a_memoryview_is_wiped() -> None:
    buffer = bytearray(b"keep" + FAKE + b"keep")
    with HeldSecret(memoryview(buffer)[4:-4]) as lent:
        assert content(*lent) == FAKE
    assert buffer == b"keep" + bytes(len(FAKE)) + b"keep"


def test_text_is_lent_as_utf_8() -> None:
    with HeldSecret("pässword") as lent:
        assert content(*lent) == "pässword".encode()


@pytest.mark.parametrize("secret", [bytearray(), b"", ""])
def test_an_empty_secret_is_lent_with_length_zero(secret: bytearray | bytes | str) -> None:
    with HeldSecret(secret) as (_, length):
        assert length == 0


@pytest.mark.parametrize("secret", [memoryview(FAKE), memoryview(bytearray(8))[::2], 7, None])
def test_what_cannot_be_wiped_or_is_no_secret_is_a_type_error(secret: object) -> None:
    with pytest.raises(TypeError):
        HeldSecret(secret)  # type: ignore[arg-type]


def test_an_undecodable_secret_is_refused_without_carrying_it_along() -> None:
    with pytest.raises(tv.ArgumentError) as caught:
        tv.ApiToken("secret\udc80")
    assert caught.value.__context__ is None
    assert "secret\\" not in repr(caught.value)


@pytest.mark.parametrize(
    "credential",
    [tv.ApiToken(FAKE), tv.GlobalKey("soc@example.com", FAKE)],
    ids=["token", "key"],
)
def test_a_credential_never_shows_copies_or_pickles_its_secret(
    credential: tv.ApiToken | tv.GlobalKey,
) -> None:
    assert FAKE.decode() not in repr(credential) + str(credential)
    for secret in (credential, credential._secret):
        assert FAKE.decode() not in repr(secret)
        for take in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                take(secret)


def held_texts(backwards: bytes) -> list[object]:
    """What the interpreter knows of that holds the text, which is named backwards here."""
    gc.collect()
    needle = backwards[::-1]
    text = needle.decode()
    found: list[object] = []
    for owner in gc.get_objects():
        for value in gc.get_referents(owner):
            if isinstance(value, str):
                hit = text in value
            elif isinstance(value, (bytes, bytearray, ctypes.Array)):
                hit = needle in bytes(value)
            else:
                continue
            if hit and value is not needle and value is not text:
                found.append(owner)
    return found


@pytest.mark.parametrize("tenant", ["acme", "\n"], ids=["stored", "refused"])
@pytest.mark.parametrize("kind", [bytes, bytearray, str])
@pytest.mark.parametrize("make", ["token", "key"])
def test_nothing_holds_a_secret_once_it_was_put(
    tenant: str, kind: type, make: str, library_path: object
) -> None:
    backwards = b"drawkcab-%d-laer-ton-terces" % id(tenant)

    def secret() -> object:
        text = backwards[::-1]
        return text.decode() if kind is str else kind(text)

    with tv.Vault.in_memory() as vault:
        edit = vault.edit()
        credential = (
            tv.ApiToken(secret())  # type: ignore[arg-type]
            if make == "token"
            else tv.GlobalKey("soc@example.com", secret())  # type: ignore[arg-type]
        )
        assert held_texts(backwards), "the search finds what is there"
        try:
            edit.put(tenant, "acae0000000000000000000000000001", credential)
        except tv.ArgumentError:
            assert tenant != "acme"
        assert not held_texts(backwards)
        with pytest.raises(tv.ArgumentError, match="used already"):
            vault.edit().put("acme", "acae0000000000000000000000000001", credential)
