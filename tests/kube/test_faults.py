"""Machines, networks and the control plane fail (faults.py)."""

import os
import time
from collections.abc import Callable

from kube.beside import Viewers
from kube.faults import Faults, spare
from kube.live import Live
from kube.programs import until

API_PAUSE_S = float(os.environ.get("E2E_API_PAUSE_S") or 120)
UNNAMED_AFTER_S = 1.5
NOTICED_S = 20.0
CUT_S = 20.0
HEALED_S = 30.0
BACK_S = 120.0
VIEWERS = 30


def test_the_api_server_may_be_away(
    live: Live, viewers: Callable[[int], Viewers], faults: Faults, saw: Callable[[str], None]
) -> None:
    some = viewers(VIEWERS)
    began = time.time()
    with faults.paused("kube-apiserver"):
        time.sleep(API_PAUSE_S)
        ended = time.time()
    played = some.totals(at=ended).since(some.totals(at=began))
    saw(f"{API_PAUSE_S:.0f} s without API server: {played}")
    assert played.segments > VIEWERS * API_PAUSE_S / 4
    assert not played.failures
    sights = [sight for sight in live.observer.history(began) if sight.t <= ended]
    assert {sight.pod for sight in sights} == set(live.names(3))
    assert all(sight.ready and sight.alive == live.names(3) for sight in sights)
    live.agree()
    assert not live.observer.doubts(began)
    assert [pod.restarts for pod in live.release.pods()] == [0, 0, 0]


def test_a_zone_cut_off_and_healed_is_one_cluster_again(
    live: Live, viewers: Callable[[int], Viewers], faults: Faults, saw: Callable[[str], None]
) -> None:
    some = viewers(VIEWERS)
    away = spare(live.release)
    names = live.names(3)
    rest = [name for name in names if name != away.name]
    with faults.cut(live.release.zone(away)):
        began = time.time()
        until(lambda: rest_agree(live, rest), NOTICED_S, f"{', '.join(rest)} see only each other alive")
        until(
            lambda: live.release.alive(away.name) == [away.name], NOTICED_S, f"{away.name} sees itself alone"
        )
        before = some.totals()
        time.sleep(CUT_S)
        played = some.totals().since(before)
        assert played.segments > VIEWERS * CUT_S / 4, "viewers of the others go on"
        ready = live.release.pod(away.name)
        assert ready
        assert ready.ready, "the one that is cut off serves on"
    healed = time.time()
    live.agree(within_s=HEALED_S)
    saw(f"of one mind {time.time() - healed:.1f} s after the heal; viewers during the cut: {played}")
    doubts = [one for one in live.observer.doubts(began) if one.when < healed and one.pod in rest]
    assert {one.about for one in doubts} == {away.name}


def test_a_stopped_machine_comes_back(
    live: Live, viewers: Callable[[int], Viewers], faults: Faults, saw: Callable[[str], None]
) -> None:
    some = viewers(VIEWERS)
    away = spare(live.release)
    rest = [name for name in live.names(3) if name != away.name]
    began = time.time()
    with faults.stopped(away.node):
        until(lambda: rest_agree(live, rest), NOTICED_S, f"{', '.join(rest)} see only each other alive")
        before = some.totals()
        time.sleep(CUT_S)
        played = some.totals().since(before)
        assert played.segments > VIEWERS * CUT_S / 4, "viewers of the others go on"
        died_at = live.observer.last_answer(away.ip, began)
        late_s = live.observer.named(began).get(f"{away.ip}:7780", 0.0) - died_at
        assert {one.about for one in live.observer.doubts(began)} == {away.name}
    started = time.time()
    live.agree(within_s=BACK_S)
    saw(
        f"last named {late_s:.2f} s after its death; back {time.time() - started:.0f} s after its machine: {played}"
    )
    assert died_at
    assert late_s < UNNAMED_AFTER_S


def rest_agree(live: Live, rest: list[str]) -> bool:
    """Whether each of these holds just these alive."""
    sights = live.observer.sights()
    return all(name in sights and sights[name].alive == rest for name in rest)
