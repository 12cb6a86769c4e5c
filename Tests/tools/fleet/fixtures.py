"""fixtures.py - the servers that tests of many hosts stand on; Tests/conftest.py makes them known."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from object_store import BUCKET, ObjectStore, Way, object_store, way_to
from redis_server import Client, Server, redis

from fleet.guarded import guarded_redis


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A real object store."""
    with object_store(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def way(store: ObjectStore) -> Iterator[Way]:
    """A way to it that may be spoilt."""
    with way_to(store) as made:
        yield made


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """Where a test's own vault is."""
    return f"s3://{BUCKET}/team a/{request.node.name}.vault"


@pytest.fixture
def lender(tmp_path: Path) -> Iterator[Server]:
    """A real Redis of a test's own."""
    with redis(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real Redis that runs the library's scripts for one test after the other."""
    with redis(tmp_path_factory.mktemp("scripted")) as server:
        yield server


@pytest.fixture
def client(scripted: Server) -> Iterator[Client]:
    """A connection to it, which is empty."""
    client = scripted.client()
    client("FLUSHALL")
    yield client
    client.close()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """A Redis as the guide wants it, and the file of its authority."""
    with guarded_redis(tmp_path) as server:
        yield server


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """A folder on a disk: a ledger refuses some of the file systems that /tmp may be."""
    with tempfile.TemporaryDirectory(prefix=f"tracevault-{os.getpid()}-", dir="/var/tmp") as name:
        yield Path(name)
