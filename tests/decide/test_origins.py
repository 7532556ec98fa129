import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import OriginConfig
from edge.config.origins import OriginServer
from edge.decide.origins import Origins, OriginState

PATHS = [f"/live/v240/{number}.m4s" for number in range(2000)]
A, B, C = (OriginServer(f"http://{name}:80") for name in "abc")


def origins(*servers: OriginServer, **rules: float | str) -> Origins:
    return Origins(servers, OriginConfig(**rules), random.Random(1))  # type: ignore[arg-type]


def fail(of: Origins, server: OriginServer, now: float, times: int = 3) -> None:
    for _ in range(times):
        of.failed(state(of, server), "connect", now)


def state(of: Origins, server: OriginServer) -> OriginState:
    return next(one for one in of.states if one.server is server)


def shares(of: Origins, now: float = 0.0) -> dict[str, float]:
    found = Counter(of.choose(path, now).server.name for path in PATHS)
    return {name: count / len(PATHS) for name, count in found.items()}


def test_paths_are_shared_by_weight_and_each_has_one_origin() -> None:
    light, heavy = A, OriginServer("http://b:80", weight=3)
    found = shares(origins(light, heavy))
    assert found[heavy.name] == pytest.approx(0.75, abs=0.04)
    here, there = origins(light, heavy), origins(heavy, light)
    assert all(here.choose(path, 0.0).server == there.choose(path, 9.0).server for path in PATHS)


def test_the_lowest_priority_is_asked_and_the_next_where_it_has_none() -> None:
    first, second, third = A, B, OriginServer("http://c:80", priority=2)
    of = origins(third, first, second)
    assert set(shares(of)) == {first.name, second.name}
    fail(of, first, 0.0)
    assert set(shares(of)) == {second.name}
    fail(of, second, 0.0)
    assert set(shares(of)) == {third.name}


def test_only_the_paths_of_an_origin_that_fails_move() -> None:
    of = origins(A, B, C)
    before = {path: of.choose(path, 0.0).server for path in PATHS}
    fail(of, B, 0.0)
    moved = [path for path in PATHS if of.choose(path, 0.0).server != before[path]]
    assert moved == [path for path in PATHS if before[path] == B]


def test_failures_must_come_in_a_row() -> None:
    of = origins(A, B)
    for _ in range(5):
        fail(of, A, 0.0, times=2)
        of.succeeded(state(of, A))
    assert of.is_up(state(of, A))
    fail(of, A, 0.0)
    assert not of.is_up(state(of, A))


def test_after_a_pause_one_request_tries_and_others_keep_away() -> None:
    of = origins(A, OriginServer("http://b:80", priority=2), pause_min_s=1)
    fail(of, A, 10.0)
    down = state(of, A)
    assert of.choose("/1", 10.7).server != A
    assert of.choose("/1", 11.0) is down
    of.asked(down, 11.0)
    assert of.choose("/2", 11.1).server != A
    of.succeeded(down)
    assert of.choose("/2", 11.2) is down
    assert of.is_up(down)


def test_a_trial_of_which_nothing_is_heard_is_forgotten() -> None:
    of = origins(A, OriginServer("http://b:80", priority=2))
    fail(of, A, 0.0)
    of.asked(state(of, A), 5.0)
    assert of.choose("/1", 14.0).server != A
    assert of.choose("/1", 15.0).server == A
    of.asked(state(of, A), 15.0)
    of.unknown(state(of, A))
    assert of.choose("/1", 15.1).server == A


def test_pauses_double_up_to_a_bound() -> None:
    of = origins(A, B, pause_min_s=1, pause_max_s=8)
    down, now = state(of, A), 0.0
    fail(of, A, now)
    pauses = []
    for _ in range(6):
        assert down.paused_until is not None
        pauses.append(down.paused_until - now)
        fail(of, A, down.paused_until - 0.01, times=50)  # what was under way before it
        now = down.paused_until
        fail(of, A, now, times=1)
    for pause_s, most_s in zip(pauses, (1, 2, 4, 8, 8, 8), strict=True):
        assert 0.8 * most_s <= pause_s <= most_s


