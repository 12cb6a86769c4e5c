"""What a store sees, whom the library believes, and where the keys of a store come from."""

from __future__ import annotations

from pathlib import Path

import pytest
import tracevault as tv
from engine_scene import ACME
from fleet.vault import OTHER, TOKEN, create, keys, keys_file, opened, put, raw_key, status_of
from object_store import (
    ACCESS,
    BUCKET,
    SECRET,
    Exchange,
    ObjectStore,
    Way,
    signed,
    way_to,
)
from places import secret_file
from signed_requests import is_signed
from standin import certificates

KEY = bytes(range(32))


def test_the_store_sees_no_name_and_no_secret(store: ObjectStore, way: Way) -> None:
    place = f"s3://{BUCKET}/plain.vault"
    with create(place, way) as vault:
        put(vault, tenant="customer-with-a-name")
        with vault.edit() as edit:
            edit.rotate("customer-with-a-name", ACME, tv.ApiToken(OTHER.encode()))
    told = [(str(one.headers) + one.path).encode() + one.body for one in way.exchanges]
    for word in (TOKEN, OTHER, SECRET, "customer-with-a-name", ACME, "Acme Europe"):
        assert not any(word.encode() in one for one in told)
    assert KEY not in b"".join(told)


def test_a_certificate_must_be_of_an_authority_that_is_named(
    store: ObjectStore, place: str, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    files, other = certificates.create(tmp_path), certificates.create(tmp_path / "other")
    with way_to(store, (files.certificate, files.key)) as way:
        with create(place, way, s3__ca_file=str(files.ca)) as vault:
            put(vault)
        assert status_of(lambda: opened(place, way)) == "E_TLS"
        assert status_of(lambda: opened(place, way, s3__ca_file=str(other.ca))) == "E_TLS"
        assert way.count("PUT") == 4


def test_keys_come_from_where_the_setting_says(
    way: Way, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with create(place, way):
        pass
    known = keys_file(tmp_path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    for source in (f"file:{known}", f"credential:{known.name}", "environment"):
        found = way.settings(s3__keys=source)
        with tv.Vault.open(place, raw_key(), settings=found) as vault:
            assert vault.generation == 1
    # The environment decides nothing where the host does not say so.
    unsaid = lambda: tv.Vault.open(place, raw_key(), settings=way.settings())  # noqa: E731
    assert status_of(unsaid) == "E_CONFIG_VALUE"


@pytest.mark.parametrize("source", ["memory", "environment", "file"])
def test_a_session_token_is_sent_and_signed(
    way: Way, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    token = "a-session-token/not+real=="
    words = {
        "AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": token,
    }  # fmt: skip
    given: dict[str, tv.StoreKeys] = {}
    found = way.settings()
    if source == "memory":
        given["keys"] = tv.StoreKeys(*(bytearray(word.encode()) for word in words.values()))
    elif source == "environment":
        for name, word in words.items():
            monkeypatch.setenv(name, word)
        found["s3.keys"] = "environment"
    else:
        known = secret_file(tmp_path / "token.keys", "\n".join(words.values()))
        found["s3.keys"] = f"file:{known}"

    verified: list[bool] = []

    def verify(exchange: Exchange) -> None:
        """As a store of temporary keys. The real one has none: it gets a request of the test's own."""
        headers, asked = exchange.headers, (exchange.method, exchange.path)
        is_good = is_signed(ACCESS, SECRET, *asked, headers, exchange.body)
        verified.append(is_good and headers["x-amz-security-token"] == token)
        kept = {name: headers[name] for name in headers if name.startswith(("If-", "Content-"))}
        again = signed(exchange.method, headers["Host"], exchange.path, exchange.body)
        exchange.headers = {**kept, **again}

    way.spoil = verify
    with tv.Vault.create(place, raw_key(), settings=found, **given) as vault:
        put(vault)
        assert vault.generation == 2
    assert len(verified) >= 5 and all(verified)


def test_keys_are_good_for_one_call_and_never_shown(way: Way, place: str) -> None:
    given = keys()
    assert SECRET not in repr(given)
    with tv.Vault.create(place, raw_key(), settings=way.settings(), keys=given):
        pass
    again = lambda: tv.Vault.open(place, raw_key(), settings=way.settings(), keys=given)  # noqa: E731
    assert status_of(again) == "E_CREDENTIAL_FORMAT"
