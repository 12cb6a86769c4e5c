"""``tracevault filter``: the contracts of log hosts."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from launcher import standin

import tracevault as tv
from tests.cli.conftest import Call, Done, Kit, command
from tests.conftest import ACME, fill
from tracevault.cli.bounded import SMALLEST, bounded
from tracevault.cli.exits import Exit
from tracevault.cli.options import Options
from tracevault.cli.session import opened

REF = "4jXtPB72Kpz7S8D"
WHERE = ("--tenant", "acme", "--account", ACME)


def line(**members: object) -> bytes:
    return json.dumps(members).encode() + b"\n"


@contextmanager
def running(environment: dict[str, str], folder: Path, *arguments: str) -> Iterator[Any]:
    """The filter as a host's child process."""
    child = subprocess.Popen(
        command("filter", *WHERE, *arguments),
        env=environment, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
    )  # fmt: skip
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        yield child
        child.stdin.close()
        assert child.wait(60) == 0
        assert child.stdout.read() == b""
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def answer(child: Any) -> bytes:
    """One line of the child; it must come without another line in."""
    found = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while not found.endswith(b"\n"):
            assert selector.select(60), f"no answer, only {found!r}"
            piece = os.read(child.stdout.fileno(), 65536)
            assert piece, f"it ended: {found!r}"
            found += piece
    return found


def test_each_line_is_answered_at_once(
    environment: dict[str, str], tmp_path: Path, kit: Kit
) -> None:
    with running(environment, tmp_path) as child:
        child.stdin.write(line(message_ref=REF, host="mx1"))
        row = json.loads(answer(child))
        assert row["host"] == "mx1"
        assert row["tracevault"]["trace"]["summary"]["recipients"]
        child.stdin.write(line(nothing="here"))
        assert json.loads(answer(child)) == {"nothing": "here"}
        child.stdin.write(b"no json\n")
        assert "no JSON object" in json.loads(answer(child))["tracevault"]["error"]["message"]
        child.stdin.write(line(AlertID="4jXtPB72Kpz7S8E"))
        assert json.loads(answer(child))["tracevault"]["error"]["status"] == "TV_E_NO_MESSAGE"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"Mar  4 12:00:00 mx postfix/smtp[1]: no JSON", None),
        (b"[1, 2]", None),
        (b'{"tenant": "a", "tenant": "b"}', None),
        (b'{"m": {"t": "a", "\\u0074": "b"}}', None),
        (b'{"message_ref": "4jXtPB72Kpz7S8D"', None),
        (b"\xff\xfe not UTF-8 \x1b[31m", "\\xff\\xfe not UTF-8 \x1b[31m"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, None),
        (b"", None),
    ],
)
@pytest.mark.parametrize("way", [(), ("--omprog", "rows")], ids=["lines", "omprog"])
def test_a_line_that_cannot_be_read_is_kept_beside_its_error(
    process: Call, kit: Kit, tmp_path: Path, sent: bytes, kept: str | None, way: tuple[str, ...]
) -> None:
    told = process("filter", *WHERE, *way, stdin=sent + b"\n")
    assert told.code == 0
    (row,) = map(json.loads, (tmp_path / "rows").open()) if way else told.rows
    assert row["tracevault"]["error"]["status"] == "INPUT"
    assert row["tracevault"]["line"] == (sent.decode() if kept is None else kept)


def test_of_a_line_that_is_too_long_the_beginning_is_kept(process: Call, kit: Kit) -> None:
    sent = json.dumps({"a": "x" * (1024 * 1024)})
    (whole,) = process("filter", *WHERE, stdin=sent).rows
    assert whole["tracevault"]["line"] == sent[: 1024 * 1024]
    assert "longer than 1 MiB" in whole["tracevault"]["error"]["message"]
    told = process("filter", *WHERE, "--max-bytes", "2048", stdin=f"{sent}\nplain é\n")
    assert all(len(line.encode()) < 2048 for line in told.out.splitlines())
    cut, plain = told.rows
    assert sent.startswith(cut["tracevault"]["line"])
    assert 1200 < len(cut["tracevault"]["line"]) < 2048
    assert cut["tracevault"]["error"]["status"] == "INPUT"
    assert cut["tracevault"]["truncated"]["max_bytes"] == 2048
    assert plain["tracevault"]["line"] == "plain é"


FORGED = {"trace": {"message_ref": "forged", "summary": {"state": "sent"}}}


