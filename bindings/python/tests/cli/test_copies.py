"""The table, CSV and the page of a hunt tell the same of each copy."""

from __future__ import annotations

import csv
import re
from html import unescape
from pathlib import Path

import pytest

from tests.cli.conftest import Call

HUNT = ("hunt", "--subject", "report")


def cells(page: Path) -> list[list[str]]:
    """The rows of the page's table of copies, as text."""
    table = page.read_text().partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in re.findall(r"<tr>.*?</tr>", table)
    ]


@pytest.mark.usefixtures("kit")
@pytest.mark.parametrize("how", [(), ("--no-trace",)])
def test_the_page_has_the_outcomes_of_the_table(
    call: Call, tmp_path: Path, how: tuple[str, ...]
) -> None:
    told = call(*HUNT, *how, "--html", "case.html")
    assert told.code == 0, told.err
    table = [re.split(r"\s{2,}", line) for line in told.out.splitlines()[1:]]
    page = cells(tmp_path / "case.html")
    shown = [(tenant, to, outcome[2:], ref) for tenant, _, to, outcome, _, ref in page]
    assert sorted(shown) == sorted((t, to, state, ref) for t, _, to, state, _, ref in table)
    assert shown


@pytest.mark.usefixtures("kit")
def test_the_page_without_traces_counts_the_outcomes_of_the_search(
    call: Call, tmp_path: Path
) -> None:
    told = call(*HUNT, "--no-trace", "--html", "case.html", "--format", "csv")
    rows = list(csv.DictReader(told.out.splitlines()))
    delivered = sum(row["outcome"] == "delivered" for row in rows)
    page = (tmp_path / "case.html").read_text()
    tally = re.sub(r"<[^>]+>", "", page.partition('class="tally"')[2].partition("</ul>")[0])
    assert f"{delivered} ? delivered" in tally
    assert delivered > 1
