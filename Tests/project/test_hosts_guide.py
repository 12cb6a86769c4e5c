"""docs/hosts.md tells of every example for other programs, and of none that is not there."""

from __future__ import annotations

import re

from c_programs import ROOT
from host_home import EXAMPLES


def test_every_example_is_told_of_in_its_guide() -> None:
    guide = (ROOT / "docs/hosts.md").read_text(encoding="utf-8")
    files = [p for p in EXAMPLES.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    # Those have a page of their own, docs/recipes.md, and its own test.
    files = [path for path in files if not path.is_relative_to(EXAMPLES / "python")]
    assert len(files) > 10
    assert [str(p) for p in files if f"`{p.relative_to(ROOT)}`" not in guide] == []
    for name in re.findall(r"`(examples/[^`]+)`", guide):
        assert (ROOT / name).exists(), name
