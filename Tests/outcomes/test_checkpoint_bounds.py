"""What a tenant's detections leave in a collection's checkpoint is bounded, and nobody else's matter."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import tracevault as tv
from bare_server import TRACE, engine, reply, serving
from tracevault import _checkpoint

Item = dict[str, Any]
#: What an account shows at a cursor, and the next cursor.
Shows = Callable[[str], tuple[list[Item], str | None]]

NOW = datetime.now(timezone.utc).replace(microsecond=0)
EVIL, MODEST = f"{1:032x}", f"{2:032x}"
LONG = "x" * 20_000
REFUSED = reply({"success": False, "errors": [{"code": 1, "message": "no"}]}, 403)


def at(**before: float) -> str:
    return (NOW - timedelta(**before)).strftime("%Y-%m-%dT%H:%M:%SZ")


def mail(ref: str, scanned: str | None = None, **more: object) -> Item:
    return {"id": ref, "scanned_at": scanned or at(hours=2), "final_disposition": "SPAM", **more}


def shows(*items: Item) -> Shows:
    return lambda _: ([*items], None)


class Accounts:
    """Two tenants with an account each, and runs of a collection over both."""

    def __init__(self, folder: Path) -> None:
        self.checkpoint = folder / "c"
        self.shown: dict[str, Shows] = {EVIL: shows(), MODEST: shows()}
        self.refused = "nobody"

    def answer(self, head: bytes, _: int) -> bytes:
        found = re.search(rb"/accounts/([0-9a-f]{32})/", head)
        cursor = re.search(rb"[?&]cursor=([^& ]+)", head)
        assert found
        if b"/investigate?" not in head:
            return REFUSED if self.refused.encode() in head else reply(TRACE)
        items, following = self.shown[found[1].decode()](cursor[1].decode() if cursor else "")
        body = {"success": True, "errors": [], "result": items, "result_info": {"next": following}}
        return reply(body)

    def run(self, **options: Any) -> list[tv.Detection]:
        with (
            serving(self.answer) as server,
            tv.Vault.in_memory() as vault,
            engine(server.origin, cache__max_bytes=0) as asking,
        ):
            with vault.edit() as edit:
                for name, one in (("evil", EVIL), ("modest", MODEST)):
                    token = tv.ApiToken(f"test-token-not-real-{name}-0000")
                    edit.put(name, one, token, origin=server.origin)
            return list(asking.collect(vault, checkpoint=self.checkpoint, **options))

    def write(self, *lines: object) -> None:
        """A checkpoint as an earlier version left it."""
        whole = [{"schema": "tracevault.checkpoint/1"}, *lines]
        self.checkpoint.touch(mode=0o600)
        self.checkpoint.write_text("".join(json.dumps(line) + "\n" for line in whole))

    def remembered(self, account_id: str = EVIL) -> list[str]:
        lines = [json.loads(line) for line in self.checkpoint.read_text().splitlines()]
        return [
            one["message"]
            for one in lines
            if one.get("account_id") == account_id and "state" in one
        ]

    @property
    def size(self) -> int:
        return self.checkpoint.stat().st_size


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path)


def refs(told: list[tv.Detection], account_id: str = EVIL) -> list[str | None]:
    return [one.message.message_ref for one in told if one.message and one.account_id == account_id]


def errors(told: list[tv.Detection]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in told:
        if one.error is not None:
            found.setdefault(one.account_id, []).append(one.error.name)
    return found


# ---- Long values ---------------------------------------------------------------------------------

STATES = [
    {"final_disposition": LONG},
    {"delivery_status": ["delivered"] * 5000},
    {"delivery_mode": LONG},
    {"post_delivery_operations": [{"a": ["MOVE"] * 3000}]},
    {"scanned_at": at(hours=2)[:-1] + "." + "1" * 20_000 + "Z"},
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: min(state))
def test_a_long_value_of_a_state_is_remembered_as_its_digest(
    accounts: Accounts, state: Item
) -> None:
    (name,) = state
    accounts.shown[EVIL] = shows(mail("m") | state)
    assert refs(accounts.run()) == ["m"]
    assert accounts.size < 1500
    assert accounts.run() == []
    other = state[name][:-1] if name != "scanned_at" else at(hours=2)
    accounts.shown[EVIL] = shows(mail("m") | {name: other, "delivery_mode": "API"})
    (told,) = accounts.run()
    assert told.change == "changed"
    if name != "scanned_at":
        assert re.fullmatch("sha256:[0-9a-f]{64}", told.before[name])
    assert accounts.run() == []


def test_a_checkpoint_with_long_states_shrinks_in_the_next_run_and_tells_nothing_again(
    accounts: Accounts,
) -> None:
    state = {"final_disposition": LONG, "delivery_status": ["delivered"]}
    lines = [
        {"account_id": EVIL, "message": f"m{n}", "state": state, "scanned_at": at(hours=2)}
        for n in range(200)
    ]
    accounts.write({"account_id": EVIL, "until": NOW.isoformat()}, *lines)
    sizes = []

    def look(_: str) -> tuple[list[Item], None]:
        sizes.append(accounts.size)  # also where the run then comes to no end
        return [mail(f"m{n}") | state for n in range(200)], None

    accounts.shown[EVIL] = look
    assert accounts.run() == []
    assert max(*sizes, accounts.size) < 100_000


# ---- What is forgotten ---------------------------------------------------------------------------


def test_a_message_of_a_time_to_come_is_forgotten_when_it_is_not_shown(accounts: Accounts) -> None:
    for run in range(3):
        accounts.shown[EVIL] = shows(mail(f"m{run}", "9999-12-31T00:00:00Z"))
        assert refs(accounts.run()) == [f"m{run}"]
        assert accounts.run() == []
        assert accounts.remembered() == [f"m{run}"]


def never_ending(*items: Item) -> Shows:
    """The same cursor again and again."""
    return lambda _: ([*items], "more")


def test_what_is_older_than_the_start_of_an_account_is_forgotten_also_where_its_search_has_no_end(
    accounts: Accounts,
) -> None:
    for run in range(3):
        accounts.shown[EVIL] = never_ending(mail("new"), mail(f"m{run}", at(days=300)))
        told = accounts.run()
        assert errors(told) == {EVIL: ["TV_E_REPLY_SHAPE"]}
        assert refs(told) == [f"m{run}"] if run else ["new", "m0"]
        assert sorted(accounts.remembered()) == [f"m{run}", "new"]


def test_a_search_without_an_end_takes_nothing_from_what_may_be_shown_again(
    accounts: Accounts,
) -> None:
    """What it did not come to: of this day, and of no time at all."""
    timeless = mail("timeless") | {"scanned_at": None}
    accounts.shown[EVIL] = shows(mail("recent"), timeless)
    assert sorted(map(str, refs(accounts.run()))) == ["recent", "timeless"]
    accounts.shown[EVIL] = never_ending()
    for _ in range(3):
        accounts.run()
    accounts.shown[EVIL] = shows(mail("recent"), timeless)
    assert accounts.run() == []


def test_an_account_whose_trace_never_comes_forgets_what_it_does_not_show(
    accounts: Accounts,
) -> None:
    accounts.refused = "waits"
    for run in range(3):
        shown = [mail(f"m{run}", at(days=300)), mail(f"n{run}", "9999-12-31T00:00:00Z")]
        accounts.shown[EVIL] = shows(mail("waits"), *shown)
        assert sorted(map(str, refs(accounts.run(trace=True)))) == [f"m{run}", f"n{run}", "waits"]
        assert sorted(accounts.remembered()) == [f"m{run}", f"n{run}"]


# ---- How much is remembered ----------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some hundred messages fit into the whole checkpoint."""
    monkeypatch.setattr(_checkpoint, "MOST", 400_000)


