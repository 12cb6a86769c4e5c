"""Two builds of a commit are the same byte for byte, wherever they are made: `make test-twice`.

Both take minutes, so they are for the long run.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def built(archive: bytes, folder: Path) -> dict[str, bytes]:
    """The files of a release build of these sources, made in the folder."""
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    done = subprocess.run([folder / "scripts/build"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        path.name: path.read_bytes() for path in (folder / "build/lib").glob("libtracevault.so.0*")
    }


@pytest.mark.skipif(
    "TRACEVAULT_LONG" not in os.environ, reason="two release builds: make test-twice"
)
def test_two_builds_of_a_commit_in_two_folders_are_the_same(tmp_path: Path) -> None:
    # Once: somebody may commit between the two builds.
    archive = subprocess.run(
        ["git", "-C", ROOT, "archive", "HEAD"], check=True, capture_output=True
    ).stdout
    one = built(archive, tmp_path / "one")
    other = built(archive, tmp_path / "another/place/of/its/own")
    assert set(one) == set(other) == {"libtracevault.so.0", "libtracevault.so.0.debug"}
    assert [name for name, content in one.items() if other[name] != content] == []
