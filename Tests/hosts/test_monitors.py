"""test_monitors: the examples for what watches over services: Nagios, collectd, telegraf, systemd.

Each runs below the real program where this machine has it, otherwise by its contract.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import tracevault as tv
from engine_scene import until
from host_home import EXAMPLES, SINCE, UNPACKED, Home, home_in, program
from launcher import Standin
from recipes import ACME


def put(home: Home, tenant: str, token: str, account: str = ACME) -> None:
    vault = tv.Vault.open(home.folder / "soc.vault", tv.KeyFile(home.folder / "soc.key"))
    with vault, vault.edit() as edit:
        edit.put(tenant, account, tv.ApiToken(token.encode()), origin=home.server.origin)


# ---- Nagios --------------------------------------------------------------------------------------


def test_the_nagios_plugin_tells_each_state_with_its_code_and_figures(home: Home) -> None:
    def told(*words: str) -> tuple[int, str]:
        done = home.python("nagios/check_tracevault.py", *words)
        assert len(done.stdout.splitlines()) == 1 and done.stderr == "", done.stderr
        return done.returncode, done.stdout

    code, line = told("soc.vault", "soc.key")
    assert code == 0 and line.startswith("TRACEVAULT OK: 1 credentials work | credentials=1 ")
    assert all(
        re.fullmatch(r"\w+=[-\d.]+(;[\d.]*:?){0,2}", one) for one in line.split("| ")[1].split()
    )
    assert told("none.vault", "soc.key")[0] == 3
    assert told("soc.vault")[0] == 3

    expiring = next(c for c in home.server.directory.credentials if c.expires_in_days == 5)
    (account,) = expiring.reach
    put(home, "globex", expiring.secret, account)
    code, line = told("soc.vault", "soc.key")
    assert code == 1 and "one ends in" in line and "soonest_end=" in line
    assert told("soc.vault", "soc.key", "-c", "7")[0] == 2

    put(home, "acme", "test-token-not-real-refused-00000000000000")
    code, line = told("soc.vault", "soc.key")
    assert code == 2 and f"1 of 2 are refused: 'acme' {ACME}" in line


def test_nagios_takes_state_and_figures_from_the_plugin(home: Home) -> None:
    nagios = program("nagios4")
    folder = home.folder
    plugin = folder / "bin/check_tracevault"
    variables = "".join(
        f"export {name}='{home.environment[name]}'\n"
        for name in ("PYTHONPATH", "TRACEVAULT_LIBRARY")
    )
    words = " ".join(f"'{word}'" for word in home.options)
    plugin.write_text(
        f"#!/bin/sh\n{variables}"
        f"exec '{sys.executable}' '{EXAMPLES}/nagios/check_tracevault.py' \"$@\" {words}\n"
    )
    plugin.chmod(0o755)
    text = (EXAMPLES / "nagios/tracevault.cfg").read_text(encoding="utf-8")
    for there, here in (
        ("/usr/lib/nagios/plugins/check_tracevault.py", plugin),
        ("/var/lib/tracevault/soc.vault", folder / "soc.vault"),
        ("/etc/tracevault/soc.key", folder / "soc.key"),
    ):
        assert there in text
        text = text.replace(there, str(here))
    (folder / "objects.cfg").write_text(
        text + "\ndefine timeperiod {\n timeperiod_name 24x7\n alias always\n"
        + "".join(f" {day} 00:00-24:00\n" for day in (
            "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")) + "}\n"
        "define command {\n command_name nothing\n command_line /bin/true\n }\n"
        "define contact {\n contact_name soc\n host_notification_period 24x7\n"
        " service_notification_period 24x7\n host_notification_options n\n"
        " service_notification_options n\n host_notification_commands nothing\n"
        " service_notification_commands nothing\n }\n"
        "define host {\n host_name localhost\n address 127.0.0.1\n check_command nothing\n"
        " max_check_attempts 1\n check_period 24x7\n contacts soc\n notification_period 24x7\n }\n"
    )  # fmt: skip
    (folder / "results").mkdir()
    user = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
    group = subprocess.run(["id", "-gn"], capture_output=True, text=True).stdout.strip()
    (folder / "nagios.cfg").write_text(
        f"cfg_file={folder}/objects.cfg\nlog_file={folder}/log\nstatus_file={folder}/status\n"
        f"object_cache_file={folder}/cache\nprecached_object_file={folder}/precached\n"
        f"temp_file={folder}/temp\ntemp_path={folder}\ncheck_result_path={folder}/results\n"
        f"lock_file={folder}/lock\ncommand_file={folder}/commands\nquery_socket={folder}/query\n"
        f"state_retention_file={folder}/kept\nnagios_user={user}\nnagios_group={group}\n"
        "status_update_interval=1\nservice_inter_check_delay_method=n\nuse_syslog=0\n"
        "check_external_commands=0\n"
    )
    tried = subprocess.run([nagios, "-v", folder / "nagios.cfg"], capture_output=True, text=True)
    assert tried.returncode == 0, tried.stdout
    process = subprocess.Popen(
        [nagios, folder / "nagios.cfg"], stdout=subprocess.DEVNULL, env=home.environment
    )
    status = folder / "status"
    try:
        until(lambda: status.exists() and "plugin_output=TRACEVAULT" in status.read_text("utf-8"))
        text = status.read_text(encoding="utf-8").partition("servicestatus {")[2]
    finally:
        process.terminate()
        process.wait(60)
    assert "plugin_output=TRACEVAULT OK: 1 credentials work" in text
    assert "current_state=0" in text and "performance_data=credentials=1 refused=0;0;0" in text


# ---- systemd -------------------------------------------------------------------------------------


def test_the_service_has_little_to_lose() -> None:
    done = subprocess.run(
        [program("systemd-analyze"), "security", "--offline=true", "--threshold=20", "--no-pager",
         EXAMPLES / "systemd/tracevault-watch.service"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None and float(found.group(1)) < 2


def test_the_service_opens_the_vault_with_a_sealed_credential_and_keeps_its_watchdog(
    home: Home,
) -> None:
    sealing = [program("systemd-creds"), "--name=vault-key"]
    folder, sealed = home.folder, home.folder / "vault-key.cred"
    (folder / "credentials").mkdir(mode=0o700)
    given = folder / "credentials/vault-key"
    done = subprocess.run(
        [*sealing, "--with-key=host", "encrypt", folder / "soc.key", sealed],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"systemd-creds cannot seal here: {done.stderr.strip()}")
    # What systemd does for LoadCredentialEncrypted=.
    subprocess.run([*sealing, "decrypt", sealed, given], check=True, capture_output=True)
    given.chmod(0o400)
    (folder / "soc.key").unlink()
    (folder / "state").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(60)
        process = subprocess.Popen(
            [sys.executable, EXAMPLES / "systemd/watch.py", "soc.vault", "--since", SINCE,
             *home.options],
            cwd=folder,
            env={**home.environment, "NOTIFY_SOCKET": str(folder / "notify"),
                 "CREDENTIALS_DIRECTORY": str(given.parent), "WATCHDOG_USEC": "180000000",
                 "STATE_DIRECTORY": str(folder / "state")},
        )  # fmt: skip
        told: list[str] = []
        try:
            while not any(one.startswith("STATUS=") for one in told):
                told += manager.recv(4096).decode().splitlines()
            process.send_signal(signal.SIGTERM)
            while "STOPPING=1" not in told:
                told += manager.recv(4096).decode().splitlines()
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait(60)
    assert told[0] == "READY=1" and "WATCHDOG=1" in told
    status = next(one for one in told if one.startswith("STATUS="))
    assert re.fullmatch(r"STATUS=[1-9]\d* detections in the last round, 0 failures", status)
    rows = (folder / "state/events.ndjson").read_text(encoding="utf-8").splitlines()
    assert rows and all(json.loads(row)["ecs"] for row in rows)


# ---- collectd and telegraf -----------------------------------------------------------------------


def test_metrics_are_lines_for_telegraf_and_values_for_collectd(home: Home) -> None:
    words = ("collectd/metrics.py", "soc.vault", "soc.key", "--once")
    told = home.python(*words, "--influx")
    assert told.returncode == 0, told.stderr
    assert re.fullmatch(r"tracevault \w+=[\d.]+(,\w+=[\d.]+)*\n", told.stdout)
    assert "credentials_working=1," in told.stdout
    told = home.python(*words, COLLECTD_HOSTNAME="soc1", COLLECTD_INTERVAL="10.000")
    lines = told.stdout.splitlines()
    form = r'PUTVAL "soc1/tracevault/gauge-\w+" interval=10 N:[\d.]+'
    assert lines and all(re.fullmatch(form, line) for line in lines)


@pytest.mark.skipif(
    os.geteuid() != 0, reason="collectd starts programs of another user as root only"
)
def test_collectd_takes_the_values(server: Standin) -> None:
    collectd = program("collectd")
    # Not the one of a home that nobody else may enter.
    python = shutil.which("python3", path="/usr/bin") or sys.executable
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        folder = Path(place)
        home = home_in(folder, server)
        passes = subprocess.run(
            ["setpriv", "--reuid=nobody", "--clear-groups", "--regid=nogroup", python, "-S", "-c",
             f"open({str(EXAMPLES / 'collectd/metrics.py')!r})"],
            capture_output=True, text=True,
        )  # fmt: skip
        if passes.returncode != 0:
            pytest.skip(f"another user cannot read the example: {passes.stderr.strip()[-200:]}")
        collect_values(collectd, python, home)


def collect_values(collectd: str, python: str, home: Home) -> None:
    folder = home.folder
    starter = folder / "bin/metrics"
    variables = "".join(
        f"export {name}='{home.environment[name]}'\n"
        for name in ("PYTHONPATH", "TRACEVAULT_LIBRARY")
    )
    shutil.copy(home.server.ca_file, folder / "ca.pem")
    words = " ".join(f"'{word}'" for word in home.options)
    words = words.replace(home.server.ca_file, str(folder / "ca.pem"))
    starter.write_text(
        f"#!/bin/sh\n{variables}exec '{python}' '{EXAMPLES}/collectd/metrics.py' \"$@\" {words}\n"
    )
    starter.chmod(0o755)
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, "nobody")
    text = (EXAMPLES / "collectd/tracevault.conf").read_text(encoding="utf-8")
    for there, here in (
        ('"tracevault"', '"nobody"'),
        ("/usr/lib/tracevault/metrics.py", starter),
        ("/var/lib/tracevault/soc.vault", folder / "soc.vault"),
        ("/etc/tracevault/soc.key", folder / "soc.key"),
    ):
        assert there in text
        text = text.replace(there, str(here))
    # What is unpacked is not where it looks by itself.
    place = UNPACKED if Path(collectd).is_relative_to(UNPACKED) else Path("/")
    (folder / "collectd.conf").write_text(
        f'PluginDir "{place}/usr/lib/collectd"\nTypesDB "{place}/usr/share/collectd/types.db"\n'
        f'Hostname "soc1"\nInterval 1\nBaseDir "{folder}"\nPIDFile "{folder}/pid"\n'
        f'LoadPlugin csv\n<Plugin csv>\n DataDir "{folder}/values"\n</Plugin>\n{text}'
    )
    process = subprocess.Popen(
        [collectd, "-f", "-C", folder / "collectd.conf"],
        env=home.environment,
    )  # fmt: skip
    try:
        until(lambda: list(folder.glob("values/soc1/tracevault/gauge-credentials_working*")))
        (values,) = folder.glob("values/soc1/tracevault/gauge-credentials_working*")
        until(lambda: values.read_text().count("\n") >= 2)
    finally:
        process.terminate()
        process.wait(60)
    assert values.read_text().splitlines()[1].endswith(",1.000000")