def test_when_all_are_down_they_take_turns_until_one_answers() -> None:
    of = origins(A, OriginServer("http://b:80", priority=2))
    asked, now = [], 0.0
    for one in of.states:
        fail(of, one.server, now)
    for step in range(6):
        now = 0.01 * (step + 1)
        chosen = of.choose("/1", now)
        asked.append(chosen.server.name)
        of.failed(chosen, "connect", now)
    assert asked == ["http://a:80", "http://b:80"] * 3
    of.succeeded(of.states[1])
    assert of.choose("/1", now).server.name == "http://b:80"


def test_within_one_fill_others_come_first_then_the_same_where_it_is_up() -> None:
    of = origins(A, B)
    first = of.choose("/1", 0.0)
    second = of.choose("/1", 0.0, [first])
    assert {first.server, second.server} == {A, B}
    fail(of, second.server, 0.0)
    assert of.choose("/1", 0.0, [first]) is first
    fail(of, first.server, 1.0)
    assert of.choose("/1", 0.1, [first]) is second


def test_one_origin_alone_is_always_asked() -> None:
    of = origins(A)
    fail(of, A, 0.0, times=99)
    assert of.choose("/1", 0.0).server == A
    assert of.choose("/1", 0.0, list(of.states)).server == A


def test_checks_that_fail_take_an_origin_away_and_one_that_passes_brings_it_back() -> None:
    of = origins(A, B, check_path="/healthz")
    checked = state(of, A)
    for well, up in ((False, True), (False, True), (False, False), (False, False), (True, True)):
        of.checked(checked, well, 0.0)
        assert of.is_up(checked) is up
        assert (A.name in shares(of)) is up
    of.succeeded(checked)
    assert (checked.checks, checked.checks_failed) == (5, 4)


def test_an_origin_that_only_answers_fills_and_fails_checks_stays_away() -> None:
    """So an operator can take it out of service by its health page."""
    of = origins(A, B, check_path="/healthz", failures=1)
    of.checked(state(of, A), False, 0.0)
    of.succeeded(state(of, A))
    assert set(shares(of)) == {B.name}


def test_where_there_are_checks_no_viewer_tries_an_origin() -> None:
    of = origins(A, B, check_path="/healthz", pause_min_s=1)
    down = state(of, A)
    fail(of, A, 0.0)
    of.checked(down, True, 0.5)  # well for all that, but fills failed: the pause counts
    assert set(shares(of, 0.5)) == {B.name}
    assert set(shares(of, 99.0)) == {B.name}
    of.checked(down, True, 99.0)
    assert set(shares(of, 99.0)) == {A.name, B.name}
    fail(of, A, 100.0)
    assert down.paused_until is not None
    assert 101.6 <= down.paused_until <= 102  # no fill was answered: the next pause is longer


EVENTS = st.tuples(
    st.integers(0, 2), st.sampled_from(["ok", "fail", "ask", "unknown", "pass", "miss"]), st.floats(0, 3)
)


@given(st.lists(EVENTS, max_size=60), st.sampled_from(["", "/healthz"]))
def test_there_is_always_one_to_ask_and_never_a_known_bad_one_while_a_good_one_is_there(
    events: list[tuple[int, str, float]], check_path: str
) -> None:
    of, now = origins(A, B, OriginServer("http://c:80", priority=2), check_path=check_path), 0.0
    for index, what, later in events:
        one, now = of.states[index], now + later
        match what:
            case "ok":
                of.succeeded(one)
            case "fail":
                of.failed(one, "timeout", now)
            case "ask":
                of.asked(one, now)
            case "unknown":
                of.unknown(one)
            case _:
                of.checked(one, what == "pass", now)
        chosen = of.choose("/1", now)
        paused = chosen.paused_until is not None and now < chosen.paused_until
        if any(of.is_up(each) for each in of.states):
            assert not paused
            assert chosen.check_failures < 3
