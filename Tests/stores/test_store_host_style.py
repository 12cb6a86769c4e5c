"""A bucket that stands in the host's name (`s3.style=host`), over TLS and with a real signature."""

from __future__ import annotations

from pathlib import Path

import tracevault as tv
from cryptography import x509
from engine_scene import ACME
from fleet.vault import create, opened, put, status_of
from hostile.certificates import Issuer
from object_store import BUCKET, Exchange, ObjectStore, way_to


def test_a_bucket_in_the_hosts_name_is_asked_by_that_name_and_signed_for_it(
    store: ObjectStore, place: str, tmp_path: Path
) -> None:
    """The store finds the bucket by the Host header alone, and reckons the signature over it."""
    issuer = Issuer("Store CA")
    (tmp_path / "ca.pem").write_bytes(issuer.pem)
    named = x509.SubjectAlternativeName([x509.DNSName(f"{BUCKET}.localhost")])
    (tmp_path / "server.pem").write_bytes(issuer.issue(names=named))
    with way_to(store, (tmp_path / "server.pem", tmp_path / "server.pem")) as way:
        host = f"localhost:{way.port}"
        settings: dict[str, tv.Setting] = {
            "s3__endpoint": f"https://{host}",
            "s3__ca_file": str(tmp_path / "ca.pem"),
        }
        with create(place, way, s3__style="host", **settings) as vault:
            put(vault)
        with opened(place, way, s3__style="host", **settings) as vault:
            assert [one.account_id for one in vault.accounts()] == [ACME]
        assert {one.headers["Host"] for one in way.exchanges} == {f"{BUCKET}.{host}"}
        assert not any(one.path.startswith(f"/{BUCKET}") for one in way.exchanges)
        assert way.count("PUT") > 0 and way.count("GET") > 0
        # At the endpoint's own name nobody is who the certificate says.
        assert status_of(lambda: opened(place, way, s3__style="path", **settings)) == "E_TLS"

        def renamed(exchange: Exchange) -> None:
            exchange.headers["Host"] = f"{BUCKET}.localhost:1"

        way.spoil = renamed
        assert (
            status_of(lambda: opened(place, way, s3__style="host", **settings)) == "E_FORBIDDEN"
        ), "the store does not look at what was signed"
    # It is the same object.
    with way_to(store) as plain, opened(place, plain) as vault:
        assert [one.account_id for one in vault.accounts()] == [ACME]
