"""How secrets go in: lent to one call, then wiped, and never shown."""

from __future__ import annotations

import ctypes
import pickle

import pytest

import tracevault as tv
from tracevault._handle import lent

FAKE = b"test-token-not-real-acme-01"


def test_a_bytearray_is_lent_and_then_wiped() -> None:
    secret = bytearray(FAKE)
    with lent(secret) as (address, length):
        assert ctypes.string_at(address, length) == FAKE
    assert secret == bytes(len(FAKE))


def test_a_bytearray_is_wiped_also_when_the_call_fails() -> None:
    secret = bytearray(FAKE)
    with pytest.raises(RuntimeError), lent(secret):
        raise RuntimeError
    assert secret == bytes(len(FAKE))


def test_a_wiped_bytearray_can_be_resized_again() -> None:
    secret = bytearray(FAKE)
    with lent(secret) as (address, length):
        assert (address, length) != (0, 0)
    secret.extend(b"more")


def test_only_the_lent_part_of_a_memoryview_is_wiped() -> None:
    buffer = bytearray(b"keep" + FAKE + b"keep")
    with lent(memoryview(buffer)[4:-4]) as (address, length):
        assert ctypes.string_at(address, length) == FAKE
    assert buffer == b"keep" + bytes(len(FAKE)) + b"keep"


def test_text_and_bytes_are_lent_as_they_are() -> None:
    with lent("pässword") as (address, length):
        assert ctypes.string_at(address, length) == "pässword".encode()
    with lent(FAKE) as (data, length):
        assert (data, length) == (FAKE, len(FAKE))


@pytest.mark.parametrize("secret", [bytearray(), b"", ""])
def test_an_empty_secret_is_lent_with_length_zero(secret: bytearray | bytes | str) -> None:
    with lent(secret) as (_, length):
        assert length == 0


@pytest.mark.parametrize("secret", [memoryview(FAKE), memoryview(bytearray(8))[::2], 7, None])
def test_what_cannot_be_wiped_or_is_no_secret_is_a_type_error(secret: object) -> None:
    with pytest.raises(TypeError), lent(secret):  # type: ignore[arg-type]
        pass


def test_an_undecodable_secret_is_refused_without_carrying_it_along() -> None:
    with pytest.raises(tv.ArgumentError) as caught, lent("secret\udc80"):
        pass
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "secret\\" not in repr(caught.value)


@pytest.mark.parametrize(
    "credential",
    [tv.ApiToken(FAKE), tv.GlobalKey("soc@example.com", FAKE)],
    ids=["token", "key"],
)
def test_a_credential_never_shows_or_pickles_its_secret(
    credential: tv.ApiToken | tv.GlobalKey,
) -> None:
    assert FAKE.decode() not in repr(credential) + str(credential)
    with pytest.raises(TypeError):
        pickle.dumps(credential)
