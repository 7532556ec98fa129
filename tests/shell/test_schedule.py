"""The schedule of one node: orders and their mistakes, what is due when, and what is said."""

import time
from typing import Any

import pytest
from prometheus_client.core import Metric

from edge.decide.scheduled import Scheduled
from edge.gossip.events import Refusal
from edge.model import ConfigError, EventKind, GossipEvent
from edge.shell.schedule_desk import ScheduleDesk
from edge.shell.schedule_metrics import schedule_metrics
from gossip.test_node import Bench
from shell.actor import event_actor, schedule_desk

PATH = "/live/main.m3u8"


def final(in_s: float, **more: object) -> dict[str, Any]:
    return {"name": "final", "at": time.time() + in_s, "expected_peak": 1000, "paths": [PATH], **more}


class Desk:
    """A node that is alone, and what it said."""

    def __init__(self, **settings: float) -> None:
        self.bench, self.said = Bench(), list[GossipEvent]()
        self.actor = event_actor(self.bench)
        self.desk: ScheduleDesk = schedule_desk(self.bench, self.actor, self.said, **settings)
        self.schedule = self.desk.schedule

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.said]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"at": "soon"}, "at: 'soon' is no number"),
        ({"name": ""}, "name: '' is no name"),
        ({"expected_peak": None}, "expected_peak: None is no number"),
        ({"expected_peak": True}, "expected_peak: True is no number"),
        ({"paths": "live"}, "paths are a list"),
        ({"paths": ["live"]}, "paths: 'live': a path starts with a slash"),
        ({"zones": {"mumbai": 0.5}}, "zones: no member is in mumbai"),
        ({"colour": "blue"}, "colour: no such field"),
        ({"at": 1.0}, "at: is so long ago that it is over"),
        ({"at": time.time() + 9 * 86_400}, "at: is too far ahead"),
    ],
)
def test_what_cannot_be_scheduled_is_refused(asked: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as told:
        Desk().desk.add(final(60, **asked))
    assert words in str(told.value)


def test_an_event_is_told_with_its_need_and_the_growth_that_finals_have_shown() -> None:
    one = Desk()
    told = one.desk.add(final(60, expected_peak=25_000_000))
    assert (told["key"], told["kind"], told["reached"]) == ("event:final", "schedule", ["1"])
    assert told["growth_per_minute"] == 1_100_000
    assert told["needed"] == 30_500_000
    assert told["verdict"]["text"] == "short by 30.5 M streams: no living node takes viewers"
    [listed] = one.desk.status()["events"]
    assert (listed["name"], listed["phase"], listed["paths"]) == ("final", "near", [PATH])


def test_a_newer_word_takes_the_place_of_an_older_one_and_a_withdrawn_event_is_gone() -> None:
    one = Desk()
    one.desk.add(final(60))
    one.desk.add(final(3600, expected_peak=2000))
    assert [event.peak for event in one.schedule.events] == [2000]
    one.desk.remove({"name": "final"})
    assert one.schedule.events == []
    assert one.texts[-1] == "final was withdrawn by 1"
    with pytest.raises(ConfigError, match="no event is called 'final'"):
        one.desk.remove({"name": "final"})


def test_one_of_a_name_like_it_is_named_instead() -> None:
    one = Desk()
    one.desk.add(final(60))
    with pytest.raises(ConfigError, match="did you mean final"):
        one.desk.remove({"name": "finale"})


def test_events_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.shell.schedule.SCHEDULED_MAX", 2)
    one = Desk()
    for name in "ab":
        one.desk.add(final(60, name=name))
    with pytest.raises((ConfigError, Refusal), match="events"):
        one.desk.add(final(60, name="c"))
    made = Scheduled("d", int(1000 * time.time()), 5)
    one.bench.node.create_event(EventKind.SCHEDULE, made.key, made.body, 60, time.monotonic())
    one.actor.act()
    assert (len(one.schedule.events), one.schedule.dropped) == (2, 1)


def test_one_that_is_not_understood_is_logged_and_acknowledged(caplog: pytest.LogCaptureFixture) -> None:
    one = Desk()
    made = one.bench.node.create_event(EventKind.SCHEDULE, "event:final", "{}", 60, 1.0)
    one.actor.act()
    assert one.bench.node.reached(made) == ["1"]
    assert "event event:final by 1 is not understood" in caplog.text


def test_paths_are_due_once_a_turn_and_the_last_time_at_its_start() -> None:
    one = Desk(prewarm_lead_s=60)
    one.desk.add(final(90))
    assert one.schedule.due() == []
    assert one.schedule.next_s() == pytest.approx(30, abs=1)
    one.desk.add(final(45))
    assert one.schedule.due() == [PATH]
    assert one.schedule.due() == []
    assert one.schedule.next_s() == pytest.approx(15, abs=1)
    one.desk.add(final(-5))
    assert one.schedule.due() == [PATH]
    assert one.schedule.next_s() is None


def test_a_change_of_the_peak_alone_does_not_fetch_again() -> None:
    one = Desk()
    asked = final(10)
    one.desk.add(asked)
    assert one.schedule.due() == [PATH]
    one.desk.add(asked | {"expected_peak": 5})
    assert one.schedule.due() == []


def test_phases_are_told_once_each() -> None:
    one = Desk(prewarm_lead_s=5, tempo_lead_s=5)
    one.desk.add(final(2))
    one.schedule.look()
    one.schedule.look()
    assert one.texts == ["final begins in 2 s: the cluster makes ready"]
    one.desk.add(final(-1, duration_s=2))
    assert one.schedule.look() <= 1
    assert one.texts[-1] == "final begins"


def test_gossip_is_at_its_fastest_from_its_lead_on() -> None:
    one = Desk(tempo_lead_s=60, prewarm_lead_s=0)
    one.bench.node.handle_timer(0.9)
    slow = one.bench.node._core.pace(1.0).tick_s
    one.desk.add(final(3600))
    one.bench.node._core.tempo._lively_until = 0.0  # an event that is told hastens by itself
    one.schedule.look()
    assert one.bench.node._core.pace(1.0).tick_s == slow
    one.desk.add(final(30))
    one.bench.node._core.tempo._lively_until = 0.0
    one.schedule.look()
    assert one.bench.node._core.pace(1.0).tick_s == one.bench.node._core.config.tick_min_s < slow


def named(one: Desk) -> dict[str, Metric]:
    return {metric.name: metric for metric in schedule_metrics(one.schedule)}


def test_metrics_say_what_is_needed_soon_and_how_long_until() -> None:
    one = Desk(capacity_lead_s=600)
    one.desk.add(final(3600, growth_per_minute=100))
    found = named(one)
    assert found["edge_schedule_needed_streams"].samples[0].value == 0
    assert found["edge_schedule_event_needed_streams"].samples[0].value == 1500
    one.desk.add(final(300, growth_per_minute=100))
    found = named(one)
    assert found["edge_schedule_needed_streams"].samples[0].value == 1500
    [until] = found["edge_schedule_seconds_until"].samples
    assert until.labels == {"event": "final"}
    assert until.value == pytest.approx(300, abs=1)
