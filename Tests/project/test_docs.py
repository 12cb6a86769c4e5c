"""`make docs`: every function and class has its place in the site, and no link leads nowhere."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import tracevault

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / "build/venv-docs/bin/python"

pytestmark = pytest.mark.skipif(
    not PYTHON.exists() or shutil.which("doxygen") is None,
    reason="NO DOXYGEN OR PDOC (`scripts/setup docs` installs them): the site is UNTRIED",
)


def site(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, *(arguments or [str(ROOT / "scripts/docs")])],
        env={**os.environ, "OUT": str(out)}, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip


def test_every_function_and_class_has_its_place_in_the_site(tmp_path: Path) -> None:
    made = site(tmp_path / "site")
    assert made.returncode == 0, made.stderr
    reference = (tmp_path / "site/c/tracevault_8h.html").read_text(encoding="utf-8")
    header = (ROOT / "include/tracevault.h").read_text(encoding="utf-8")
    functions = re.findall(r"^TV_API [^;(]*?\b(tv_\w+)\(", header, flags=re.M)
    assert len(functions) > 80
    assert [name for name in functions if f">{name}</a>" not in reference] == []
    assert "wrong key or passphrase, or a forged key slot" in reference
    assert "32 KiB are enough for every call" in reference
    names = (tmp_path / "site/python/tracevault.html").read_text(encoding="utf-8")
    assert [name for name in tracevault.__all__ if f'id="{name}"' not in names] == []
    assert 'id="Engine.estimate"' in names
    start = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    for target in ("docs/limits.html", "c/index.html", "python/tracevault.html"):
        assert f'href="{target}"' in start
    for guide in (ROOT / "docs").glob("*.md"):
        assert f'href="docs/{guide.stem}.html"' in start
    # Nothing is loaded from elsewhere.
    for page in (tmp_path / "site").rglob("*.html"):
        assert not re.search(r'src="(https?:)?//', page.read_text(encoding="utf-8")), page


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "one.html").write_text(
        '<a href="two.html">x</a><a href="two.html#there">x</a><a href="two.html#gone">x</a>'
        '<a href="none.html">x</a><a href="https://a.example">x</a>',
        encoding="utf-8",
    )
    (tmp_path / "two.html").write_text('<p id="there">', encoding="utf-8")
    told = site(
        tmp_path, "-c",
        "import importlib.machinery as m; from pathlib import Path;"
        f"s = m.SourceFileLoader('docs', {str(ROOT / 'scripts/docs')!r}).load_module();"
        "print(*s.broken_links(), sep=chr(10))",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == [
        "one.html: none.html: there is no such page",
        "one.html: two.html#gone: the page has no such place",
    ]