def numbered() -> Iterator[Item]:
    return (mail(f"m{number}") for number in itertools.count())


def test_who_has_no_room_left_is_told_with_a_limit_and_the_others_have_theirs(
    accounts: Accounts, small: None
) -> None:
    new = numbered()
    accounts.shown[EVIL] = lambda _: ([*itertools.islice(new, 1000)], None)
    for run in range(4):
        accounts.shown[MODEST] = shows(*(mail(f"n{run}x{number}") for number in range(20)))
        told = accounts.run()
        assert errors(told) == {EVIL: ["TV_E_LIMIT"]}
        assert len(refs(told, MODEST)) == 20
        assert (len(refs(told)) > 100) is (run == 0)
        assert accounts.size < 200_000


def test_a_tenant_of_another_vault_with_the_same_name_takes_none_of_the_room(
    accounts: Accounts, small: None
) -> None:
    new = numbered()
    accounts.shown[EVIL] = lambda _: ([*itertools.islice(new, 1000)], None)
    with (
        serving(accounts.answer) as server,
        tv.Vault.in_memory() as evil,
        tv.Vault.in_memory() as modest,
        engine(server.origin, cache__max_bytes=0) as asking,
    ):
        for vault, one in ((evil, EVIL), (modest, MODEST)):
            with vault.edit() as edit:
                token = tv.ApiToken(f"test-token-not-real-{one}")
                edit.put("acme", one, token, origin=server.origin)
        tenants = evil.tenant("acme"), modest.tenant("acme")
        # The first run fills the room, and in the second all is read from the file.
        for run in range(2):
            accounts.shown[MODEST] = shows(*(mail(f"n{run}x{number}") for number in range(20)))
            told = list(asking.collect(tenants, checkpoint=accounts.checkpoint))
            assert errors(told) == {EVIL: ["TV_E_LIMIT"]}
            assert len(refs(told, MODEST)) == 20


