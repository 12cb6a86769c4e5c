"""A figure that several documents tell is the one of docs/benchmarks.md."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def text(name: str) -> str:
    return re.sub(r"\s+", " ", (ROOT / name).read_text(encoding="utf-8"))


def measured(key: str) -> str:
    """The figure of a row of the table."""
    (row,) = re.findall(rf"^\| `{key}` \|.*$", (ROOT / "docs/benchmarks.md").read_text(), re.M)
    return str(row.split("|")[4].split()[0])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("README.md", "asks Redis {} times for each request to Cloudflare if it is alone, "
                      "{} times with two hosts, {} times with eight"),
        ("docs/many-hosts.md", "for each request to Cloudflare: {} with one host, {} with two, "
                               "{} with eight"),
        ("CHANGELOG.md", "{1} questions for each request with two hosts"),
    ],
)  # fmt: skip
def test_questions_to_redis_cost_what_the_bench_has_measured(name: str, words: str) -> None:
    keys = [f"redis.questions_{hosts}" for hosts in ("alone", "two", "eight")]
    assert words.format(*map(measured, keys)) in text(name)
