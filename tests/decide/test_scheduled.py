"""Scheduled events: told and read back, their phases, and when their paths are looked after."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decide.scheduled import PATHS_MAX, Phase, Scheduled, read, scheduled
from edge.model import ConfigError, Durable, EventKind

FINAL = Scheduled("final", 1_000_000, 25_000_000, 1_100_000, 3600, ("/live/main.m3u8",), {"mumbai": 0.28})
LEAD_S = 300


def event(key: str, body: str, kind: EventKind = EventKind.SCHEDULE) -> Durable:
    return Durable(kind, key, 1 << 16, "edge-0", 60, body)


@given(
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}[A-Za-z0-9]", fullmatch=True),
    at_ms=st.integers(0, 2**48) | st.none(),
    peak=st.integers(0, 10**10),
    zones=st.dictionaries(st.text("abcdef", min_size=1, max_size=8), st.floats(0.001, 0.1), max_size=8),
)
def test_what_is_scheduled_is_read_as_it_was_meant(
    name: str, at_ms: int | None, peak: int, zones: dict[str, float]
) -> None:
    made = scheduled(Scheduled(name, at_ms, peak, peak // 20, 60, ("/a.m3u8",), zones))
    assert read(event(made.key, made.body)) == replace(made, by="edge-0")


def test_fields_of_a_later_version_do_no_harm() -> None:
    assert read(event("event:final", '{"at_ms":1,"peak":2,"colour":"blue"}')) == Scheduled(
        "final", 1, 2, by="edge-0"
    )


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("event:", '{"at_ms":1}'),
        ("event:a b", '{"at_ms":1}'),
        ("event:final", "{}"),
        ("event:final", "soon"),
        ("event:final", '{"at_ms":1,"peak":-1}'),
        ("event:final", '{"at_ms":1,"zones":{"a":2}}'),
        ("event:final", '{"at_ms":1,"paths":["live"]}'),
        ("prewarm::/live", '{"at_ms":1}'),
    ],
)
def test_what_is_not_understood_is_nothing(key: str, body: str) -> None:
    assert read(event(key, body)) is None


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (replace(FINAL, name="the final"), "name: 'the final' is no name"),
        (replace(FINAL, peak=-1), "expected_peak: is no number of viewers"),
        (replace(FINAL, duration_s=0), "duration_s: 0 does not fit"),
        (replace(FINAL, paths=("live",)), "paths: has one that is not absolute"),
        (replace(FINAL, paths=("/a",) * (PATHS_MAX + 1)), "paths: are 9"),
        (replace(FINAL, zones={"mumbai": 1.5}), "zones: has mumbai=1.5"),
        (replace(FINAL, zones={"mumbai": 0.7, "delhi": 0.6}), "zones: make 1.3 of the viewers"),
        (replace(FINAL, paths=("/" + 500 * "x",)), "event: has 6"),
    ],
)
def test_what_cannot_be_is_refused(made: Scheduled, words: str) -> None:
    with pytest.raises(ConfigError) as told:
        scheduled(made)
    assert words in str(told.value)


def test_phases_follow_each_other() -> None:
    phases = [
        FINAL.phase(ms, LEAD_S) for ms in (0, 699_999, 700_000, 999_999, 1_000_000, 4_599_999, 4_600_000)
    ]
    assert phases == [
        Phase.WAITS,
        Phase.WAITS,
        Phase.NEAR,
        Phase.NEAR,
        Phase.ON,
        Phase.ON,
        Phase.OVER,
    ]
    assert replace(FINAL, at_ms=None).phase(0, LEAD_S) is Phase.OVER


@given(st.integers(0, 1_200_000), st.integers(0, 900))
def test_each_look_after_its_paths_is_due_at_its_time_and_not_before(ms: int, lead_s: int) -> None:
    turn = FINAL.turn(ms, lead_s)
    if turn >= 0:
        assert FINAL.turn_ms(turn, lead_s) <= ms
    if ms < 1_000_000:
        assert FINAL.turn_ms(turn + 1, lead_s) > ms
        assert FINAL.turn(FINAL.turn_ms(turn + 1, lead_s), lead_s) == turn + 1
    else:
        assert turn == FINAL.turn(1_000_000, lead_s)


def test_the_first_look_is_its_lead_ahead_and_the_last_at_its_start() -> None:
    assert [FINAL.turn(ms, LEAD_S) for ms in (699_999, 700_000, 729_999, 730_000, 999_999)] == [
        -1,
        0,
        0,
        1,
        9,
    ]
    assert FINAL.turn(1_000_000, LEAD_S) == 10
    assert FINAL.turn(1_000_000, 0) == 0
