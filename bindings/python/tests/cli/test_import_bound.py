"""``account import`` within ``--tenant``: as a list for ``batch``, rows may name no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import TOKEN, Call, Kit
from tracevault.cli.exits import Exit

NEW, OTHER = "ab" * 16, "cd" * 16
BOUND = "names another tenant"


def table(folder: Path, kind: str, *rows: tuple[str, str]) -> Path:
    """A file with accounts of these tenants; no cell where the tenant is empty."""
    file = folder / f"rows.{kind}"
    file.touch(mode=0o600)
    if kind == "csv":
        lines = ["tenant,account_id,token"] + [f"{of},{one},{TOKEN}" for of, one in rows]
    else:
        named = [{"account_id": one, "token": TOKEN} | ({"tenant": of} if of else {})
                 for of, one in rows]  # fmt: skip
        lines = [json.dumps(row) for row in named]
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("where", ["line", "variable", "profile"])
def test_rows_of_another_tenant_are_bad_rows(
    call: Call, kit: Kit, environment: dict[str, str], tmp_path: Path, kind: str, where: str
) -> None:
    config = tmp_path / "config"
    config.write_text("[soc]\ntenant = acme\n")
    config.chmod(0o600)
    source, given = {
        "line": ("--tenant", ("--tenant", "acme")),
        "variable": ("$TRACEVAULT_TENANT", ()),
        "profile": (
            f"tenant of [soc] in {config}, line 2",
            ("--config", config, "--profile", "soc"),
        ),
    }[where]
    if where == "variable":
        environment["TRACEVAULT_TENANT"] = "acme"
    file = table(tmp_path, kind, ("acme", NEW), ("zeta", OTHER))
    before = kit.vault.read_bytes()
    for dry in ((), ("--dry-run",)):
        told = call("account", "import", file, *given, *dry)
        assert told.code == Exit.USAGE, told.err
        assert BOUND in told.err
        assert f"zeta {OTHER}: row {3 if kind == 'csv' else 2}: " in told.err
        assert f"this import is for the tenant acme, which {source} names" in told.err
        assert "leave that out where rows may choose" in told.err
        assert NEW not in told.err
    told = call("account", "import", file, *given, "--json")
    assert json.loads(told.err.splitlines()[0])["error"]["tenant"] == "zeta"
    assert kit.vault.read_bytes() == before


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_rows_without_a_tenant_have_that_of_the_option(
    call: Call, kit: Kit, tmp_path: Path, kind: str
) -> None:
    file = table(tmp_path, kind, ("", NEW), ("globex", OTHER))
    told = call("account", "import", file)
    assert told.code == Exit.USAGE
    assert "there is no tenant" in told.err
    told = call("account", "import", file, "--tenant", "globex")
    assert told.code == 0, told.err
    found = {row["account_id"]: row["tenant"] for row in call("account", "list", "--json").rows}
    assert (found[NEW], found[OTHER]) == ("globex", "globex")


def test_a_table_without_tenants_is_one_of_the_option(call: Call, kit: Kit, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.touch(mode=0o600)
    file.write_text(f"account_id,token\n{NEW},{TOKEN}\n")
    told = call("account", "import", file)
    assert told.code == Exit.USAGE
    assert "lacks the columns: tenant" in told.err
    assert call("account", "import", file, "--tenant", "fresh").code == 0
    (row,) = call("account", "list", "--tenant", "fresh", "--json").rows
    assert row["account_id"] == NEW
    told = call("account", "import", file, "--tenant", "x" * 129)
    assert told.code == Exit.USAGE
    assert "--tenant: the tenant must be 1 to 128 bytes" in told.err
