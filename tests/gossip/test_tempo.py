import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.gossip.rtt import RttEstimator
from edge.gossip.tempo import Tempo, quality, stretch

TICKS, PROBES = (0.06, 1.0), (0.2, 0.5)


def way(rtts: list[float], missed: int = 0) -> RttEstimator:
    made = RttEstimator()
    for rtt_s in rtts:
        made.answered(rtt_s)
    for _ in range(missed):
        made.missed()
    return made


def test_a_steady_way_is_good_however_long_it_is() -> None:
    assert quality(way([0.2] * 50)) > 0.95
    assert quality(way([0.002] * 50)) > 0.95
    assert quality(RttEstimator()) == 1


def test_loss_and_jitter_make_it_worse() -> None:
    steady = quality(way([0.05] * 50))
    assert quality(way([0.05] * 50, missed=4)) < 0.7 < steady
    assert quality(way([0.02, 0.3] * 25)) < steady - 0.1


@pytest.mark.parametrize(("news", "expected"), [(10, 1), (2, 1), (0.5, 2), (0.02, 10)])
def test_little_news_stretches_the_interval(news: float, expected: float) -> None:
    assert stretch(news) == pytest.approx(expected)


def settle(tempo: Tempo, value: float) -> float:
    """The tick when the quality of all ways has been `value` for long and load is lively."""
    for _ in range(200):
        tempo.way(value)
    tempo.hasten(0.0)
    return tempo.pace(10, 0.0).tick_s


def test_the_interval_follows_the_quality_of_the_ways() -> None:
    ticks = [settle(Tempo(TICKS, PROBES), value) for value in (1.0, 0.8, 0.6, 0.2)]
    assert ticks == pytest.approx([0.06, 0.12, 0.24, 0.6])


def test_one_lost_packet_changes_nothing() -> None:
    tempo = Tempo(TICKS, PROBES)
    settle(tempo, 1.0)
    tempo.way(0.0)
    assert tempo.pace(10, 0.0).tick_s == 0.06


def test_quality_at_a_bound_does_not_flap() -> None:
    tempo = Tempo(TICKS, PROBES)
    settle(tempo, 0.8)
    ticks = set()
    for number in range(200):
        tempo.way(0.88 + 0.04 * (number % 2))
        ticks.add(tempo.pace(10, 0.0).tick_s)
    assert len(ticks) == 1


def test_a_quiet_cluster_is_slow_and_news_or_a_warning_quickens_it() -> None:
    tempo = Tempo(TICKS, PROBES)
    assert tempo.pace(50, 100.0) == (1.0, 0.5)
    tempo.own_change(100.0)
    assert tempo.pace(50, 100.0).tick_s > 0.2
    tempo.own_change(100.1)
    assert tempo.pace(50, 100.1) == (0.06, 0.2)
    tempo.news(500, 103.0)
    assert tempo.pace(50, 103.0) == (0.06, 0.2)
    assert tempo.pace(50, 120.0) == (1.0, 0.5)
    tempo.hasten(120.0)
    assert tempo.pace(50, 120.1) == (0.06, 0.2)


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 100)), max_size=30), st.floats(0, 200))
def test_whatever_happens_the_pace_keeps_its_bounds(told: list[tuple[int, float]], now: float) -> None:
    tempo = Tempo(TICKS, PROBES)
    for count, at in told:
        tempo.news(count, at)
        tempo.way((count % 10) / 10)
        pace = tempo.pace(count, now)
        assert TICKS[0] <= pace.tick_s <= TICKS[1]
        assert PROBES[0] <= pace.probe_period_s <= PROBES[1]
