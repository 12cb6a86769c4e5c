"""What --tenant and --account let a line of others choose: the accounts that they mean, no other.

One account id may belong to two tenants, and a label to accounts of several: only a tenant and an
id together say whose token is sent.
"""

from __future__ import annotations

import json
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit
from tests.conftest import ACME
from tracevault.accounts import Account
from tracevault.cli.exits import Exit
from tracevault.cli.options import Options
from tracevault.cli.session import opened

REF = "4jXtPB72Kpz7S8D"
B = "b" * 32
C = "c" * 32
#: Whose accounts, and what they are called. "one" and "two" have the account ACME both.
THERE = (("one", ACME, "mail"), ("two", ACME, "x"), ("two", B, "mail"), ("two", C, B))


@pytest.fixture
def shared(kit: Kit) -> Kit:
    """A vault in which tenants share an account, accounts a label, and a label is like an id.

    A vault of an earlier state may hold such a label.
    """
    kit.vault.unlink()
    with tv.Vault.create(kit.vault, tv.KeyFile(kit.key_file)) as vault:
        for tenant, account, label in THERE:
            token = f"test-token-not-real-{tenant}-{account[:4]}"
            with vault.edit() as edit:
                edit.put(tenant, account, tv.ApiToken(token), origin=kit.server.origin)
            # The library may refuse a label that is like an id.
            with (
                suppress(tv.TraceVaultError) if label == B else nullcontext(),
                vault.edit() as edit,
            ):
                edit.set(tenant, account, label=label)
    kit.server.reset()
    return kit


def line(**members: str) -> str:
    return json.dumps({"message_ref": REF, **members}) + "\n"


#: What is bound, and what a line says that would lead elsewhere.
ESCAPES: tuple[tuple[tuple[str, ...], dict[str, str]], ...] = (
    (("--account", ACME), {"tenant": "two", "account_id": "mail"}),
    (("--account", ACME), {"account_id": B}),
    (("--account", "mail"), {"tenant": "two", "account_id": ACME}),
    (("--account", "mail"), {"tenant": "two", "account_id": "x"}),
    (("--account", "mail"), {"tenant": "one", "account_id": "x"}),
    (("--account", "x"), {"tenant": "one", "account_id": ACME}),
    (("--account", "x"), {"tenant": "one"}),
    (("--account", "mail", "--tenant", "two"), {"account_id": ACME}),
    (("--account", "mail", "--tenant", "two"), {"account_id": "x"}),
    (("--account", "mail", "--tenant", "two"), {"tenant": "one"}),
    (("--account", C), {"tenant": "two", "account_id": B}),
    (("--account", C), {"account_id": B}),
    (("--account", B), {"account_id": C}),
)


@pytest.mark.parametrize("verb", ["filter", "batch"])
@pytest.mark.parametrize(("bound", "said"), ESCAPES)
def test_no_line_leads_beyond_the_accounts_that_the_caller_means(
    call: Call, shared: Kit, verb: str, bound: tuple[str, ...], said: dict[str, str]
) -> None:
    told = call(verb, *bound, *(["--json"] if verb == "batch" else []), stdin=line(**said))
    error = (
        told.rows[0]["tracevault"]["error"] if verb == "filter" else json.loads(
            told.err.splitlines()[0])["error"]
    )  # fmt: skip
    assert error["status"] == "TV_E_ARGUMENT"
    assert "names another" in error["message"]
    assert shared.server.requests() == []


#: What is bound, what a line says, and whom it asks.
WITHIN: tuple[tuple[tuple[str, ...], dict[str, str], tuple[str, str]], ...] = (
    (("--account", ACME), {"tenant": "two"}, ("two", ACME)),
    (("--account", ACME), {"tenant": "two", "account_id": "x"}, ("two", ACME)),
    (("--account", ACME), {"tenant": "one", "account_id": "Mail"}, ("one", ACME)),
    (("--account", ACME), {"account_id": "x"}, ("two", ACME)),
    (("--account", "MAIL"), {"tenant": "two"}, ("two", B)),
    (("--account", "mail"), {"tenant": "two", "account_id": B}, ("two", B)),
    (("--account", "mail", "--tenant", "two"), {}, ("two", B)),
    (("--account", "mail", "--tenant", "two"), {"account_id": B}, ("two", B)),
    (("--account", B), {}, ("two", B)),
    (("--account", B), {"account_id": B}, ("two", B)),
    ((), {"account_id": B}, ("two", B)),
    ((), {"tenant": "two", "account_id": "mail"}, ("two", B)),
    ((), {"account_id": "x"}, ("two", ACME)),
)


@pytest.mark.parametrize(("bound", "said", "asked"), WITHIN)
def test_a_line_chooses_among_the_accounts_that_the_caller_means(
    shared: Kit, bound: tuple[str, ...], said: dict[str, str], asked: tuple[str, str]
) -> None:
    given = dict(zip(("account", "tenant"), bound[1::2], strict=False))
    given |= {"vault": str(shared.vault), "key_file": str(shared.key_file)}
    with opened(Options({}, given)) as session:
        tenant, account = session.place_of(said.get("tenant"), said.get("account_id"))
        assert (tenant.name, account) == asked


def test_the_bound_means_the_account_that_has_the_label_now(shared: Kit) -> None:
    given = {"vault": str(shared.vault), "key_file": str(shared.key_file), "account": "x"}
    with opened(Options({}, given)) as session:
        assert session.place_of(None, None)[1] == ACME
        key = tv.KeyFile(shared.key_file)
        with tv.Vault.open(shared.vault, key) as vault, vault.edit() as edit:
            edit.set("two", ACME, label="")
            edit.set("two", B, label="x")
        session.vault.refresh()
        for said in ((None, None), (None, "x"), ("two", B)):
            assert session.place_of(*said)[1] == B
        with pytest.raises(tv.ArgumentError, match="names another account"):
            session.place_of("two", ACME)


def test_a_label_asks_no_other_tenants_account_of_the_same_id(
    call: Call, shared: Kit, tmp_path: Path
) -> None:
    def whose(*words: str) -> list[tuple[str, str]]:
        return [(one["tenant"], one["account_id"]) for one in call(*words, "--json").rows]

    assert whose("account", "list", "--account", "x") == [("two", ACME)]
    assert whose("account", "check", "--account", "x") == [("two", ACME)]
    told = call("account", "list", "--account", "mail")
    assert told.code == Exit.NOT_FOUND
    assert "2 accounts have the label 'mail'" in told.err
    assert whose("account", "list", "--account", ACME) == [("one", ACME), ("two", ACME)]
    assert whose("account", "list", "--account", B) == [("two", B)]


def test_a_label_like_an_id_names_nobody(shared: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    there, given = tv.Vault.accounts, {"vault": str(shared.vault), "key_file": str(shared.key_file)}

    def as_before(vault: tv.Vault) -> list[Account]:
        """A vault of an earlier state, with labels that the library may refuse by now."""
        labels = {C: B, ACME: "D" * 32}
        return [
            one.__replace__(label=labels[one.account_id]) if one.account_id in labels else one
            for one in there(vault)
        ]

    monkeypatch.setattr(tv.Vault, "accounts", as_before)
    with opened(Options({}, given)) as session:
        assert session.place_of(None, B)[1] == B
        with pytest.raises(tv.NotFoundError):
            session.place_of(None, "d" * 32)
    for named in ("D" * 32, "d" * 32):
        with (
            opened(Options({}, {**given, "account": named})) as session,
            pytest.raises(tv.NotFoundError, match="no account has this name"),
        ):
            session.place_of(None, None)
