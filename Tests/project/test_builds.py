"""Two builds of a commit are the same byte for byte, wherever they and the compiler lie: `make test-twice`.

Both take minutes, so they are for the long run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


#: Runs a command that finds the toolchain, the first word, in another place, the second.
ELSEWHERE = """
mount --bind "$1" "$2"
export PATH="$2/usr/bin:$PATH"
shift 2
exec "$@"
"""


def moved(place: Path) -> list[str | Path]:
    """What a command begins with for which the Swift toolchain lies in another place."""
    swift = shutil.which("swift")
    assert swift is not None
    spaces = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*spaces, "true"], capture_output=True).returncode != 0:
        return []  # Here nobody may mount, not even for himself.
    place.mkdir()
    return [*spaces, "sh", "-euc", ELSEWHERE, "moved", Path(swift).resolve().parents[2], place]


def built(archive: bytes, folder: Path, *prefix: str | Path) -> dict[str, bytes]:
    """The files of a release build of these sources, made in the folder."""
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    done = subprocess.run([*prefix, folder / "scripts/build"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        path.name: path.read_bytes() for path in (folder / "build/lib").glob("libtracevault.so.0*")
    }


@pytest.mark.skipif(
    "TRACEVAULT_LONG" not in os.environ, reason="two release builds: make test-twice"
)
def test_two_builds_of_a_commit_are_the_same_wherever_they_and_the_compiler_lie(
    tmp_path: Path,
) -> None:
    # Once: somebody may commit between the two builds.
    archive = subprocess.run(
        ["git", "-C", ROOT, "archive", "HEAD"], check=True, capture_output=True
    ).stdout
    one = built(archive, tmp_path / "one")
    other = built(archive, tmp_path / "another/place/of/its/own", *moved(tmp_path / "toolchain"))
    assert set(one) == set(other) == {"libtracevault.so.0", "libtracevault.so.0.debug"}
    assert [name for name, content in one.items() if other[name] != content] == []
