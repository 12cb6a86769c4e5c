"""test_c_programs: every C program of Tests/abi and the C binding, against the built library.

The programs speak for themselves (one line a promise); here they are compiled, run, run again under
valgrind, and the example program is held against the stand-in. Needs `make build` first.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tracevault as tv
from c_programs import ABI, BINDING, LIBRARY, ROOT, STRICT, VALGRIND, Compile, run
from engine_scene import put_all, token
from launcher import Standin, standin
from standin import mail
from standin.catalogue import Message

# Each is a program with promises of its own.
PROGRAMS = (
    "handles",
    "arguments",
    "config",
    "vault",
    "damage",
    "edits",
    "rotation",
    "unlocks",
    "document",
    "walk",
    "binding",
    "starving",
    "search",
    "hunts",
    "views",
    "engine",
    "waking",
    "owned",
    "fork",
    "atfork",
    "ending",
    "threads",
)
# Repeated under valgrind: what allocates and frees on the caller's thread. The long run repeats all of
# them; the others make the same calls as these, and engines have tests of their own under valgrind.
UNDER_VALGRIND: tuple[str, ...] = (
    "handles",
    "rotation",
    "document",
    "walk",
    "binding",
    "starving",
    "hunts",
    "views",
    "owned",
)
if "TRACEVAULT_LONG" in os.environ:
    UNDER_VALGRIND += (
        "arguments", "config", "vault", "damage", "edits", "unlocks", "search", "engine",
    )  # fmt: skip


def abi_program(compiled: Compile, name: str) -> Path:
    sources = (BINDING / f"tv_{name}.c" for name in ("trace", "search", "views"))
    flags = ("-Wl,--wrap=malloc",) if name == "starving" else ()
    return compiled(name, ABI / f"{name}.c", *sources, flags=flags)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_promise_of_the_program_holds(
    compiled: Compile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = run(abi_program(compiled, name))
    assert done.returncode == 0, done.stdout
    assert ", 0 failed" in done.stdout


@pytest.mark.parametrize("side", ["behind", "before"])
def test_nothing_beside_a_reply_in_memory_is_looked_at(compiled: Compile, side: str) -> None:
    done = run(abi_program(compiled, "edges"), side)
    assert done.returncode == 0, f"{done.returncode}: {done.stdout}"
    assert "3 passed, 0 failed" in done.stdout


def test_loading_twice_and_side_by_side_changes_nothing_in_the_host() -> None:
    done = run(sys.executable, ROOT / "scripts/check", "loading")
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
@pytest.mark.parametrize("name", UNDER_VALGRIND)
def test_valgrind_finds_no_error_and_no_leak(
    compiled: Compile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = run(*VALGRIND, abi_program(compiled, name))
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_the_suppressions_hide_no_leak_of_the_host(compiled: Compile, tmp_path: Path) -> None:
    source = tmp_path / "losing.c"
    source.write_text(
        "#include <stdlib.h>\n#include <tracevault.h>\nint main(void) {\n"
        "    tv_document *info = NULL;\n"
        "    if (tv_build_info(&info, NULL) != TV_OK || malloc(7) == NULL) return 1;\n"
        "    tv_document_free(info);\n    return 0;\n}\n",
        encoding="utf-8",
    )
    done = run(*VALGRIND, compiled("losing", source))
    assert done.returncode == 99
    assert re.findall(r"(\d+) bytes in .* lost", done.stdout) == ["7"], done.stdout


# ---- the harness itself ---------------------------------------------------------------------


def test_a_broken_promise_fails_its_program(compiled: Compile, tmp_path: Path) -> None:
    source = tmp_path / "broken.c"
    source.write_text(
        '#include "test.h"\n'
        "PROMISE(wrong_status) { GIVES(TV_OK, tv_config_new(NULL, ERR)); }\n"
        'PROMISE(wrong_text) { GIVES_NAMING(TV_E_ARGUMENT, "xyz", tv_config_new(NULL, ERR)); }\n'
        "PROMISE(wrong_fact) { CHECK(tv_abi() == -1); }\n"
        "int main(int argc, char **argv) { begin(argc, argv); RUN(wrong_status); RUN(wrong_text);"
        " RUN(wrong_fact); return finish(); }\n",
        encoding="utf-8",
    )
    done = run(compiled("broken", source))
    assert done.returncode == 1
    assert "0 passed, 3 failed" in done.stdout


# ---- the example program against the stand-in -----------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[Standin]:
    with standin(quota=0) as server:
        yield server


@pytest.fixture
def server(running: Standin) -> Standin:
    running.reset()
    return running


@pytest.fixture
def sealed(compiled: Compile, server: Standin, tmp_path: Path) -> tuple[Path, Path]:
    """A vault with every account of the stand-in, and its key file."""
    tmp_path.chmod(stat.S_IRWXU)
    rows = []
    for account in server.accounts:
        known = server.credential(account.id)
        secret = known.token if known.kind == "api_token" else f"{known.email}\t{known.key}"
        rows.append(f"{account.tenant}\t{account.id}\t{server.origin}\t{secret}\n")
    vault, key = tmp_path / "test.vault", tmp_path / "test.key"
    done = run(abi_program(compiled, "seal"), vault, key, input="".join(rows))
    assert done.returncode == 0, done.stdout
    key.chmod(stat.S_IRUSR)
    return vault, key


@pytest.fixture
def kept(server: Standin, tmp_path: Path) -> tuple[Path, Path]:
    """The same, but sealed with a key file."""
    tmp_path.chmod(stat.S_IRWXU)
    vault, key = tmp_path / "kept.vault", tmp_path / "kept.key"
    key.write_bytes(os.urandom(64))
    key.chmod(stat.S_IRUSR)
    with tv.Vault.create(vault, tv.KeyFile(key)) as made, made.edit() as edit:
        put_all(edit, server)
    return vault, key


@pytest.fixture
def example(compiled: Compile) -> Path:
    return compiled("example", BINDING / "example.c", BINDING / "tv_trace.c")


def settings(server: Standin) -> list[str]:
    return ["-o", f"api.base_url={server.base_url}", "-o", f"tls.ca_file={server.ca_file}"]


def of_account(server: Standin, account_id: str, count: int) -> list[Message]:
    """Some messages of an account that are complete at once."""
    return [m for m in server.messages_of(account_id) if not m.pending_requests][:count]


def shown(message: Message) -> list[str]:
    lines = [line["message"] for line in (*message.inbound, *message.outbound)]
    return [line for line in lines if line]


def test_the_hunt_finds_every_copy_in_all_accounts_and_leaks_nothing(
    compiled: Compile, server: Standin, kept: tuple[Path, Path]
) -> None:
    sources = (BINDING / name for name in ("hunt.c", "tv_search.c", "tv_trace.c"))
    program = compiled("hunt", *sources)
    wanted = {
        (one.account_id, one.item["id"])
        for one in mail.of_messages(
            server.messages + mail.archive(server.messages), len(server.accounts)
        )
        if one.item["from"].endswith("@sender.example")
    }
    what = ("sender=sender.example", "start=2000-01-01T00:00:00Z", "deadline_ms=300000")
    ways: list[tuple[str, ...]] = [(), VALGRIND] if shutil.which("valgrind") else [()]
    for before in ways:
        done = run(*before, program, *settings(server), *kept, *what)
        assert done.returncode == 0, done.stdout
        told = {tuple(line.split("  ")[1:3]) for line in done.stdout.splitlines()[:-1]}
        assert told == wanted
        end = f"{len(wanted)} copies in {len(server.accounts)} accounts; not asked to the end: 0"
        assert done.stdout.splitlines()[-1] == end


def test_the_hunt_says_which_accounts_it_could_not_ask_and_what_was_wrong(
    compiled: Compile, server: Standin, kept: tuple[Path, Path]
) -> None:
    sources = (BINDING / name for name in ("hunt.c", "tv_search.c", "tv_trace.c"))
    program = compiled("hunt", *sources)
    good: list[str | Path] = [*settings(server), *kept]
    done = run(program, *good, "query=standin-page1-fail-400", "traces=false")
    assert done.returncode == 1
    assert done.stdout.count("not asked to the end: TV_E_") == len(server.accounts)
    for words in ([], ["sender"], ["sender=x", "start"]):
        done = run(program, *good, *words)
        assert done.returncode == 2
        assert done.stdout.startswith("usage: hunt")
    assert run(program, "-o", "http.proxy", *good, "sender=x").returncode == 2
    done = run(program, *good, "cursor=x")
    assert done.returncode == 3
    assert "TV_E_CONFIG_NAME" in done.stdout


def test_the_example_prints_every_line_of_every_message(
    server: Standin, sealed: tuple[Path, Path], example: Path
) -> None:
    for account in server.accounts:
        messages = of_account(server, account.id, 5)
        refs = [message.refs[index % 3] for index, message in enumerate(messages)]
        done = run(example, "-a", account.id, *settings(server), *sealed, account.tenant, *refs)
        assert done.returncode == 0, done.stdout
        for message, ref in zip(messages, refs, strict=True):
            assert ref in done.stdout
            for line in shown(message):
                assert line in done.stdout
        known = server.credential(account.id)
        for secret in (known.token, known.key):
            assert not secret or secret not in done.stdout


@pytest.mark.parametrize(
    "compiler", [("gcc", "-O0"), ("gcc", "-O2"), ("clang", "-O2")], ids=" ".join
)
def test_the_example_tells_every_error_whichever_compiler_made_it(
    compiler: tuple[str, str], server: Standin, sealed: tuple[Path, Path], tmp_path: Path
) -> None:
    """Arguments of a call are read in any order; gcc and clang take different ones."""
    program = tmp_path / "example"
    sources = [str(BINDING / name) for name in ("example.c", "tv_trace.c")]
    subprocess.run(
        [*compiler, "-std=c11", f"-I{ROOT / 'include'}", *sources, "-o", str(program)]
        + [f"-L{LIBRARY.parent}", "-ltracevault", f"-Wl,-rpath,{LIBRARY.parent}"],
        check=True,
    )
    acme = server.accounts[0]
    good: list[str | Path] = [*settings(server), *sealed, acme.tenant]
    cases: tuple[tuple[list[str | Path], str], ...] = (
        ([*good, "no such ref"], "no such ref: TV_E_MESSAGE_REF: message: "),
        (["-o", "api.base_url=ftp://x", *good[4:], "x"], "TV_E_CONFIG_VALUE: "),
        (["-o", "tls.ca_file=/nowhere", *sealed, acme.tenant, "x"], "TV_E_"),
        ([*settings(server), sealed[0], sealed[1], "nobody", "x"], "nobody: TV_E_NOT_FOUND: "),
        ([*settings(server), tmp_path / "none", sealed[1], "acme", "x"], "none: TV_E_"),
    )
    for words, says in cases:
        done = run(program, *words)
        assert done.returncode in (1, 3), done.stdout
        assert says in done.stdout
        for line in done.stdout.splitlines():
            if "TV_E_" in line:
                assert re.search(r"TV_E_\w+: \S", line), "an error without its message"
                assert "no more is known" not in line


#: What would steer a terminal, turn the direction of writing, hide or end a line.
ODD = "a\x1b]0;x\x07\u202e\u200b\u2028\u3164z"
SHOWN = r"a\x1b]0;x\x07\u{202e}\u{200b}\u{2028}\u{3164}z"


def test_the_example_shows_names_and_words_of_its_command_line_with_escapes(
    server: Standin, example: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(stat.S_IRWXU)
    vault, key = tmp_path / "odd.vault", tmp_path / "odd.key"
    key.write_bytes(bytes(range(32)))
    key.chmod(stat.S_IRUSR)
    # A vault refuses what is a control character; the others are a tenant's to have.
    tenant = "a\u202e\u200b\u2028\u3164z"
    account = server.accounts[0]
    with tv.Vault.create(vault, tv.RawKey(bytes(range(32)))) as made, made.edit() as edit:
        edit.put(tenant, account.id, token(server, account.id), origin=server.origin)
    good = [*settings(server), str(vault), str(key)]
    known = of_account(server, account.id, 1)[0].investigate_id
    cases: dict[str, tuple[list[str], str]] = {
        "a tenant": ([*good, tenant, known], rf"{known}  tenant a\u{{202e}}\u{{200b}}"),
        "a reference": ([*good, tenant, ODD], f"example: {SHOWN}: TV_E_MESSAGE_REF: "),
        "no tenant": ([*good, ODD, known], f"example: {SHOWN}: TV_E_"),
        "a vault": ([*good[:-2], ODD, str(key), tenant, known], f"example: {SHOWN}: TV_E_"),
        "a key": ([*good[:-1], ODD, tenant, known], f"example: key file: {SHOWN}: No such file"),
        "an option": (["-o", ODD, *good, tenant, known], f"NAME=VALUE, not {SHOWN}"),
        "a setting": (["-o", f"{ODD}=1", *good, tenant, known], f"example: {SHOWN}=1: TV_E_"),
        "a wait": (["-w", ODD, *good, tenant, known], f"0 to 86000 seconds, not {SHOWN}"),
        "a letter": (["-\x1b", *good, tenant, known], "usage: example"),
    }
    for case, (words, says) in cases.items():
        done = run(example, *words)
        assert says in done.stdout, case
        assert not [c for c in done.stdout if not c.isprintable() and c != "\n"], case
        assert "\u3164" not in done.stdout, case


def test_the_example_says_what_happened_in_words_that_promise_no_more_than_the_log(
    server: Standin, sealed: tuple[Path, Path], example: Path
) -> None:
    words = set()
    for account in server.accounts:
        refs = [
            m.refs[0]
            for m in server.messages
            if m.account_id == account.id and not m.submission and not m.pending_requests
        ]
        done = run(example, "-a", account.id, *settings(server), *sealed, account.tenant, *refs)
        assert done.returncode == 0, done.stdout
        said = [line for line in done.stdout.splitlines() if line.startswith("  recipient  ")]
        words |= {re.split(r" at \d", line.partition(": ")[2])[0] for line in said}
        for line in said:
            accepted = "accepted by the next hop" in line
            assert accepted == ("said: 250" in line or "said: delivered" in line), line
        assert re.search(r"^  time       \S+ took \S+ s, \S+ s of it \w", done.stdout, re.M)
        assert re.search(r"^  look for   \S+ as queued_as$", done.stdout, re.M)
        assert "inbox" not in done.stdout
    assert {
        "accepted by the next hop",
        "not delivered yet, to be tried again",
        "not delivered, returned to the sender",
        "rejected",
    } <= words


def test_a_pending_trace_is_waited_for_when_asked(
    server: Standin, sealed: tuple[Path, Path], example: Path
) -> None:
    message = next(m for m in server.messages if m.pending_requests and not m.submission)
    words: list[str | Path] = ["-a", message.account_id, *settings(server), *sealed, message.tenant]
    impatient = run(example, *words, message.postfix_id)
    assert impatient.returncode == 0, impatient.stdout
    assert "not complete yet" in impatient.stdout
    server.reset()
    patient = run(example, "-w", "60", *words, message.postfix_id)
    assert patient.returncode == 0, patient.stdout
    assert "not complete yet" not in patient.stdout
    for line in shown(message):
        assert line in patient.stdout


def test_a_small_queue_loses_nothing(
    server: Standin, sealed: tuple[Path, Path], example: Path
) -> None:
    account = server.accounts[0]
    messages = of_account(server, account.id, 6)
    refs = [ref for message in messages for ref in message.refs]
    done = run(
        example, "-a", account.id, "-o", "engine.max_queued=2", *settings(server), *sealed,
        account.tenant, *refs,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(f"tenant {account.tenant}") == len(refs)


def test_a_message_nobody_knows_is_named_and_the_others_still_come(
    server: Standin, sealed: tuple[Path, Path], example: Path
) -> None:
    account = server.accounts[0]
    known = of_account(server, account.id, 1)[0]
    done = run(
        example, "-a", account.id, *settings(server), *sealed, account.tenant,
        "4NOSUCHMESSAGEz00", "no/such/ref", known.investigate_id,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "4NOSUCHMESSAGEz00: TV_E_NO_MESSAGE: " in done.stdout
    assert "no/such/ref: TV_E_MESSAGE_REF: " in done.stdout
    assert shown(known)[0] in done.stdout


def test_a_server_that_is_not_trusted_gets_nothing(
    server: Standin, sealed: tuple[Path, Path], example: Path
) -> None:
    account = server.accounts[0]
    message = of_account(server, account.id, 1)[0]
    done = run(
        example, "-a", account.id, "-o", f"api.base_url={server.base_url}", *sealed,
        account.tenant, message.postfix_id,
    )  # fmt: skip
    assert done.returncode == 1
    assert "TV_E_TLS: " in done.stdout
    assert server.requests() == []


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ("no arguments", 2, "usage: example"),
        ("help", 0, "exit codes:"),
        ("unknown letter", 2, "usage: example"),
        ("bad setting", 3, "TV_E_CONFIG_NAME: "),
        ("no equals sign", 2, "NAME=VALUE"),
        ("bad wait", 2, "0 to 86000 seconds"),
        ("missing key file", 3, "No such file"),
        ("short key file", 3, "TV_E_ARGUMENT: "),
        ("wrong key", 3, "TV_E_UNLOCK: "),
        ("missing vault", 3, "TV_E_NO_VAULT: "),
        ("unknown tenant", 3, "TV_E_NOT_FOUND: "),
    ],
)
def test_the_example_says_what_is_wrong_and_exits_with_its_code(
    sealed: tuple[Path, Path], example: Path, tmp_path: Path, change: str, code: int, says: str
) -> None:
    vault, key = sealed
    other = tmp_path / "other.key"
    other.write_bytes(bytes(range(31 if change == "short key file" else 32)))
    other.chmod(stat.S_IRUSR)
    plain = [str(vault), str(key), "acme", "4Njp3P0STMz2c02Q"]
    words = {
        "no arguments": [],
        "help": ["-h"],
        "unknown letter": ["-x", *plain],
        "bad setting": ["-o", "no.such=1", *plain],
        "no equals sign": ["-o", "nothing", *plain],
        "bad wait": ["-w", "soon", *plain],
        "missing key file": [str(vault), str(tmp_path / "no.key"), *plain[2:]],
        "short key file": [str(vault), str(other), *plain[2:]],
        "wrong key": [str(vault), str(other), *plain[2:]],
        "missing vault": [str(tmp_path / "no.vault"), *plain[1:]],
        "unknown tenant": [*plain[:2], "nobody", plain[3]],
    }[change]
    done = run(example, *words)
    assert done.returncode == code, done.stdout
    assert says in done.stdout


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("others write", "others may read or write it: chmod 0400 it"),
        ("a group reads", "others may read or write it: chmod 0400 it"),
        ("a second name", "it has a second name elsewhere: copy it instead"),
        ("a link", "it is a symbolic link: name the file itself"),
        ("a pipe", "it is no regular file"),
        ("a directory", "it is no regular file"),
        ("another user's", "it belongs to another user"),
    ],
)
def test_the_example_refuses_a_key_that_others_could_have_read_or_written(
    sealed: tuple[Path, Path], example: Path, change: str, says: str
) -> None:
    vault, key = sealed
    match change:
        case "others write":
            key.chmod(0o666)
        case "a group reads":
            key.chmod(0o440)
        case "a second name":
            key.with_name("other.key").hardlink_to(key)
        case "a link":
            key.rename(vault.with_name("other.key"))
            key.symlink_to("other.key")
        case "a pipe":
            key.unlink()
            os.mkfifo(key, 0o600)
        case "a directory":
            key.unlink()
            key.mkdir(0o700)
        case _ if os.geteuid() != 0:
            pytest.skip("NO ROOT: a key of another user is UNTRIED")
        case _:
            os.chown(key, 65534, -1)
    done = run(example, vault, key, "acme", "4Njp3P0STMz2c02Q")
    assert done.returncode == 3, done.stdout
    assert done.stdout == f"example: key file: {key}: {says}\n"


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_the_example_leaks_nothing(
    server: Standin, sealed: tuple[Path, Path], example: Path
) -> None:
    account = server.accounts[0]
    refs = [message.postfix_id for message in of_account(server, account.id, 3)]
    done = run(
        *VALGRIND, example, "-a", account.id, *settings(server), *sealed, account.tenant, *refs
    )
    assert done.returncode == 0, done.stdout


# ---- installed ------------------------------------------------------------------------------


def test_an_installed_library_links_through_pkg_config(tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    make = ["make", "--no-print-directory", f"PREFIX={prefix}"]
    subprocess.run([*make, "install"], cwd=ROOT, check=True, capture_output=True)
    environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "tracevault"],
        env=environment, check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    program = tmp_path / "example"
    sources = [str(BINDING / name) for name in ("example.c", "tv_trace.c")]
    subprocess.run(
        ["gcc", *STRICT, *sources, "-o", str(program), *flags, f"-Wl,-rpath,{prefix / 'lib'}"],
        check=True,
    )
    done = run(program, "-h")
    assert done.returncode == 0 and "usage: example" in done.stdout
    subprocess.run([*make, "uninstall"], cwd=ROOT, check=True, capture_output=True)
    assert [path for path in prefix.rglob("*") if not path.is_dir()] == []


def test_a_staged_install_goes_below_destdir_and_names_the_prefix(tmp_path: Path) -> None:
    subprocess.run(
        ["make", "install", "PREFIX=/opt/tv", f"DESTDIR={tmp_path}"],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    assert (tmp_path / "opt/tv/lib/libtracevault.so.0").exists()
    package = (tmp_path / "opt/tv/lib/pkgconfig/tracevault.pc").read_text(encoding="utf-8")
    assert "prefix=/opt/tv\n" in package and str(tmp_path) not in package
