"""docs/python.md: every example runs as it stands, one after the other, and passes mypy --strict."""

import os
import re
import subprocess
import sys
from pathlib import Path

import tracevault as tv
from launcher import Standin
from places import python_path

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(
    r"^```python\n(.*?)^```$",
    (ROOT / "docs/python.md").read_text(encoding="utf-8"),
    flags=re.M | re.S,
)
PROGRAM = "\n\n".join(BLOCKS)
TOKEN = "new-token-not-real"
#: Engines that ask the stand-in where an example makes one without settings; not in the examples,
#: because Cloudflare itself needs no settings.
SETTINGS = """
import functools
import tracevault
tracevault.Engine = functools.partial(tracevault.Engine, {settings})
tracevault.AsyncEngine = functools.partial(tracevault.AsyncEngine, {settings})
"""


def test_every_example_runs_as_it_stands(server: Standin, tmp_path: Path) -> None:
    (tmp_path / "soc.key").touch(0o600)
    (tmp_path / "soc.key").write_bytes(bytes(range(32)))
    key = tv.KeyFile(tmp_path / "soc.key")
    with tv.Vault.create(tmp_path / "soc.vault", key) as vault, vault.edit() as edit:
        account = server.accounts[0]
        token = tv.ApiToken(server.credential(account.id).token)
        edit.put(account.tenant, account.id, token, label=account.label, origin=server.origin)
    (tmp_path / "tokens.csv").touch(mode=0o600)
    (tmp_path / "tokens.csv").write_text(
        "tenant,account_id,token\n" + f"globex,{'b' * 32},{TOKEN}\ninitech,no account,{TOKEN}\n"
    )
    settings = {"api.base_url": server.base_url, "tls.ca_file": server.ca_file, "budget.quota": 0}
    done = subprocess.run(
        [sys.executable, "-c", SETTINGS.format(settings=settings) + PROGRAM],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": python_path()},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed = done.stdout
    for said in (
        "4jXtPC0RYCz7S6r: removed",  # asyncio
        "acme Acme Europe defer-",  # a hunt
        "0 7",  # a batch
        "Request.search('acme', None",  # follow-ups
        "sent, recipients=",  # what a trace shows of itself
        "acme sent\n",  # of many customers
        "2 of 2, 0 failed",  # progress
        "100%",  # a bar
        "['acme']",  # tenants
        "3 initech  the account id must be",  # an import; what is no account id is not shown
        "acme Acme Europe False",  # a check of the token that is not real
        'tracevault_answers_total{engine="soc",status="TV_OK"}',  # Prometheus
    ):
        assert said in printed, (said, printed)
    # tqdm writes to standard error: accounts of a hunt, traces of a batch.
    for unit, count in (("account", 1), ("trace", 2)):
        assert re.search(
            rf"100%\|█+\| {count}/{count} .*{unit}/s, failed=0, found=\d", done.stderr
        ), done.stderr


def test_every_example_passes_mypy(tmp_path: Path) -> None:
    (tmp_path / "examples.py").write_text(PROGRAM, encoding="utf-8")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("mypy")), "--strict", "examples.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "MYPYPATH": str(ROOT / "bindings/python/src")},
    )
    assert done.returncode == 0, done.stdout


def test_no_example_is_longer_than_a_few_lines() -> None:
    assert len(BLOCKS) >= 10
    for block in BLOCKS:
        code = [line for line in block.splitlines() if line.strip()]
        assert len(code) <= 8, block
