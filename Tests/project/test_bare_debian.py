"""The packages in a bare Debian 12: installed with what apt finds for them, used, and removed.

`make test-debian` runs it; it needs root, mmdebstrap and the net, and takes minutes. What the packages
hold is looked at without all that in test_packages.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from booted_debian import booted
from engine_scene import until
from launcher import Standin, standin
from manual_examples import examples, strictly, with_origin, with_settings

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.skipif(
        "TRACEVAULT_LONG" not in os.environ, reason="a whole Debian: make test-debian"
    ),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("mmdebstrap") is None,
        reason="NOT ROOT OR NO MMDEBSTRAP: the packages are UNTRIED in a bare Debian",
    ),
]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Debian 12 with the library's packages, a compiler and systemd, and what they ask for."""
    folder = tmp_path_factory.mktemp("bare")
    debs, root = folder / "debs", folder / "root"
    subprocess.run(
        [ROOT / "scripts/deb"], check=True, capture_output=True,
        env={**os.environ, "OUT": str(debs), "LEVEL": "0", "DEBFULLNAME": "A Packager",
             "DEBEMAIL": "packager@example.org"},
    )  # fmt: skip
    install = "apt-get install -qy --no-install-recommends"
    made = subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=apt", "--include=gcc,libc6-dev,pkg-config,man-db,systemd",
         "--skip=cleanup/apt", f"--customize-hook=copy-in {debs} /root",
         f'--customize-hook=chroot "$1" sh -c "{install} --download-only /root/debs/*.deb"',
         f'--customize-hook=chroot "$1" sh -c "{install} /root/debs/libtracevault*.deb"',
         "bookworm", root],
        capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-4000:]
    (root / "work").mkdir()
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def complete(bare: Path) -> Path:
    """The same with all packages, which the fixture before has fetched."""
    inside(bare, "apt-get install -qy --no-install-recommends /root/debs/*.deb")
    return bare


@pytest.fixture(scope="module")
def server() -> Iterator[Standin]:
    with standin(quota=0) as running:
        yield running


