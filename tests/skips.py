"""Programs that are missing are named at the end of a run, with the tests that did not run.

EDGE_TEST_NO_SKIP=1 allows no skip.
"""

import os
from collections import defaultdict
from collections.abc import Iterator

import pytest

from needs import PREFIX


def _skips(config: pytest.Config) -> Iterator[tuple[str, str]]:
    """Each skip of the run: its reason and the test or file."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for report in reporter.stats.get("skipped", []) if reporter else []:
        where = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        yield where.removeprefix("Skipped: "), report.nodeid


def _none_allowed() -> bool:
    return os.environ.get("EDGE_TEST_NO_SKIP", "") not in {"", "0"}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a run with a skip red where none is allowed."""
    if _none_allowed() and session.exitstatus == pytest.ExitCode.OK and any(_skips(session.config)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name every missing program and the tests that did not run for the lack of it."""
    kept: dict[str, list[str]] = defaultdict(list)
    for reason, test in _skips(config):
        kept[reason].append(test)
    if not kept:
        return
    terminalreporter.section("did not run")
    for reason, tests in sorted(kept.items()):
        missing = reason.removeprefix(PREFIX)
        lead = f"{missing} is missing" if reason.startswith(PREFIX) else f"skipped: {reason}"
        terminalreporter.line(f"{lead}; {len(tests)} not run:")
        for test in tests:
            terminalreporter.line(f"  {test}")
    if _none_allowed():
        terminalreporter.line("EDGE_TEST_NO_SKIP=1: a skipped test fails the run", red=True)
