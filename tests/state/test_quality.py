"""What players say, in sums: bounded, fading, and never of one player."""

from hypothesis import given
from hypothesis import strategies as st

from edge.model import PLACES_TOLD
from edge.state.quality import PLACES_MAX, SESSIONS_MAX, QualityMeter, Sample


def sample(
    session: str = "a", br: int | None = 2400, mtp: int | None = 5000, *, stalled: bool = False
) -> Sample:
    return Sample(session, br, mtp, stalled)


def test_a_place_is_told_in_sums() -> None:
    meter = QualityMeter(sessions_min=2)
    for number in range(20):
        meter.add("mumbai", "jio", sample(f"s{number}", 1500 + 100 * number, stalled=number == 0), 1.0)
    zone, isp = meter.told(1.0)
    assert (zone.zone, zone.isp, isp.isp) == ("mumbai", "", "jio")
    assert (zone.sessions, zone.kbps, zone.stalls, zone.cap_kbps) == (20, 2400, 50, 0)
    assert 4000 <= zone.reach_kbps <= 5000


def test_three_quarters_of_requests_have_the_throughput_that_is_told() -> None:
    meter = QualityMeter(sessions_min=1)
    for mtp in [500] * 20 + [4000] * 80:
        meter.add("mumbai", "", sample(mtp=mtp), 1.0)
    assert 3300 <= meter.told(1.0)[0].reach_kbps <= 4000
    for _ in range(20):
        meter.add("mumbai", "", sample(mtp=500), 1.0)
    assert 400 <= meter.told(1.0)[0].reach_kbps <= 500


def test_a_place_with_few_players_is_not_told_of() -> None:
    meter = QualityMeter(sessions_min=5)
    for number in range(4):
        for _ in range(100):
            meter.add("mumbai", "bsnl", sample(f"s{number}"), 1.0)
    assert meter.told(1.0) == ()
    meter.add("mumbai", "jio", sample("s5"), 1.0)
    assert [(one.isp, one.sessions) for one in meter.told(1.0)] == [("", 5)]


def test_no_session_is_told() -> None:
    meter = QualityMeter(sessions_min=1)
    meter.add("mumbai", "jio", sample("6e2fb550-c457"), 1.0)
    assert "6e2fb550" not in repr(meter.told(1.0))


def test_what_was_bad_is_forgotten_and_who_is_silent_too() -> None:
    meter = QualityMeter(sessions_min=1)
    for _ in range(100):
        meter.add("mumbai", "", sample(stalled=True), 1.0)
    assert meter.told(1.0)[0].stalls == 1000
    for second in range(2, 42):
        for number in range(5):
            meter.add("mumbai", "", sample(f"s{number}"), float(second))
        meter.told(float(second))
    found = meter.told(41.0)[0]
    assert 0 <= found.stalls <= 10
    assert found.sessions == 5
    assert meter.told(80.0) == ()
    assert len(meter) == 0


def test_what_was_not_told_is_no_number() -> None:
    meter = QualityMeter(sessions_min=1)
    meter.add("mumbai", "", sample(br=None, mtp=None), 1.0)
    assert (meter.told(1.0)[0].kbps, meter.told(1.0)[0].reach_kbps) == (0, 0)


def test_it_is_bounded_whatever_comes() -> None:
    meter = QualityMeter(sessions_min=1)
    for number in range(5000):
        meter.add("mumbai", f"isp-{number}", sample(f"s{number}"), 1.0)
    assert len(meter) == PLACES_MAX
    assert meter.overflowed == 5000 - (PLACES_MAX - 1)
    told = meter.told(1.0)
    assert len(told) == PLACES_TOLD
    assert max(one.sessions for one in told) <= 2 * SESSIONS_MAX


@given(
    st.lists(
        st.tuples(st.integers(0, 10**9), st.integers(0, 10**9), st.booleans(), st.floats(0, 5)), max_size=40
    )
)
def test_what_is_told_always_fits_the_wire(samples: list[tuple[int, int, bool, float]]) -> None:
    meter, now = QualityMeter(sessions_min=1), 0.0
    for br, mtp, stalled, later_s in samples:
        now += later_s
        meter.add("mumbai", "jio", sample(br=br, mtp=mtp, stalled=stalled), now)
        for one in meter.told(now):
            assert 0 <= one.stalls <= 1000
            assert min(one.sessions, one.kbps, one.reach_kbps) >= 0
