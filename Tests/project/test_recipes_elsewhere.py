"""docs/recipes.md inside other people's programs: Jupyter, Celery, XSOAR, Cortex."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from launcher import Standin
from recipes import ACME, environment, example, home, needs, refs, run, settings

#: Runs the notebook in a kernel of its own, as Jupyter does, and prints what its last cell shows.
JUPYTER = """
import json, sys
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=90, kernel_name="python3").execute()
print(json.dumps(notebook.cells[-1].outputs[-1]["data"]))
"""


def test_a_notebook_awaits_a_hunt_and_shows_a_finding_as_a_table(
    server: Standin, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("nbclient")
    needs("ipykernel")
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(folder / name))
    done = run(folder, "-c", JUPYTER, example("notebook.ipynb"))
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert "defer-" in shown["text/html"]
    assert shown["text/plain"].startswith("Finding('acme', ")


CELERY = """
broker_url = "filesystem://"
broker_transport_options = {{
    "data_folder_in": "{folder}/queue",
    "data_folder_out": "{folder}/queue",
    "control_folder": "{folder}/control",
    "polling_interval": 0.05,
}}
result_backend = "file://{folder}/results"
"""
#: Asks the worker as another program would, and stops it when the answers are there.
ASK = """
import sys
from celery_tasks import app, recipients
asked = [recipients.delay(ref) for ref in sys.argv[1:]]
for one in asked:
    try:
        print(one.get(timeout=90, interval=0.05)[0]["state"])
    except Exception as error:
        print(type(error).__name__)
"""


def test_celerys_forked_workers_each_have_their_own_and_try_again_when_cloudflare_said(
    server: Standin, tmp_path: Path
) -> None:
    needs("celery")
    server.reset()
    folder = home(server, tmp_path, retry_max_attempts=1)
    for name in ("queue", "control", "results"):
        (folder / name).mkdir()
    (folder / "celeryconfig.py").write_text(CELERY.format(folder=folder))
    command = ["-m", "celery", "-A", "celery_tasks", "worker", "--pool", "prefork"]
    command += ["--concurrency", "2", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    command += ["--loglevel", "INFO"]
    log = folder / "celery.log"
    with log.open("w") as out:
        worker = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=environment(folder),
            stdout=out,
            stderr=out,
        )
    try:
        done = run(folder, "-c", ASK, *refs(server, 2), "fail-404", "fail-503-1-once")
    finally:
        worker.terminate()
        worker.wait(60)
    assert done.stdout.split() == ["sent", "sent", "MessageNotFoundError", "sent"], (
        done.stderr + log.read_text()
    )
    assert "Retry in 1" in log.read_text()


#: What XSOAR puts beside a script, as far as the recipe uses it; prints what would be shown.
XSOAR = {
    "demistomock.py": """
import json
given = json.load(open("given.json"))
def params(): return given["params"]
def args(): return given["args"]
def command(): return given["command"]
""",
    "CommonServerPython.py": """
import json
def CommandResults(**named): return named
def return_results(results): print(json.dumps(results))
def return_error(message): raise SystemExit("return_error: " + message)
def tableToMarkdown(name, rows, headers):
    return name + " " + "|".join(str(rows[0][column]) for column in headers)
""",
}


def xsoar(
    server: Standin, folder: Path, command: str, ref: str = "", token: str = ""
) -> subprocess.CompletedProcess[str]:
    for name, text in XSOAR.items():
        (folder / name).write_text(text)
    # The gateway of the parameters is the stand-in; only its certificate has to be told.
    only = {name: value for name, value in settings(server).items() if name != "api.base_url"}
    (folder / "sitecustomize.py").write_text(
        "import tracevault\nmade = tracevault.Engine\n"
        f"tracevault.Engine = lambda settings: made(settings | {only})\n"
    )
    params = {
        "account_id": ACME,
        "token": token or server.credential(ACME).token,
        "url": server.origin,
    }
    given = {"params": params, "args": {"ref": ref}, "command": command}
    (folder / "given.json").write_text(json.dumps(given))
    return run(folder, example("xsoar_integration.py"))


def test_an_xsoar_integration_shows_a_table_and_gives_rows(server: Standin, folder: Path) -> None:
    ref = refs(server, 1)[0]
    told = json.loads(xsoar(server, folder, "tracevault-trace", ref).stdout)
    assert told["readable_output"].startswith(f"{ref}: sent ".replace(":", "&#58;"))
    assert not set("[]()!<>*_`") & set(told["readable_output"])
    assert [row["state"] for row in told["outputs"]] == ["sent"] * len(told["outputs"])
    assert set(told["outputs_key_field"]) <= set(told["outputs"][0])
    assert xsoar(server, folder, "test-module").stdout == '"ok"\n'


def test_an_xsoar_integration_says_what_failed_without_the_token(
    server: Standin, folder: Path
) -> None:
    failed = xsoar(server, folder, "tracevault-trace", "fail-404")
    assert failed.stderr.startswith("return_error: ")
    token = "no-such-token-not-real-0000000000000000"
    refused = xsoar(server, folder, "test-module", token=token)
    assert "not valid" in refused.stdout
    assert token not in refused.stdout + refused.stderr


def cortex(folder: Path, vault: str = "soc.vault") -> dict[str, Any]:
    (folder / "job/input").mkdir(parents=True, exist_ok=True)
    job = {
        "dataType": "mail_message_id",
        "data": "<capture.0046@sender.example>",
        "config": {"vault": vault, "key_file": "soc.key"},
    }
    (folder / "job/input/input.json").write_text(json.dumps(job))
    done = run(folder, example("cortex_analyzer.py"), str(folder / "job"))
    assert "Traceback" not in done.stderr, done.stderr
    answer: dict[str, Any] = json.loads((folder / "job/output/output.json").read_text())
    return answer


def test_a_cortex_analyzer_reports_who_received_a_message(server: Standin, folder: Path) -> None:
    needs("cortexutils")
    report = cortex(folder)
    assert report["success"] is True
    assert report["full"]["rows"][0]["address"].startswith("defer-")
    (taxonomy,) = report["summary"]["taxonomies"]
    assert taxonomy["level"] == "suspicious"
    assert taxonomy["value"].endswith(" copies")


def test_a_cortex_analyzer_does_not_call_safe_what_it_could_not_ask(
    server: Standin, folder: Path
) -> None:
    needs("cortexutils")
    server.revoke(server.credential(ACME))
    try:
        (taxonomy,) = cortex(folder)["summary"]["taxonomies"]
    finally:
        server.reset()
    assert (taxonomy["level"], taxonomy["value"]) == ("info", "0 copies, 1 not answered")
    missing = cortex(folder, "missing.vault")
    assert missing["success"] is False
    assert "missing.vault" in missing["errorMessage"]
