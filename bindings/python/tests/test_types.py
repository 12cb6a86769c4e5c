"""Whoever uses the package with a type checker is told types, by the package itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import REPOSITORY

SOURCE = REPOSITORY / "bindings" / "python" / "src"
PYRIGHT = Path(sys.executable).with_name("pyright")


def pyright(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it in an empty folder: no configuration of ours counts for a user."""
    done = subprocess.run(
        [str(PYRIGHT), "--pythonpath", sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1) or not done.stdout:
        pytest.skip(
            f"pyright does not run here; it needs Node.js and, once, the net: {done.stderr}"
        )
    return done


def test_at_least_99_per_cent_of_what_is_exported_has_a_known_type(tmp_path: Path) -> None:
    done = pyright(tmp_path, "--verifytypes", "tracevault", "--ignoreexternal", "--outputjson")
    found = json.loads(done.stdout)["typeCompleteness"]
    unknown = [
        f"{symbol['name']}: {[one['message'] for one in symbol['diagnostics']]}"
        for symbol in found["symbols"]
        if symbol["isExported"] and not symbol["isTypeKnown"]
    ]
    assert found["pyTypedPath"].endswith("tracevault/py.typed")
    assert found["completenessScore"] >= 0.99, "\n".join(unknown)


def test_answers_have_the_type_of_what_was_asked(tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(
        "import tracevault as tv\n"
        "def use(engine: tv.Engine, acme: tv.Tenant, vault: tv.Vault) -> None:\n"
        "    traces = [tv.Request.trace(acme, None, ref) for ref in ('a', 'b')]\n"
        "    for result in engine.batch(traces):\n"
        "        reveal_type(result.unwrap())\n"
        "    for finding in engine.hunt(vault, sender='a@b.example'):\n"
        "        reveal_type(finding.account)\n"
        "    engine.check_all(vault).close()\n"
        "    engine.collect(vault, checkpoint='c').close()\n"
        "    reveal_type(engine.search(acme, None)[0])\n"
        "async def close(engine: tv.AsyncEngine, acme: tv.Tenant) -> None:\n"
        "    await engine.batch([tv.Request.trace(acme, None, 'a')]).aclose()\n"
        "    await engine.hunt(acme, sender='a@b.example').aclose()\n"
        "def name(engine: tv.Engine, acme: tv.Tenant) -> None:\n"
        "    reveal_type(engine.trace(acme, None, 'a').summary.state)\n"
    )
    done = pyright(tmp_path, "use.py")
    assert 'Type of "result.unwrap()" is "Trace"' in done.stdout
    assert 'Type of "finding.account" is "Account"' in done.stdout
    assert 'Type of "engine.trace(acme, None, \'a\').summary.state" is "Literal[' in done.stdout
    assert 'Type of "engine.search(acme, None)[0]" is "FoundMessage"' in done.stdout
    assert "\n0 errors" in done.stdout
