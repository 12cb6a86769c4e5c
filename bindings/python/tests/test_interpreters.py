"""The wheel is taken by pip, and works in every CPython from 3.10 on that this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from launcher import Standin

from .conftest import ACME
from .test_wheel import build

VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")

#: What a program does in a day, without anything but the standard library.
PROGRAM = """
import asyncio, copy, logging, os, pickle, sys
import tracevault as tv

for name in tv.__all__:
    getattr(tv, name)
account, origin, base, ca, token = sys.argv[1:]
settings = {"api.base_url": base, "tls.ca_file": ca, "budget.quota": 0, "retry.base_ms": 1}
told = []
logger = logging.getLogger("tracevault")
logger.setLevel(logging.INFO)
logger.addHandler(logging.Handler())
logger.handlers[-1].emit = told.append

async def main(acme):
    async with tv.AsyncEngine(settings) as engine:
        traces = await asyncio.gather(*(engine.trace(acme, account, "4jXtPB72Kpz7S8D", fresh=True)
                                        for _ in range(5)))
        found = [one async for one in engine.hunt(acme, subject="report", trace=False)]
    return traces, found

with tv.Vault.in_memory() as vault:
    with vault.edit() as edit:
        edit.put("acme", account, tv.ApiToken(bytearray(token, "ascii")), origin=origin)
    acme = vault.tenant("acme")
    with tv.Engine(settings) as engine:
        trace = engine.trace(acme, account, "4jXtPB72Kpz7S8D")
        assert trace == pickle.loads(pickle.dumps(trace)) == copy.deepcopy(trace)
        assert trace.lines and trace.summary.recipients and trace.to_rows()
        engine.trace(acme, account, "fail-503-once")
        try:
            engine.trace(acme, account, "fail-404")
        except LookupError as error:
            assert pickle.loads(pickle.dumps(error)).name == "TV_E_NO_MESSAGE"
        assert sum(one.unwrap().complete for one in engine.batch(
            [tv.Request.trace(acme, account, "4jXtPB72Kpz7S8D", fresh=True)] * 20)) == 20
    traces, found = asyncio.run(main(acme))
    assert [len(one.lines) for one in traces] == [len(trace.lines)] * 5 and found
    assert [record.notice.kind for record in told] == ["retry"]
    child = os.fork()
    if child == 0:
        try:
            acme.accounts()
        except tv.ForkedError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
print(sys.version_info[:2])
"""


def interpreter(version: str) -> str | None:
    """Debian's own, one that was built here, or one of pyenv's or uv's; otherwise this one."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    uv = Path.home() / ".local/share/uv/python"
    places = [
        Path("/usr/bin"),
        Path("/usr/local/bin"),
        *sorted(pyenv.glob(f"{version}.*/bin"), reverse=True),
        *sorted(uv.glob(f"cpython-{version}.*/bin"), reverse=True),
    ]
    found = (shutil.which(f"python{version}", path=str(place)) for place in places)
    own = sys.executable if version == f"{sys.version_info[0]}.{sys.version_info[1]}" else None
    return next(filter(None, found), own)


@pytest.fixture(scope="module")
def site(library_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip has put the wheel of the library under test."""
    folder = tmp_path_factory.mktemp("wheel")
    done = build(folder / "dist", TRACEVAULT_LIBRARY=str(library_path))
    assert done.returncode == 0, done.stderr
    (wheel,) = (folder / "dist").iterdir()
    into = str(folder / "site")
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--target", into, str(wheel)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_days_work_in_each_python(version: str, server: Standin, site: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    server.reset()
    token = server.credential(ACME).token
    done = subprocess.run(
        [python, "-W", "error", "-c", PROGRAM, ACME, server.origin, server.base_url,
         server.ca_file, token],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(site),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    major, minor = version.split(".")
    assert (done.returncode, done.stdout) == (0, f"({major}, {minor})\n"), done.stderr