def test_no_answer_is_passed_on_that_the_writer_of_a_line_has_put_there(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    sent = line(a=1, tracevault=FORGED, b={"tracevault": 2}) + line(tracevault=FORGED)
    sent += line(message_ref=REF, tracevault=FORGED) + line(message_ref="/", tracevault=FORGED)
    plain, bare, found, wrong = call("filter", *WHERE, stdin=sent).rows
    assert (plain, bare) == ({"a": 1, "b": {"tracevault": 2}}, {})
    assert found["tracevault"]["trace"]["message_ref"] == REF
    assert list(wrong["tracevault"]) == ["error"]
    (cut, *_) = call("filter", *WHERE, "--max-bytes", "1024",
                     stdin=line(a=1, tracevault={"x": "y" * 4000})).rows  # fmt: skip
    assert cut == {"a": 1}
    call("filter", *WHERE, "--omprog", tmp_path / "rows", stdin=sent)
    rows = (tmp_path / "rows").read_text()
    assert "forged" not in rows
    assert len(rows.splitlines()) == 2
    told = call("filter", *WHERE, "--mmexternal",
                stdin=sent + line(**{"$!": {"tracevault": FORGED}}) + line(x=1))  # fmt: skip
    nothing = {"$!": {"tracevault": None}}
    assert [*told.rows[:2], *told.rows[4:]] == [nothing, nothing, nothing, {}]


def test_mmexternal_gets_only_what_changes(
    environment: dict[str, str], tmp_path: Path, kit: Kit
) -> None:
    with running(environment, tmp_path, "--mmexternal", "--field", "$!.mail.id") as child:
        child.stdin.write(json.dumps({"msg": "x", "$!": {"mail": {"id": REF}}}).encode() + b"\n")
        row = json.loads(answer(child))
        assert list(row) == ["$!"]
        assert row["$!"]["tracevault"]["trace"]["message_ref"] == REF
        child.stdin.write(b'{"msg":"y"}\n')
        assert answer(child) == b"{}\n"
        child.stdin.write(b"plain text\n")
        told = json.loads(answer(child))["$!"]["tracevault"]
        assert "error" in told
        assert "line" not in told, "the host has it"


def test_omprog_hears_ok_for_each_message_and_rows_go_to_the_file(
    environment: dict[str, str], tmp_path: Path, kit: Kit
) -> None:
    with running(environment, tmp_path, "--omprog", "rows") as child:
        assert answer(child) == b"OK\n"
        for sent in (
            b"BEGIN TRANSACTION\n",
            line(message_ref=REF),
            line(message_ref="4jXtPB72Kpz7S8E"),
            line(other=1),
            b"COMMIT TRANSACTION\n",
        ):
            child.stdin.write(sent)
            assert answer(child).lstrip(b".") == b"OK\n"
    good, bad = map(json.loads, (tmp_path / "rows").read_bytes().splitlines())
    assert good["tracevault"]["trace"]["message_ref"] == REF
    assert bad["tracevault"]["error"]["status"] == "TV_E_NO_MESSAGE"
    assert (tmp_path / "rows").stat().st_mode & 0o777 == 0o600


def away(kit: Kit, folder: Path) -> dict[str, str]:
    """Variables for a server that is not there."""
    with standin(quota=0) as silent:
        vault = folder / "silent.vault"
        with tv.Vault.create(vault, tv.KeyFile(kit.key_file)) as made:
            fill(made, silent)
        shutil.copy(silent.ca_file, folder / "ca.pem")
        told = f"api.base_url={silent.base_url} tls.ca_file={folder}/ca.pem retry.max_attempts=1"
        return {"TRACEVAULT_VAULT": str(vault), "TRACEVAULT_SET": told}


def test_omprog_is_told_to_try_again_and_kept_awake_meanwhile(
    environment: dict[str, str], tmp_path: Path, kit: Kit
) -> None:
    environment |= away(kit, tmp_path)
    more = ("--omprog", "rows", "--keep-alive", "0.05", "--timeout", "0.5")
    pending = next(m for m in kit.server.messages_of(ACME) if m.pending_requests)
    with running(environment, tmp_path, *more) as child:
        assert answer(child) == b"OK\n"
        child.stdin.write(line(message_ref=REF))
        said = answer(child)
        assert said.lstrip(b".").startswith(b"TV_E_")
    assert (tmp_path / "rows").read_bytes() == b""
    kit.server.reset()
    environment |= kit.variables
    slow = ("--omprog", "rows", "--keep-alive", "0.01", "--wait", "20")
    with running(environment, tmp_path, *slow) as child:
        assert answer(child) == b"OK\n"
        child.stdin.write(line(message_ref=pending.postfix_id))
        said = answer(child)
        assert said.startswith(b".")
        assert said.lstrip(b".") == b"OK\n"


@pytest.mark.parametrize(
    ("ref", "status"),
    [
        ("fail-429-300", "TV_E_RATE_LIMITED"),
        ("fail-503-300", "TV_E_SERVER"),
        ("slow-60000", "TV_E_DEADLINE"),
        ("bad-html", "TV_E_FOREIGN_REPLY"),
    ],
)
@pytest.mark.parametrize("bound", [(), ("--tenant", "acme"), ("--account", ACME)])
def test_omprog_repeats_no_line_of_one_tenant_where_others_lines_wait_behind_it(
    process: Call, kit: Kit, tmp_path: Path, ref: str, status: str, bound: tuple[str, ...]
) -> None:
    kit.server.reset()
    other = next(one for one in kit.server.messages if one.tenant == "globex")
    its_own = {"account_id": other.account_id, "tenant": "globex"}
    sent = line(message_ref=ref, tenant="acme", account_id=ACME, host="mx1")
    sent += line(message_ref=other.postfix_id, **its_own)
    more = ("--omprog", "rows", "--timeout", "2", "--set", "retry.max_attempts=1")
    told = process("filter", *bound, *more, stdin=sent)
    assert told.code == 0
    heard = [said.lstrip(".") for said in told.out.splitlines()]
    first, *rest = map(json.loads, (tmp_path / "rows").read_text().splitlines())
    if bound:  # rsyslog keeps the line, and nobody else's waits
        assert heard[1].startswith(status)
        assert first["tracevault"]["error"]["status"] == "TV_E_ARGUMENT"
        return
    assert heard == ["OK"] * 3
    assert (first["message_ref"], first["host"]) == (ref, "mx1")
    assert first["tracevault"]["error"]["status"] == status
    assert first["tracevault"]["error"]["retriable"]
    assert rest[0]["tracevault"]["trace"]["account_id"] == other.account_id


def test_omprog_repeats_a_line_that_found_no_way_to_the_server_whoever_wrote_it(
    process: Call, kit: Kit, tmp_path: Path, environment: dict[str, str]
) -> None:
    environment |= away(kit, tmp_path)
    sent = line(message_ref=REF, tenant="acme", account_id=ACME)
    told = process("filter", "--omprog", "rows", stdin=sent)
    heard = [said.lstrip(".") for said in told.out.splitlines()]
    assert heard[0] == "OK"
    assert heard[1].startswith("TV_E_TRANSPORT")
    assert (tmp_path / "rows").read_bytes() == b""


def test_rows_go_into_the_new_file_after_a_rotation(
    environment: dict[str, str], tmp_path: Path, kit: Kit
) -> None:
    rows, old = tmp_path / "rows", tmp_path / "rows.1"
    with running(environment, tmp_path, "--omprog", "rows") as child:
        assert answer(child) == b"OK\n"

        def ask() -> None:
            child.stdin.write(line(message_ref=REF))
            assert answer(child).lstrip(b".") == b"OK\n"

        ask()
        rows.rename(old)
        ask()
        assert (old.read_bytes().count(b"\n"), rows.read_bytes().count(b"\n")) == (1, 1)
        # As logrotate's `create` has it: the new file is there already.
        rows.rename(old)
        rows.touch(0o640)
        ask()
        assert rows.read_bytes().count(b"\n") == 1


def test_omprog_is_told_to_try_again_when_the_disk_is_full(
    environment: dict[str, str], tmp_path: Path, kit: Kit
) -> None:
    with running(environment, tmp_path, "--omprog", "/dev/full") as child:
        assert answer(child) == b"OK\n"
        for _ in range(2):
            child.stdin.write(line(message_ref=REF))
            said = answer(child).lstrip(b".")
            assert said == b"the row is not written: No space left on device\n"


FULL_AFTER_A_PART = """
import resource, sys
from tracevault.cli.rows_file import RowsFile

file = RowsFile(sys.argv[1])
file.append(b"first\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
try:
    file.append(b"second\\n")
except OSError:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    file.append(b"third\\n")
"""


def test_a_disk_that_takes_a_part_of_a_row_keeps_none_of_it(
    environment: dict[str, str], tmp_path: Path
) -> None:
    rows = tmp_path / "rows"
    subprocess.run([sys.executable, "-c", FULL_AFTER_A_PART, rows], env=environment, check=True)
    assert rows.read_bytes() == b"first\nthird\n"


def trace(lines: int, recipients: int = 3) -> dict[str, Any]:
    text = "postfix/smtp[1]: 4jXtPB72Kpz7S8D: to=<a@example.com> " + "x" * 200
    return {
        "message_ref": REF,
        "inbound": {"pending": False, "lines": [{"message": f"{text} {n}"} for n in range(lines)]},
        "outbound": {"pending": False, "lines": [{"message": f"{text} {n}"} for n in range(lines)]},
        "summary": {"state": "sent", "recipients": [{"address": f"{n}@example.com", "reply": text}
                                                    for n in range(recipients)]},
    }  # fmt: skip


@pytest.mark.parametrize("limit", [SMALLEST, 4096, 65535, 10**6])
@pytest.mark.parametrize(("lines", "recipients"), [(1, 1), (500, 3), (500, 5000), (0, 0)])
def test_a_row_is_never_longer_than_asked_and_says_that_it_was_cut(
    limit: int, lines: int, recipients: int
) -> None:
    row = {"host": "mx1", "tracevault": {"trace": trace(lines, recipients)}}
    whole = bounded(row, None)
    cut = bounded(row, limit)
    assert len(cut) + 1 <= limit
    read = json.loads(cut)
    if len(whole) < limit:
        assert cut == whole
    else:
        mark = read["tracevault"]["truncated"]
        assert mark["bytes"] == len(whole) + 1
        if "trace" in read["tracevault"]:
            kept = read["tracevault"]["trace"]
            assert mark["lines"] == 2 * lines
            assert mark["lines_kept"] == len(kept["inbound"]["lines"] + kept["outbound"]["lines"])
            assert read["host"] == "mx1"
        else:
            assert read["tracevault"]["message_ref"] == REF


def test_a_long_input_is_cut_as_well() -> None:
    cut = bounded({"msg": "y" * 5000, "tracevault": {"error": {"status": "X"}}}, SMALLEST)
    assert json.loads(cut)["tracevault"]["error"] == {"status": "X"}
    assert len(cut) < SMALLEST


def test_a_bounded_row_of_the_filter(call: Call, kit: Kit) -> None:
    told = call("filter", *WHERE, "--max-bytes", "2048", stdin=line(message_ref=REF))
    assert len(told.out) <= 2048
    assert told.rows[0]["tracevault"]["truncated"]["lines"] == 7
    told = call("filter", *WHERE, "--mmexternal", "--max-bytes", "2048",
                stdin=line(message_ref=REF))  # fmt: skip
    assert len(told.out) <= 2048
    told = call("filter", *WHERE, "--summary", stdin=line(message_ref=REF))
    assert told.rows[0]["tracevault"]["trace"]["inbound"]["lines"] == []
    assert call("filter", *WHERE, "--max-bytes", "10").code == Exit.USAGE
    assert call("filter", *WHERE, "--omprog", "f", "--mmexternal").code == Exit.USAGE


def test_what_comes_back_is_json_whatever_the_line_held(call: Call, kit: Kit) -> None:
    told = call("filter", stdin='{"a":1e999,"b":-1e999,"c":1.5}\n{"a":NaN}\n{"a":Infinity}\n')
    first, *odd = told.out.splitlines()
    assert json.loads(first, parse_constant=pytest.fail) == {"a": "1e999", "b": "-1e999", "c": 1.5}
    assert [json.loads(line)["tracevault"]["error"]["status"] for line in odd] == ["INPUT"] * 2


@pytest.mark.parametrize("source", ["line", "variable", "file"])
@pytest.mark.parametrize("which", ["tenant", "account"])
def test_a_line_that_names_another_than_the_caller_is_not_asked(
    call: Call,
    kit: Kit,
    environment: dict[str, str],
    tmp_path: Path,
    source: str,
    which: str,
) -> None:
    value = {"tenant": "acme", "account": ACME}[which]
    words: tuple[str, ...] = ()
    if source == "line":
        words = (f"--{which}", value)
    elif source == "variable":
        environment[f"TRACEVAULT_{which.upper()}"] = value
    else:
        file = tmp_path / "config"
        file.write_text(f"[default]\n{which} = {value}\n")
        file.chmod(0o600)
        words = ("--config", str(file))
    other = next(one for one in kit.server.messages if one.tenant == "globex")
    own = kit.server.messages_of(ACME)[0]
    cross = {"message_ref": other.postfix_id, "tenant": "globex", "account_id": other.account_id}
    same = {"message_ref": own.postfix_id, "tenant": "acme", "account_id": ACME}
    sent = line(**cross) + line(**same)
    kit.server.reset()
    errors = [call("filter", *words, stdin=sent).rows[0]["tracevault"]["error"]]
    asked = json.dumps(kit.server.requests())
    told = call("batch", *words, "--json", stdin=sent)
    assert [row["account_id"] for row in told.rows] == [ACME]
    errors += [one["error"] for one in map(json.loads, told.err.splitlines()) if "error" in one]
    assert [one["status"] for one in errors] == ["TV_E_ARGUMENT"] * 2
    for one in errors:
        assert f"names another {which if which == 'tenant' else 'tenant'} than" in one["message"]
        assert "globex" not in one["message"]
        assert other.account_id not in one["message"]
    assert ACME in asked
    assert other.account_id not in asked


def test_a_line_may_name_the_account_that_the_caller_named_by_its_label(
    call: Call, kit: Kit
) -> None:
    own = kit.server.messages_of(ACME)[0].postfix_id
    (label,) = {one.label for one in kit.server.accounts if one.id == ACME}
    other = next(one for one in kit.server.accounts if one.tenant == "acme" and one.id != ACME)
    for given in (label.upper(), ACME):
        told = call("filter", "--account", given, stdin=line(message_ref=own, account_id=ACME))
        assert "trace" in told.rows[0]["tracevault"]
        rows = [{"message_ref": own, "account": one} for one in (label, ACME, other.id)]
        told = call("batch", "--account", given, "--json",
                    stdin=b"".join(line(**row) for row in rows))  # fmt: skip
        assert sorted(row["line"] for row in told.rows) == [1, 2]
        assert "names another account than" in told.err


def rows_of(told: Done) -> list[str]:
    """Which account each line asked, or why it asked none."""
    parts = [row["tracevault"] for row in told.rows]
    return [
        one["trace"]["account_id"] if "trace" in one else one["error"]["status"] for one in parts
    ]


def test_a_line_may_name_its_account_by_the_label(call: Call, kit: Kit) -> None:
    own = kit.server.messages_of(ACME)[0].postfix_id
    (label,) = {one.label for one in kit.server.accounts if one.id == ACME}
    sent = line(message_ref=own, tenant="acme", account_id=label)
    sent += line(message_ref=own, account_id=label.upper())
    sent += line(message_ref=own, account_id="not one")
    assert rows_of(call("filter", stdin=sent)) == [ACME, ACME, "TV_E_NOT_FOUND"]
    told = call("filter", "--account-field", "where.label", "--tenant", "acme",
                stdin=line(message_ref=own, where={"label": label}))  # fmt: skip
    assert rows_of(told) == [ACME]


def test_a_label_of_another_tenant_is_none_and_one_of_several_accounts_is_told(
    call: Call, kit: Kit
) -> None:
    own = kit.server.messages_of(ACME)[0].postfix_id
    other = next(one for one in kit.server.accounts if one.tenant == "globex")
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        edit.set("acme", ACME, label="Mail")
        edit.set("globex", other.id, label="mail")
    kit.server.reset()
    sent = line(message_ref=own, account_id="mail")
    told = call("filter", stdin=sent)
    assert rows_of(told) == ["TV_E_AMBIGUOUS"]
    assert "2 accounts have the label 'mail'" in told.out
    assert rows_of(call("filter", "--tenant", "acme", stdin=sent)) == [ACME]
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        edit.set("acme", ACME, label="Acme")
    assert rows_of(call("filter", "--tenant", "acme", stdin=sent)) == ["TV_E_NOT_FOUND"]
    sent = line(message_ref=own, tenant="acme", account_id="mail")
    assert rows_of(call("filter", stdin=sent)) == ["TV_E_NOT_FOUND"]
    assert other.id not in json.dumps(kit.server.requests())


def test_an_account_of_two_tenants_needs_its_tenant(call: Call, kit: Kit) -> None:
    own = kit.server.messages_of(ACME)[0].postfix_id
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        edit.put("globex", ACME, tv.ApiToken("test-token-not-real"), origin=kit.server.origin)
    told = call("filter", stdin=line(message_ref=own, account_id=ACME))
    assert rows_of(told) == ["TV_E_AMBIGUOUS"]
    assert "2 tenants have this account: give the tenant beside it" in told.out
    sent = line(message_ref=own, account_id=ACME, tenant="acme")
    assert rows_of(call("filter", stdin=sent)) == [ACME]


def test_a_label_means_the_account_that_has_it_now(kit: Kit) -> None:
    given = {"vault": str(kit.vault), "key_file": str(kit.key_file)}
    other = next(one for one in kit.server.accounts if one.tenant == "acme" and one.id != ACME)
    with opened(Options({}, given)) as session:
        for account in (ACME, other.id):
            with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
                for one in (ACME, other.id):
                    edit.set("acme", one, label="mail" if one == account else "")
            session.vault.refresh()
            assert session.place_of(None, "Mail")[1] == account
