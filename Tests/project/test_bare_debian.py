"""The packages in a bare Debian 12: installed with what apt finds for them, used, and removed.

`make test-debian` runs it; it needs root, mmdebstrap and the net, and takes minutes. What the packages
hold is looked at without all that in test_packages.py.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from launcher import Standin, standin

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
    """A Debian 12 with the packages, a compiler, and nothing else that they do not ask for."""
    folder = tmp_path_factory.mktemp("bare")
    debs, root = folder / "debs", folder / "root"
    subprocess.run(
        [ROOT / "scripts/deb"], check=True, capture_output=True,
        env={**os.environ, "OUT": str(debs), "LEVEL": "0", "DEBFULLNAME": "A Packager",
             "DEBEMAIL": "packager@example.org"},
    )  # fmt: skip
    made = subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=apt", "--include=gcc,libc6-dev,pkg-config,man-db",
         f"--customize-hook=copy-in {debs} /root",
         '--customize-hook=chroot "$1" sh -c "apt-get install -qy --no-install-recommends /root/debs/*.deb"',
         "bookworm", root],
        capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-4000:]
    (root / "work").mkdir()
    yield root
    shutil.rmtree(root, ignore_errors=True)


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


def test_the_command_c_and_python_get_the_first_trace(bare: Path, server: Standin) -> None:
    account = server.accounts[0]
    message = server.messages_of(account.id)[0].investigate_id
    shutil.copy(server.ca_file, bare / "work/ca.pem")
    (bare / "work/token").touch(0o600)
    (bare / "work/token").write_text(server.credential(account.id).secret)
    base = server.base_url.replace("localhost", "127.0.0.1")
    told = inside(bare, f"""
export TRACEVAULT_VAULT=quickstart.vault TRACEVAULT_KEY_FILE=quickstart.key
export TRACEVAULT_SET='api.base_url={base} tls.ca_file=/work/ca.pem'
tracevault init
tracevault account add --tenant acme --account {account.id} --token-file token
tracevault trace {message}
""")  # fmt: skip
    assert "Accepted by the next server" in told

    page = inside(bare, "zcat /usr/share/man/man3/tracevault.3.gz").replace("\\e", "\\")
    program = re.findall(r"^#include <stdio.h>\n.*?^}$", page, flags=re.M | re.S)[0]
    for name, value in (("api.base_url", base), ("tls.ca_file", "/work/ca.pem")):
        program = program.replace(
            "(s = tv_unlock_keyfile",
            f'(s = tv_config_set(config, "{name}", TV_NUL, "{value}", TV_NUL, &e)) ||\n'
            "        (s = tv_unlock_keyfile",
        )
    program = program.replace("4jXtPB72Kpz7S8D", message)
    (bare / "work/quickstart.c").write_text(f"#include <stdio.h>\n{program.split(chr(10), 1)[1]}\n")
    told = inside(bare, """
cc -Wall -Wextra -Werror quickstart.c -o quickstart $(pkg-config --cflags --libs tracevault-c)
./quickstart
""")  # fmt: skip
    assert '"schema":"tracevault.trace/1"' in told

    (bare / "work/first.py").write_text(f"""
import tracevault as tv
settings = {{"api.base_url": "{base}", "tls.ca_file": "/work/ca.pem"}}
with tv.Vault.open("quickstart.vault", tv.KeyFile("quickstart.key")) as vault:
    with tv.Engine(settings) as engine:
        print(engine.trace(vault.tenant("acme"), None, "{message}").summary.state)
""")
    assert inside(bare, "python3 first.py") == "sent\n"
    assert "tv_engine_take" in inside(bare, "man tv_engine_take | cat")


def test_removed_packages_leave_nothing(bare: Path) -> None:
    inside(bare, "apt-get purge -qy libtracevault0 libtracevault-dev python3-tracevault tracevault")
    left = inside(bare, "find / -xdev -path /root -prune -o -path /work -prune -o "
                        "-iname '*tracevault*' -print")  # fmt: skip
    # The ledger of the quota is its user's, and a page that was read is kept by man-db.
    others = ("/var/tmp/", "/var/cache/man/")
    assert [path for path in left.split() if not path.startswith(others)] == []
