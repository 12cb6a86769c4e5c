"""test_log_pipelines: the examples for rsyslog, syslog-ng and Wazuh.

rsyslog and syslog-ng are real ones, where this machine has them; Wazuh's command is run by its contract. More
of rsyslog's contracts: bindings/python/tests/cli/test_rsyslog.py.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from c_programs import ROOT
from engine_scene import connected, until
from host_home import EXAMPLES, NO_SUCH, SINCE, Home, home_in, program
from launcher import standin
from recipes import refs


def asking(reference: str) -> str:
    return json.dumps({"message_ref": reference})


# ---- syslog-ng -----------------------------------------------------------------------------------


def test_syslog_ng_gives_each_message_with_a_reference_its_row(home: Home) -> None:
    syslog_ng = program("syslog-ng")
    folder = home.folder
    text = (EXAMPLES / "syslog-ng/tracevault.conf").read_text(encoding="utf-8")
    text = text.replace("/usr/bin/tracevault", str(folder / "bin/tracevault"))
    text = text.replace("/var/log/traces.jsonl", str(folder / "rows"))
    version = re.search(
        r"\d+\.\d+", subprocess.run([syslog_ng, "--version"], capture_output=True, text=True).stdout
    )
    assert version is not None
    (folder / "syslog-ng.conf").write_text(
        f"@version: {version.group()}\n"
        f'source s_src {{ unix-stream("{folder}/in" flags(no-parse)); }};\n{text}'
    )
    files = {"-f": "syslog-ng.conf", "-R": "persist", "-p": "pid", "-c": "control"}
    words = [word for option, name in files.items() for word in (option, str(folder / name))]
    process = subprocess.Popen([syslog_ng, "-F", "--no-caps", *words], env=home.environment)
    try:
        (good,) = refs(home.server, 1)
        with connected(folder / "in") as sender:
            for one in (asking(good), "of no interest", asking(NO_SUCH)):
                sender.sendall(f"{one}\n".encode())
            rows = folder / "rows"
            until(lambda: rows.exists() and rows.read_bytes().count(b"\n") >= 2)
    finally:
        process.terminate()
        process.wait(60)
    found, missing = map(json.loads, rows.read_text(encoding="utf-8").splitlines())
    assert found["tracevault"]["trace"]["summary"]["state"]
    assert missing["tracevault"]["error"]["status"] == "TV_E_NO_MESSAGE"


# ---- rsyslog -------------------------------------------------------------------------------------


def test_rsyslog_enriches_each_message_with_a_reference_and_has_its_row_confirmed(
    home: Home,
) -> None:
    rsyslogd = program("rsyslogd")
    folder = home.folder
    text = (EXAMPLES / "rsyslog/tracevault.conf").read_text(encoding="utf-8")
    text = text.replace("/usr/bin/tracevault", str(folder / "bin/tracevault"))
    text = text.replace("/var/log/", f"{folder}/")
    (folder / "rsyslog.conf").write_text(
        f'global(workDirectory="{folder}")\nmodule(load="imptcp")\n'
        f'input(type="imptcp" path="{folder}/in")\n{text}'
    )
    process = subprocess.Popen(
        [rsyslogd, "-n", "-f", folder / "rsyslog.conf", "-i", folder / "pid"], env=home.environment
    )
    rows, states = folder / "traces.jsonl", folder / "mail-states"
    try:
        (good,) = refs(home.server, 1)
        with connected(folder / "in") as sender:
            for one in (asking(good), "of no interest", asking(NO_SUCH)):
                sender.sendall(f"<13>Nov 29 06:30:00 host app: {one}\n".encode())
            until(lambda: rows.exists() and rows.read_bytes().count(b"\n") >= 2)
            until(lambda: states.exists() and states.read_bytes().count(b"\n") >= 2)
    finally:
        process.terminate()
        process.wait(60)
    found, missing = map(json.loads, rows.read_text(encoding="utf-8").splitlines())
    state = found["tracevault"]["trace"]["summary"]["state"]
    assert missing["tracevault"]["error"]["status"] == "TV_E_NO_MESSAGE"
    assert states.read_text().splitlines() == [f"{good} {state}", " TV_E_NO_MESSAGE"]


# ---- Wazuh ---------------------------------------------------------------------------------------

#: No line of Wazuh's example has as many bytes.
BOUND = 60000


def wazuh_events(home: Home) -> list[dict[str, Any]]:
    """What the command of the example gives Wazuh now."""
    configuration = (EXAMPLES / "wazuh/ossec.conf").read_text(encoding="utf-8")
    script = re.search(r"<command>(.*)</command>", configuration)
    assert script is not None and Path(script.group(1)).name == "tracevault-events.sh"
    done = subprocess.run(
        [EXAMPLES / "wazuh/tracevault-events.sh"],
        env={**home.environment, "TRACEVAULT_STATE": str(home.folder), "SINCE": SINCE},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert all(len(line.encode()) < BOUND for line in lines)
    return [json.loads(line) for line in lines]


def test_wazuhs_command_gets_one_event_a_line_and_each_once(home: Home) -> None:
    events = wazuh_events(home)
    assert events and all(event["change"] == "new" for event in events)
    assert any("trace" in event.get("tracevault", {}) for event in events)
    assert wazuh_events(home) == []


def long_traces(folder: Path) -> Path:
    """The messages of the stand-in, each with more lines of its own than a line to Wazuh holds."""
    known = json.loads((ROOT / "Tests/data/traces.json").read_text(encoding="utf-8"))
    for message in known["messages"]:
        lines = message["inbound"] or message["outbound"]
        while lines and len(json.dumps(lines)) < BOUND:
            lines += [{**line, "lineno": line["lineno"] + len(lines)} for line in lines]
    (folder / "long.json").write_text(json.dumps(known), encoding="utf-8")
    return folder / "long.json"


def test_wazuhs_command_cuts_what_is_longer_than_wazuh_takes(tmp_path: Path) -> None:
    with standin(quota=0, traces=long_traces(tmp_path)) as server:
        events = wazuh_events(home_in(tmp_path, server))
    assert events and all(event["change"] == "new" for event in events)
    cut = [event["tracevault"].get("truncated") for event in events]
    # Of each it says so, and some lines are left.
    assert any(cut) and all(one is None or 0 < one["lines_kept"] < one["lines"] for one in cut)
    assert all(one["max_bytes"] == BOUND < one["bytes"] for one in cut if one)