def test_what_had_no_room_is_told_when_there_is_some(
    accounts: Accounts, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.shown[EVIL] = shows(*itertools.islice(numbered(), 900))
    first = accounts.run()
    assert errors(first) == {EVIL: ["TV_E_LIMIT"]}
    monkeypatch.undo()
    rest = accounts.run()
    assert errors(rest) == {}
    assert sorted(map(str, refs(first) + refs(rest))) == sorted(f"m{n}" for n in range(900))
    assert accounts.run() == []


def test_of_one_account_what_it_has_not_shown_for_longest_is_forgotten_and_all_that_is_new_told(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as an account with more than the limit, day after day: its search never ends."""
    monkeypatch.setattr("tracevault.collect.EACH", 1)  # 100,000 bytes of it
    new = numbered()
    for run in range(6):
        page = [*itertools.islice(new, 60)]
        accounts.shown[EVIL] = never_ending(*page)
        told = accounts.run()
        assert refs(told) == [one["id"] for one in page]
        assert set(errors(told)[EVIL]) <= {"TV_E_LIMIT", "TV_E_REPLY_SHAPE"}
        assert ("TV_E_LIMIT" in errors(told)[EVIL]) is (run >= 4)
        accounts.shown[EVIL] = never_ending(*page)
        assert refs(accounts.run()) == []
        assert accounts.remembered()[-60:] == [one["id"] for one in page]
    assert len(accounts.remembered()) < 300


def test_a_checkpoint_with_too_many_messages_shrinks_in_the_next_run(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracevault.collect.EACH", 1)
    lines = [
        {"account_id": one, "message": f"m{n}", "state": {}, "scanned_at": at(hours=2)}
        for one, count in ((EVIL, 5000), (MODEST, 100))
        for n in range(count)
    ]
    accounts.write(*lines)
    accounts.shown[EVIL] = never_ending()
    accounts.shown[MODEST] = never_ending()
    accounts.run()
    assert 0 < len(accounts.remembered()) < 400
    assert accounts.remembered()[-1] == "m4999"
    assert len(accounts.remembered(MODEST)) == 100


def test_runs_that_are_ended_early_leave_no_file_that_grows_for_ever(accounts: Accounts) -> None:
    """Each writes states that changed behind those that are there; only an end writes it anew."""
    state = {"final_disposition": "SPAM"}
    lines = [
        {"account_id": EVIL, "message": "m", "state": state, "scanned_at": at(hours=2)}
    ] * 20_000
    accounts.write(*lines)
    assert accounts.size > 2_000_000
    sizes = []

    def look(_: str) -> tuple[list[Item], None]:
        sizes.append(accounts.size)
        return [mail("m")], None

    accounts.shown[EVIL] = look
    assert accounts.run() == []
    assert max(sizes) < 2000


class Looked(dict[str, _checkpoint.Known]):
    """Counts how often somebody goes through all of it."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        Looked.times += 1
        return super().__iter__()


def test_who_forgets_many_messages_looks_at_all_of_them_once(tmp_path: Path) -> None:
    """At each it had held up a run, and its event loop, for minutes."""
    known = _checkpoint.Known.of({}, None)
    checkpoint = _checkpoint.Checkpoint(tmp_path / "c")
    checkpoint.open({}, 400_000)
    messages = checkpoint._known[EVIL] = Looked()
    for number in range(1000):
        checkpoint.learn(EVIL, f"m{number}", known)
    room = [checkpoint.make_room(EVIL, f"n{number}", known, set()) for number in range(1000)]
    checkpoint.close()
    assert sum(one or 0 for one in room) > 700
    assert None not in room
    assert len(messages) < 300
    assert Looked.times == 1


def test_what_a_caller_changes_of_a_state_before_changes_nothing_that_is_remembered(
    accounts: Accounts,
) -> None:
    accounts.shown[EVIL] = shows(mail("m1"), mail("m2"))
    accounts.run()
    changed = {"final_disposition": "MALICIOUS"}
    accounts.shown[EVIL] = shows(mail("m1") | changed, mail("m2") | changed)
    for one in accounts.run():
        assert one.before == {"final_disposition": "SPAM"}
        one.before["final_disposition"] = "mine"
    assert accounts.run() == []
