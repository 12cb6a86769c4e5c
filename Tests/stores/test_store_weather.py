"""Hosts that edit one vault over a network that fails: no edit that was acknowledged is lost, none is made
twice, and none is stored that was said to have failed."""

from __future__ import annotations

import os
import threading
from collections import Counter
from dataclasses import dataclass, field

import pytest
import tracevault as tv
from fleet.vault import accounts, create, opened, put
from object_store import ObjectStore, Way
from proxy.faults import faults

SEED = int(os.environ.get("TRACEVAULT_SEED", "100"))
IS_FULL = "TRACEVAULT_FLEET" in os.environ
EDITS = 60 if IS_FULL else 15
HOSTS = 3


@dataclass
class Host:
    """Makes edits, each with an account of its own, and keeps what became of them."""

    place: str
    way: Way
    first: int
    acknowledged: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    failed: Counter[str] = field(default_factory=Counter)

    def work(self) -> None:
        vault = None
        for number in range(self.first, self.first + EDITS):
            if vault is None:
                vault = self.opened()
            try:
                put(vault, f"{number:032x}")
                self.acknowledged.add(number)
            except tv.TraceVaultError as failure:
                if failure.status is tv.Status.E_DURABILITY_UNKNOWN:
                    self.unknown.add(number)
                self.failed[failure.status.name] += 1
                # As a program that was started again.
                vault.close()
                vault = None

    def opened(self) -> tv.Vault:
        while True:
            try:
                return opened(
                    self.place, self.way, s3__timeout_ms=3000, vault__lock_timeout_ms=20_000
                )
            except tv.TraceVaultError as failure:
                self.failed["open " + failure.status.name] += 1


@pytest.mark.parametrize("seed", range(SEED, SEED + (6 if IS_FULL else 1)))
def test_edits_over_a_network_that_fails_are_made_once(
    store: ObjectStore, place: str, seed: int
) -> None:
    with create(place, Way(0, store.port)), faults(store.port, seed) as proxy:
        hosts = [Host(place, Way(0, proxy.port), 1000 * number) for number in range(1, HOSTS + 1)]
        threads = [threading.Thread(target=host.work) for host in hosts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        met = proxy.met
    acknowledged = set().union(*(host.acknowledged for host in hosts))
    unknown = set().union(*(host.unknown for host in hosts))
    failed = sum((host.failed for host in hosts), Counter[str]())
    with opened(place, Way(0, store.port)) as vault:
        found = accounts(vault)
        told = f"{len(acknowledged)} acknowledged, {len(unknown)} unknown, {dict(failed)}"
        print(told, dict(met))
        assert acknowledged <= found, "an edit is lost"
        assert found <= acknowledged | unknown, "an edit is stored that was said to have failed"
        assert vault.generation == 1 + len(found), "an edit was made twice"
        vault.verify()
    assert acknowledged and len(met) >= 6, "the weather was fair"
