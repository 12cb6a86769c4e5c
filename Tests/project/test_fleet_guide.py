"""docs/many-hosts.md: its commands move a vault there and back, and its rights are enough."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tracevault as tv
from c_programs import LIBRARY, ROOT
from engine_scene import ACME
from fleet.vault import TOKEN, create, keys_file, opened, put
from object_store import BUCKET, ObjectStore, Way
from places import python_path

GUIDE = (ROOT / "docs/many-hosts.md").read_text(encoding="utf-8")
#: The bucket of the guide.
ITS_BUCKET = "soc-vaults"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, flags=re.M | re.S)


@pytest.fixture
def shell(store: ObjectStore, tmp_path: Path) -> dict[str, str]:
    """A home whose configuration file describes the store, with the command on its PATH."""
    tmp_path.chmod(0o700)
    (tmp_path / ".config/tracevault").mkdir(parents=True)
    (tmp_path / ".config/tracevault/config").write_text(
        f"[default]\ns3.endpoint = {store.endpoint}\napi.allow_http_loopback = true\n"
        f"s3.keys = file:{keys_file(tmp_path)}\n"
    )
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/tracevault"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tracevault "$@"\n')
    command.chmod(0o755)
    places = os.pathsep.join([str(tmp_path / "bin"), os.environ.get("PATH", "")])
    return {
        "PATH": places, "HOME": str(tmp_path), "PYTHONPATH": python_path(),
        "TRACEVAULT_LIBRARY": os.environ.get("TRACEVAULT_LIBRARY", str(LIBRARY)),
    }  # fmt: skip


def test_a_file_vault_moves_there_and_back_by_the_commands_as_they_are_written(
    store: ObjectStore, shell: dict[str, str], tmp_path: Path
) -> None:
    store.ask("PUT", "", bucket=ITS_BUCKET)
    (tmp_path / "soc.key").touch(0o600)
    (tmp_path / "soc.key").write_bytes(bytes(range(32)))
    with tv.Vault.create(tmp_path / "soc.vault", tv.KeyFile(tmp_path / "soc.key")) as vault:
        put(vault)
        before = [(one.tenant, one.account_id, one.fingerprint) for one in vault.accounts()]
    there, back = blocks("sh")
    for script in (there, back):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path, env=shell, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, script + done.stdout + done.stderr
        assert ACME in done.stdout or script == back
        assert TOKEN not in done.stdout + done.stderr
    with tv.Vault.open(tmp_path / "back.vault", tv.KeyFile(tmp_path / "back.key")) as vault:
        found = [(one.tenant, one.account_id) for one in vault.accounts()]
        assert found == [(tenant, account) for tenant, account, _ in before]


def test_the_rights_of_the_policy_are_all_that_is_ever_asked_for(way: Way, place: str) -> None:
    (policy,) = blocks("json")
    granted: set[str] = set()
    for statement in json.loads(policy)["Statement"]:
        actions = statement["Action"]
        granted |= {actions} if isinstance(actions, str) else set(actions)
    assert granted == {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}
    with create(place, way) as vault:
        put(vault)
        with opened(place, way) as other:
            other.refresh()
            other.verify()
    asked = {(one.method, one.path.partition("?")[0]) for one in way.exchanges}
    # One object, read and written; nothing is listed, and nothing deleted.
    (path,) = {path for _, path in asked}
    assert path.startswith(f"/{BUCKET}/")
    assert {method for method, _ in asked} == {"GET", "PUT"}


def test_every_setting_of_the_guide_is_one() -> None:
    (configuration,) = blocks("ini")
    named = {line.partition(" =")[0] for line in configuration.splitlines() if "." in line[:12]}
    known = {row["name"] for row in tv.config_properties()}
    assert named and named <= known, named - known
