"""What another node holds may have been purged here."""

import pytest

from edge.cache.purge import Purge
from edge.cache.purgelog import LOG_MAX, PurgeLog

KEY = "/live/v240/7.m4s"


@pytest.mark.parametrize(
    ("purge", "hit"),
    [
        (Purge("url", KEY), True),
        (Purge("prefix", "/live/"), True),
        (Purge("tag", "final", soft=True), True),
        (Purge("url", "/live/v240/8.m4s"), False),
        (Purge("tag", "toss"), False),
    ],
)
def test_what_was_made_before_a_purge_is_hit_and_what_came_after_is_not(purge: Purge, hit: bool) -> None:
    log = PurgeLog()
    log.note(purge, 100.0)
    assert log.hits(KEY, ("final",), 99.0) == hit
    assert not log.hits(KEY, ("final",), 100.5)


def test_a_purge_that_is_told_late_does_not_hit_what_was_made_long_after_it() -> None:
    log = PurgeLog()
    log.note(Purge("prefix", "/live/"), 1000.0, issued_s=600.0)
    assert log.hits(KEY, (), 399.0)
    assert log.hits(KEY, (), 459.0)  # clocks may differ by a minute
    assert not log.hits(KEY, (), 461.0)


def test_an_older_purge_is_found_behind_newer_ones() -> None:
    log = PurgeLog()
    log.note(Purge("prefix", "/live/"), 100.0)
    log.note(Purge("url", "/other"), 101.0)
    assert log.hits(KEY, (), 99.0)


def test_what_is_older_than_the_log_counts_as_purged() -> None:
    log = PurgeLog()
    for number in range(LOG_MAX + 1):
        log.note(Purge("url", f"/{number}"), float(number))
    assert log.hits("/nobody/purged/this", (), 0.0)
    assert not log.hits("/nobody/purged/this", (), 0.5)