def inside(bare: Path, script: str) -> str:
    done = subprocess.run(
        ["chroot", bare, "sh", "-euc", f"cd /work\n{script}"],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def address(server: Standin) -> str:
    return server.base_url.replace("localhost", "127.0.0.1")


def bring(bare: Path, server: Standin) -> str:
    """Lay the stand-in's authority and an account's token into /work; the account."""
    account: str = server.accounts[0].id
    shutil.copy(server.ca_file, bare / "work/ca.pem")
    (bare / "work/token").touch(0o600)
    (bare / "work/token").write_text(server.credential(account).secret)
    return account


def programs(bare: Path, server: Standin) -> list[str]:
    """The examples of the manual page there, for the stand-in; what they need lies in /work."""
    account = bring(bare, server)
    making, program, compiling, making_in_c, making_here = examples(
        inside(bare, "zcat /usr/share/man/man3/tracevault.3.gz")
    )
    settings = {"api.base_url": address(server), "tls.ca_file": "/work/ca.pem"}
    program = with_settings(program, settings)
    program = program.replace("4jXtPB72Kpz7S8D", server.messages_of(account)[0].investigate_id)
    making_in_c = with_origin(making_in_c, server.origin.replace("localhost", "127.0.0.1"))
    making_here = making_here.replace("ACCOUNT_ID", account)
    return [making, program, strictly(compiling), making_in_c, strictly(making_here)]


def test_the_library_alone_gets_the_first_trace_by_its_manual_page(
    bare: Path, server: Standin
) -> None:
    _, program, compiling, making_in_c, making_here = programs(bare, server)
    assert inside(bare, "command -v tracevault python3 || echo neither") == "neither\n"
    (bare / "work/makevault.c").write_text(making_in_c)
    (bare / "work/quickstart.c").write_text(program)
    told = inside(bare, f"{making_here}\n{compiling}\n./quickstart")
    assert '"schema":"tracevault.trace/1"' in told
    assert "tv_engine_take" in inside(bare, "man tv_engine_take | cat")
    inside(bare, "rm quickstart* makevault*")


def test_the_command_c_and_python_get_the_first_trace(complete: Path, server: Standin) -> None:
    account = server.accounts[0]
    message = server.messages_of(account.id)[0].investigate_id
    _, program, compiling, *_ = programs(complete, server)
    told = inside(complete, f"""
export TRACEVAULT_VAULT=quickstart.vault TRACEVAULT_KEY_FILE=quickstart.key
export TRACEVAULT_SET='api.base_url={address(server)} tls.ca_file=/work/ca.pem'
tracevault init
tracevault account add --tenant acme --account {account.id} --token-file token
tracevault trace {message}
""")  # fmt: skip
    assert "Accepted by the next server" in told

    (complete / "work/quickstart.c").write_text(program)
    assert '"schema":"tracevault.trace/1"' in inside(complete, f"{compiling}\n./quickstart")

    (complete / "work/first.py").write_text(f"""
import tracevault as tv
settings = {{"api.base_url": "{address(server)}", "tls.ca_file": "/work/ca.pem"}}
with tv.Vault.open("quickstart.vault", tv.KeyFile("quickstart.key")) as vault:
    with tv.Engine(settings) as engine:
        print(engine.trace(vault.tenant("acme"), None, "{message}").summary.state)
""")
    assert inside(complete, "python3 first.py") == "sent\n"


SERVICE = """
useradd --system --shell /usr/sbin/nologin tracevault
examples=/usr/share/doc/libtracevault-dev/examples/systemd
install -D $examples/watch.py /usr/lib/tracevault/watch.py
install -m 0644 $examples/tracevault-watch.service /etc/systemd/system/
mkdir -p /etc/tracevault /var/lib/tracevault /etc/systemd/system/tracevault-watch.service.d
cp ca.pem /etc/tracevault/
tracevault init --vault /var/lib/tracevault/soc.vault --key-file soc.key
tracevault account add --vault /var/lib/tracevault/soc.vault --key-file soc.key --tenant acme \\
    --account {account} --origin {origin} --token-file token
chown -R tracevault /var/lib/tracevault
cat >/etc/systemd/system/tracevault-watch.service.d/here.conf <<HERE
[Service]
ExecStartPre=/usr/bin/python3 /usr/lib/tracevault/sharing.py
ExecStart=
ExecStart=/usr/bin/python3 /usr/lib/tracevault/watch.py \\${{STATE_DIRECTORY}}/soc.vault --every 0.2 \\
    --since 2026-01-01T00:00:00Z -o api.base_url={base} -o tls.ca_file=/etc/tracevault/ca.pem
WatchdogSec=5
RestartSec=0
HERE
"""
SHARING = """import os
import tracevault as tv
settings = {"budget.ledger": os.environ["STATE_DIRECTORY"] + "/budget.ledger",
            "tls.ca_file": "/etc/tracevault/ca.pem"}
with tv.Engine(settings) as engine:
    ledger = engine.stats()["ledger"]
    print("the quota is shared" if ledger["shared"] else ledger["warning"])
"""
UNIT = "tracevault-watch.service"


def test_a_real_systemd_keeps_the_service_and_begins_one_that_hangs_anew(
    complete: Path, server: Standin
) -> None:
    base, origin = address(server), server.origin.replace("localhost", "127.0.0.1")
    account = bring(complete, server)
    inside(complete, SERVICE.format(account=account, base=base, origin=origin))
    (complete / "usr/lib/tracevault/sharing.py").write_text(SHARING)
    unit = (ROOT / "examples/systemd" / UNIT).read_text(encoding="utf-8")
    sealing = re.findall(r"^#   (systemd-creds .*)$", unit, flags=re.M)
    with booted(complete) as system:
        system("sh", "-euc", f"cd /work; systemd-creds setup; {sealing[0]}; rm soc.key")
        system("systemctl", "start", UNIT)

        def told(name: str) -> str:
            return system("systemctl", "show", "--value", "--property", name, UNIT).strip()

        until(
            lambda: re.fullmatch(
                r"\d+ detections in the last round, 0 failures", told("StatusText")
            )
        )
        assert "the quota is shared" in system("journalctl", "--output=cat", "--unit", UNIT)
        rows = (complete / "var/lib/tracevault/events.ndjson").read_text(encoding="utf-8")
        assert rows and all(json.loads(row)["ecs"] for row in rows.splitlines())
        hangs = told("MainPID")
        system("systemctl", "kill", "--kill-whom=main", "--signal=STOP", UNIT)
        until(lambda: int(told("NRestarts")) > 0 and told("ActiveState") == "active")
        assert told("MainPID") != hangs
        system("systemctl", "stop", UNIT)
        assert told("Result") == "success"
    inside(complete, """
rm -r /etc/systemd/system/tracevault* /usr/lib/tracevault /etc/tracevault /var/lib/tracevault
userdel tracevault
""")  # fmt: skip


def test_removed_packages_leave_nothing(complete: Path) -> None:
    names = "libtracevault0 libtracevault-dev python3-tracevault tracevault"
    inside(complete, f"apt-get purge -qy {names}")
    left = inside(complete, "find / -xdev -path /root -prune -o -path /work -prune -o "
                        "-iname '*tracevault*' -print")  # fmt: skip
    # The ledger of the quota is its user's, and a page that was read is kept by man-db.
    others = ("/var/tmp/", "/var/cache/man/")
    assert [path for path in left.split() if not path.startswith(others)] == []
