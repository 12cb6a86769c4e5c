"""Hosts that are killed amid commits to one object: no edit is lost, and none is made twice."""

from __future__ import annotations

import os
import random
import select
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import tracevault as tv
from c_programs import ABI, Compile
from fleet.vault import accounts, keys, keys_file
from object_store import BUCKET, ObjectStore
from vault_proofs import KEY

KILLS = int(os.environ.get("TRACEVAULT_FLEET_KILLS", "40"))
SEED = int(os.environ.get("TRACEVAULT_SEED", "11"))
HOSTS = 3
#: A vault of its own for so many kills: it stays small, and commits stay quick.
ROUND = 40
#: More edits than a host makes in its life.
LIFE = 100_000


@dataclass
class Round:
    """One vault, the hosts that edit it, and what they have said."""

    program: Path
    place: str
    settings: dict[str, tv.Setting]
    keys: Path
    acknowledged: list[int] = field(default_factory=list)
    unknown: int = 0
    lives: int = 0

    def start(self) -> subprocess.Popen[bytes]:
        self.lives += 1
        words = [f"{name}={str(value).lower()}" for name, value in self.settings.items()]
        return subprocess.Popen(
            [self.program, self.place, str(self.lives * LIFE), *words, f"s3.keys=file:{self.keys}"],
            stdout=subprocess.PIPE,
        )

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill it, and read what it had said."""
        process.kill()
        for line in process.communicate()[0].decode().splitlines():
            assert "failed" not in line, line
            if line.startswith("unknown"):
                self.unknown += 1
            else:
                self.acknowledged.append(int(line))

    def kill(self, kills: int, chance: random.Random) -> None:
        running = [self.start() for _ in range(HOSTS)]
        for _ in range(kills):
            victim = chance.randrange(HOSTS)
            # It must be at work: wait for its first line.
            said = running[victim].stdout
            assert said is not None and select.select([said], [], [], 60)[0], "a host is stuck"
            time.sleep(chance.random() * 0.02)
            self.end(running[victim])
            running[victim] = self.start()
        for process in running:
            self.end(process)

    def check(self) -> None:
        with tv.Vault.open(
            self.place, tv.RawKey(bytearray(KEY)), settings=self.settings, keys=keys()
        ) as vault:
            found = accounts(vault)
            assert len(set(self.acknowledged)) == len(self.acknowledged)
            assert set(self.acknowledged) <= found, "an edit is lost"
            # Killed between the commit and its line, or told that nobody knows.
            assert len(found) <= len(self.acknowledged) + self.lives + self.unknown
            assert vault.generation == 1 + len(found), "an edit was made twice"
            vault.verify()


@pytest.mark.skipif(KILLS <= 0, reason="TRACEVAULT_FLEET_KILLS is 0")
def test_hosts_that_are_killed_amid_commits_lose_no_edit_and_make_none_twice(
    compiled: Compile, store: ObjectStore, tmp_path: Path
) -> None:
    program = compiled("committer", ABI / "committer.c")
    settings: dict[str, tv.Setting] = {
        "s3.endpoint": store.endpoint, "api.allow_http_loopback": True,
    }  # fmt: skip
    known = keys_file(tmp_path)
    chance = random.Random(SEED)
    edits = lives = unknown = 0
    for first in range(0, KILLS, ROUND):
        place = f"s3://{BUCKET}/kills/{first}.vault"
        made = Round(program, place, settings, known)
        tv.Vault.create(place, tv.RawKey(bytearray(KEY)), settings=settings, keys=keys()).close()
        made.kill(min(ROUND, KILLS - first), chance)
        made.check()
        edits, lives = edits + len(made.acknowledged), lives + made.lives
        unknown += made.unknown
    print(
        f"{KILLS} kills in {lives} lives: {edits} acknowledged edits, none lost, none made twice, "
        f"{unknown} of which nobody knew; seed {SEED}"
    )
    assert edits > KILLS
