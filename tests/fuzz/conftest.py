"""A node that is fuzzed takes orders about log levels, too: what comes after it logs as before."""

import logging
from collections.abc import Iterator

import pytest


def loggers() -> list[logging.Logger]:
    """All that there are."""
    root = logging.getLogger()
    return [root, *(one for one in root.manager.loggerDict.values() if isinstance(one, logging.Logger))]


@pytest.fixture(scope="module", autouse=True)
def logs_as_before() -> Iterator[None]:
    levels = {one.name: one.level for one in loggers()}
    yield
    for one in loggers():
        one.setLevel(levels.get(one.name, logging.NOTSET))
