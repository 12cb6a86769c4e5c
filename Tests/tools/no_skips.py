"""no_skips: a plugin for pytest (`-p no_skips`) under which a test that is skipped has failed.

`make test-hosts` and `make test-fleet` are run to know that nothing stayed untried; `make test` skips what
is not there, and tells why.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest


def failed(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} must not be skipped here. {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    failed(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    failed(report)
    return report
