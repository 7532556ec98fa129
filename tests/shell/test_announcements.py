"""Announcements of what will be watched: their mistakes, their bound, and what is not understood."""

import time

import pytest

from edge.config import Config, NodeConfig, PrewarmConfig
from edge.model import ConfigError, EventKind
from edge.shell.announcements import Announcements
from gossip.test_node import Bench
from shell.actor import event_actor


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("live", "prewarm.events[0]: 'live': a path starts with a slash"),
        ("/live;at=soon", "prewarm.events[0]: 'soon' is no time"),
        ("/live;at=2026-11-21T14:00:00", "is no time with its zone"),
        ("/live;on=2026-11-21T14:00:00Z", "is no time with its zone"),
    ],
)
def test_a_mistake_in_the_settings_is_told(entry: str, words: str) -> None:
    bench = Bench()
    config = Config(node=NodeConfig(name="pune"), prewarm=PrewarmConfig(events=(entry,)))
    with pytest.raises(ConfigError) as told:
        Announcements(bench.node.view, event_actor(bench), config.prewarm.events)
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"path": "live"}, "path: 'live': a path starts with a slash"),
        ({"path": "/live", "at": "soon"}, "at: 'soon' does not fit"),
        ({"path": "/live", "at": 4e9}, "at most 6 days ahead"),
        ({"path": "/live", "at": 1.0}, "at: 1.0 does not fit"),
        ({"path": "/live", "zone": "nowhere"}, "zone: no member is in nowhere"),
        ({"url": "/live"}, "url: no such field"),
    ],
)
def test_what_cannot_be_announced_is_refused(asked: dict[str, object], words: str) -> None:
    bench = Bench()
    with pytest.raises(ConfigError) as told:
        Announcements(bench.node.view, event_actor(bench), ()).order(asked)
    assert words in str(told.value)


def test_announcements_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.shell.announcements.ANNOUNCED_MAX", 3)
    bench = Bench()
    held = Announcements(bench.node.view, event_actor(bench), ())
    for number in range(5):
        held.order({"path": f"/{number}", "at": time.time() + 60})
    assert (len(held.told()), held.dropped) == (3, 2)


def test_one_that_is_not_understood_is_logged_and_acknowledged(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    actor = event_actor(bench)
    Announcements(bench.node.view, actor, ())
    made = bench.node.create_event(EventKind.SCHEDULE, "final", "{}", 60, 1.0)
    actor.act()
    assert bench.node.reached(made) == ["1"]
    assert "schedule final by 1 is not understood" in caplog.text
